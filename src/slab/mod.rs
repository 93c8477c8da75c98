//! Blocks of a few fixed sizes, freed one by one, in any order and on any thread.
//!
//! For buffers that come and go (network reads, records, messages between threads) if memory must be bounded and a
//! double free must be an error. Things that end together are cheaper in an [`Arena`](crate::Arena). Each call on a
//! [`Slab`] costs an atomic operation; a thread that allocates often creates a [`ThreadCache`]. [`SlabOptions`] sets
//! the sizes of the slots and how many there are. On Linux, macOS and Windows processes share a slab by its name:
//! [`Slab::create`]. A block that one thread or process has filled goes to another one without a copy, by a [`Token`]:
//! [`Slab::send`].
//!
//! # How it works
//!
//! A [`Slab`] is a row of pools in ascending sizes over one mapping; the words of their slots lie in another one.
//!
//! | file | |
//! |---|---|
//! | `word` | the states of a slot, every transition between them, and the function that makes it |
//! | `slot_table`, `hints` | claims and frees a slot by one CAS on its word; finds a free one |
//! | `pool`, `growth`, `placement` | where slots lie, how many come at a time, and from which memory |
//! | `thread_cache` | [`ThreadCache`]: slots that a thread claims and frees without atomic operations |
//! | `registry`, `locks` | the participants, and which of them are alive |
//! | `recovery`, `losses` | who frees the slots of the dead, and when |
//! | `token`, `transit` | blocks that one participant sends to another, and how long they wait |
//! | `shared`, `handle`, `named` | a slab that is mapped several times: by threads, by handles, by processes |
//! | `mapping_owner`, `participant` | the owners of slots that were claimed without a cache: a mapping of a shared slab, an isolate of Node |
//! | `options`, `boxed`, `watched` | options and their checks, [`SlabBox`], blocks watched by the feature `debug` |
//!
//! `held + cached + sent + free + absent = max_count` for every pool while no call is under way: `Slab::check`. The
//! `count` of [`PoolStats`] leaves out the absent slots.

#[cfg(all(test, ralloc_os = "linux", not(loom)))]
mod beside_node;
mod boxed;
mod growth;
#[cfg(all(test, not(loom)))]
mod growth_tests;
#[cfg(not(loom))]
#[cfg_attr(not(feature = "node"), allow(dead_code, reason = "serves the binding alone"))]
pub(crate) mod handle;
mod hints;
mod locks;
mod losses;
mod mapping_owner;
#[cfg(all(test, loom))]
mod models;
#[cfg(not(loom))]
mod named;
#[cfg(all(test, ralloc_os = "linux", not(loom)))]
mod named_fuzz;
#[cfg(all(test, ralloc_os = "linux", not(loom)))]
mod named_tests;
mod options;
#[cfg_attr(not(feature = "node"), allow(dead_code, reason = "serves the binding alone"))]
pub(crate) mod participant;
mod placement;
#[cfg(all(test, ralloc_os = "linux", not(loom)))]
mod placement_tests;
mod pool;
#[cfg(all(test, not(loom)))]
mod proptests;
mod recovery;
pub(crate) mod registry;
mod shared;
mod slot_table;
#[cfg(all(test, not(loom)))]
mod tests;
mod thread_cache;
#[cfg(all(test, not(loom)))]
mod threads;
pub(crate) mod token;
mod transit;
mod watched;
pub(crate) mod word;

pub use boxed::SlabBox;
#[cfg(not(loom))]
pub use named::SegmentOptions;
pub use options::{MAX_POOLS, PoolOptions, SlabOptions};
pub use recovery::Recovered;
pub use shared::SharedSlab;
pub use thread_cache::ThreadCache;
pub use token::Token;

