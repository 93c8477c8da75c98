//! Blocks that one participant sends to another.
//!
//! ```text
//!  bits  0–21  slot, counted over all pools    22–52  generation + identity of the slab
//! ```
//! So a token is an integer below 2⁵³, which JavaScript can carry. Each send makes a new generation:
//! an old token fits no later use of the slot, up to 2³¹ of them; and no slot of another slab, unless that was
//! used more often by exactly what the identities differ by. Tokens guard against mistakes, not
//! against attackers, who could count them through.

use super::Slab;
use super::transit::{MAX_LENGTH, Parcel};
use super::word::{GENERATION_BITS, Owner, SlotState, Word};
use crate::error::{FreeError, SendError, TokenError};
use crate::sync::{OnceLock, unique_id};
use std::hash::{BuildHasher, RandomState};
use std::ptr::NonNull;

const SLOT_BITS: u32 = 22;
/// Slots of a slab that can be sent, all pools together.
const MAX_SLOTS: usize = 1 << SLOT_BITS;
const MAX_GENERATION: u32 = (1 << GENERATION_BITS) - 1;
const _: () = assert!(SLOT_BITS + GENERATION_BITS == 53);

/// What names a block that was [sent](Slab::send): an integer below 2⁵³, by which another thread or process
/// [receives](Slab::receive) it, once.
///
/// The number travels by whatever the two have in common: a channel, a pipe, a socket, a queue in shared memory. It is
/// the same in Rust and in JavaScript, which has it as a `number`. It guards against mistakes, not against attackers:
/// who has the slab can try all numbers.
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
    /// From its number. Any number is a token: one that nobody was given is stale.
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

/// What the tokens of a slab differ by from those of all others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Identity(u32);

impl Identity {
    /// One for a new slab. Those of a process are spread evenly, however many there are (multiples of the golden
    /// ratio): any two of a thousand differ by more than 800,000. They begin at random, so that the token of
    /// another process does not fit by rule.
    pub(super) fn new() -> Identity {
        static FIRST: OnceLock<u64> = OnceLock::new();
        let first = *FIRST.get_or_init(|| RandomState::new().hash_one(0));
        Identity(first.wrapping_add(unique_id().wrapping_mul(0x9E37_79B1)) as u32)
    }

    /// From its number: what another process made.
    #[cfg(not(loom))]
    pub(super) fn of(number: u32) -> Identity {
        Identity(number)
    }

    #[cfg(not(loom))]
    pub(super) fn number(self) -> u32 {
        self.0
    }
}

/// A slot that has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) pool: usize,
    pub(crate) slot: u32,
    /// Bytes of it that were sent.
    pub(crate) length: usize,
}

/// Blocks that go from one thread or process to another without a copy.
///
/// Whoever has the same slab can receive: another thread of the process, another mapping
/// ([`Slab::attach`], [`Slab::open`]) at other addresses, another process, and a `Slab` of the npm package that has
/// [opened](Slab::open) it. What was written before the send is seen after the receipt.
impl Slab {
    /// Sends a block: `block.len()` bytes from the first one of its slot on, which is all of them for a block as
    /// [`Slab::allocate`] returned it. To send fewer, give a shorter slice. Any thread may send, and whoever allocated
    /// the block, also a [`ThreadCache`](super::ThreadCache) over this slab.
    ///
    /// Nobody has the block until the token is received, or revoked. If that never happens its slot stays sent as
    /// long as the sender's mapping is there, and comes back when slots run out after it. Where processes share the slab it waits for
    /// another [`transit`](super::SegmentOptions::transit) when that is gone, also by a crash.
    ///
    /// Errors: [`SendError`]; then the block is still the caller's.
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
    /// The block is held by the caller, as for [`Slab::deallocate`]: after the call nobody uses it by this pointer or
    /// another one, and no other call frees or sends it. Other addresses are errors, as is a block that is free, or
    /// sent already and not received.
    pub unsafe fn send(&self, block: NonNull<[u8]>) -> Result<Token, SendError> {
        let sender = self.claimant().map_err(|_| SendError::Forked)?;
        let (index, slot) = self.locate(block.cast()).map_err(SendError::Slot)?;
        self.send_if(index, slot, block.len(), sender, |_| true)
    }

    /// Takes over a block that was sent by this slab: the bytes that were sent, at the address that they have in this
    /// mapping. Works once. The block is the caller's from then on, as if allocated here, with the rest of its slot. It has at
    /// least one byte and at most those of its slot, also if another process has damaged what it shares.
    ///
    /// Errors: [`TokenError::Stale`] for a token that was received or revoked before, is another slab's, or whose
    /// sender was gone for longer than the transit, and [`TokenError::Forked`]. [`Slab::send`] has an example.
    pub fn receive(&self, token: Token) -> Result<NonNull<[u8]>, TokenError> {
        let owner = self.claimant().map_err(|_| TokenError::Forked)?;
        self.receive_as(token, owner).map(|received| self.block_of(received))
    }

