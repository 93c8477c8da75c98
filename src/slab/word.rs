//! The word of a slot: 64 bits that hold its whole state; and the transitions between states.
//!
//! ```text
//!  bits  0–2  state    3–12  participant    13–32  its incarnation    33–63  generation
//! ```
//!
//! | from | to | by | how | generation | function |
//! |---|---|---|---|---|---|
//! | Absent | Free | the pool's growth, under its lock | store | same | `SlotTable::grow` |
//! | Free | Absent | whoever drops a segment, under the pool's lock | CAS | same | `SlotTable::drop_slots` |
//! | Free | Held(p), Cached(p) | p claims | CAS | same | `SlotTable::claim` |
//! | Cached(p) | Held(p) | p hands it out | store | same | `Magazine::hand_out` |
//! | Held(p) | Cached(p) | p frees it | store | + 1 | `ThreadCache::deallocate` |
//! | Held(p) | Free | p, an isolate, gives it back | store | + 1 | `Pool::free_held` |
//! | Held(q) | Cached(p) | p frees what q claimed | CAS | + 1 | `ThreadCache::deallocate` |
//! | Held(q) | Free | anyone frees what q claimed | CAS | + 1 | `Slab::deallocate` |
//! | Held(p) | Sent(p) | p, an isolate, sends | CAS | + 1 | `Slab::send_as` |
//! | Held(q) | Sent(p) | p, a mapping, sends what q claimed in it | CAS | + 1 | `Slab::send` |
//! | Sent(q) | Held(p) | p receives, or q revokes | CAS | same | `Slab::receive`, `Slab::revoke` |
//! | Cached(p) | Free | p flushes | store | same | `SlotTable::flush` |
//! | Held(p), Cached(p) | Free | whoever recovers p, which is over | CAS | + 1 | `SlotTable::recover` |
//! | Held(p) | Free | the mapping of p, a cache that is gone, when it is dropped | CAS | + 1 | `Slab::end_mapping_owner` |
//! | Sent(p) | Free | a claim that finds no slot, once p is gone and the transit over | CAS | + 1 | `SlotTable::sweep` |
//!
//! **A crash at any step loses nothing**: every row is one write of one word, so a slot is always
//! in exactly one state. A word that names a participant says whose death allows the slot to be
//! taken back. The other things that a step writes (hints, counters) may be wrong after a crash,
//! but nothing relies on them.
//!
//! **The stores are safe.** A word that names p as Cached is written by p alone. A word that names
//! p as Held is written by p, or by the one thread that frees or sends that very allocation, once.
//! Others write to these words only when p is over, and then p stores no more: p is found dead by
//! its lock (`registry`), which becomes free in these cases only:
//!
//! - p left, or ended itself: its last store came before.
//! - Its process was killed, or ended. On Linux a mapping holds the lock (`os::shm::held`), and the
//!   kernel ends it with the process's memory, when the last thread has left user mode for ever. So
//!   a stopped process is not dead, and a zombie is.
//! - It executed another program: its memory is gone.
//! - On macOS and Windows, which lack such mappings: other code of the process closed the
//!   descriptor. A program must not close what it has not opened.
//!
//! A forked child has neither the lock nor the words.
//!
//! **ABA**: a claim that is late finds another generation (31 bits; none is free to widen it),
//! unless the slot was freed and sent exactly a multiple of 2³¹ times meanwhile. A thread that does
//! nothing else needs 17 seconds for that.
#![forbid(unsafe_code)]

use std::fmt;

const STATE_BITS: u32 = 3;
const PARTICIPANT_BITS: u32 = 10;
pub const INCARNATION_BITS: u32 = 20;
/// Bits of the generation, also in a token.
pub const GENERATION_BITS: u32 = 31;
const OWNER_BITS: u32 = PARTICIPANT_BITS + INCARNATION_BITS;
const OWNER_SHIFT: u32 = STATE_BITS;
const GENERATION_SHIFT: u32 = STATE_BITS + OWNER_BITS;
const _: () = assert!(GENERATION_SHIFT + GENERATION_BITS == 64);

/// Participants at a time, not counting number 0.
pub const MAX_PARTICIPANTS: usize = (1 << PARTICIPANT_BITS) - 1;
/// The most incarnations of one participant number; after that they begin anew, once no slot names
/// the number.
pub const MAX_INCARNATION: u32 = (1 << INCARNATION_BITS) - 1;

/// The state of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum SlotState {
    /// Its segment is absent. Zero, so that fresh pages are a pool without slots.
    Absent = 0,
    /// Anyone may claim it.
    Free = 1,
    /// Handed out, or cached by an isolate (`lib/slab/pool.js`).
    Held = 2,
    /// Claimed, in the [`ThreadCache`](super::ThreadCache) of its participant.
    Cached = 3,
    /// Between two participants, under a token.
    Sent = 4,
    /// Not a word that this code writes: the memory is damaged.
    Damaged = 7,
}

/// A participant in one incarnation, as the owner of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Owner(u32);

impl Owner {
    /// The participant 0, which never dies: for callers without magazines.
    pub const NOBODY: Owner = Owner(0);

