//! Places a slab's memory on a NUMA node (mbind) or locks it (mlock), after the slab was created.

use super::pools::Pools;
use crate::error::{MapError, SlabError};
use crate::memory::Mapping;
use std::ops::Range;

/// The users of a slab whose first use makes a call too late.
#[derive(PartialEq, Eq)]
pub(super) enum Users {
    OfThisMapping,
    Any,
}

impl Pools {
    /// See [`Slab::bind`](super::Slab::bind). `present`: the memory of all slots is there.
    pub(super) fn bind(&self, node: u32, present: bool) -> Result<(), SlabError> {
        self.before_first_use(Users::Any, |slots| {
            if present {
                // Only pages that exist in this mapping can be moved.
                slots.populate()?;
            }
            slots.bind(node)
        })
    }

    /// See [`Slab::lock`](super::Slab::lock).
    pub(super) fn lock(&self) -> Result<(), SlabError> {
        // Other mappings never give slots back, so they are locked whole.
        let in_parts = |slots: &Mapping| match slots.comes_in_parts() {
            true => self.present_parts(slots),
            false => vec![(0, slots.len())],
        };
        self.before_first_use(Users::OfThisMapping, |slots| slots.lock(&in_parts(slots)))
    }

    /// Runs `work` unless this mapping has handed out a slot or, for `Users::Any`, anybody holds
    /// one. Claims take no lock: a slot may be handed out while `work` runs, so `work` must keep
    /// the bytes of all slots.
    pub(super) fn before_first_use(
        &self,
        whose: Users,
        work: impl FnOnce(&mut Mapping) -> Result<(), MapError>,
    ) -> Result<(), SlabError> {
        // While this is locked, no segment is added or dropped.
        let mut slots = self.slots.lock();
        let used = self.iter().any(|pool| pool.table.counters.claimed.get() > 0);
        if used || whose == Users::Any {
            let of_pool = self.iter().map(|pool| pool.table.count_slots());
            let slots = of_pool.map(|counts| counts.held + counts.cached + counts.sent).sum();
            if used || slots > 0 {
                return Err(SlabError::Used { slots });
            }
        }
        Ok(work(&mut slots.mapping)?)
    }

    /// Offset and length of the present slots, by segments.
    fn present_parts(&self, mapping: &Mapping) -> Vec<(usize, usize)> {
        let of_pool = self.iter().flat_map(|pool| {
            let part =
                |slots: Range<u32>| (pool.offset_in(mapping, slots.start), pool.bytes_of(&slots));
            pool.segments.present().into_iter().map(part)
        });
        of_pool.collect()
    }
}