    /// Takes back a block that was sent and that nobody has received, such as one whose receiver has died. Only the
    /// mapping that sent it can.
    ///
    /// Errors as those of [`Slab::receive`].
    ///
    /// ```
    /// use ralloc_core::error::TokenError;
    /// use ralloc_core::slab::{Slab, SlabOptions};
    ///
    /// let slab = Slab::new(&SlabOptions::fixed(&[64], 8, 1 << 20))?;
    /// let block = slab.allocate(64)?;
    /// // SAFETY: the block is held, and not used before it is revoked.
    /// let token = unsafe { slab.send(block) }?;
    /// assert_eq!(slab.revoke(token), Ok(block));
    /// assert_eq!(slab.receive(token), Err(TokenError::Stale)); // too late
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn revoke(&self, token: Token) -> Result<NonNull<[u8]>, TokenError> {
        let owner = self.claimant().map_err(|_| TokenError::Forked)?;
        self.revoke_as(token, owner).map(|received| self.block_of(received))
    }

    fn block_of(&self, Received { pool, slot, length }: Received) -> NonNull<[u8]> {
        NonNull::slice_from_raw_parts(self.pools()[pool].block(slot).cast(), length)
    }

    /// Sends a slot that `owner` has claimed, with the first `length` bytes of it: only the token's receiver has it
    /// from then on.
    #[cfg_attr(not(feature = "node"), allow(dead_code, reason = "serves the binding and tests"))]
    pub(crate) fn send_as(
        &self,
        index: usize,
        slot: u32,
        length: usize,
        owner: Owner,
    ) -> Result<Token, SendError> {
        self.send_if(index, slot, length, owner, |word| word.owner() == owner)
    }

    /// Sends a Held slot for `sender` if it is `allowed`.
    fn send_if(
        &self,
        index: usize,
        slot: u32,
        length: usize,
        sender: Owner,
        allowed: impl Fn(Word) -> bool,
    ) -> Result<Token, SendError> {
        let pool = &self.pools()[index];
        let refuse = |error| {
            pool.table.counters.refused.add(1);
            Err(error)
        };
        let (number, longest) = (pool.first_slot + slot as usize, pool.size().min(MAX_LENGTH));
        // No bytes are none in JavaScript either, where Buffers without any have no slot.
        if !(1..=longest).contains(&length) {
            return refuse(SendError::Length { length, longest });
        }
        if number >= MAX_SLOTS {
            return refuse(SendError::Number { number, most: MAX_SLOTS });
        }
        let word = pool.table.word(slot);
        let sent = word.next(SlotState::Sent, sender);
        let held = word.state() == SlotState::Held && allowed(word);
        if held {
            pool.table.set_parcel(slot, Parcel::new(length, self.transit.now()));
        }
        if !held || pool.table.change(slot, word, sent).is_err() {
            return refuse(SendError::Slot(FreeError::NotHeld));
        }
        Ok(Token::of(number, sent, self.identity))
    }

    /// Takes over a slot that was sent by this slab, held by `owner` from then on. Once.
    pub(crate) fn receive_as(&self, token: Token, owner: Owner) -> Result<Received, TokenError> {
        self.take(token, owner, |_| true)
    }

    /// Takes a slot back that `owner` sent and nobody received.
    pub(crate) fn revoke_as(&self, token: Token, owner: Owner) -> Result<Received, TokenError> {
        self.take(token, owner, |word| word.owner() == owner)
    }

    fn take(
        &self,
        token: Token,
        owner: Owner,
        allowed: impl Fn(Word) -> bool,
    ) -> Result<Received, TokenError> {
        let number = token.0 as usize & (MAX_SLOTS - 1);
        let mut pools = self.pools().iter().enumerate().rev();
        let found = pools.find(|(_, pool)| pool.first_slot <= number);
        let (index, pool) = found.ok_or(TokenError::Stale)?;
        let slot = number - pool.first_slot;
        if slot >= pool.table.max_count() {
            return Err(TokenError::Stale);
        }
        let word = pool.table.word(slot as u32);
        let fits = Token::of(number, word, self.identity) == token;
        let sent = word.state() == SlotState::Sent && fits;
        let held = word.to(SlotState::Held, owner);
        if !sent || !allowed(word) || pool.table.change(slot as u32, word, held).is_err() {
            return Err(TokenError::Stale);
        }
        // Within what can be sent, whatever another process may have written there.
        let length = pool.table.parcel(slot as u32).length().clamp(1, pool.size());
        Ok(Received { pool: index, slot: slot as u32, length })
    }
}
