//! Checkpoints of an [`Arena`], for freeing the latest allocations in order.

use super::Arena;
use crate::debug::Point;
use crate::error::RewindError;

/// A point to rewind to. A rewind uses it up; a reset, or a rewind to an older one, makes it void.
///
/// ```
/// let mut arena = ralloc_core::Arena::new();
/// arena.alloc_str("kept");
/// let checkpoint = arena.checkpoint();
/// let allocated = arena.stats().allocated;
/// arena.alloc_slice_fill_copy(1000, 0u8);
/// arena.rewind(checkpoint)?;
/// assert_eq!(arena.stats().allocated, allocated);
/// # Ok::<(), ralloc_core::error::RewindError>(())
/// ```
#[derive(Debug)]
#[must_use = "a checkpoint does nothing until it is rewound to"]
pub struct Checkpoint {
    arena: u64,
    resets: u64,
    serial: u64,
    /// The version of the arena's chunks, and the address of its cursor.
    version: u64,
    cursor: usize,
    point: Point,
}

impl<const MIN_ALIGN: usize> Arena<MIN_ALIGN> {
    /// Marks a point to which [`Arena::rewind`] can go back. Costs 8 bytes until it is rewound, an
    /// older one is rewound, or the arena is reset.
    ///
    /// ```
    /// let mut arena = ralloc_core::Arena::new();
    /// let checkpoints = [arena.checkpoint(), arena.checkpoint()];
    /// for checkpoint in checkpoints.into_iter().rev() {
    ///     assert!(arena.rewind(checkpoint).is_ok()); // the newest first
    /// }
    /// ```
    pub fn checkpoint(&mut self) -> Checkpoint {
        let store = self.store.get_mut();
        store.serial += 1;
        // Changed so that the next reset voids the checkpoint.
        store.version += 1;
        self.version.set(store.version);
        store.standing.push(store.serial);
        let (arena, resets, serial, version) =
            (store.id, store.resets, store.serial, store.version);
        let (cursor, point) = (self.cursor.get().addr(), self.ledger.point(self.cursor.get()));
        Checkpoint { arena, resets, serial, version, cursor, point }
    }

    /// Frees everything allocated since the checkpoint; later checkpoints become void. Older
    /// allocations keep their bytes. Fails, and changes nothing, if the checkpoint belongs to
    /// another arena, or a reset or an earlier rewind has made it void.
    ///
    /// ```
    /// use ralloc_core::error::RewindError;
    ///
    /// let mut arena = ralloc_core::Arena::new();
    /// let checkpoint = arena.checkpoint();
    /// arena.alloc(7);
    /// arena.rewind(checkpoint)?;
    /// assert_eq!(arena.stats().allocated, 0);
    ///
    /// let checkpoint = arena.checkpoint();
    /// arena.reset();
    /// assert_eq!(arena.rewind(checkpoint), Err(RewindError::Stale));
    /// # Ok::<(), RewindError>(())
    /// ```
    #[track_caller]
    pub fn rewind(&mut self, checkpoint: Checkpoint) -> Result<(), RewindError> {
        let store = self.store.get_mut();
        if checkpoint.arena != store.id {
            return Err(RewindError::Foreign);
        }
        if checkpoint.resets != store.resets {
            return Err(RewindError::Stale);
        }
        // Serials only grow, so the stack is sorted.
        let standing = store.standing.binary_search(&checkpoint.serial);
        let depth = standing.map_err(|_| RewindError::OutOfOrder)?;
        store.standing.truncate(depth);
        self.ledger.rewind(&checkpoint.point);
        self.go_back(checkpoint.cursor, checkpoint.version);
        Ok(())
    }

    /// Frees everything since the cursor was at the address `cursor` and the version was `version`.
    /// Nobody may use the freed bytes any more.
    pub(super) fn go_back(&self, cursor: usize, version: u64) {
        self.change(|store| store.back_to(cursor, version));
        self.report();
    }
}
