//! The owner used for allocations made without a [`ThreadCache`](super::ThreadCache), and for
//! blocks of caches that were dropped. A slab with one mapping has none: its memory ends with the
//! mapping. Each mapping of a shared slab is a participant, so that its slots come back when it is
//! dropped, or its process dies.

use super::pools::Pools;
use super::word::Owner;
use crate::memory::{WipedOnFork, ZeroIsValid};
use crate::os::process_mark;
use crate::sync::Mutex;
use std::collections::HashSet;

/// A mapping of a shared slab as a participant.
#[derive(Debug)]
pub(super) struct MappingOwner {
    who: WipedOnFork<ProcessOwner>,
    /// Owners of dropped caches that may still hold blocks. Until these are freed, the owners keep
    /// their numbers.
    left: Mutex<Vec<Owner>>,
}

#[derive(Debug)]
struct ProcessOwner {
    /// [`Owner::NOBODY`] in a child that found zeros, and if the slab's `Participant` has taken
    /// over this owner.
    owner: Owner,
    process: u64,
}

// SAFETY: all fields are numbers, and zero is a valid number.
unsafe impl ZeroIsValid for ProcessOwner {}

impl MappingOwner {
    pub(super) fn new(owner: Owner) -> MappingOwner {
        let who = WipedOnFork::new(ProcessOwner { owner, process: process_mark() }, true);
        MappingOwner { who, left: Mutex::default() }
    }

    /// [`Owner::NOBODY`] in a forked child, if the system can wipe the value there. Does not
    /// compare process ids: that takes a system call.
    #[inline]
    pub(super) fn claimant(&self) -> Owner {
        self.who.owner
    }

    /// Whether this is the process of the mapping.
    pub(super) fn is_own(&self) -> bool {
        self.who.process == process_mark()
    }

    /// Hands over the owner; from then on there is none. `None` in a forked child, even if the
    /// system cannot wipe the value there.
    pub(super) fn take(&mut self) -> Option<Owner> {
        let owner = std::mem::replace(&mut self.who.owner, Owner::NOBODY);
        (owner != Owner::NOBODY && self.is_own()).then_some(owner)
    }

    /// Notes a dropped cache.
    pub(super) fn note_left(&self, owner: Owner) {
        self.left.lock().push(owner);
    }

    /// Forgets dropped caches whose blocks are all freed, and calls `forgotten` with each. Walks over
    /// all words if there are dropped caches.
    pub(super) fn reap(&self, pools: &Pools, forgotten: impl FnMut(Owner)) {
        let mut left = self.left.lock();
        if left.is_empty() {
            return;
        }
        let mut holders = HashSet::new();
        let mut last = Owner::NOBODY;
        let mut note = |owner: Owner| {
            // Most neighbours have one owner.
            if owner != last {
                holders.insert(owner);
                last = owner;
            }
        };
        pools.iter().for_each(|pool| pool.table.each_holder(&mut note));
        left.extract_if(.., |owner| !holders.contains(owner)).for_each(forgotten);
    }

    /// The dropped caches.
    pub(super) fn take_left(&self) -> Vec<Owner> {
        std::mem::take(&mut *self.left.lock())
    }
}
