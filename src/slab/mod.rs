//! Blocks of a few fixed sizes, freed one by one, in any order and on any thread.
//!
//! For buffers that come and go (network reads, records, messages between threads) if memory must
//! be bounded and a double free must be an error. Things that end together are cheaper in an
//! [`Arena`](crate::Arena). Each call on a [`Slab`] costs an atomic operation; a thread that
//! allocates often creates a [`ThreadCache`]. [`SlabOptions`] sets the sizes of the slots and how
//! many there are. On Linux, macOS and Windows processes share a slab by its name:
//! [`Slab::create`]. A block that one thread or process has filled goes to another one without a
//! copy, by a [`Token`]: [`Slab::send`].
//!
//! # How it works
//!
//! A [`Slab`] is a row of pools in ascending sizes over one mapping; the words of their slots lie
//! in another one.
//!
//! | file | |
//! |---|---|
//! | `word` | the states of a slot, each transition between them, and who makes it |
//! | `slot_table`, `hints` | claims and frees a slot by one CAS on its word; finds a free one |
//! | `pools`, `pool` | which pool serves a size or has an address, and where its slots lie |
//! | `growth`, `placement` | how many slots come at a time; NUMA nodes and locked memory |
//! | `thread_cache` | slots that a thread claims and frees without atomic operations |
//! | `registry`, `locks` | the participants, where their locks are taken, and who is alive |
//! | `recovery`, `dead_owners` | who joins and leaves, and who frees the slots of the dead |
//! | `token`, `transit` | blocks from one participant to another, and how long they wait |
//! | `shared`, `handle` | a slab with several mappings, and how isolates find it |
//! | `named` | the same for processes |
//! | `mapping_owner` | the owner of slots claimed without a cache, and what a fork does to it |
//! | `participant` | the same for an isolate of Node, whose ArrayBuffers show slots |
//! | `options`, `boxed` | options and their checks; [`SlabBox`] |
//!
//! `held + cached + sent + free + absent = max_count` for every pool while no call is under way:
//! `Slab::check`. The `count` of [`PoolStats`] leaves out the absent slots.

#[cfg(all(test, ralloc_os = "linux", not(loom)))]
mod beside_node;
mod boxed;
mod dead_owners;
mod growth;
#[cfg(all(test, not(loom)))]
mod growth_tests;
#[cfg(not(loom))]
pub(crate) mod handle;
mod hints;
mod locks;
mod mapping_owner;
#[cfg(all(test, loom))]
mod models;
mod named;
#[cfg(all(test, ralloc_os = "linux", not(loom)))]
mod named_fuzz;
#[cfg(all(test, ralloc_os = "linux", not(loom)))]
mod named_tests;
mod options;
pub(crate) mod participant;
mod placement;
#[cfg(all(test, ralloc_os = "linux", not(loom)))]
mod placement_tests;
mod pool;
mod pools;
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
pub(crate) mod word;

pub use boxed::SlabBox;
pub use named::SegmentOptions;
pub use options::{MAX_POOLS, PoolOptions, SlabOptions};
pub use recovery::Recovered;
pub use shared::SharedSlab;
pub use thread_cache::ThreadCache;
pub use token::Token;

#[cfg(feature = "debug")]
use crate::debug::{Finding, Handle, LeakReport};
use crate::error::{FreeError, MapError, SlabError};
use crate::memory::Mapping;
use crate::memory::depot::map_new;
use crate::memory::segment::Segment;
use crate::stats::PoolStats;
use crate::sync::{Arc, AtomicU64, Mutex};
use mapping_owner::MappingOwner;
use pool::Pool;
use pools::Pools;
use registry::Registry;
use std::ptr::NonNull;
use std::time::{Duration, Instant};
use token::Identity;
use transit::Transit;
use word::{Owner, SlotState};

/// Pools of fixed-size slots, for any number of threads.
///
/// A block from [`Slab::allocate`] is valid for reads and writes of its length, aligned to its
/// length or to a page if that is less, and aliases no other, until it is deallocated or the slab
/// dropped.
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
    pools: Pools,
    registry: Arc<Registry>,
    /// Makes another slab over the same memory; `None` if it is not shared.
    shared: Option<Arc<SharedSlab>>,
    /// The same in all mappings of a shared slab.
    identity: Identity,
    /// How long a sent slot can still be received after its sender is gone.
    transit: Transit,
    /// The time, by `os::boot_millis`, before which the registry is not searched for the dead
    /// again.
    next_look: AtomicU64,
    /// Participants that were recovered during other calls and not reported yet.
    unreported: Mutex<Vec<Recovered>>,
    /// The owner of blocks that are allocated without a [`ThreadCache`], if the slab is shared: one
    /// of its mappings can end or die.
    mapping_owner: Option<MappingOwner>,
}

