//! One pool of a slab: the bytes of its slots, their table, and its segments.

use super::growth::Segments;
use super::options::charge;
use super::slot_table::SlotTable;
use super::word::{Owner, SlotState};
use crate::memory::Mapping;
use crate::stats::PoolStats;
use std::ops::Range;
use std::ptr::NonNull;

/// Slots of one size: who holds each, and where they lie.
#[derive(Debug)]
pub(crate) struct Pool {
    pub(super) table: SlotTable,
    /// First byte of the first slot. Invariant: page-aligned; `count << size_log` bytes from it are
    /// within the slab's mapping and no other pool's.
    pub(super) base: NonNull<u8>,
    pub(super) size_log: u32,
    /// Number of the pool's first slot among all of the slab's: what tokens carry.
    pub(super) first_slot: usize,
    pub(super) segments: Segments,
}

// SAFETY: `base` is an address; the bytes behind it belong to whoever holds their slot.
unsafe impl Send for Pool {}
// SAFETY: as above; the table and the segments are Sync by themselves.
unsafe impl Sync for Pool {}

impl Pool {
    /// Bytes of a slot.
    pub(crate) fn size(&self) -> usize {
        1 << self.size_log
    }

    /// The address after the last slot.
    pub(super) fn end(&self) -> NonNull<u8> {
        // SAFETY: at most the end of the mapping, by the invariant on `base`.
        unsafe { self.base.add(self.table.max_count() << self.size_log) }
    }

    /// The bytes of a slot. Panics for a slot beyond the pool.
    #[inline]
    pub(crate) fn block(&self, slot: u32) -> NonNull<[u8]> {
        assert!((slot as usize) < self.table.max_count(), "beyond the pool");
        // SAFETY: the slot is of this pool by the assertion, so the sum is within the mapping and
        // not null.
        let start = unsafe { self.base.add((slot as usize) << self.size_log) };
        NonNull::slice_from_raw_parts(start, self.size())
    }

    /// Offset of an address in the pool's slots.
    #[inline]
    pub(super) fn offset_of(&self, address: usize) -> Option<usize> {
        let offset = address.wrapping_sub(self.base.addr().get());
        (offset >> self.size_log < self.table.max_count()).then_some(offset)
    }

    /// Offset of a slot in the slab's mapping.
    pub(super) fn offset_in(&self, mapping: &Mapping, slot: u32) -> usize {
        let first = self.base.addr().get() - mapping.base().addr().get();
        first + ((slot as usize) << self.size_log)
    }

    pub(super) fn bytes_of(&self, slots: &Range<u32>) -> usize {
        slots.len() << self.size_log
    }

    /// The bytes that `more` slots are charged against the limit in a pool that has `there` slots.
    pub(super) fn charge_of_more(&self, there: usize, more: usize) -> usize {
        charge(self.size(), there + more) - charge(self.size(), there)
    }

    /// Frees those of the slots that the caller, `owner`, holds; returns how many.
    pub(crate) fn free_held(&self, slots: impl Iterator<Item = u32>, owner: Owner) -> usize {
        let slots = slots.filter(|&slot| (slot as usize) < self.table.max_count());
        self.table.free_own(slots, |word| {
            word.is(SlotState::Held, owner).then(|| word.next(SlotState::Free, Owner::NOBODY))
        })
    }

    /// Frees the slots of a segment that `owner` has claimed. `owner` must not claim any more.
    pub(super) fn recover_segment(&self, segment: usize, owner: Owner) {
        for slot in self.segments.range(segment) {
            let word = self.table.word(slot);
            if word.is(SlotState::Held, owner) {
                // Fails if another thread is freeing it too.
                let _ = self.table.free(slot, word);
            }
        }
    }

    /// Slots that are present.
    pub(crate) fn slots(&self) -> usize {
        self.segments.slots()
    }

    /// Slots of each segment.
    pub(crate) fn slots_per_segment(&self) -> usize {
        self.segments.slots_per_segment
    }

    /// The bytes of a segment, present or not; `None` for a segment beyond the pool.
    pub(crate) fn segment(&self, index: usize) -> Option<NonNull<[u8]>> {
        let range = self.segments.range(index);
        let first = (index * self.segments.slots_per_segment < self.segments.max_count)
            .then_some(range.start)?;
        let start = self.block(first).cast::<u8>();
        Some(NonNull::slice_from_raw_parts(start, self.bytes_of(&range)))
    }

    pub(super) fn stats(&self) -> PoolStats {
        let (counts, counters) = (self.table.count_slots(), &self.table.counters);
        PoolStats {
            size: self.size(),
            count: self.table.max_count() - counts.absent,
            max_count: self.table.max_count(),
            held: counts.held,
            cached: counts.cached,
            sent: counts.sent,
            free: counts.free,
            // Threads count claims and frees one after the other, so the sum can be too high.
            peak: (counters.peak.get() as usize).min(self.table.extent()),
            promotions: counters.promotions.get() as usize,
            exhaustions: counters.exhaustions.get() as usize,
            refused: counters.refused.get() as usize,
        }
    }
}

#[cfg(test)]
mod for_tests {
    use super::Pool;
    use crate::slab::slot_table::SlotCounts;

    impl Pool {
        /// Checks the pool. `shared`: other isolates have claimed and freed too, with counters of
        /// their own.
        pub(in crate::slab) fn check(&self, shared: bool) -> Result<SlotCounts, String> {
            let counts = self.table.count_slots();
            let SlotCounts { absent, free, held, cached, sent, damaged } = counts;
            let counters = &self.table.counters;
            let claimed = counters.claimed.get().wrapping_sub(counters.freed.get());
            let there = self.segments.slots();
            match () {
                _ if damaged > 0 => Err(format!("{damaged} damaged words")),
                _ if absent + there != self.table.max_count() => Err(format!(
                    "{absent} slots absent, {there} there, of {}",
                    self.table.max_count()
                )),
                _ if held + cached + sent + free != there => Err(format!("{counts:?} of {there}")),
                _ if !shared && claimed as usize != held + cached + sent => {
                    Err(format!("{claimed} claimed and not freed, but {counts:?}"))
                }
                _ => Ok(counts),
            }
        }
    }
}
