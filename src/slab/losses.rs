//! The participants of a slab that ended, with the number of slots freed for each. Recovery fills
//! this list in one walk over the words of all slots.
#![forbid(unsafe_code)]

use super::word::{MAX_PARTICIPANTS, Owner};

/// What an ended participant left behind.
#[derive(Clone, Copy, Debug)]
pub struct Loss {
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
pub struct Losses {
    losses: Vec<Loss>,
    /// By participant number: the index of its loss plus one, or 0.
    places: Box<[u16; MAX_PARTICIPANTS + 1]>,
}

impl Losses {
    pub fn none() -> Losses {
        Losses { losses: Vec::new(), places: Box::new([0; MAX_PARTICIPANTS + 1]) }
    }

    pub fn of(owner: Owner) -> Losses {
        let mut dead = Losses::none();
        dead.add(owner, None);
        dead
    }

    /// Adds an ended participant. Call it once for each number.
    pub fn add(&mut self, owner: Owner, pid: Option<u32>) {
        self.losses.push(Loss { owner, pid, slots: 0, sent: false });
        self.places[owner.index()] = self.losses.len() as u16;
    }

    /// The loss of `owner`; `None` if it is not among them.
    #[inline]
    pub fn find(&mut self, owner: Owner) -> Option<&mut Loss> {
        let place = usize::from(self.places[owner.index()]).checked_sub(1)?;
        let loss = &mut self.losses[place];
        (loss.owner == owner).then_some(loss)
    }

    pub fn losses(&self) -> &[Loss] {
        &self.losses
    }

    /// Slots that were freed for all of them.
    pub fn slots(&self) -> usize {
        self.losses.iter().map(|loss| loss.slots).sum()
    }
}
