//! Checkpoints and scopes of an [`Arena`]: freeing what came last, in order.

use super::Arena;
use crate::error::RewindError;
use std::ops::Deref;

/// A point to rewind to. Spent by its rewind; void after a reset or a rewind past it.
#[derive(Debug)]
#[must_use = "a checkpoint does nothing until it is rewound to"]
pub struct Checkpoint {
    arena: u64,
    generation: u64,
    serial: u64,
    /// Index of the chunk that was current, and number of oversize chunks.
    position: (usize, usize),
    /// Bytes of that chunk that were in use.
    used: usize,
}

impl Arena {
    /// A point to which [`Arena::rewind`] can go back. Costs 8 bytes until that, an older
    /// rewind, or a reset.
    pub fn checkpoint(&mut self) -> Checkpoint {
        let used = self.offset();
        let store = self.store.get_mut();
        store.serial += 1;
        store.standing.push(store.serial);
        let (arena, generation, serial) = (store.id, store.generation, store.serial);
        Checkpoint { arena, generation, serial, position: store.position(), used }
    }

    /// Frees everything allocated since the checkpoint; later checkpoints become void. What
    /// was allocated before keeps its bytes. An error changes nothing.
    pub fn rewind(&mut self, checkpoint: Checkpoint) -> Result<(), RewindError> {
        let store = self.store.get_mut();
        if checkpoint.arena != store.id {
            return Err(RewindError::Foreign);
        }
        if checkpoint.generation != store.generation {
            return Err(RewindError::Stale);
        }
        // Serials only grow, so the stack is sorted.
        let standing = store.standing.binary_search(&checkpoint.serial);
        let depth = standing.map_err(|_| RewindError::OutOfOrder)?;
        store.standing.truncate(depth);
        self.leave();
        self.store.get_mut().back_to(checkpoint.position, checkpoint.used);
        self.enter();
        Ok(())
    }

    /// Calls `f` with the arena and frees what it allocated when it returns or panics.
    pub fn scope<R>(&mut self, f: impl FnOnce(&mut Scope<'_>) -> R) -> R {
        let checkpoint = Some(self.checkpoint());
        f(&mut Scope { arena: self, checkpoint })
    }
}

/// An arena within [`Arena::scope`]: allocates as the arena does, and cannot be reset.
#[derive(Debug)]
pub struct Scope<'a> {
    arena: &'a mut Arena,
    /// `Some` until dropped.
    checkpoint: Option<Checkpoint>,
}

impl Scope<'_> {
    /// A scope within this one.
    pub fn scope<R>(&mut self, f: impl FnOnce(&mut Scope<'_>) -> R) -> R {
        self.arena.scope(f)
    }
}

impl Deref for Scope<'_> {
    type Target = Arena;

    fn deref(&self) -> &Arena {
        self.arena
    }
}

impl Drop for Scope<'_> {
    fn drop(&mut self) {
        let rewound = self.checkpoint.take().map(|checkpoint| self.arena.rewind(checkpoint));
        debug_assert_eq!(rewound, Some(Ok(())), "nothing inside can void the checkpoint");
    }
}
