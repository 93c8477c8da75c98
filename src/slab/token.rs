//! Blocks that one participant sends to another.
//!
//! ```text
//!  bits  0–21  slot, counted over all pools    22–52  generation + identity of the slab
//! ```
//! So a token is an integer below 2⁵³, which JavaScript can carry. Each send makes a new
//! generation, so an old token fits no later use of the slot until the slot was freed and sent 2³¹
//! times more: 17 s, if a thread does nothing else with that slot. No bit is free: 53 are all that
//! JavaScript carries. It fits a slot of another slab only if the generations differ by exactly as
//! much as the identities do. Tokens guard against mistakes, not against attackers, who could try
//! all numbers.

use super::Slab;
use super::transit::{MAX_LENGTH, Message};
use super::word::{GENERATION_BITS, Owner, SlotState, Word};
use crate::error::{FreeError, SlabError};
use crate::sync::{OnceLock, unique_id};
use std::hash::{BuildHasher, RandomState};
use std::ptr::NonNull;

const SLOT_BITS: u32 = 22;
/// The most slots that can be sent, in all pools of a slab together.
const MAX_SLOTS: usize = 1 << SLOT_BITS;
const MAX_GENERATION: u32 = (1 << GENERATION_BITS) - 1;
const _: () = assert!(SLOT_BITS + GENERATION_BITS == 53);

/// Names a block that was [sent](Slab::send): an integer below 2⁵³, with which another thread or
/// process [receives](Slab::receive) the block once.
///
/// Send the number in any way: by a channel, a pipe, a socket, or a queue in shared memory. It is
/// the same in Rust and in JavaScript, where it is a `number`. It protects against mistakes, not
/// against attackers: code that has the slab can try all numbers. A token that is kept can fit
/// again once its slot was freed and sent 2³¹ times more, which takes at least 17 s.
///
/// ```
/// use ralloc_core::slab::{Slab, SlabOptions, Token};
///
/// let slab = Slab::new(&SlabOptions::fixed(&[64], 8, 1 << 20))?;
/// let block = slab.allocate(64)?;
/// // SAFETY: the block is held, and not used afterwards.
/// let token = unsafe { slab.send(block) }?;
/// assert!(token.bits() < 1 << 53);
/// let line = format!("{}\n", token.bits()); // as a text, or as 8 bytes
/// let arrived = Token::from_bits(line.trim_end().parse()?);
/// assert_eq!(arrived, token);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Token(u64);

impl Token {
    /// Creates a token from its number. Any number is accepted; one that was never handed out is
    /// stale.
    pub fn from_bits(bits: u64) -> Token {
        Token(bits)
    }

    /// Its number, below 2⁵³.
    pub fn bits(self) -> u64 {
        self.0
    }

    fn of(slot: usize, word: Word, slab: Identity) -> Token {
        let generation = word.generation().wrapping_add(slab.0) & MAX_GENERATION;
        Token(slot as u64 | u64::from(generation) << SLOT_BITS)
    }
}

/// An offset that makes a slab's tokens differ from those of other slabs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Identity(pub(super) u32);

impl Identity {
    /// The identity of a new slab. A process's identities are evenly spread multiples of the golden
    /// ratio: any two of a thousand differ by more than 800,000. They begin at a random number, so
    /// that tokens of other processes do not regularly fit.
    pub(super) fn new() -> Identity {
        static FIRST: OnceLock<u64> = OnceLock::new();
        let first = *FIRST.get_or_init(|| RandomState::new().hash_one(0));
        Identity(first.wrapping_add(unique_id().wrapping_mul(0x9E37_79B1)) as u32)
    }
}

/// A slot that was received or revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) pool: usize,
    pub(crate) slot: u32,
    /// How many of its bytes were sent.
    pub(crate) length: usize,
}

/// Sending blocks from one thread or process to another without a copy.
///
/// The receiver needs the same slab: another thread of the process, another mapping
/// ([`Slab::attach`], [`Slab::open`]) at other addresses, another process, or a `Slab` of the npm
/// package that has [opened](Slab::open) it. The receiver sees everything that was written before
/// the send.
impl Slab {
    /// Sends a block: the first `block.len()` bytes of its slot, which is all of them for a block
    /// as [`Slab::allocate`] returned it. To send fewer, pass a shorter slice. Any thread may send
    /// a block, even one that a [`ThreadCache`](super::ThreadCache) over this slab has allocated.
    ///
    /// The block has no owner until the token is received or revoked. If that never happens, its
    /// slot stays sent as long as the sender's mapping exists, and is freed when slots run out
    /// afterwards. If processes share the slab, that happens at the earliest one
    /// [`transit`](super::SegmentOptions::transit) after the mapping has ended, even by a crash.
    ///
    /// Errors: [`SlabError`]; then the block is still the caller's.
    ///
    /// ```
    /// use ralloc_core::slab::{Slab, SlabOptions};
    /// use std::ptr::NonNull;
    ///
    /// let first = Slab::shared(&SlabOptions::fixed(&[64], 8, 1 << 20)).unwrap();
    /// let second = Slab::attach(first.share().unwrap()).unwrap(); // or `Slab::open`, in another process
    ///
    /// let block = first.allocate(5).unwrap();
    /// let text = NonNull::slice_from_raw_parts(block.cast::<u8>(), 5); // of 64
    /// // SAFETY: the block is held, has 64 bytes, and is not used after it is sent.
    /// let token = unsafe {
    ///     text.cast::<[u8; 5]>().write(*b"hello");
    ///     first.send(text)
    /// };
    ///
    /// let received = second.receive(token.unwrap()).unwrap(); // by its number
    /// // SAFETY: the block is held, and not used after it is freed.
    /// unsafe {
    ///     assert_eq!(received.as_ref(), b"hello");
    ///     second.deallocate(received.cast()).unwrap();
    /// }
    /// ```
    ///
    /// # Safety
    /// The caller holds the block, as for [`Slab::deallocate`]: after the call, no pointer uses the
    /// block, and no other call frees or sends it. Other addresses return errors, and so does a
    /// block that is free, or that was sent and not received.
    pub unsafe fn send(&self, block: NonNull<[u8]>) -> Result<Token, SlabError> {
        let sender = self.claimant()?;
        let (index, slot) = self.pools.locate(block.cast())?;
        self.send_if(index, slot, block.len(), sender, |_| true)
    }

