//! The participants of a slab that ended, with the number of slots freed for each. Recovery fills
//! this list in one walk over the words of all slots.
#![forbid(unsafe_code)]

use super::word::Owner;

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

/// The participants that have ended, each with its incarnation, by their numbers. A slot's word
/// names its owner, and this list tells whether that owner has ended, so one pass over all words
/// serves all of them.
#[derive(Debug, Default)]
pub struct DeadOwners(Vec<Option<DeadOwner>>);

impl DeadOwners {
    pub fn of(owner: Owner) -> DeadOwners {
        let mut dead = DeadOwners::default();
        dead.add(owner, None);
        dead
    }

    /// Adds an ended participant. Call it once for each number.
    pub fn add(&mut self, owner: Owner, pid: Option<u32>) {
        let places = self.0.len().max(owner.index() + 1);
        self.0.resize(places, None);
        self.0[owner.index()] = Some(DeadOwner { owner, pid, slots: 0, sent: false });
    }

    /// The entry of `owner`; `None` if it is not among them.
    #[inline]
    pub fn find(&mut self, owner: Owner) -> Option<&mut DeadOwner> {
        self.0.get_mut(owner.index())?.as_mut().filter(|dead| dead.owner == owner)
    }

    pub fn all(&self) -> impl Iterator<Item = &DeadOwner> {
        self.0.iter().flatten()
    }
}