impl Slab {
    /// Creates a slab whose pools have their first slots. Slots take memory when they are touched,
    /// but their records take it here: 8 bytes a slot are written (4 million slots: 32 MiB, some 50
    /// ms).
    ///
    /// Errors: options that contradict each other or do not fit `max_bytes`, by name, and
    /// [`SlabError::Map`] if the system refuses.
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
        let slab = Slab::over(Pools::new(options, records, slots, false), None);
        slab.pools.grow_to_counts()?;
        Ok(slab)
    }

    /// Over the pools. `shared`: they lie in its memory.
    fn over(pools: Pools, shared: Option<Arc<SharedSlab>>) -> Slab {
        let (registry, identity, transit) = match &shared {
            Some(shared) => (Arc::clone(&shared.registry), shared.identity, shared.transit),
            None => (Arc::new(Registry::local()), Identity::new(), Transit::NONE),
        };
        let (mapping_owner, next_look, unreported) = (None, AtomicU64::default(), Mutex::default());
        Slab { pools, registry, shared, identity, transit, next_look, unreported, mapping_owner }
    }

    /// Allocates a slot of at least `size` bytes, in the smallest pool that fits or, if that is
    /// exhausted, in the next larger one. Its content is whatever was there before.
    ///
    /// Errors: [`SlabError::TooLarge`]; [`SlabError::Exhausted`] if no larger pool has a slot
    /// either; [`SlabError::Map`] if the system refuses the memory to grow.
    ///
    /// In a child that a `fork` made, [`SlabError::Forked`] for a [shared](Slab::share) slab, on
    /// Linux. Elsewhere the slot is taken from the parent.
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
        let first = self.pools.class_of(size)?;
        for index in first..self.pools.len() {
            if let Some(block) = self.claim_one(index)? {
                self.pools.note_promotion(first, index);
                self.pools.watch(Some(block));
                return Ok(block);
            }
        }
        Err(self.pools.exhausted(first, size))
    }

    /// Allocates a slot in the smallest pool that fits, and in no other; `None` if that is
    /// exhausted. Errors: those of [`Slab::allocate`], whose example shows both.
    #[track_caller]
    pub fn try_allocate(&self, size: usize) -> Result<Option<NonNull<[u8]>>, SlabError> {
        let found = self.claim_one(self.pools.class_of(size)?);
        self.pools.watch(found.unwrap_or_default());
        found
    }

    /// Frees a block by its first byte. Any thread may free any block. A forked child must not if
    /// the slab is shared, which is an error on Linux. [`FreeError`] has an example of refused
    /// calls.
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
    /// If `block` is one of this slab's, the caller holds it: nothing uses it any more, and no
    /// other call frees it. Other addresses return errors, and so does a second free while the
    /// block is still free.
    #[track_caller]
    pub unsafe fn deallocate(&self, block: NonNull<u8>) -> Result<(), FreeError> {
        self.pools.unwatch(block);
        self.claimant().map_err(|_| FreeError::Forked)?;
        let (index, slot) = self.pools.locate(block)?;
        self.pools.free_slot(index, slot)
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
        self.pools.largest()
    }

    /// The most bytes that the slab can take: all slots that there can be and their records, within
    /// its limit.
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
        let Pools { records, max_bytes, .. } = &self.pools;
        let slots = self.pools.slots.lock();
        let all = slots.mapping.len() + records.len();
        all.min(slots.limit.used().max(*max_bytes))
    }

    /// Bytes of the present slots and of their records: at most the limit. In a shared slab all
    /// slots are present.
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
        if self.pools.shared { self.footprint() } else { self.pools.slots.lock().limit.used() }
    }

    /// Gauges and counters of every pool, in the order of the options. Walks over the words of all
    /// slots.
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

    /// Sets the limit of growth from now on, at most `max_bytes`. Memory beyond it that is already
    /// present stays.
    pub fn set_limit(&self, limit: usize) {
        self.pools.slots.lock().limit.set_most(limit.min(self.pools.max_bytes));
    }

    /// Gives back the memory of segments in which no slot was used for `idle`, down to the
    /// `min_count` of each pool. Returns the bytes. It only knows what happened between two calls,
    /// so call it at intervals. Gives nothing back if the slab is shared.
    ///
    /// ```
    /// use ralloc_core::slab::{Slab, SlabOptions};
    /// use std::time::Duration;
    ///
    /// let mut options = SlabOptions::fixed(&[4096], 256, 4 << 20);
    /// options.pools[0].min_count = 0;
    /// let slab = Slab::new(&options)?;
    /// assert_eq!(slab.trim(Duration::ZERO), 1 << 20); // nobody uses a slot
    /// assert_eq!(slab.stats()[0].count, 0);
    /// slab.allocate(4096)?; // brings them back
    /// assert_eq!(slab.stats()[0].count, 256);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn trim(&self, idle: Duration) -> usize {
        self.pools.trim_at(Instant::now(), idle)
    }

    /// Binds the memory of the slots to the NUMA node `node` (mbind), whichever threads touch it.
    /// For a [shared](Slab::share) slab this holds for all participants, whenever they join.
    ///
    /// Only before first use: this `Slab` has handed out no slot, and no other participant has one.
    /// Existing pages are moved; a slab that processes share has all of its pages from the start.
    /// The memory of all slots then counts as this process's, as after a prefault.
    ///
    /// Errors: [`SlabError::Used`]; from the system `EINVAL` if there is no such node, `EIO` if
    /// pages cannot be moved because others have touched them, `EPERM` if a filter of system calls
    /// forbids it, as Docker's does; [`MapError::Unsupported`] on systems without NUMA.
    ///
    /// ```
    /// use ralloc_core::error::{MapError, SlabError};
    /// use ralloc_core::slab::{Slab, SlabOptions};
    ///
    /// let slab = Slab::new(&SlabOptions::fixed(&[64], 16, 1 << 20))?;
    /// match slab.bind(0) {
    ///     Ok(()) => {}
    ///     Err(SlabError::Map(error)) => eprintln!("it stays where it is: {error}"),
    ///     Err(error) => return Err(error.into()), // used before
    /// }
    /// assert!(slab.allocate(64).is_ok()); // in either case
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn bind(&self, node: u32) -> Result<(), SlabError> {
        self.own_memory()?.bind(node, self.segment().is_some())
    }

    /// Keeps the memory of the slots in RAM (mlock), including that of slots that are added later.
    /// Each mapping of a [shared](Slab::share) slab locks for itself; the slots stay in RAM for all
    /// as long as one locked mapping exists. Allocates the memory of all present slots. A second
    /// call does nothing.
    ///
    /// Only before first use: this `Slab` has handed out no slot. Other participants may have some.
    ///
    /// Errors: [`SlabError::Used`]; from the system `ENOMEM`, `EAGAIN` or `EPERM` if the limit on
    /// locked memory (`RLIMIT_MEMLOCK`) does not allow it.
    ///
    /// ```
    /// use ralloc_core::error::SlabError;
    /// use ralloc_core::slab::{Slab, SlabOptions};
    ///
    /// let slab = Slab::new(&SlabOptions::fixed(&[64], 16, 1 << 20))?;
    /// if let Err(error) = slab.lock() {
    ///     eprintln!("it may be swapped out: {error}");
    /// }
    /// assert!(slab.allocate(64).is_ok()); // in either case
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn lock(&self) -> Result<(), SlabError> {
        self.own_memory()?.lock()
    }

    fn own_memory(&self) -> Result<&Pools, MapError> {
        let what = "the memory of a slab of the process that forked this one";
        if self.is_copy() { Err(MapError::Unsupported { what }) } else { Ok(&self.pools) }
    }

    /// Moves `value` into a slot of the smallest pool that has room for it, or of a larger one. If
    /// there is none, the value is dropped.
    ///
    /// Errors: those of [`Slab::allocate`], and [`SlabError::Shared`] for a slab that processes
    /// share: another process can write to its slots, so no reference into them may exist. Does not
    /// compile for values aligned to more than 4096 bytes.
    ///
    /// ```
    /// use ralloc_core::slab::{PoolOptions, Slab, SlabOptions};
    ///
    /// let slab = Slab::new(&SlabOptions::new(1 << 20).pool(PoolOptions::growing(64, 1000)))?;
    /// let mut name = slab.boxed(String::from("slab"))?;
    /// name.push_str("-box");
    /// assert_eq!(*name, "slab-box");
    /// drop(name); // the string, and its slot
    /// assert_eq!(slab.stats()[0].held, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn boxed<T>(&self, value: T) -> Result<SlabBox<'_, T>, SlabError> {
        SlabBox::new(self, value)
    }

    /// A checked pointer to the slot whose first byte is at `block`. `None` if the slot is not out,
    /// or if the slab is [shared](Slab::shared), which is not watched. Only with the feature
    /// `debug`. [`Handle`] has an example with an arena.
    #[cfg(feature = "debug")]
    pub fn handle_of(&self, block: NonNull<u8>) -> Option<Handle> {
        Handle::of(&self.pools.ledger, block.addr().get())
    }

    /// Checks the poison in all freed slots. Only with the feature `debug`. The error lists damage
    /// that was not reported yet; it is not reported again.
    ///
    /// ```
    /// use ralloc_core::slab::{Slab, SlabOptions};
    ///
    /// let slab = Slab::new(&SlabOptions::fixed(&[64], 8, 1 << 20))?;
    /// let block = slab.allocate(64)?.cast::<u8>();
    /// // SAFETY: the block is held; but it is used afterwards, that is the mistake.
    /// unsafe { slab.deallocate(block) }?;
    /// unsafe { block.add(7).write(1) };
    /// let found = slab.verify().unwrap_err();
    /// assert_eq!(found[0].damage.unwrap().offset, 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "debug")]
    pub fn verify(&self) -> Result<(), Vec<Finding>> {
        self.pools.ledger.verify()
    }

    /// The slots that are not freed now, by the lines that allocated them; empty for a shared slab.
    /// Slots that are not freed when the slab is dropped are reported anyway. Only with the feature
    /// `debug`. [`LeakReport`] has an example.
    #[cfg(feature = "debug")]
    pub fn leak_report(&self) -> LeakReport {
        self.pools.ledger.leaks(|address| self.pools.is_out(address))
    }

    /// Whether this is a forked child's copy of a shared slab. Its memory, and with it each slot in
    /// copies of its caches, belongs to the parent, and need not be there.
    #[inline(never)] // asked in many cold places
    pub(crate) fn is_copy(&self) -> bool {
        self.shared.as_ref().is_some_and(|shared| shared.is_copy())
    }

    pub(crate) fn pools(&self) -> &Pools {
        &self.pools
    }

    /// The file of the memory that processes share.
    fn segment(&self) -> Option<&Segment> {
        self.shared.as_ref()?.sharing.segment()
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    pub(super) fn claim_one(&self, index: usize) -> Result<Option<NonNull<[u8]>>, SlabError> {
        let mut found = None;
        let owner = self.claimant()?;
        self.claim(index, owner, SlotState::Held, 1, &mut |slot| found = Some(slot))?;
        Ok(found.map(|slot| self.pools[index].block(slot)))
    }

    /// Claims up to `want` slots of one pool and returns how many. If the pool has none free, it
    /// grows if it may. As the last resort, recovers slots that dead participants held, or that
    /// were sent and never received.
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
        // At most two: another thread may take what the first recovery freed. Without a limit,
        // others could keep this loop busy.
        let mut recoveries = 0..2;
        loop {
            // Read first, so that slots which are added after this claim are noticed.
            let growths = segments.growths();
            let found = table.claim_surely(owner, state, want, out);
            if found > 0 {
                return Ok(found);
            }
            let more = self.pools.grow(index, growths)?
                || recoveries.next().is_some() && self.recover_for(table);
            if !more {
                return Ok(0);
            }
        }
    }

    /// How many slots of a pool one participant may cache, given the slots that are present.
    pub(crate) fn cache_share(&self, index: usize) -> usize {
        self.pools[index].segments.slots() / (4 * self.registry.alive().max(1))
    }

    /// The same for a [`ThreadCache`].
    pub(crate) fn cache_limit(&self, index: usize) -> usize {
        self.cache_share(index).min(thread_cache::MAX_CACHED)
    }
}

impl Drop for Slab {
    fn drop(&mut self) {
        let Pools { ledger, .. } = &self.pools;
        ledger.tell_leaks(|address| self.pools.is_out(address));
        ledger.close();
        self.end_mapping_owner();
    }
}

#[cfg(test)]
mod for_tests {
    use super::Slab;
    use super::slot_table::SlotCounts;

    impl Slab {
        /// Checks that the counts of every pool add up, and returns them. Run it while no call is
        /// under way.
        pub(crate) fn check(&self) -> Result<Vec<SlotCounts>, String> {
            self.pools.iter().map(|pool| pool.check(self.pools.shared)).collect()
        }
    }
}
