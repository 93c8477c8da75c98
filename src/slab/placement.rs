//! NUMA and locking of a slab's memory (mbind, mlock), after the slab was made.

use super::{Slab, Slots};
use crate::error::{MapError, PlacementError};
use crate::memory::Mapping;
use std::ops::Range;

/// Whose use of a slab comes first.
#[derive(PartialEq, Eq)]
pub(super) enum Users {
    OfThisMapping,
    Any,
}

impl Slab {
    /// Binds the memory of its slots to the NUMA node `node` (mbind), wherever the threads run that touch it. For a
    /// [shared](Slab::share) slab this holds for all participants, whenever they join.
    ///
    /// Before first use: as long as this `Slab` has handed out no slot, and nobody else has one. What is there
    /// already is moved, as it is where processes share the slab. Then the memory of all slots counts as this process's
    /// from now on, as after a prefault.
    ///
    /// Errors: [`PlacementError::Used`]; of the system `EINVAL` where it has no such node, `EIO` where pages cannot be
    /// moved because others have touched them, `EPERM` where a filter of system calls refuses, as Docker's
    /// does; [`MapError::Unsupported`] on systems without such nodes.
    ///
    /// ```
    /// use ralloc_core::error::{MapError, PlacementError};
    /// use ralloc_core::slab::{Slab, SlabOptions};
    ///
    /// let slab = Slab::new(&SlabOptions::fixed(&[64], 16, 1 << 20))?;
    /// match slab.bind(0) {
    ///     Ok(()) => {}
    ///     Err(PlacementError::Map(error)) => eprintln!("it stays where it is: {error}"),
    ///     Err(error) => return Err(error.into()), // used before
    /// }
    /// assert!(slab.allocate(64).is_ok()); // in either case
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn bind(&self, node: u32) -> Result<(), PlacementError> {
        self.before_first_use(Users::Any, |slots| {
            if self.shared.as_ref().is_some_and(|shared| shared.memory.is_of_processes()) {
                // Only what this mapping has can be moved.
                slots.populate()?;
            }
            slots.bind(node)
        })
    }

    /// Keeps the memory of its slots in RAM (mlock): of those that are there, and of those that come later. Of a
    /// [shared](Slab::share) slab each mapping does so for itself, and the slots stay in RAM for all as long as one of those
    /// that are locked is there. Takes the memory of the slots at once. The second call does nothing.
    ///
    /// Before first use: as long as this `Slab` has handed out no slot. Others may have theirs.
    ///
    /// Errors: [`PlacementError::Used`]; of the system `ENOMEM`, `EAGAIN` or `EPERM` where the limit on locked memory
    /// (`RLIMIT_MEMLOCK`) does not allow it.
    ///
    /// ```
    /// use ralloc_core::error::PlacementError;
    /// use ralloc_core::slab::{Slab, SlabOptions};
    ///
    /// let slab = Slab::new(&SlabOptions::fixed(&[64], 16, 1 << 20))?;
    /// if let Err(error) = slab.lock() {
    ///     eprintln!("it may be swapped out: {error}");
    /// }
    /// assert!(slab.allocate(64).is_ok()); // in either case
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn lock(&self) -> Result<(), PlacementError> {
        // Else its slots are there for good.
        let in_parts = |slots: &Mapping| match slots.comes_in_parts() {
            true => self.present_parts(slots),
            false => vec![(0, slots.len())],
        };
        self.before_first_use(Users::OfThisMapping, |slots| slots.lock(&in_parts(slots)))
    }

    /// Does it unless this mapping has handed out a slot or, for a use of anybody, one is out. Claims take no lock: a slot may
    /// be handed out while `work` runs, so `work` must keep the bytes of all slots.
    pub(super) fn before_first_use(
        &self,
        whose: Users,
        work: impl FnOnce(&mut Mapping) -> Result<(), MapError>,
    ) -> Result<(), PlacementError> {
        // Locked: no segment comes or goes meanwhile.
        let mut slots = self.slots.lock();
        let used = self.pools.iter().any(|pool| pool.table.counters.claimed.get() > 0);
        if used || whose == Users::Any {
            let of_pool = self.pools.iter().map(|pool| pool.table.count_slots());
            let slots = of_pool.map(|counts| counts.held + counts.cached + counts.sent).sum();
            if used || slots > 0 {
                return Err(PlacementError::Used { slots });
            }
        }
        match &mut *slots {
            Slots { mapping: Some(mapping), .. } => Ok(work(mapping)?),
            _ => Ok(()),
        }
    }

    /// Offset and length of the slots that are there, by segments.
    fn present_parts(&self, mapping: &Mapping) -> Vec<(usize, usize)> {
        let of_pool = self.pools.iter().flat_map(|pool| {
            let part =
                |slots: Range<u32>| (pool.offset_in(mapping, slots.start), pool.bytes_of(&slots));
            pool.segments.present().into_iter().map(part)
        });
        of_pool.collect()
    }
}