use crate::debug::{Ledger, Owner as WatchedOwner};
use crate::error::{FreeError, SlabError};
use crate::limit::Limit;
use crate::memory::Mapping;
use crate::memory::depot::map_new;
use crate::stats::PoolStats;
use crate::sync::{Arc, AtomicU64, AtomicUsize, Mutex, Ordering, Words};
use growth::Segments;
use mapping_owner::MappingOwner;
use pool::Pool;
use registry::Registry;
use slot_table::SlotTable;
use std::ptr::NonNull;
use token::Identity;
use transit::Transit;
use word::{MAX_PARTICIPANTS, Owner, SlotState};

/// Pools of fixed-size slots, for any number of threads.
///
/// A block from [`Slab::allocate`] is valid for reads and writes of its length, aligned to its length
/// or to a page if that is less, and aliases no other, until it is deallocated or the slab dropped.
///
/// ```
/// use ralloc_core::slab::{Slab, SlabOptions};
///
/// let slab = Slab::new(&SlabOptions::fixed(&[64, 1024], 256, 1 << 20))?;
/// let block = slab.allocate(100)?;
/// assert_eq!(block.len(), 1024);
/// // SAFETY: the block is held, and not used afterwards.
/// unsafe { slab.deallocate(block.cast()) }?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Slab {
    /// In ascending sizes.
    pools: Box<[Pool]>,
    /// Index of the smallest pool for sizes up to 2^i, or the number of pools.
    classes: [u8; 65],
    registry: Arc<Registry>,
    /// Locked while segments are added or dropped.
    slots: Mutex<Slots>,
    /// The words of the slots. Declared after `pools`, so dropped after them.
    records: Mapping,
    max_bytes: usize,
    /// Makes another slab over the same memory; `None` if it is not shared.
    shared: Option<Arc<SharedSlab>>,
    /// The same in all mappings of a shared slab.
    identity: Identity,
    /// Above 0 if an isolate with ArrayBuffers over the slots has ended; these may live on in another isolate.
    abandoned: AtomicUsize,
    /// How long a sent slot can still be received after its sender is gone.
    transit: Transit,
    /// The time, by `os::boot_millis`, before which the registry is not searched for the dead again.
    next_look: AtomicU64,
    /// Participants that were recovered during other calls and not reported yet.
    unreported: Mutex<Vec<Recovered>>,
    /// The owner of blocks that are allocated without a [`ThreadCache`], if the slab is shared: one of its mappings can
    /// end or die.
    mapping_owner: Option<MappingOwner>,
    /// The blocks that are out, with the feature `debug`; none of a shared slab.
    ledger: Ledger,
}

#[derive(Debug)]
struct Slots {
    /// `Some` until the slab is dropped.
    mapping: Option<Mapping>,
    /// The limit on the bytes of the present segments and their records: `max_bytes`, or less.
    limit: Limit,
    /// How many slots had ever been freed when a segment did not fit the limit and none was idle.
    nothing_idle_at: Option<u64>,
}

impl Slab {
    /// Creates a slab whose pools have their first slots. Slots take memory when they are touched, but their records
    /// take it here: 8 bytes a slot are written (4 million slots: 32 MiB, some 50 ms).
    ///
    /// Errors: options that contradict each other or do not fit `max_bytes`, by name, and [`SlabError::Map`] if the
    /// system refuses.
    ///
    /// ```
    /// use ralloc_core::slab::{Slab, SlabOptions};
    ///
    /// assert!(Slab::new(&SlabOptions::fixed(&[64, 1024], 256, 1 << 20)).is_ok());
    /// assert!(Slab::new(&SlabOptions::fixed(&[64, 1024], 256, 1 << 10)).is_err()); // more than 1 KiB
    /// ```
    pub fn new(options: &SlabOptions) -> Result<Slab, SlabError> {
        let plan = options.plan()?;
        let slots = map_new(None, || match options.comes_in_parts() {
            true => Mapping::reserve_any(plan.slot_bytes, options.memory),
            false => Mapping::with_any(plan.slot_bytes, options.memory),
        })?;
        let records = map_new(None, || Mapping::committed(plan.record_bytes))?;
        let registry = Arc::new(Registry::local());
        let slab = Slab::new_over(options, records, slots, registry, None);
        slab.grow_to_counts()?;
        Ok(slab)
    }

