//! Who claims what is allocated by the slab itself, without a [`ThreadCache`](super::ThreadCache), and who has the blocks of caches that
//! are gone. In one process nobody in particular: its memory ends with it. Where processes share the slab each
//! of its mappings takes part as well, so that what it had comes back when its process dies.

use super::Slab;
use super::word::{MAX_PARTICIPANTS, Owner};
use crate::error::{ClaimError, JoinError};
use crate::memory::{WipedOnFork, ZeroIsValid};
use crate::sync::Mutex;

/// The part that a mapping of a slab has itself.
#[derive(Debug)]
pub(super) struct Own {
    who: WipedOnFork<Who>,
    /// Those of caches that are gone, and that hold blocks.
    left: Mutex<Vec<Owner>>,
}

#[derive(Debug)]
struct Who {
    /// [`Owner::NOBODY`] in a child that found zeros, and for a slab whose participant has taken its place.
    owner: Owner,
    process: u32,
}

// SAFETY: numbers, of which zero is one.
unsafe impl ZeroIsValid for Who {}

impl Who {
    /// `None` in a forked child, also where nothing is wiped there.
    fn owner(&self) -> Option<Owner> {
        let is_own = self.owner != Owner::NOBODY && self.process == std::process::id();
        is_own.then_some(self.owner)
    }
}

impl Slab {
    /// Makes a mapping that processes share a participant.
    pub(super) fn join_itself(&mut self) -> Result<(), JoinError> {
        if self.registry.tells_deaths() {
            let (owner, process) = (self.join()?, std::process::id());
            let who = WipedOnFork::new(Who { owner, process }, true);
            self.own = Some(Own { who, left: Mutex::default() });
        }
        Ok(())
    }

    /// Who claims for a call on the slab itself. An error in a forked child of a process that shares it: what the child
    /// claimed would be its parent's.
    #[inline]
    pub(super) fn claimant(&self) -> Result<Owner, ClaimError> {
        match &self.own {
            None => Ok(Owner::NOBODY),
            // No question for the process: it takes a system call.
            Some(own) if own.who.owner != Owner::NOBODY => Ok(own.who.owner),
            Some(_) => Err(ClaimError::Forked),
        }
    }

    /// Gives its part to a caller that allocates by no other way from now on.
    #[cfg_attr(not(feature = "node"), allow(dead_code, reason = "serves the binding alone"))]
    pub(super) fn take_own(&mut self) -> Option<Owner> {
        let who = &mut self.own.as_mut()?.who;
        let owner = who.owner()?;
        who.owner = Owner::NOBODY;
        Some(owner)
    }

    /// Notes that `owner`, a cache of this mapping, is gone. What it handed out stays out; where processes share the
    /// slab, as long as this mapping is there.
    pub(super) fn leave(&self, owner: Owner) {
        let Some(own) = &self.own else { return self.registry.leave(owner) };
        self.registry.retire(owner);
        own.left.lock().push(owner);
        self.let_go();
    }

    /// Gives the numbers of caches back that are gone, and whose blocks are. Walks over all words if there are such caches.
    pub(super) fn let_go(&self) {
        let Some(own) = &self.own else { return };
        let mut left = own.left.lock();
        if left.is_empty() {
            return;
        }
        let mut holds = [false; MAX_PARTICIPANTS + 1];
        let mut note = |owner: Owner| holds[owner.index()] |= left.contains(&owner);
        self.pools.iter().for_each(|pool| pool.table.each_holder(&mut note));
        left.retain(|owner| {
            let holds = holds[owner.index()];
            if !holds {
                self.registry.leave(*owner);
            }
            holds
        });
    }

    /// Frees all that this mapping has: nobody can use it any more.
    pub(super) fn end_own(&mut self) {
        let Some(own) = self.own.take() else { return };
        if own.who.process != std::process::id() {
            return;
        }
        let owner = own.who.owner();
        let left = std::mem::take(&mut *own.left.lock());
        left.into_iter().chain(owner).for_each(|owner| {
            self.end(owner);
        });
    }
}
