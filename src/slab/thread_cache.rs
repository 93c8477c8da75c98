//! A thread's magazines, one for each pool: stacks of slots that it has claimed. They make a pair of allocate and
//! free cost a few loads and stores and share no line with other threads.
//!
//! Refilled and flushed by halves, the cold half first out, as DPDK's mempool cache does since 2026.
//! (Bonwick and Adams, "Magazines and Vmem", USENIX 2001.)
//!
//! No hoarding: all magazines of a pool together have at most a quarter of it, since each has room for
//! count / (4 × participants), read anew at every refill and flush.

use super::pool::Pool;
use super::slot_table::set_own;
use super::word::{Owner, SlotState, Word};
use super::{MAX_POOLS, Slab};
use crate::error::{ClaimError, SlotError};
use crate::sync::{Arc, Ordering, Words};
use std::ptr::NonNull;

/// The most slots in a magazine.
pub(super) const MAX_CACHED: usize = 64;
/// Length of a magazine's array: a power of two above MAX_CACHED, so that an index needs a mask and no test.
const CAPACITY: usize = 128;
/// Magazines: a power of two above the number of pools, for the same reason. Those without a
/// pool are empty for ever, so that a size too large takes the slow path by itself.
const MAGAZINES: usize = MAX_POOLS + 1;
const _: () = assert!(CAPACITY.is_power_of_two() && CAPACITY > MAX_CACHED + 1);
const _: () = assert!(MAGAZINES.is_power_of_two());

type Stack = [u32; CAPACITY];

/// A magazine without its slots: what the fast path has to know of it and of its pool, in one cache line.
#[derive(Debug)]
#[repr(align(64))]
struct Magazine {
    /// Slots in the stack, the last freed on top. Invariant: at most `MAX_CACHED + 1`.
    len: usize,
    /// The most there may be; 0: none, every call goes to the pool.
    limit: usize,
    /// First byte of the pool's first slot, its number of slots, and the binary logarithm of their size.
    base: NonNull<u8>,
    count: usize,
    size_log: u32,
    /// The pool's words.
    words: Words,
}

impl Magazine {
    fn new(pool: &Pool, limit: usize) -> Magazine {
        let (base, count) = (pool.base, pool.table.count());
        Magazine { len: 0, limit, base, count, size_log: pool.size_log, words: pool.table.words() }
    }

    fn without_pool() -> Magazine {
        // SAFETY: no word is ever reached: there are none.
        let words = unsafe { Words::over(NonNull::<u64>::dangling().cast(), 0) };
        Magazine { len: 0, limit: 0, base: NonNull::dangling(), count: 0, size_log: 0, words }
    }

    #[inline(always)]
    fn pop(&mut self, stack: &Stack) -> Option<u32> {
        self.len = self.len.checked_sub(1)?;
        Some(stack[self.len % CAPACITY])
    }

