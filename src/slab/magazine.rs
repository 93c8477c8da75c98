//! A participant's own stacks of claimed slots, one for each pool: what makes a pair of allocate and
//! free cost a few loads and stores and share no line with other threads.
//!
//! Refilled and flushed by halves, the cold half first out, as DPDK's mempool cache does since 2026.
//! (Bonwick and Adams, "Magazines and Vmem", USENIX 2001.)
//!
//! No hoarding: all magazines of a pool together have at most a quarter of it, since each has room for
//! count / (4 × participants), read anew at every refill and flush.

use super::pool::set_own;
use super::word::{Owner, State, Word};
use super::{MAX_POOLS, Place, Slab};
use crate::error::{ClaimError, SlotError};
use crate::sync::{Arc, Ordering, Words};
use std::ptr::NonNull;

/// The most slots in a magazine.
pub const MAX_ROOM: usize = 64;
/// Places in a magazine: a power of two above MAX_ROOM, so that an index needs a mask and no test.
const PLACES: usize = 128;
/// Magazines: a power of two above the number of pools, for the same reason. Those that stand for no
/// pool are empty for ever, so that a size too large comes to the slow path by itself.
const MAGAZINES: usize = MAX_POOLS + 1;
const _: () = assert!(PLACES.is_power_of_two() && PLACES > MAX_ROOM + 1);
const _: () = assert!(MAGAZINES.is_power_of_two());

type Stack = [u32; PLACES];

/// What the fast path has to know of a pool and of the stack of its cached slots: one cache line.
#[derive(Debug)]
#[repr(align(64))]
struct Head {
    /// Slots in the stack, the last freed on top. Invariant: at most `MAX_ROOM + 1`.
    len: usize,
    /// The most there may be; 0: none, every call goes to the pool.
    room: usize,
    /// First byte of the pool's first slot, its number of slots, and the binary logarithm of their size.
    base: NonNull<u8>,
    count: usize,
    size_log: u32,
    /// The pool's words.
    words: Words,
}

impl Head {
    fn new(place: &Place, room: usize) -> Head {
        let (base, count) = (place.base, place.pool.count());
        Head { len: 0, room, base, count, size_log: place.size_log, words: place.pool.words() }
    }

    fn of_no_pool() -> Head {
        // SAFETY: no word is ever reached: there are none.
        let words = unsafe { Words::over(NonNull::<u64>::dangling().cast(), 0) };
        Head { len: 0, room: 0, base: NonNull::dangling(), count: 0, size_log: 0, words }
    }

    #[inline(always)]
    fn pop(&mut self, stack: &Stack) -> Option<u32> {
        self.len = self.len.checked_sub(1)?;
        Some(stack[self.len % PLACES])
    }

    #[inline(always)]
    fn push(&mut self, stack: &mut Stack, slot: u32) {
        stack[self.len % PLACES] = slot;
        self.len += 1;
    }

    /// The slot of an address, and the offset in there, if the pool has it.
    #[inline(always)]
    fn find(&self, block: NonNull<u8>) -> Option<(u32, usize)> {
        let offset = block.addr().get().wrapping_sub(self.base.addr().get());
        let slot = offset >> self.size_log;
        (slot < self.count).then_some((slot as u32, offset - (slot << self.size_log)))
    }

    /// Gives a slot that the caller has Cached into its hands.
    #[inline(always)]
    fn hand_out(&self, slot: u32) -> NonNull<[u8]> {
        let word = self.words.at(slot as usize);
        let held = Word::from_bits(word.load(Ordering::Relaxed)).out_of_cache();
        set_own(&self.words, slot, held);
        // SAFETY: `at` has checked that the slot is of this pool, so the sum is within its mapping.
        let start = unsafe { self.base.add((slot as usize) << self.size_log) };
        NonNull::slice_from_raw_parts(start, 1 << self.size_log)
    }
}

/// A participant in a slab, for one thread. When it is dropped its magazines are flushed; slots that
/// it handed out stay with whoever holds them.
#[derive(Debug)]
pub struct Local {
    slab: Arc<Slab>,
    owner: Owner,
    /// Whether it died, in a test.
    dead: bool,
    heads: Box<[Head; MAGAZINES]>,
    stacks: Box<[Stack; MAGAZINES]>,
}

// SAFETY: the addresses in its magazines are of the slab that it keeps alive, and who has the value is
// the only one that uses its stacks.
unsafe impl Send for Local {}

impl Local {
    /// A new participant in `slab`; `None` when there are as many as there can be.
    pub fn new(slab: &Arc<Slab>) -> Option<Local> {
        let owner = slab.registry().join()?;
        let head = |pool| match slab.places().get(pool) {
            Some(place) => Head::new(place, slab.room(pool)),
            None => Head::of_no_pool(),
        };
        let heads = Box::new(std::array::from_fn(head));
        let stacks = Box::new([[0; PLACES]; MAGAZINES]);
        Some(Local { slab: Arc::clone(slab), owner, dead: false, heads, stacks })
    }

