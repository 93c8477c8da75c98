//! What an isolate of Node does with a slab beyond what Rust programs may. Free of napi.

use super::pool::Pool;
use super::word::{Owner, State};
use super::{Place, Shared, Slab};
use crate::sync::Ordering;
use std::ptr::NonNull;

impl Shared {
    /// Participants of all its mappings.
    pub(crate) fn participants(&self) -> usize {
        self.registry.alive()
    }
}

impl Slab {
    /// Frees what `owner`, which is dead, has claimed, and gives its number back: how many slots.
    /// What it had sent stays under way until slots run out.
    pub(crate) fn recover(&self, owner: Owner) -> usize {
        let states = [State::Held, State::Cached];
        let pools = self.places.iter().map(|place| &place.pool);
        let freed = pools.map(|pool| pool.recover(&states, |other| other == owner)).sum();
        self.registry.leave(owner);
        freed
    }

    /// Notes that an isolate ended that had ArrayBuffers over the slots: perhaps they live on in another
    /// one, so the memory will be neither unmapped nor used again.
    pub(crate) fn orphan(&self) {
        self.orphaned.fetch_add(1, Ordering::Relaxed);
    }
}

impl Pool {
    /// Frees those of the slots that are Held by `owner`, which is the caller: how many.
    pub(crate) fn free_held(&self, slots: impl Iterator<Item = u32>, owner: Owner) -> usize {
        self.free_own(slots.filter(|&slot| (slot as usize) < self.count()), |word| {
            word.is(State::Held, owner).then(|| word.next(State::Free, Owner::NOBODY))
        })
    }
}

impl Place {
    /// Slots of each segment.
    pub(crate) fn segment_slots(&self) -> usize {
        self.segments.each
    }

    /// The bytes of a segment, there or not; `None` for one that there cannot be.
    pub(crate) fn segment(&self, index: usize) -> Option<NonNull<[u8]>> {
        let range = self.segments.range(index);
        let first = (index * self.segments.each < self.segments.count).then_some(range.start)?;
        let start = self.block(first).cast::<u8>();
        Some(NonNull::slice_from_raw_parts(start, self.bytes_of(&range)))
    }
}
