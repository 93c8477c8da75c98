//! A thread's magazines, one for each pool: stacks of slots that it has claimed. With them,
//! allocating and freeing a block costs a few loads and stores, on cache lines that no other thread
//! uses.
//!
//! A magazine is refilled and flushed by halves. The half that was used longest ago goes first, as
//! in DPDK's mempool cache since 2026. (Bonwick and Adams, "Magazines and Vmem", USENIX 2001.)
//!
//! No hoarding: each magazine has room for a quarter of the present slots, divided by the number of
//! participants. Both numbers are read anew at every refill and flush. So all magazines of a pool
//! hold at most a quarter of its slots; they hold more only if threads have joined since the
//! others' last refill.

use super::pool::Pool;
use super::slot_table::set_own;
use super::word::{Owner, SlotState, Word};
use super::{MAX_POOLS, Slab};
use crate::error::{FreeError, SlabError};
use crate::layout::LEAST_PAGE;
use crate::memory::{WipedOnFork, ZeroIsValid};
use crate::sync::{Arc, Ordering, Words};
use std::ptr::NonNull;

/// The most slots that a magazine holds.
pub(super) const MAX_CACHED: usize = 64;
/// Length of a magazine's array: a power of two above MAX_CACHED, so that an index needs a mask and
/// no test.
const STACK_LEN: usize = 128;
/// Magazines: a power of two above the number of pools, for the same reason. Magazines without a
/// pool are always empty, so that a size that is too large takes the slow path without a check.
const MAGAZINES: usize = MAX_POOLS + 1;
const _: () = assert!(STACK_LEN.is_power_of_two() && STACK_LEN > MAX_CACHED + 1);
const _: () = assert!(MAGAZINES.is_power_of_two());

/// The binary logarithm of an offset, in units of the smallest page, at multiples of which pools
/// begin. The next pool is usually about twice as large as the one before, so few pools share a
/// logarithm.
#[inline(always)]
fn octave(offset: usize) -> usize {
    ((offset / LEAST_PAGE) | 1).ilog2() as usize
}

type Stack = [u32; STACK_LEN];

/// The part of a magazine, and of its pool, that the fast path reads, in one cache line. Its slots
/// are elsewhere.
#[derive(Debug)]
#[repr(align(64))]
struct Magazine {
    /// Slots in the stack, the last freed on top. Invariant: at most `MAX_CACHED + 1`.
    len: usize,
    /// The most slots in the stack; 0: none, and every call goes to the pool.
    limit: usize,
    /// First byte of the pool's first slot, and the binary logarithm of a slot's size.
    base: *mut u8,
    size_log: u32,
    /// The pool's words, as many as it has slots: a slot below their number needs no second test.
    words: Words,
}

impl Magazine {
    fn new(pool: &Pool, limit: usize) -> Magazine {
        let Pool { table, base, size_log, .. } = pool;
        Magazine { len: 0, limit, base: base.as_ptr(), size_log: *size_log, words: table.words() }
    }

    fn without_pool() -> Magazine {
        // SAFETY: no word is ever reached, because there are none.
        let words = unsafe { Words::over(NonNull::<u64>::dangling().cast(), 0) };
        Magazine { len: 0, limit: 0, base: std::ptr::null_mut(), size_log: 0, words }
    }

    #[inline(always)]
    fn pop(&mut self, stack: &Stack) -> Option<u32> {
        self.len = self.len.checked_sub(1)?;
        Some(stack[self.len % STACK_LEN])
    }

    #[inline(always)]
    fn push(&mut self, stack: &mut Stack, slot: u32) {
        stack[self.len % STACK_LEN] = slot;
        self.len += 1;
    }

    /// The slot of an address, and the offset within the slot, if the address lies in the pool.
    #[inline(always)]
    fn find(&self, block: NonNull<u8>) -> Option<(u32, usize)> {
        let offset = block.addr().get().wrapping_sub(self.base.addr());
        let slot = offset >> self.size_log;
        (slot < self.words.len()).then_some((slot as u32, offset - (slot << self.size_log)))
    }

    /// Hands out a slot that the caller has Cached.
    #[inline(always)]
    fn hand_out(&self, slot: u32) -> NonNull<[u8]> {
        let word = self.words.at(slot as usize);
        let held = Word(word.load(Ordering::Relaxed)).out_of_cache();
        set_own(&self.words, slot, held);
        // SAFETY: `at` has checked that the slot is of this pool, so the sum is within its mapping,
        // and not null.
        let start =
            unsafe { NonNull::new_unchecked(self.base.add((slot as usize) << self.size_log)) };
        NonNull::slice_from_raw_parts(start, 1 << self.size_log)
    }
}