    /// As [`Slab::allocate`].
    #[inline]
    pub fn allocate(&mut self, size: usize) -> Result<NonNull<[u8]>, ClaimError> {
        let pool = self.slab.class(size);
        let head = &mut self.heads[pool % MAGAZINES];
        match head.pop(&self.stacks[pool % MAGAZINES]) {
            Some(slot) => Ok(head.hand_out(slot)),
            None => self.allocate_slow(size),
        }
    }

    /// As [`Slab::try_allocate`].
    pub fn try_allocate(&mut self, size: usize) -> Result<Option<NonNull<[u8]>>, ClaimError> {
        let pool = self.slab.class_of(size)?;
        let head = &mut self.heads[pool % MAGAZINES];
        match head.pop(&self.stacks[pool % MAGAZINES]) {
            Some(slot) => Ok(Some(head.hand_out(slot))),
            None => self.refill(pool),
        }
    }

    /// As [`Slab::deallocate`].
    ///
    /// # Safety
    /// As there.
    #[inline]
    pub unsafe fn deallocate(&mut self, block: NonNull<u8>) -> Result<(), SlotError> {
        let heads = self.heads.iter_mut().zip(&mut *self.stacks);
        for (pool, (head, stack)) in heads.enumerate() {
            let Some((slot, within)) = head.find(block) else { continue };
            let word = head.words.at(slot as usize);
            let now = Word::from_bits(word.load(Ordering::Relaxed));
            if within != 0 || !now.is(State::Held, self.owner) {
                return self.free_slow(pool, slot, within);
            }
            set_own(&head.words, slot, now.into_cache());
            head.push(stack, slot);
            if head.len > head.room {
                self.flush_half(pool);
            }
            return Ok(());
        }
        Err(SlotError::Foreign)
    }

    /// A slot that another participant had claimed, or a mistake.
    #[cold]
    #[inline(never)]
    fn free_slow(&mut self, pool: usize, slot: u32, within: usize) -> Result<(), SlotError> {
        if within != 0 {
            return Err(self.slab.refuse(pool, SlotError::Interior));
        }
        let (head, stack) = (&mut self.heads[pool], &mut self.stacks[pool]);
        if head.room == 0 {
            head.room = self.slab.room(pool);
            return self.slab.free_slot(pool, slot);
        }
        let words = &self.slab.places()[pool].pool;
        let word = words.word(slot);
        let cached = word.next(State::Cached, self.owner);
        if word.state() != State::Held || words.change(slot, word, cached).is_err() {
            return Err(self.slab.refuse(pool, SlotError::NotHeld));
        }
        head.push(stack, slot);
        if head.len > head.room {
            self.flush_half(pool);
        }
        Ok(())
    }

    /// Gives every cached slot back to its pool.
    pub fn flush(&mut self) {
        let stacks = self.heads.iter_mut().zip(&*self.stacks);
        for ((head, stack), place) in stacks.zip(self.slab.places()) {
            place.pool.flush(&stack[..head.len]);
            head.len = 0;
        }
    }

    /// Cached slots of pool `pool`.
    pub fn cached(&self, pool: usize) -> usize {
        self.heads[pool].len
    }

    /// Who this is in the words of its slots.
    #[cfg(all(test, not(loom)))]
    pub(super) fn owner(&self) -> Owner {
        self.owner
    }

    /// Dies as a thread does that is stopped anywhere: nothing is flushed, and its number is not given
    /// back. For tests of [`Slab::recover`], which then gets the number and gives all back.
    #[cfg(all(test, not(loom)))]
    pub(super) fn die(mut self) -> Owner {
        self.dead = true;
        self.owner
    }

    #[cold]
    #[inline(never)]
    fn allocate_slow(&mut self, size: usize) -> Result<NonNull<[u8]>, ClaimError> {
        let first = self.slab.class_of(size)?;
        for pool in first..self.slab.places().len() {
            let found = match self.heads[pool].pop(&self.stacks[pool]) {
                Some(slot) => Some(self.heads[pool].hand_out(slot)),
                None => self.refill(pool)?,
            };
            if let Some(block) = found {
                self.slab.note_promotion(first, pool);
                return Ok(block);
            }
        }
        Err(self.slab.exhausted(first, size))
    }

    /// A slot of the pool, and half a magazine more.
    #[cold]
    #[inline(never)]
    fn refill(&mut self, pool: usize) -> Result<Option<NonNull<[u8]>>, ClaimError> {
        let (head, stack) = (&mut self.heads[pool], &mut self.stacks[pool]);
        head.room = self.slab.room(pool);
        let want = head.room / 2 + 1;
        let mut push = |slot| head.push(stack, slot);
        self.slab.claim(pool, self.owner, State::Cached, want, &mut push)?;
        // The lowest on top: what is used stays together.
        stack[..head.len].reverse();
        Ok(head.pop(stack).map(|slot| head.hand_out(slot)))
    }

    #[cold]
    #[inline(never)]
    fn flush_half(&mut self, pool: usize) {
        let (head, stack) = (&mut self.heads[pool], &mut self.stacks[pool]);
        head.room = self.slab.room(pool);
        let cold = head.len.saturating_sub(head.room / 2);
        self.slab.places()[pool].pool.flush(&stack[..cold]);
        stack.copy_within(cold..head.len, 0);
        head.len -= cold;
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        if self.dead {
            return;
        }
        self.flush();
        self.slab.registry().leave(self.owner);
    }
}