    /// Participant `index` (at most [`MAX_PARTICIPANTS`]) in `incarnation` (at most
    /// [`MAX_INCARNATION`]).
    pub fn new(index: usize, incarnation: u32) -> Owner {
        assert!(index <= MAX_PARTICIPANTS && incarnation <= MAX_INCARNATION);
        Owner(index as u32 | incarnation << PARTICIPANT_BITS)
    }

    /// The participant's number.
    pub fn index(self) -> usize {
        self.0 as usize & MAX_PARTICIPANTS
    }

    pub fn incarnation(self) -> u32 {
        self.0 >> PARTICIPANT_BITS
    }
}

/// State, owner and generation of a slot.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Word(pub u64);

impl Word {
    #[inline]
    pub fn state(self) -> SlotState {
        match self.0 & ((1 << STATE_BITS) - 1) {
            0 => SlotState::Absent,
            1 => SlotState::Free,
            2 => SlotState::Held,
            3 => SlotState::Cached,
            4 => SlotState::Sent,
            _ => SlotState::Damaged,
        }
    }

    /// Who claimed it; meaningless in Absent and Free.
    #[inline]
    pub fn owner(self) -> Owner {
        Owner((self.0 >> OWNER_SHIFT) as u32 & ((1 << OWNER_BITS) - 1))
    }

    /// How often the slot was freed or sent, modulo 2³¹.
    #[inline]
    pub fn generation(self) -> u32 {
        (self.0 >> GENERATION_SHIFT) as u32
    }

    /// Returns true if it is exactly `state` of `owner`, in any generation.
    #[inline]
    pub fn is(self, state: SlotState, owner: Owner) -> bool {
        let low = state as u64 | u64::from(owner.0) << OWNER_SHIFT;
        self.0 & ((1 << GENERATION_SHIFT) - 1) == low
    }

    /// The word for `state` of `owner`, in the same generation.
    #[inline]
    pub fn to(self, state: SlotState, owner: Owner) -> Word {
        let generation = self.0 >> GENERATION_SHIFT << GENERATION_SHIFT;
        Word(generation | u64::from(owner.0) << OWNER_SHIFT | state as u64)
    }

    /// From Cached to Held, for the same participant. If the word was corrupted, the result is one
    /// that `free` rejects, or another one of that slot; a check would cost every allocation two
    /// instructions.
    #[inline]
    pub fn out_of_cache(self) -> Word {
        Word(self.0 ^ (SlotState::Cached as u64 ^ SlotState::Held as u64))
    }

    /// From Held to Cached, for the same participant, in the next generation. The caller has
    /// checked that it is Held.
    #[inline]
    pub fn into_cache(self) -> Word {
        debug_assert_eq!(self.state(), SlotState::Held);
        let cached = self.0 ^ (SlotState::Cached as u64 ^ SlotState::Held as u64);
        Word(cached.wrapping_add(1 << GENERATION_SHIFT))
    }

    /// The word for `state` of `owner`, in the next generation.
    #[inline]
    pub fn next(self, state: SlotState, owner: Owner) -> Word {
        // Bits that overflow at the top of the word are dropped, as they should be.
        Word(self.to(state, owner).0.wrapping_add(1 << GENERATION_SHIFT))
    }
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let owner = (self.owner().index(), self.owner().incarnation());
        write!(f, "{:?}{owner:?}#{}", self.state(), self.generation())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_gives_back_what_was_put_in() {
        let owner = Owner::new(MAX_PARTICIPANTS, MAX_INCARNATION);
        let word = Word(0).next(SlotState::Held, owner).next(SlotState::Sent, owner);
        assert_eq!((word.state(), word.owner(), word.generation()), (SlotState::Sent, owner, 2));
        assert!(word.is(SlotState::Sent, owner) && !word.is(SlotState::Held, owner));
        assert!(!word.is(SlotState::Sent, Owner::new(1, 1)));
        assert_eq!(word.to(SlotState::Free, Owner::NOBODY).generation(), 2);
        assert_eq!((owner.index(), owner.incarnation()), (MAX_PARTICIPANTS, MAX_INCARNATION));
    }

    #[test]
    fn zero_is_absent_and_the_last_generation_wraps_to_the_first() {
        assert_eq!(Word(0).state(), SlotState::Absent);
        let last = Word(u64::MAX << GENERATION_SHIFT);
        assert_eq!(last.generation(), (1 << GENERATION_BITS) - 1);
        let wrapped = last.next(SlotState::Free, Owner::new(3, 4));
        assert_eq!((wrapped.generation(), wrapped.owner()), (0, Owner::new(3, 4)));
    }

    #[test]
    fn the_short_ways_in_and_out_of_a_cache_are_the_long_ones() {
        let owner = Owner::new(5, 6);
        let held = Word(u64::MAX << GENERATION_SHIFT).to(SlotState::Held, owner);
        assert_eq!(held.into_cache(), held.next(SlotState::Cached, owner));
        let cached = held.to(SlotState::Cached, owner);
        assert_eq!(cached.out_of_cache(), held);
    }

    #[test]
    fn a_word_that_nobody_writes_is_damaged() {
        assert_eq!(Word(5).state(), SlotState::Damaged);
        assert_eq!(Word(6).state(), SlotState::Damaged);
    }
}
