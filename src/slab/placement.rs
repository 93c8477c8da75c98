//! Places a slab's memory on a NUMA node (mbind) or locks it (mlock), after the slab was created.

use super::{Slab, Slots};
use crate::error::{MapError, SlabError};
use crate::memory::Mapping;
use std::ops::Range;

/// The users of a slab whose first use makes a call too late.
#[derive(PartialEq, Eq)]
pub(super) enum Users {
    OfThisMapping,
    Any,
}

impl Slab {
    /// Binds the memory of the slots to the NUMA node `node` (mbind), whichever threads touch it. For a
    /// [shared](Slab::share) slab this holds for all participants, whenever they join.
    ///
    /// Only before first use: this `Slab` has handed out no slot, and no other participant has one. Existing pages are moved;
    /// a slab that processes share has all of its pages from the start. The memory of all slots then counts as this
    /// process's, as after a prefault.
    ///
    /// Errors: [`SlabError::Used`]; from the system `EINVAL` if there is no such node, `EIO` if pages cannot be
    /// moved because others have touched them, `EPERM` if a filter of system calls forbids it, as Docker's
    /// does; [`MapError::Unsupported`] on systems without NUMA.
    ///
    /// ```
    /// use ralloc_core::error::{MapError, SlabError};
    /// use ralloc_core::slab::{Slab, SlabOptions};
    ///
    /// let slab = Slab::new(&SlabOptions::fixed(&[64], 16, 1 << 20))?;
    /// match slab.bind(0) {
    ///     Ok(()) => {}
    ///     Err(SlabError::Map(error)) => eprintln!("it stays where it is: {error}"),
    ///     Err(error) => return Err(error.into()), // used before
    /// }
    /// assert!(slab.allocate(64).is_ok()); // in either case
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn bind(&self, node: u32) -> Result<(), SlabError> {
        self.before_first_use(Users::Any, |slots| {
            if self.shared.as_ref().is_some_and(|shared| shared.memory.is_of_processes()) {
                // Only pages that exist in this mapping can be moved.
                slots.populate()?;
            }
            slots.bind(node)
        })
    }

    /// Keeps the memory of the slots in RAM (mlock), including that of slots that are added later. Each mapping of a
    /// [shared](Slab::share) slab locks for itself; the slots stay in RAM for all as long as one locked mapping exists.
    /// Allocates the memory of all present slots. A second call does nothing.
    ///
    /// Only before first use: this `Slab` has handed out no slot. Other participants may have some.
    ///
    /// Errors: [`SlabError::Used`]; from the system `ENOMEM`, `EAGAIN` or `EPERM` if the limit on locked memory
    /// (`RLIMIT_MEMLOCK`) does not allow it.
    ///
    /// ```
    /// use ralloc_core::error::SlabError;
    /// use ralloc_core::slab::{Slab, SlabOptions};
    ///
    /// let slab = Slab::new(&SlabOptions::fixed(&[64], 16, 1 << 20))?;
    /// if let Err(error) = slab.lock() {
    ///     eprintln!("it may be swapped out: {error}");
    /// }
    /// assert!(slab.allocate(64).is_ok()); // in either case
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn lock(&self) -> Result<(), SlabError> {
        // Other mappings never give slots back, so they are locked whole.
        let in_parts = |slots: &Mapping| match slots.comes_in_parts() {
            true => self.present_parts(slots),
            false => vec![(0, slots.len())],
        };
        self.before_first_use(Users::OfThisMapping, |slots| slots.lock(&in_parts(slots)))
    }

    /// Runs `work` unless this mapping has handed out a slot or, for `Users::Any`, anybody holds one. Claims take no
    /// lock: a slot may be handed out while `work` runs, so `work` must keep the bytes of all slots.
    pub(super) fn before_first_use(
        &self,
        whose: Users,
        work: impl FnOnce(&mut Mapping) -> Result<(), MapError>,
    ) -> Result<(), SlabError> {
        if self.is_copy() {
            let what = "the memory of a slab of the process that forked this one";
            return Err(SlabError::Map(MapError::Unsupported { what }));
        }
        // While this is locked, no segment is added or dropped.
        let mut slots = self.slots.lock();
        let used = self.pools.iter().any(|pool| pool.table.counters.claimed.get() > 0);
        if used || whose == Users::Any {
            let of_pool = self.pools.iter().map(|pool| pool.table.count_slots());
            let slots = of_pool.map(|counts| counts.held + counts.cached + counts.sent).sum();
            if used || slots > 0 {
                return Err(SlabError::Used { slots });
            }
        }
        match &mut *slots {
            Slots { mapping: Some(mapping), .. } => Ok(work(mapping)?),
            _ => Ok(()),
        }
    }

    /// Offset and length of the present slots, by segments.
    fn present_parts(&self, mapping: &Mapping) -> Vec<(usize, usize)> {
        let of_pool = self.pools.iter().flat_map(|pool| {
            let part =
                |slots: Range<u32>| (pool.offset_in(mapping, slots.start), pool.bytes_of(&slots));
            pool.segments.present().into_iter().map(part)
        });
        of_pool.collect()
    }
}