// SAFETY: only numbers, addresses that are never used while they are zero, and rows without words.
unsafe impl ZeroIsValid for [Magazine; MAGAZINES] {}

/// A participant in a slab, for one thread. It allocates and frees through its own magazines,
/// several times as fast as [`Slab`] does. Dropping it flushes its magazines; blocks that it handed
/// out stay valid, and any thread may free them.
///
/// After a `fork` the child has copies of its parent's caches. Over a [shared](Slab::share) slab,
/// the child must not allocate or free with them, because the parent goes on using the same slots:
/// both calls return errors there, [`SlabError::Forked`] and [`FreeError::Forked`], and dropping or
/// flushing one does nothing. If the system has no memory that a fork wipes (Linux has, since
/// 4.14), the child gets these errors only once the copy of a magazine is empty, so it must not
/// call them at all. The child can create caches over slabs that it creates or opens, and over its
/// copies of unshared slabs, but not if its parent had several threads: see [fork](crate#fork).
///
/// ```
/// use ralloc_core::slab::{Slab, SlabOptions, ThreadCache};
/// use std::sync::Arc;
///
/// let slab = Arc::new(Slab::new(&SlabOptions::fixed(&[64], 1024, 1 << 20))?);
/// let mut cache = ThreadCache::new(&slab).expect("at most 1,023 at a time");
/// let block = cache.allocate(64)?;
/// assert_eq!(block.len(), 64);
/// // SAFETY: the block is held, and not used afterwards.
/// unsafe { cache.deallocate(block.cast()) }?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ThreadCache {
    slab: Arc<Slab>,
    /// [`Owner::NOBODY`] if it died, in a test.
    owner: Owner,
    /// What the fast path reads first. If it is all zero, as in a forked child, no slot is cached
    /// and none can be found, so every call takes the slow path.
    magazines: WipedOnFork<[Magazine; MAGAZINES]>,
    /// The slots of each magazine.
    stacks: Box<[Stack; MAGAZINES]>,
    /// The pool of the block that was allocated or freed last: a guess at the pool of the next
    /// block to be freed.
    recent: usize,
    /// Address of the first pool. The others follow in the order of their indices.
    start: usize,
    /// For each [`octave`] of offsets from `start`: the first pool with an offset of that octave,
    /// or a later one.
    octaves: [u8; 64],
}

// SAFETY: the addresses in its magazines are those of the slab that it keeps alive, and only the
// owner of this value uses its stacks.
unsafe impl Send for ThreadCache {}

impl ThreadCache {
    /// Creates a participant in `slab`. Fails with a [`SlabError`] if there are 1,023 already, if
    /// all numbers of participants are used up, and in a forked child if the slab is shared. In a
    /// [shared](Slab::share) slab, a dropped cache counts until the blocks that it handed out are
    /// freed.
    ///
    /// ```
    /// use ralloc_core::slab::{Slab, SlabOptions, ThreadCache};
    /// use std::sync::Arc;
    ///
    /// let slab = Arc::new(Slab::new(&SlabOptions::fixed(&[64], 1024, 1 << 20))?);
    /// std::thread::scope(|threads| {
    ///     for _ in 0..2 {
    ///         threads.spawn(|| {
    ///             let mut cache = ThreadCache::new(&slab).unwrap();
    ///             assert_eq!(cache.allocate(64).unwrap().len(), 64);
    ///         });
    ///     }
    /// });
    /// assert_eq!(slab.stats()[0].held, 2); // blocks outlive the cache
    /// # Ok::<(), ralloc_core::error::SlabError>(())
    /// ```
    pub fn new(slab: &Arc<Slab>) -> Result<ThreadCache, SlabError> {
        let owner = slab.join()?;
        let magazine = |index| match slab.pools().get(index) {
            Some(pool) => Magazine::new(pool, slab.cache_limit(index)),
            None => Magazine::without_pool(),
        };
        let magazines = std::array::from_fn(magazine);
        let magazines = WipedOnFork::new(magazines, slab.share().is_some());
        let stacks = Box::new([[0; STACK_LEN]; MAGAZINES]);
        let start = slab.pools()[0].base.addr().get();
        // Octave o begins at 2^o pages, except that the first one begins at 0.
        let octaves = std::array::from_fn(|octave| {
            let pages = if octave == 0 { 0 } else { 1u64 << octave };
            let least = pages.saturating_mul(LEAST_PAGE as u64);
            let before = |pool: &Pool| (pool.end().addr().get() - start) as u64 <= least;
            slab.pools().partition_point(before) as u8
        });
        let slab = Arc::clone(slab);
        Ok(ThreadCache { slab, owner, magazines, stacks, recent: 0, start, octaves })
    }