    fn new_over(
        options: &SlabOptions,
        records: Mapping,
        slots: Mapping,
        registry: Arc<Registry>,
        shared: Option<Arc<SharedSlab>>,
    ) -> Slab {
        let (mut words, mut offset, mut first_slot) = (0, 0, 0);
        let pool = |pool: &PoolOptions| {
            let count = pool.max_count as usize;
            let start = words;
            // SAFETY: within the records by the plan; the mapping lives as long as the slab, longer than its pools.
            let table = unsafe { table_at(&records, start, count) };
            // SAFETY: within the mapping by the plan.
            let base = unsafe { slots.base().add(offset) };
            let size_log = pool.size.ilog2();
            // A shared slab cannot grow: all of its slots are present.
            let segments = Segments::new(pool, options.slots_per_segment(pool), shared.is_some());
            if shared.is_some() {
                table.extend_to(pool.max_count);
            }
            let made = Pool { table, base, size_log, first_slot, segments };
            words += SlotTable::words_for(count);
            offset += options::slot_bytes(pool);
            first_slot += count;
            made
        };
        let pools: Box<[Pool]> = options.pools.iter().map(pool).collect();
        let mut classes = [pools.len() as u8; 65];
        for (log, class) in classes.iter_mut().enumerate() {
            let fits = pools.iter().position(|pool| pool.size_log as usize >= log);
            *class = fits.unwrap_or(pools.len()) as u8;
        }
        let (limit, mapping) = (Limit::new(options.max_bytes, 0), Some(slots));
        let slots = Mutex::new(Slots { mapping, limit, nothing_idle_at: None });
        let (max_bytes, abandoned) = (options.max_bytes, AtomicUsize::new(0));
        let identity = shared.as_ref().map_or_else(Identity::new, |shared| shared.identity);
        let transit = shared.as_ref().map_or(Transit::NONE, |shared| shared.transit);
        let (mapping_owner, next_look, unreported) = (None, AtomicU64::default(), Mutex::default());
        Slab {
            ledger: Ledger::new(WatchedOwner::Slab),
            pools,
            classes,
            registry,
            slots,
            records,
            max_bytes,
            shared,
            identity,
            abandoned,
            transit,
            next_look,
            unreported,
            mapping_owner,
        }
    }

