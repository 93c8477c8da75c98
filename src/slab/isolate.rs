//! What an isolate of Node does with a slab beyond what Rust programs may. Free of napi.

use super::pool::Pool;
use super::word::{Owner, SlotState};
use super::{SharedSlab, Slab, registry};
use crate::os;
use crate::sync::Ordering;
use std::ptr::NonNull;

/// One that takes part in a slab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    /// The process, by the number that it knows itself.
    pub pid: u32,
    /// When it joined, in milliseconds since 1970; now in a slab of one process.
    pub since: u64,
    pub owner: Owner,
}

impl SharedSlab {
    /// Participants of all its mappings, without those that have closed theirs.
    pub(crate) fn participants(&self) -> usize {
        self.registry.alive()
    }
}

impl Slab {
    /// Those who take part.
    pub(crate) fn members(&self) -> Vec<Member> {
        let member = |found: registry::Member| {
            // Where one process has them all, the registry notes neither.
            let (pid, since) = match found.since {
                0 => (std::process::id(), os::epoch_millis()),
                since => (found.pid, since),
            };
            Member { pid, since, owner: found.owner }
        };
        self.registry.members().into_iter().map(member).collect()
    }

    /// Notes that JavaScript gets to see the slots, whose addresses so are never unmapped.
    pub(super) fn mark_seen(&self) {
        if let Some(mapping) = &mut self.slots.lock().mapping {
            mapping.mark_seen();
        }
    }

    /// Puts fresh pages over the slots, for ever, in this mapping alone: an isolate ended that had ArrayBuffers over
    /// them, and perhaps they live on in another one. Whether that was done.
    pub(super) fn abandon_memory(&self) -> bool {
        self.abandoned.fetch_add(1, Ordering::Relaxed);
        self.detach_memory()
    }

    /// Lets this mapping show the slots no more, where others share them. Whoever still looks, such as an operation in
    /// flight, finds pages that are nobody else's.
    pub(super) fn detach_memory(&self) -> bool {
        match (&self.shared, &mut self.slots.lock().mapping) {
            (Some(_), Some(mapping)) => mapping.vacate().is_ok(),
            _ => true,
        }
    }
}

impl Pool {
    /// Frees those of the slots that are Held by `owner`, which is the caller: how many.
    pub(crate) fn free_held(&self, slots: impl Iterator<Item = u32>, owner: Owner) -> usize {
        let slots = slots.filter(|&slot| (slot as usize) < self.table.max_count());
        self.table.free_own(slots, |word| {
            word.is(SlotState::Held, owner).then(|| word.next(SlotState::Free, Owner::NOBODY))
        })
    }

    /// Frees the slots of a segment that `owner`, which claims no more, has claimed.
    pub(super) fn recover_segment(&self, segment: usize, owner: Owner) {
        for slot in self.segments.range(segment) {
            let word = self.table.word(slot);
            if word.is(SlotState::Held, owner) {
                // Unless another one frees it at this moment.
                let _ = self.table.free(slot, word);
            }
        }
    }

    /// Slots that are there.
    pub(crate) fn slots(&self) -> usize {
        self.segments.slots()
    }

    /// Slots of each segment.
    pub(crate) fn slots_per_segment(&self) -> usize {
        self.segments.slots_per_segment
    }

    /// The bytes of a segment, present or not; `None` for one that there cannot be.
    pub(crate) fn segment(&self, index: usize) -> Option<NonNull<[u8]>> {
        let range = self.segments.range(index);
        let first = (index * self.segments.slots_per_segment < self.segments.max_count)
            .then_some(range.start)?;
        let start = self.block(first).cast::<u8>();
        Some(NonNull::slice_from_raw_parts(start, self.bytes_of(&range)))
    }
}