    /// Like [`Slab::allocate`]. [`ThreadCache`] has an example, with [`ThreadCache::deallocate`].
    #[inline]
    #[track_caller]
    pub fn allocate(&mut self, size: usize) -> Result<NonNull<[u8]>, SlabError> {
        let found = self.take(size);
        self.slab.pools.watch(found.ok());
        found
    }

    #[inline(always)]
    fn take(&mut self, size: usize) -> Result<NonNull<[u8]>, SlabError> {
        let index = self.slab.pools.class(size);
        match self.take_cached(index) {
            Some(block) => {
                self.recent = index;
                Ok(block)
            }
            None => self.allocate_slow(size),
        }
    }

    /// As [`Slab::try_allocate`].
    #[track_caller]
    pub fn try_allocate(&mut self, size: usize) -> Result<Option<NonNull<[u8]>>, SlabError> {
        let found = self.slab.pools.class_of(size).and_then(|index| self.take_or_refill(index));
        self.slab.pools.watch(found.unwrap_or_default());
        found
    }

    /// A slot of one pool, if it has any.
    #[inline(always)]
    fn take_or_refill(&mut self, index: usize) -> Result<Option<NonNull<[u8]>>, SlabError> {
        match self.take_cached(index) {
            Some(block) => Ok(Some(block)),
            None => self.refill(index),
        }
    }

    /// Hands out the slot of a pool that was cached last, if one is cached.
    #[inline(always)]
    fn take_cached(&mut self, index: usize) -> Option<NonNull<[u8]>> {
        let magazine = &mut self.magazines[index % MAGAZINES];
        magazine.pop(&self.stacks[index % MAGAZINES]).map(|slot| magazine.hand_out(slot))
    }

    /// Caches a slot whose word says that it is, and flushes if there are too many.
    #[inline(always)]
    fn cache(&mut self, index: usize, slot: u32) {
        let magazine = &mut self.magazines[index % MAGAZINES];
        magazine.push(&mut self.stacks[index % MAGAZINES], slot);
        if magazine.len > magazine.limit {
            self.flush_half(index);
        }
    }

    /// Like [`Slab::deallocate`].
    ///
    /// # Safety
    /// As there.
    #[inline]
    #[track_caller]
    pub unsafe fn deallocate(&mut self, block: NonNull<u8>) -> Result<(), FreeError> {
        self.slab.pools.unwatch(block);
        match self.magazines[self.recent % MAGAZINES].find(block) {
            Some((slot, within)) => self.free_in(self.recent, slot, within),
            None => self.free_elsewhere(block),
        }
    }

    /// Frees a block that is not in the same pool as the one before. Most programs free what they
    /// allocated last, or several blocks of one pool in a row; the guess saves them this search.
    /// The table leads to the right pool or, if small pools lie behind a large one, to one a little
    /// before it.
    #[inline(never)]
    fn free_elsewhere(&mut self, block: NonNull<u8>) -> Result<(), FreeError> {
        let first = self.octaves[octave(block.addr().get().wrapping_sub(self.start))];
        for index in first.into()..self.slab.pools().len() {
            if let Some((slot, within)) = self.magazines[index % MAGAZINES].find(block) {
                self.recent = index;
                return self.free_in(index, slot, within);
            }
        }
        Err(if self.slab.is_copy() { FreeError::Forked } else { FreeError::Foreign })
    }

    /// Frees a slot of the pool with this index if `within`, the offset in the slot, is 0.
    #[inline(always)]
    fn free_in(&mut self, index: usize, slot: u32, within: usize) -> Result<(), FreeError> {
        let words = &self.magazines[index % MAGAZINES].words;
        let now = Word(words.at(slot as usize).load(Ordering::Relaxed));
        if within != 0 || !now.is(SlotState::Held, self.owner) {
            return self.free_slow(index, slot, within);
        }
        set_own(words, slot, now.into_cache());
        self.cache(index, slot);
        Ok(())
    }