    /// Allocates a slot of at least `size` bytes, in the smallest pool that fits or, if that is exhausted, in the next
    /// larger one. Its content is whatever was there before.
    ///
    /// Errors: [`SlabError::TooLarge`]; [`SlabError::Exhausted`] if no larger pool has a slot either;
    /// [`SlabError::Map`] if the system refuses the memory to grow.
    ///
    /// In a child that a `fork` made, [`SlabError::Forked`] for a [shared](Slab::share) slab, on Linux. Elsewhere the slot is
    /// taken from the parent.
    ///
    /// ```
    /// use ralloc_core::slab::{Slab, SlabOptions};
    ///
    /// let slab = Slab::new(&SlabOptions::fixed(&[64, 256], 1, 1 << 20))?;
    /// assert_eq!(slab.allocate(60)?.len(), 64);
    /// assert_eq!(slab.try_allocate(60)?, None); // the pool of 64 is exhausted
    /// assert_eq!(slab.allocate(60)?.len(), 256);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn allocate(&self, size: usize) -> Result<NonNull<[u8]>, SlabError> {
        let first = self.class_of(size)?;
        for index in first..self.pools.len() {
            if let Some(block) = self.claim_one(index)? {
                self.note_promotion(first, index);
                self.watch(Some(block));
                return Ok(block);
            }
        }
        Err(self.exhausted(first, size))
    }

    /// Allocates a slot in the smallest pool that fits, and in no other; `None` if that is exhausted. Errors: those of
    /// [`Slab::allocate`], whose example shows both.
    #[track_caller]
    pub fn try_allocate(&self, size: usize) -> Result<Option<NonNull<[u8]>>, SlabError> {
        let found = self.claim_one(self.class_of(size)?);
        self.watch(found.unwrap_or_default());
        found
    }

    /// Frees a block by its first byte. Any thread may free any block. A forked child must not if the slab is shared, which is
    /// an error on Linux. [`FreeError`] has an example of refused calls.
    ///
    /// ```
    /// use ralloc_core::slab::{Slab, SlabOptions};
    ///
    /// let slab = Slab::new(&SlabOptions::fixed(&[64], 8, 1 << 20))?;
    /// let block = slab.allocate(64)?;
    /// // SAFETY: the block is held, and not used afterwards.
    /// unsafe { slab.deallocate(block.cast()) }?;
    /// assert_eq!(slab.stats()[0].held, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Safety
    /// If `block` is one of this slab's, the caller holds it: nothing uses it any more, and no other call frees it. Other
    /// addresses return errors, and so does a second free while the block is still free.
    #[track_caller]
    pub unsafe fn deallocate(&self, block: NonNull<u8>) -> Result<(), FreeError> {
        self.unwatch(block);
        self.claimant().map_err(|_| FreeError::Forked)?;
        let (index, slot) = self.locate(block)?;
        self.free_slot(index, slot)
    }

    /// Bytes of the largest slots: the most that can be allocated at once.
    ///
    /// ```
    /// use ralloc_core::slab::{Slab, SlabOptions};
    ///
    /// let slab = Slab::new(&SlabOptions::fixed(&[64, 1024], 16, 1 << 20))?;
    /// assert_eq!(slab.largest(), 1024);
    /// assert!(slab.allocate(1025).is_err());
    /// # Ok::<(), ralloc_core::error::SlabError>(())
    /// ```
    pub fn largest(&self) -> usize {
        self.pools.last().map_or(0, Pool::size)
    }

    /// The most bytes that the slab can take: all slots that there can be and their records, within its limit.
    ///
    /// ```
    /// use ralloc_core::slab::{Slab, SlabOptions};
    ///
    /// let slab = Slab::new(&SlabOptions::fixed(&[4096], 64, 1 << 20))?;
    /// assert!(slab.committed() >= 64 * 4096);
    /// assert!(slab.committed() <= slab.footprint() && slab.footprint() <= 1 << 20);
    /// # Ok::<(), ralloc_core::error::SlabError>(())
    /// ```
    pub fn footprint(&self) -> usize {
        let slots = self.slots.lock();
        let all = slots.mapping.as_ref().map_or(0, Mapping::len) + self.records.len();
        all.min(self.max_bytes.max(slots.limit.used()))
    }

    /// Bytes of the present slots and of their records: at most the limit. In a shared slab all slots are
    /// present.
    ///
    /// ```
    /// use ralloc_core::slab::{Slab, SlabOptions};
    ///
    /// let slab = Slab::new(&SlabOptions::fixed(&[4096], 64, 1 << 20))?;
    /// let bytes = slab.committed();
    /// assert!((64 * 4096..1 << 20).contains(&bytes));
    /// # Ok::<(), ralloc_core::error::SlabError>(())
    /// ```
    pub fn committed(&self) -> usize {
        match self.shared {
            Some(_) => self.footprint(),
            None => self.slots.lock().limit.used(),
        }
    }

    /// Gauges and counters of every pool, in the order of the options. Walks over the words of all slots.
    ///
    /// ```
    /// use ralloc_core::slab::{Slab, SlabOptions};
    ///
    /// let slab = Slab::new(&SlabOptions::fixed(&[64, 1024], 16, 1 << 20))?;
    /// slab.allocate(100)?;
    /// assert_eq!(slab.stats().iter().map(|pool| pool.held).sum::<usize>(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn stats(&self) -> Vec<PoolStats> {
        let is_copy = self.is_copy();
        let stats = |pool: &Pool| match is_copy {
            true => PoolStats { size: pool.size(), ..PoolStats::default() },
            false => pool.stats(),
        };
        self.pools.iter().map(stats).collect()
    }

    /// Whether this is a forked child's copy of a shared slab. Its memory belongs to the parent, and need not be there.
    #[inline(never)] // asked in many cold places
    pub(crate) fn is_copy(&self) -> bool {
        self.shared.as_ref().is_some_and(|shared| shared.is_copy())
    }

    /// The pools, in ascending sizes.
    pub(crate) fn pools(&self) -> &[Pool] {
        &self.pools
    }

    #[cfg_attr(not(feature = "node"), allow(dead_code, reason = "serves the binding and tests"))]
    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Index of the smallest pool for `size` bytes; the number of pools if there is none.
    #[inline]
    pub(crate) fn class(&self, size: usize) -> usize {
        let log = usize::BITS - size.saturating_sub(1).leading_zeros();
        self.classes[log as usize].into()
    }

    /// Index of the smallest pool for `size` bytes.
    pub(crate) fn class_of(&self, size: usize) -> Result<usize, SlabError> {
        let index = self.class(size);
        if index < self.pools.len() {
            return Ok(index);
        }
        Err(SlabError::TooLarge { requested: size, largest: self.largest() })
    }

    pub(super) fn claim_one(&self, index: usize) -> Result<Option<NonNull<[u8]>>, SlabError> {
        let mut found = None;
        let owner = self.claimant()?;
        self.claim(index, owner, SlotState::Held, 1, &mut |slot| found = Some(slot))?;
        Ok(found.map(|slot| self.pools[index].block(slot)))
    }

    /// Claims up to `want` slots of one pool and returns how many. If the pool has none free, it grows if it may. As
    /// the last resort, recovers slots that dead participants held, or that were sent and never received.
    pub(crate) fn claim(
        &self,
        index: usize,
        owner: Owner,
        state: SlotState,
        want: usize,
        out: &mut impl FnMut(u32),
    ) -> Result<usize, SlabError> {
        match self.pools[index].table.claim(owner, state, want, out) {
            0 => self.claim_slow(index, owner, state, want, out),
            found => Ok(found),
        }
    }

    #[cold]
    fn claim_slow(
        &self,
        index: usize,
        owner: Owner,
        state: SlotState,
        want: usize,
        out: &mut impl FnMut(u32),
    ) -> Result<usize, SlabError> {
        let Pool { table, segments, .. } = &self.pools[index];
        // At most two: another thread may take what the first recovery freed. Without a limit, others could keep this
        // loop busy.
        let mut recoveries = 0..2;
        loop {
            // Read first, so that slots which are added after this claim are noticed.
            let growths = segments.growths();
            let found = table.claim_surely(owner, state, want, out);
            if found > 0 {
                return Ok(found);
            }
            let more = self.grow(index, growths)?
                || recoveries.next().is_some() && self.recover_for(table);
            if !more {
                return Ok(0);
            }
        }
    }

    /// Makes the caller a participant, after freeing the slots of participants that died.
    pub(crate) fn join(&self) -> Result<Owner, SlabError> {
        if self.is_copy() {
            return Err(SlabError::Forked);
        }
        self.recover_if_dead();
        if self.registry.tells_deaths() {
            self.reap_caches(); // without this, caches that are gone would keep numbers
        }
        let joined = self.registry.join().or_else(|| {
            self.registry.renew(|note| {
                self.pools.iter().for_each(|pool| pool.table.each_owner(&mut *note));
            });
            self.registry.join()
        });
        joined.ok_or_else(|| {
            if self.shared.as_ref().is_some_and(|shared| !shared.memory.can_lock()) {
                SlabError::OutOfTouch
            } else if self.registry.is_used_up() {
                SlabError::UsedUp
            } else {
                SlabError::TooMany { most: MAX_PARTICIPANTS }
            }
        })
    }

    /// How many slots of a pool one participant may cache, given the slots that are present.
    pub(crate) fn cache_share(&self, index: usize) -> usize {
        self.pools[index].segments.slots() / (4 * self.registry.alive().max(1))
    }

    /// The same for a [`ThreadCache`].
    pub(crate) fn cache_limit(&self, index: usize) -> usize {
        self.cache_share(index).min(thread_cache::MAX_CACHED)
    }

    /// The index of the pool and the slot of a block, found by its first byte.
    #[inline]
    pub(crate) fn locate(&self, block: NonNull<u8>) -> Result<(usize, u32), FreeError> {
        // The pools lie in the order of their indices.
        let after = self.pools.partition_point(|pool| pool.base <= block);
        let index = after.checked_sub(1).ok_or(FreeError::Foreign)?;
        let pool = &self.pools[index];
        let offset = pool.offset_of(block.addr().get()).ok_or(FreeError::Foreign)?;
        if offset & (pool.size() - 1) != 0 {
            return Err(self.refuse(index, FreeError::Interior));
        }
        Ok((index, (offset >> pool.size_log) as u32))
    }

    pub(crate) fn free_slot(&self, index: usize, slot: u32) -> Result<(), FreeError> {
        match self.pools[index].table.free_held(slot) {
            true => Ok(()),
            false => Err(self.refuse(index, FreeError::NotHeld)),
        }
    }

    #[cold]
    pub(crate) fn refuse(&self, index: usize, error: FreeError) -> FreeError {
        self.pools[index].table.counters.refused.add(1);
        error
    }

    pub(crate) fn note_promotion(&self, first: usize, index: usize) {
        if index != first {
            self.pools[first].table.counters.promotions.add(1);
        }
    }

    pub(crate) fn exhausted(&self, first: usize, requested: usize) -> SlabError {
        self.pools[first].table.counters.exhaustions.add(1);
        SlabError::Exhausted { requested, size: self.largest() }
    }
}

