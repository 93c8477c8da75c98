//! The owner used for allocations made without a [`ThreadCache`](super::ThreadCache), and for blocks of caches that were
//! dropped. A slab with one mapping has none: its memory ends with the mapping. Each mapping of a shared slab is a
//! participant, so that its slots come back when it is dropped, or its process dies.

use super::Slab;
use super::slot_table::SlotTable;
use super::word::{Owner, SlotState};
use crate::error::SlabError;
use crate::memory::{WipedOnFork, ZeroIsValid};
use crate::os::process_mark;
use crate::sync::Mutex;
use std::collections::HashSet;

/// The list of dropped caches is searched for those without blocks once it has this many.
const LONG: usize = 64;

/// A mapping of a shared slab as a participant.
#[derive(Debug)]
pub(super) struct MappingOwner {
    who: WipedOnFork<ProcessOwner>,
    /// Owners of dropped caches that may still hold blocks. If processes share the slab, these owners keep their
    /// numbers; within one process, others may have got the numbers since, in later incarnations.
    left: Mutex<Vec<Owner>>,
}

#[derive(Debug)]
struct ProcessOwner {
    /// [`Owner::NOBODY`] in a child that found zeros, and if the slab's `Participant` has taken over this owner.
    owner: Owner,
    process: u64,
}

// SAFETY: all fields are numbers, and zero is a valid number.
unsafe impl ZeroIsValid for ProcessOwner {}

impl ProcessOwner {
    /// Returns `None` in a forked child, even if the system cannot wipe the value there.
    fn owner(&self) -> Option<Owner> {
        let is_own = self.owner != Owner::NOBODY && self.process == process_mark();
        is_own.then_some(self.owner)
    }
}

impl Slab {
    /// Makes a mapping of a shared slab a participant.
    pub(super) fn join_itself(&mut self) -> Result<(), SlabError> {
        let (owner, process) = (self.join()?, process_mark());
        let who = WipedOnFork::new(ProcessOwner { owner, process }, true);
        self.mapping_owner = Some(MappingOwner { who, left: Mutex::default() });
        Ok(())
    }

    /// The owner for a call on the slab itself. If the slab is shared, an error in a forked child: its claims would
    /// count as its parent's.
    #[inline]
    pub(super) fn claimant(&self) -> Result<Owner, SlabError> {
        match &self.mapping_owner {
            None => Ok(Owner::NOBODY),
            // Does not compare process ids: that takes a system call.
            Some(own) if own.who.owner != Owner::NOBODY => Ok(own.who.owner),
            Some(_) => Err(SlabError::Forked),
        }
    }

    /// Hands the owner to a caller that no longer allocates in any other way.
    #[cfg_attr(not(feature = "node"), allow(dead_code, reason = "serves the binding alone"))]
    pub(super) fn take_mapping_owner(&mut self) -> Option<Owner> {
        let who = &mut self.mapping_owner.as_mut()?.who;
        let owner = who.owner()?;
        match self.registry.tells_deaths() {
            true => who.owner = Owner::NOBODY,
            // Frees its pages, and two of the kernel's memory ranges for each slab of Node, which needs neither.
            false => self.mapping_owner = None,
        }
        Some(owner)
    }

    /// Notes that `owner`, a cache of this mapping, was dropped. The blocks that it handed out stay valid; in a shared
    /// slab, for as long as this mapping exists.
    pub(super) fn leave(&self, owner: Owner) {
        let Some(own) = &self.mapping_owner else { return self.registry.leave(owner) };
        let keeps_number = self.registry.tells_deaths();
        match keeps_number {
            true => self.registry.retire(owner),
            false => self.registry.leave(owner),
        }
        let mut left = own.left.lock();
        left.push(owner);
        let is_long = left.len() >= LONG && left.len().is_power_of_two();
        drop(left);
        if keeps_number || is_long {
            self.reap_caches();
        }
    }

    /// Forgets dropped caches whose blocks are all freed, and gives their numbers back. Walks over all words if there
    /// are dropped caches.
    pub(super) fn reap_caches(&self) {
        let Some(own) = &self.mapping_owner else { return };
        let mut left = own.left.lock();
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
        self.pools.iter().for_each(|pool| pool.table.each_holder(&mut note));
        left.retain(|owner| {
            let holds = holders.contains(owner);
            if !holds && self.registry.tells_deaths() {
                self.registry.leave(*owner);
            }
            holds
        });
    }

    /// Frees all blocks of this mapping, which can no longer be used.
    pub(super) fn end_mapping_owner(&mut self) {
        let Some(own) = self.mapping_owner.take() else { return };
        if own.who.process != process_mark() {
            return;
        }
        let mut left = std::mem::take(&mut *own.left.lock());
        if !self.registry.tells_deaths() && !left.is_empty() {
            // If the registry says that one is alive, that is another participant: numbers and incarnations have
            // wrapped around.
            left.retain(|owner| !self.registry.is_alive(*owner));
            let left: HashSet<Owner> = left.drain(..).collect();
            self.pools.iter().for_each(|pool| free_of(&pool.table, &left));
        }
        left.into_iter().chain(own.who.owner()).for_each(|owner| {
            self.end(owner);
        });
    }
}

/// Frees what `owners`, which are gone, hold.
fn free_of(table: &SlotTable, owners: &HashSet<Owner>) {
    for slot in 0..table.extent() as u32 {
        let word = table.word(slot);
        if word.state() == SlotState::Held && owners.contains(&word.owner()) {
            // An error means that it is free already.
            let _ = table.free(slot, word);
        }
    }
}