    /// Frees a slot that another participant claimed, or finds out which mistake was made.
    #[cold]
    #[inline(never)]
    fn free_slow(&mut self, index: usize, slot: u32, within: usize) -> Result<(), FreeError> {
        if self.slab.is_copy() {
            return Err(FreeError::Forked);
        }
        if within != 0 {
            return Err(self.slab.pools.refuse(index, FreeError::Interior));
        }
        let magazine = &mut self.magazines[index];
        if magazine.limit == 0 {
            magazine.limit = self.slab.cache_limit(index);
            return self.slab.pools.free_slot(index, slot);
        }
        let table = &self.slab.pools()[index].table;
        let word = table.word(slot);
        let cached = word.next(SlotState::Cached, self.owner);
        if word.state() != SlotState::Held || table.change(slot, word, cached).is_err() {
            return Err(self.slab.pools.refuse(index, FreeError::NotHeld));
        }
        self.cache(index, slot);
        Ok(())
    }

    /// Gives every cached slot back to its pool, so that other threads can have it. For a thread
    /// that will not allocate for a while.
    ///
    /// ```
    /// use ralloc_core::slab::{Slab, SlabOptions, ThreadCache};
    /// use std::sync::Arc;
    ///
    /// let slab = Arc::new(Slab::new(&SlabOptions::fixed(&[64], 1024, 1 << 20))?);
    /// let mut cache = ThreadCache::new(&slab).unwrap();
    /// cache.allocate(64)?; // takes more slots than one at the same time
    /// assert!(cache.cached(0) > 0);
    /// cache.flush();
    /// assert_eq!((cache.cached(0), slab.stats()[0].free), (0, 1023));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn flush(&mut self) {
        if self.slab.is_copy() {
            return;
        }
        let stacks = self.magazines.iter_mut().zip(&*self.stacks);
        for ((magazine, stack), pool) in stacks.zip(self.slab.pools().iter()) {
            pool.table.flush(&stack[..magazine.len]);
            magazine.len = 0;
        }
    }

    /// Number of cached slots of a pool, by its index; 0 for a pool that this slab does not have.
    /// [`ThreadCache::flush`] shows it. Panics for an index that no slab has, above [`MAX_POOLS`].
    pub fn cached(&self, index: usize) -> usize {
        self.magazines[index].len
    }

    #[cold]
    #[inline(never)]
    fn allocate_slow(&mut self, size: usize) -> Result<NonNull<[u8]>, SlabError> {
        let first = self.slab.pools.class_of(size)?;
        if self.slab.is_copy() {
            return Err(SlabError::Forked);
        }
        for index in first..self.slab.pools().len() {
            if let Some(block) = self.take_or_refill(index)? {
                self.slab.pools.note_promotion(first, index);
                return Ok(block);
            }
        }
        Err(self.slab.pools.exhausted(first, size))
    }

    /// Claims half a magazine of slots from the pool, and returns one of them.
    #[cold]
    #[inline(never)]
    fn refill(&mut self, index: usize) -> Result<Option<NonNull<[u8]>>, SlabError> {
        if self.slab.is_copy() {
            return Err(SlabError::Forked);
        }
        let (magazine, stack) = (&mut self.magazines[index], &mut self.stacks[index]);
        magazine.limit = self.slab.cache_limit(index);
        // Half the limit: once all of them are freed, there is room for as many again.
        let want = (magazine.limit / 2).max(1);
        let mut push = |slot| magazine.push(stack, slot);
        self.slab.claim(index, self.owner, SlotState::Cached, want, &mut push)?;
        // The lowest on top, so that the slots in use stay together.
        stack[..magazine.len].reverse();
        Ok(magazine.pop(stack).map(|slot| magazine.hand_out(slot)))
    }

    #[cold]
    #[inline(never)]
    fn flush_half(&mut self, index: usize) {
        let (magazine, stack) = (&mut self.magazines[index], &mut self.stacks[index]);
        magazine.limit = self.slab.cache_limit(index);
        let cold = magazine.len.saturating_sub(magazine.limit / 2);
        if !self.slab.is_copy() {
            self.slab.pools()[index].table.flush(&stack[..cold]);
        }
        stack.copy_within(cold..magazine.len, 0);
        magazine.len -= cold;
    }
}

impl Drop for ThreadCache {
    fn drop(&mut self) {
        if self.owner == Owner::NOBODY || self.slab.is_copy() {
            return;
        }
        self.flush();
        self.slab.unregister_cache(self.owner);
    }
}

#[cfg(all(test, not(loom)))]
mod for_tests {
    use super::{Owner, ThreadCache};

    impl ThreadCache {
        /// The owner in the words of its slots.
        pub(in crate::slab) fn owner(&self) -> Owner {
            self.owner
        }

        /// Dies like a thread that is stopped anywhere: nothing is flushed, and its number is not
        /// given back. For tests of `Slab::reclaim`, which then does both.
        pub(in crate::slab) fn die(mut self) -> Owner {
            std::mem::replace(&mut self.owner, Owner::NOBODY)
        }
    }
}