    #[inline(always)]
    fn push(&mut self, stack: &mut Stack, slot: u32) {
        stack[self.len % CAPACITY] = slot;
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
pub struct ThreadCache {
    slab: Arc<Slab>,
    owner: Owner,
    /// Whether it died, in a test.
    dead: bool,
    magazines: Box<[Magazine; MAGAZINES]>,
    /// The slots of each magazine.
    stacks: Box<[Stack; MAGAZINES]>,
    /// The pool of the block that was freed last: a guess whose the next one is.
    recent: usize,
    /// The addresses at which the pools begin, in the order of their indices, which is ascending.
    starts: Box<[usize]>,
}

// SAFETY: the addresses in its magazines are of the slab that it keeps alive, and who has the value is
// the only one that uses its stacks.
unsafe impl Send for ThreadCache {}

impl ThreadCache {
    /// A new participant in `slab`; `None` when there are as many as there can be.
    pub fn new(slab: &Arc<Slab>) -> Option<ThreadCache> {
        let owner = slab.registry().join()?;
        let magazine = |index| match slab.pools().get(index) {
            Some(pool) => Magazine::new(pool, slab.cache_limit(index)),
            None => Magazine::without_pool(),
        };
        let magazines = Box::new(std::array::from_fn(magazine));
        let stacks = Box::new([[0; CAPACITY]; MAGAZINES]);
        let starts = slab.pools().iter().map(|pool| pool.base.addr().get()).collect();
        let (slab, dead, recent) = (Arc::clone(slab), false, 0);
        Some(ThreadCache { slab, owner, dead, magazines, stacks, recent, starts })
    }

    /// As [`Slab::allocate`].
    #[inline]
    pub fn allocate(&mut self, size: usize) -> Result<NonNull<[u8]>, ClaimError> {
        let index = self.slab.class(size);
        let magazine = &mut self.magazines[index % MAGAZINES];
        match magazine.pop(&self.stacks[index % MAGAZINES]) {
            Some(slot) => Ok(magazine.hand_out(slot)),
            None => self.allocate_slow(size),
        }
    }

    /// As [`Slab::try_allocate`].
    pub fn try_allocate(&mut self, size: usize) -> Result<Option<NonNull<[u8]>>, ClaimError> {
        let index = self.slab.class_of(size)?;
        let magazine = &mut self.magazines[index % MAGAZINES];
        match magazine.pop(&self.stacks[index % MAGAZINES]) {
            Some(slot) => Ok(Some(magazine.hand_out(slot))),
            None => self.refill(index),
        }
    }

    /// As [`Slab::deallocate`].
    ///
    /// # Safety
    /// As there.
    #[inline]
    pub unsafe fn deallocate(&mut self, block: NonNull<u8>) -> Result<(), SlotError> {
        let index = self.recent;
        let magazine = &mut self.magazines[index % MAGAZINES];
        let Some((slot, within)) = magazine.find(block) else {
            // SAFETY: the caller's promise, passed on.
            return unsafe { self.free_elsewhere(block) };
        };
        let word = magazine.words.at(slot as usize);
        let now = Word::from_bits(word.load(Ordering::Relaxed));
        if within != 0 || !now.is(SlotState::Held, self.owner) {
            return self.free_slow(index, slot, within);
        }
        set_own(&magazine.words, slot, now.into_cache());
        magazine.push(&mut self.stacks[index % MAGAZINES], slot);
        if magazine.len > magazine.limit {
            self.flush_half(index);
        }
        Ok(())
    }

    /// Frees a block of another pool than the one before. Most programs free several blocks of one pool in a
    /// row, and for those the guess saves this search.
    ///
    /// # Safety
    /// As [`Slab::deallocate`].
    #[inline(never)]
    unsafe fn free_elsewhere(&mut self, block: NonNull<u8>) -> Result<(), SlotError> {
        let after = self.starts.partition_point(|&start| start <= block.addr().get());
        let index = after.checked_sub(1).ok_or(SlotError::Foreign)?;
        if self.magazines[index % MAGAZINES].find(block).is_none() {
            return Err(SlotError::Foreign);
        }
        self.recent = index;
        // SAFETY: as above. The block is now where the guess says.
        unsafe { self.deallocate(block) }
    }

    /// Frees a slot that another participant claimed, or finds out the mistake.
    #[cold]
    #[inline(never)]
    fn free_slow(&mut self, index: usize, slot: u32, within: usize) -> Result<(), SlotError> {
        if within != 0 {
            return Err(self.slab.refuse(index, SlotError::Interior));
        }
        let (magazine, stack) = (&mut self.magazines[index], &mut self.stacks[index]);
        if magazine.limit == 0 {
            magazine.limit = self.slab.cache_limit(index);
            return self.slab.free_slot(index, slot);
        }
        let words = &self.slab.pools()[index].table;
        let word = words.word(slot);
        let cached = word.next(SlotState::Cached, self.owner);
        if word.state() != SlotState::Held || words.change(slot, word, cached).is_err() {
            return Err(self.slab.refuse(index, SlotError::NotHeld));
        }
        magazine.push(stack, slot);
        if magazine.len > magazine.limit {
            self.flush_half(index);
        }
        Ok(())
    }

    /// Gives every cached slot back to its pool.
    pub fn flush(&mut self) {
        let stacks = self.magazines.iter_mut().zip(&*self.stacks);
        for ((magazine, stack), pool) in stacks.zip(self.slab.pools()) {
            pool.table.flush(&stack[..magazine.len]);
            magazine.len = 0;
        }
    }

    /// Number of cached slots of a pool, by its index. Panics for one that no slab has.
    pub fn cached(&self, index: usize) -> usize {
        self.magazines[index].len
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
        for index in first..self.slab.pools().len() {
            let found = match self.magazines[index].pop(&self.stacks[index]) {
                Some(slot) => Some(self.magazines[index].hand_out(slot)),
                None => self.refill(index)?,
            };
            if let Some(block) = found {
                self.slab.note_promotion(first, index);
                return Ok(block);
            }
        }
        Err(self.slab.exhausted(first, size))
    }

    /// A slot of the pool, and half a magazine more.
    #[cold]
    #[inline(never)]
    fn refill(&mut self, index: usize) -> Result<Option<NonNull<[u8]>>, ClaimError> {
        let (magazine, stack) = (&mut self.magazines[index], &mut self.stacks[index]);
        magazine.limit = self.slab.cache_limit(index);
        let want = magazine.limit / 2 + 1;
        let mut push = |slot| magazine.push(stack, slot);
        self.slab.claim(index, self.owner, SlotState::Cached, want, &mut push)?;
        // The lowest on top: what is used stays together.
        stack[..magazine.len].reverse();
        Ok(magazine.pop(stack).map(|slot| magazine.hand_out(slot)))
    }

    #[cold]
    #[inline(never)]
    fn flush_half(&mut self, index: usize) {
        let (magazine, stack) = (&mut self.magazines[index], &mut self.stacks[index]);
        magazine.limit = self.slab.cache_limit(index);
        let cold = magazine.len.saturating_sub(magazine.limit / 2);
        self.slab.pools()[index].table.flush(&stack[..cold]);
        stack.copy_within(cold..magazine.len, 0);
        magazine.len -= cold;
    }
}

impl Drop for ThreadCache {
    fn drop(&mut self) {
        if self.dead {
            return;
        }
        self.flush();
        self.slab.registry().leave(self.owner);
    }
}
