//! The owner used for allocations made without a [`ThreadCache`](super::ThreadCache), and for
//! blocks of caches that were dropped. A slab with one mapping has none: its memory ends with the
//! mapping. Each mapping of a shared slab is a participant, so that its slots come back when it is
//! dropped, or its process dies.

use super::pools::Pools;
use super::word::Owner;
use crate::memory::{WipedOnFork, ZeroIsValid};
use crate::sync::Mutex;
use std::collections::HashSet;

/// A mapping of a shared slab as a participant.
#[derive(Debug)]
pub(super) struct MappingOwner {
    /// [`Owner::NOBODY`] in a child that found zeros, and if the slab's `Participant` has taken
    /// over this owner.
    owner: WipedOnFork<Owner>,
    /// Owners of dropped caches that may still hold blocks. Until these are freed, the owners keep
    /// their numbers.
    left: Mutex<Vec<Owner>>,
}

// SAFETY: a number; zero is `Owner::NOBODY`.
unsafe impl ZeroIsValid for Owner {}

impl MappingOwner {
    pub(super) fn new(owner: Owner) -> MappingOwner {
        MappingOwner { owner: WipedOnFork::new(owner, true), left: Mutex::default() }
    }

    /// [`Owner::NOBODY`] in a forked child, if the system can wipe the value there. Does not
    /// compare process ids: that takes a system call.
    #[inline]
    pub(super) fn claimant(&self) -> Owner {
        *self.owner
    }

    /// Hands over the owner; from then on there is none. Not for a forked child: if the system
    /// cannot wipe the value there, the owner is its parent's.
    pub(super) fn take(&mut self) -> Option<Owner> {
        let owner = std::mem::replace(&mut *self.owner, Owner::NOBODY);
        (owner != Owner::NOBODY).then_some(owner)
    }

    /// Notes a dropped cache.
    pub(super) fn note_left(&self, owner: Owner) {
        self.left.lock().push(owner);
    }

    /// Forgets dropped caches whose blocks are all freed, and calls `forgotten` with each. Walks
    /// over all words if there are dropped caches.
    pub(super) fn reap(&self, pools: &Pools, forgotten: impl FnMut(Owner)) {
        let mut left = self.left.lock();
        if left.is_empty() {
            return;
        }
        let (mut owners, mut last) = (HashSet::new(), Owner::NOBODY);
        for owner in pools.iter().flat_map(|pool| pool.table.owners()) {
            // Most neighbours have one owner.
            if owner != last {
                owners.insert(owner);
                last = owner;
            }
        }
        // What a cache has handed out is sent by others, who then own it.
        left.extract_if(.., |owner| !owners.contains(owner)).for_each(forgotten);
    }

    /// The dropped caches.
    pub(super) fn take_left(&self) -> Vec<Owner> {
        std::mem::take(&mut *self.left.lock())
    }
}
