//! All pools of a slab: which one serves a size or has an address, and the memory that they lie in.

use super::growth::Segments;
use super::options::{self, PoolOptions, SlabOptions};
use super::pool::Pool;
use super::slot_table::SlotTable;
use super::word::SlotState;
use crate::debug::{Ledger, Owner as WatchedOwner};
use crate::error::{FreeError, SlabError};
use crate::limit::Limit;
use crate::memory::Mapping;
use crate::sync::{Mutex, Words};
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::ptr::NonNull;

#[derive(Debug)]
pub(crate) struct Pools {
    /// In ascending sizes.
    all: Box<[Pool]>,
    /// Index of the smallest pool for sizes up to 2^i, or the number of pools.
    classes: [u8; 65],
    /// Locked while segments are added or dropped.
    pub(super) slots: Mutex<Slots>,
    /// The words of the slots. Declared after `all`, so dropped after them.
    pub(super) records: Mapping,
    pub(super) max_bytes: usize,
    /// Whether others map the same memory: then all slots are present, and stay.
    pub(super) shared: bool,
    /// With the feature `debug`: the blocks that are out, and which lines allocated them. Slots
    /// touch, so there are no red zones; free slots are filled with poison. Slabs with several
    /// mappings are not watched, because others allocate and free there too.
    pub(super) ledger: Ledger,
}

#[derive(Debug)]
pub(super) struct Slots {
    /// Taken when this is dropped.
    pub(super) mapping: ManuallyDrop<Mapping>,
    /// Whether an isolate with ArrayBuffers over the slots has ended; these may live on in another
    /// isolate.
    abandoned: bool,
    /// The limit on the bytes of the present segments and their records: `max_bytes`, or less.
    pub(super) limit: Limit,
    /// How many slots had ever been freed when a segment did not fit the limit and none was idle.
    pub(super) nothing_idle_at: Option<u64>,
}

impl Deref for Pools {
    type Target = [Pool];

    #[inline(always)]
    fn deref(&self) -> &[Pool] {
        &self.all
    }
}

impl Pools {
    /// Over a plan's records and slots. `shared`: see the field.
    pub(super) fn new(
        options: &SlabOptions,
        records: Mapping,
        slots: Mapping,
        shared: bool,
    ) -> Pools {
        let (mut words, mut offset, mut first_slot) = (0, 0, 0);
        let pool = |pool: &PoolOptions| {
            let count = pool.max_count as usize;
            let start = words;
            // SAFETY: within the records by the plan; the mapping lives as long as the slab, longer
            // than its pools.
            let table = unsafe { table_at(&records, start, count) };
            // SAFETY: within the mapping by the plan.
            let base = unsafe { slots.base().add(offset) };
            let size_log = pool.size.ilog2();
            // A shared slab cannot grow: all of its slots are present.
            let segments = Segments::new(pool, options.slots_per_segment(pool), shared);
            if shared {
                table.extend_to(pool.max_count);
            }
            let made = Pool { table, base, size_log, first_slot, segments };
            words += SlotTable::words_for(count);
            offset += options::slot_bytes(pool);
            first_slot += count;
            made
        };
        let all: Box<[Pool]> = options.pools.iter().map(pool).collect();
        let mut classes = [all.len() as u8; 65];
        for (log, class) in classes.iter_mut().enumerate() {
            let fits = all.iter().position(|pool| pool.size_log as usize >= log);
            *class = fits.unwrap_or(all.len()) as u8;
        }
        let (max_bytes, mapping) = (options.max_bytes, ManuallyDrop::new(slots));
        let limit = Limit::new(max_bytes, 0);
        let slots = Slots { mapping, abandoned: false, limit, nothing_idle_at: None };
        let slots = Mutex::new(slots);
        let ledger = Ledger::new(WatchedOwner::Slab);
        Pools { all, classes, slots, records, max_bytes, shared, ledger }
    }

    /// See [`Slab::largest`](super::Slab::largest).
    pub(super) fn largest(&self) -> usize {
        self.last().map_or(0, Pool::size)
    }

    /// Index of the smallest pool for `size` bytes; the number of pools if there is none.
    #[inline]
    pub(crate) fn class(&self, size: usize) -> usize {
        let log = usize::BITS - size.saturating_sub(1).leading_zeros();
        self.classes[log as usize].into()
    }

    /// Index of the smallest pool for `size` bytes.
    pub(crate) fn class_of(&self, size: usize) -> Result<usize, SlabError> {
        let index = self.class(size);
        if index < self.len() {
            return Ok(index);
        }
        Err(SlabError::TooLarge { requested: size, largest: self.largest() })
    }