    /// Receives a block that was sent by this slab. Returns the bytes that were sent, at their
    /// address in this mapping. Works once. From then on the caller owns the block and the rest of
    /// its slot, as if it were allocated here. The block has at least one byte and at most those of
    /// its slot, even if another process has damaged the shared memory.
    ///
    /// Errors: [`SlabError::Stale`] if the token was received or revoked before, belongs to another
    /// slab, or its sender has been gone for longer than the transit, and [`SlabError::Forked`].
    /// [`Slab::send`] has an example.
    pub fn receive(&self, token: Token) -> Result<NonNull<[u8]>, SlabError> {
        let owner = self.claimant()?;
        self.receive_as(token, owner).map(|received| self.block_of(received))
    }

    /// Takes back a block that was sent and not received, for example because the receiver has
    /// died. Only the mapping that sent it can do that.
    ///
    /// Errors: those of [`Slab::receive`].
    ///
    /// ```
    /// use ralloc_core::error::SlabError;
    /// use ralloc_core::slab::{Slab, SlabOptions};
    ///
    /// let slab = Slab::new(&SlabOptions::fixed(&[64], 8, 1 << 20))?;
    /// let block = slab.allocate(64)?;
    /// // SAFETY: the block is held, and not used before it is revoked.
    /// let token = unsafe { slab.send(block) }?;
    /// assert_eq!(slab.revoke(token), Ok(block));
    /// assert_eq!(slab.receive(token), Err(SlabError::Stale)); // too late
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn revoke(&self, token: Token) -> Result<NonNull<[u8]>, SlabError> {
        let owner = self.claimant()?;
        self.revoke_as(token, owner).map(|received| self.block_of(received))
    }

    fn block_of(&self, Received { pool, slot, length }: Received) -> NonNull<[u8]> {
        NonNull::slice_from_raw_parts(self.pools()[pool].block(slot).cast(), length)
    }

    /// Sends the first `length` bytes of a slot that `owner` has claimed. From then on only the
    /// token's receiver may use the slot.
    pub(crate) fn send_as(
        &self,
        index: usize,
        slot: u32,
        length: usize,
        owner: Owner,
    ) -> Result<Token, SlabError> {
        self.send_if(index, slot, length, owner, |word| word.owner() == owner)
    }

    /// Sends a Held slot for `sender` if its owner is `allowed`.
    fn send_if(
        &self,
        index: usize,
        slot: u32,
        length: usize,
        sender: Owner,
        allowed: impl Fn(Word) -> bool,
    ) -> Result<Token, SlabError> {
        let pool = &self.pools()[index];
        let (number, longest) = (pool.first_slot + slot as usize, pool.size().min(MAX_LENGTH));
        // A block without bytes cannot be sent: in JavaScript, an empty Buffer has no slot.
        if !(1..=longest).contains(&length) {
            return Err(self.pools.refuse(index, SlabError::Length { length, longest }));
        }
        if number >= MAX_SLOTS {
            return Err(self.pools.refuse(index, SlabError::Number { number, most: MAX_SLOTS }));
        }
        let word = pool.table.word(slot);
        let sent = word.next(SlotState::Sent, sender);
        let held = word.state() == SlotState::Held && allowed(word);
        if held {
            pool.table.set_message(slot, Message::new(length, self.transit.now()));
        }
        if !held || pool.table.change(slot, word, sent).is_err() {
            return Err(self.pools.refuse(index, SlabError::Free(FreeError::NotHeld)));
        }
        Ok(Token::of(number, sent, self.identity))
    }

    /// Receives a slot that was sent by this slab, once. From then on `owner` holds it.
    pub(crate) fn receive_as(&self, token: Token, owner: Owner) -> Result<Received, SlabError> {
        self.take(token, owner, |_| true)
    }

    /// Takes back a slot that `owner` sent and that was not received.
    pub(crate) fn revoke_as(&self, token: Token, owner: Owner) -> Result<Received, SlabError> {
        self.take(token, owner, |word| word.owner() == owner)
    }

    fn take(
        &self,
        token: Token,
        owner: Owner,
        allowed: impl Fn(Word) -> bool,
    ) -> Result<Received, SlabError> {
        let number = token.0 as usize & (MAX_SLOTS - 1);
        let mut pools = self.pools().iter().enumerate().rev();
        let found = pools.find(|(_, pool)| pool.first_slot <= number);
        let (index, pool) = found.ok_or(SlabError::Stale)?;
        let slot = number - pool.first_slot;
        if slot >= pool.table.max_count() {
            return Err(SlabError::Stale);
        }
        let word = pool.table.word(slot as u32);
        let fits = Token::of(number, word, self.identity) == token;
        let sent = word.state() == SlotState::Sent && fits;
        let held = word.to(SlotState::Held, owner);
        if !sent || !allowed(word) || pool.table.change(slot as u32, word, held).is_err() {
            return Err(SlabError::Stale);
        }
        // Clamped to what can be sent, because another process may have written anything there.
        let length = pool.table.message(slot as u32).length().clamp(1, pool.size());
        Ok(Received { pool: index, slot: slot as u32, length })
    }
}