impl Drop for Slab {
    fn drop(&mut self) {
        self.ledger.tell_leaks(|address| self.is_out(address));
        self.ledger.close();
        self.end_mapping_owner();
        let Some(slots) = self.slots.lock().mapping.take() else { return };
        // Relaxed: whoever raised it gave up its `Arc` of the slab afterwards, and none is left.
        if self.abandoned.load(Ordering::Relaxed) > 0 {
            return slots.abandon();
        }
        // An operation in flight may still access a slot that JavaScript has seen, so such addresses are kept.
        // Everything else, which always includes the records, is unmapped; otherwise a process that creates slabs all
        // day would run out of addresses.
        drop(slots);
    }
}

/// The table of a pool whose words begin `start` words into the records.
///
/// # Safety
/// From there on, `records` has the words of `count` slots, and it outlives the table.
unsafe fn table_at(records: &Mapping, start: usize, count: usize) -> SlotTable {
    SlotTable::new(count, |at, len| {
        // SAFETY: within the records, by the contract; mappings are page-aligned, and this offset is in whole words.
        unsafe { Words::over(records.base().add((start + at) * 8), len) }
    })
}

#[cfg(test)]
mod for_tests {
    use super::Slab;
    use super::slot_table::SlotCounts;

    impl Slab {
        /// The equation above as a check, for tests while no call is under way. Returns what does not hold.
        pub(crate) fn check(&self) -> Result<Vec<SlotCounts>, String> {
            self.pools.iter().map(|pool| pool.check(self.shared.is_some())).collect()
        }
    }
}