    /// The index of the pool and the slot of a block, found by its first byte.
    #[inline]
    pub(crate) fn locate(&self, block: NonNull<u8>) -> Result<(usize, u32), FreeError> {
        // The pools lie in the order of their indices.
        let after = self.partition_point(|pool| pool.base <= block);
        let index = after.checked_sub(1).ok_or(FreeError::Foreign)?;
        let pool = &self[index];
        let offset = pool.offset_of(block.addr().get()).ok_or(FreeError::Foreign)?;
        if offset & (pool.size() - 1) != 0 {
            return Err(self.refuse(index, FreeError::Interior));
        }
        Ok((index, (offset >> pool.size_log) as u32))
    }

    pub(crate) fn free_slot(&self, index: usize, slot: u32) -> Result<(), FreeError> {
        match self[index].table.free_held(slot) {
            true => Ok(()),
            false => Err(self.refuse(index, FreeError::NotHeld)),
        }
    }

    #[cold]
    pub(crate) fn refuse<E>(&self, index: usize, error: E) -> E {
        self[index].table.counters.refused.add(1);
        error
    }

    pub(crate) fn note_promotion(&self, first: usize, index: usize) {
        if index != first {
            self[first].table.counters.promotions.add(1);
        }
    }

    pub(crate) fn exhausted(&self, first: usize, requested: usize) -> SlabError {
        self[first].table.counters.exhaustions.add(1);
        SlabError::Exhausted { requested, size: self.largest() }
    }

    /// Notes that JavaScript gets to see the slots, so that their addresses are never unmapped.
    pub(super) fn mark_seen(&self) {
        self.slots.lock().mapping.mark_seen();
    }

    /// Puts fresh pages over the slots in this mapping, for ever: an isolate with ArrayBuffers over
    /// them has ended, and the ArrayBuffers may live on in another isolate. Returns true if that
    /// was done.
    pub(super) fn abandon_memory(&self) -> bool {
        self.slots.lock().abandoned = true;
        self.detach_memory()
    }

    /// If others share the slots, replaces them in this mapping by unused pages. An operation in
    /// flight then accesses pages that nothing else uses. Returns false on failure.
    pub(super) fn detach_memory(&self) -> bool {
        !self.shared || self.slots.lock().mapping.vacate().is_ok()
    }

    /// Notes that a slot was handed out, if there is one.
    #[inline(always)]
    #[track_caller]
    pub(super) fn watch(&self, block: Option<NonNull<[u8]>>) {
        if let Some(block) = block
            && !self.shared
        {
            // SAFETY: a slot that the caller has claimed. The slab tells the ledger before its
            // memory goes, and closes it when it is dropped.
            unsafe { self.ledger.watch(|| (block, block.len())) };
        }
    }

    /// Notes that a block is about to be freed, before another participant can claim it. Reports a
    /// block that was freed before.
    #[inline(always)]
    #[track_caller]
    pub(super) fn unwatch(&self, block: NonNull<u8>) {
        // Not watched, and a forked child may not have the words.
        if self.shared {
            return;
        }
        let is_held = |address| self.state_at(address) == Some(SlotState::Held);
        self.ledger.free(|| block.addr().get(), is_held);
    }

    /// The state of the slot that begins at an address.
    fn state_at(&self, address: usize) -> Option<SlotState> {
        let (pool, offset) = self.iter().find_map(|pool| Some((pool, pool.offset_of(address)?)))?;
        let slot = (offset >> pool.size_log) as u32;
        (offset & (pool.size() - 1) == 0).then(|| pool.table.word(slot).state())
    }

    /// Whether the slot is held or sent, perhaps by a participant that has died.
    pub(super) fn is_out(&self, address: usize) -> bool {
        matches!(self.state_at(address), Some(SlotState::Held | SlotState::Sent))
    }
}

impl Drop for Slots {
    /// An operation in flight may still access a slot that JavaScript has seen, so such addresses
    /// are kept. Everything else, which always includes the records, is unmapped; otherwise a
    /// process that creates slabs all day would run out of addresses.
    fn drop(&mut self) {
        // SAFETY: taken once, and not used afterwards.
        let mapping = unsafe { ManuallyDrop::take(&mut self.mapping) };
        if self.abandoned {
            mapping.abandon();
        }
    }
}

/// The table of a pool whose words begin `start` words into the records.
///
/// # Safety
/// From there on, `records` has the words of `count` slots, and it outlives the table.
pub(super) unsafe fn table_at(records: &Mapping, start: usize, count: usize) -> SlotTable {
    SlotTable::new(count, |at, len| {
        // SAFETY: within the records, by the contract; mappings are page-aligned, and this offset
        // is in whole words.
        unsafe { Words::over(records.base().add((start + at) * 8), len) }
    })
}

#[cfg(all(test, loom))]
mod for_tests {
    impl super::Pools {
        pub(crate) fn all_mut(&mut self) -> &mut [super::Pool] {
            &mut self.all
        }
    }
}
