//! Slots that one participant sends to another.
//!
//! ```text
//!  bits  0–21  slot, counted over all pools    22–52  generation + identity of the slab
//! ```
//! So a token is an integer below 2⁵³, which JavaScript can carry. Each send makes a new generation:
//! an old token fits no later use of the slot, up to 2³¹ of them; and no slot of another slab, unless that was
//! used more often by exactly what the identities differ by. Tokens guard against mistakes, not
//! against attackers, who could count them through.

use super::Slab;
use super::word::{GENERATION_BITS, Owner, SlotState, Word};
use crate::error::SlotError;
use crate::sync::{OnceLock, unique_id};
use std::hash::{BuildHasher, RandomState};

const SLOT_BITS: u32 = 22;
/// Slots of a slab that can send, all pools together.
pub const MAX_SLOTS: usize = 1 << SLOT_BITS;
const MAX_GENERATION: u32 = (1 << GENERATION_BITS) - 1;
const _: () = assert!(SLOT_BITS + GENERATION_BITS == 53);

/// What names a sent slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token(u64);

impl Token {
    /// From its number; any number is a token, if a stale one.
    pub fn from_bits(bits: u64) -> Token {
        Token(bits)
    }

    /// Below 2⁵³.
    pub fn bits(self) -> u64 {
        self.0
    }

    fn of(slot: usize, word: Word, slab: Identity) -> Token {
        let generation = word.generation().wrapping_add(slab.0) & MAX_GENERATION;
        Token(slot as u64 | u64::from(generation) << SLOT_BITS)
    }
}

/// What the tokens of a slab differ by from those of all others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Identity(u32);

impl Identity {
    /// One for a new slab. Those of a process are spread evenly, however many there are (multiples of the golden
    /// ratio): any two of a thousand differ by more than 800,000. They begin at random, so that the token of
    /// another process does not fit by rule.
    pub fn new() -> Identity {
        static FIRST: OnceLock<u64> = OnceLock::new();
        let first = *FIRST.get_or_init(|| RandomState::new().hash_one(0));
        Identity(first.wrapping_add(unique_id().wrapping_mul(0x9E37_79B1)) as u32)
    }
}

/// A slot that has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    pub pool: usize,
    pub slot: u32,
    /// Bytes of it that were sent.
    pub length: usize,
}

impl Slab {
    /// Sends a slot that `owner` holds, with the first `length` bytes of it: only the token's receiver
    /// has it from then on. A slab of more than [`MAX_SLOTS`] slots cannot.
    pub(crate) fn send(
        &self,
        index: usize,
        slot: u32,
        length: usize,
        owner: Owner,
    ) -> Result<Token, SlotError> {
        let pool = &self.pools()[index];
        let number = pool.first_slot + slot as usize;
        let word = pool.table.word(slot);
        let sent = word.next(SlotState::Sent, owner);
        let held = word.is(SlotState::Held, owner) && number < MAX_SLOTS && length <= pool.size();
        if held {
            pool.table.set_length(slot, length);
        }
        if !held || pool.table.change(slot, word, sent).is_err() {
            return Err(self.refuse(index, SlotError::NotHeld));
        }
        Ok(Token::of(number, sent, self.identity))
    }

    /// Takes over a slot that was sent by this slab, held by `owner` from then on. Once.
    pub(crate) fn receive(&self, token: Token, owner: Owner) -> Result<Received, SlotError> {
        self.take(token, owner, |_| true)
    }

    /// Takes a slot back that `owner` sent and nobody received.
    pub(crate) fn revoke(&self, token: Token, owner: Owner) -> Result<Received, SlotError> {
        self.take(token, owner, |word| word.owner() == owner)
    }

    fn take(
        &self,
        token: Token,
        owner: Owner,
        allowed: impl Fn(Word) -> bool,
    ) -> Result<Received, SlotError> {
        let number = token.0 as usize & (MAX_SLOTS - 1);
        let mut pools = self.pools().iter().enumerate().rev();
        let found = pools.find(|(_, pool)| pool.first_slot <= number);
        let (index, pool) = found.ok_or(SlotError::StaleToken)?;
        let slot = number - pool.first_slot;
        if slot >= pool.table.max_count() {
            return Err(SlotError::StaleToken);
        }
        let word = pool.table.word(slot as u32);
        let fits = Token::of(number, word, self.identity) == token;
        let sent = word.state() == SlotState::Sent && fits;
        let held = word.to(SlotState::Held, owner);
        if !sent || !allowed(word) || pool.table.change(slot as u32, word, held).is_err() {
            return Err(SlotError::StaleToken);
        }
        // The size bounds what another isolate may have written there.
        let length = pool.table.length(slot as u32).min(pool.size());
        Ok(Received { pool: index, slot: slot as u32, length })
    }
}
