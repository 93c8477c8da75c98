//! The participants of a slab that ended, with the number of slots freed for each. Recovery fills
//! this list in one walk over the words of all slots.
#![forbid(unsafe_code)]

use super::word::{MAX_PARTICIPANTS, Owner};

/// What an ended participant left behind.
#[derive(Clone, Copy, Debug)]
pub struct DeadOwner {
    pub owner: Owner,
    /// Its process id, as that process knew it; `None` if the participant ended by itself, which is
    /// not reported.
    pub pid: Option<u32>,
    /// Its slots that this recovery freed.
    pub slots: usize,
    /// Whether some slots that it sent are still in transit.
    pub sent: bool,
}

/// The participants that have ended, each with its incarnation. A slot's word names its owner, and
/// this list tells whether that owner has ended, so one pass over all words serves all of them.
#[derive(Debug)]
pub struct DeadOwners {
    all: Vec<DeadOwner>,
    /// By participant number: its index in `all` plus one, or 0.
    places: Box<[u16; MAX_PARTICIPANTS + 1]>,
}

impl DeadOwners {
    pub fn none() -> DeadOwners {
        DeadOwners { all: Vec::new(), places: Box::new([0; MAX_PARTICIPANTS + 1]) }
    }

    pub fn of(owner: Owner) -> DeadOwners {
        let mut dead = DeadOwners::none();
        dead.add(owner, None);
        dead
    }

    /// Adds an ended participant. Call it once for each number.
    pub fn add(&mut self, owner: Owner, pid: Option<u32>) {
        self.all.push(DeadOwner { owner, pid, slots: 0, sent: false });
        self.places[owner.index()] = self.all.len() as u16;
    }

    /// The entry of `owner`; `None` if it is not among them.
    #[inline]
    pub fn find(&mut self, owner: Owner) -> Option<&mut DeadOwner> {
        let place = usize::from(self.places[owner.index()]).checked_sub(1)?;
        let dead = &mut self.all[place];
        (dead.owner == owner).then_some(dead)
    }

    pub fn all(&self) -> &[DeadOwner] {
        &self.all
    }

    /// Slots that were freed for all of them.
    pub fn slots(&self) -> usize {
        self.all.iter().map(|dead| dead.slots).sum()
    }
}
