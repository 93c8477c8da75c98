//! Blocks of a few fixed sizes, freed one by one, in any order and on any thread.
//!
//! For buffers that come and go (network reads, records, messages between threads) where the
//! memory in use has to have a bound, and where a double free has to be an error. What ends together
//! is cheaper in an [`Arena`](crate::Arena). A [`Slab`] alone costs an atomic operation for each
//! call; a thread that allocates often makes itself a [`ThreadCache`]. [`SlabOptions`] says how
//! many slots of which sizes there are.
//!
//! # How it works
//!
//! A [`Slab`] is a row of pools in ascending sizes over one mapping; the words of their slots lie in
//! another one. `slot_table` claims and frees by one CAS on a slot's word (`word` has the transitions),
//! [`ThreadCache`] keeps a thread's own slots before it, `registry` knows who is alive.
//!
//! `held + cached + sent + free + absent = max_count`, for every pool at any quiet moment: `Slab::check`. The
//! `count` of [`PoolStats`](crate::stats::PoolStats) is that without the absent slots.

mod claims;
#[cfg(all(test, not(loom)))]
mod growth_tests;
#[cfg(not(loom))]
#[cfg_attr(not(feature = "node"), allow(dead_code, reason = "serves the binding alone"))]
pub(crate) mod handle;
mod hints;
#[cfg_attr(not(feature = "node"), allow(dead_code, reason = "serves the binding alone"))]
mod isolate;
#[cfg(all(test, loom))]
mod models;
mod options;
#[cfg_attr(not(feature = "node"), allow(dead_code, reason = "serves the binding alone"))]
pub(crate) mod participant;
mod pool;
#[cfg(all(test, not(loom)))]
mod programs;
mod registry;
mod segments;
mod slot_table;
#[cfg(all(test, not(loom)))]
mod tests;
mod thread_cache;
#[cfg(all(test, not(loom)))]
mod threads;
#[cfg_attr(not(feature = "node"), allow(dead_code, reason = "serves the binding alone"))]
pub(crate) mod token;
mod usage;
pub(crate) mod word;

pub use options::{MAX_POOLS, PoolOptions, SlabOptions};
pub use thread_cache::ThreadCache;

use crate::error::{ClaimError, MapError, SlabError, SlotError};
use crate::memory::depot::map_new;
use crate::memory::{Mapping, MemoryOptions, SharedMemory};
use crate::sync::{Arc, AtomicUsize, Mutex, Ordering, Words};
use pool::Pool;
use registry::Registry;
use segments::Segments;
#[cfg(test)]
use slot_table::SlotCounts;
use slot_table::SlotTable;
use std::ptr::NonNull;
use token::Identity;
use word::SlotState;

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
    /// Locked to grow and to drop segments.
    slots: Mutex<Slots>,
    /// The words. After `pools`, so dropped after them.
    records: Mapping,
    max_bytes: usize,
    /// What makes another slab over the same memory; `None` where it is not shared.
    shared: Option<Arc<SharedSlab>>,
    /// The same in all mappings of a shared slab.
    identity: Identity,
    /// Not 0: an isolate ended that had ArrayBuffers over the slots, which may live on in another one.
    abandoned: AtomicUsize,
}

/// The memory of a slab that is mapped several times, each time at other addresses: records, then slots.
/// Lives as long as one of the mappings. [`Slab::shared`] makes it, [`Slab::share`] names it, and
/// [`Slab::attach`] maps it once more, here on another thread:
///
/// ```
/// # #[cfg(not(windows))] {
/// use ralloc_core::slab::{SharedSlab, Slab, SlabOptions};
/// use std::sync::Arc;
///
/// let slab = Slab::shared(&SlabOptions::fixed(&[64], 8, 1 << 20)).unwrap();
/// let shared: Arc<SharedSlab> = Arc::clone(slab.share().unwrap());
/// std::thread::spawn(move || Slab::attach(&shared).unwrap().allocate(64).unwrap().len()).join().unwrap();
/// assert_eq!(slab.stats()[0].held, 1);
/// # }
/// ```
#[derive(Debug)]
pub struct SharedSlab {
    memory: SharedMemory,
    options: SlabOptions,
    registry: Arc<Registry>,
    identity: Identity,
}

#[derive(Debug)]
struct Slots {
    /// `Some` until the slab is dropped.
    mapping: Option<Mapping>,
    /// Bytes of the segments that are there. Invariant: with the records at most `max_bytes`.
    committed: usize,
    /// How many slots had been freed, ever, when a segment did not fit the limit and none was idle.
    nothing_idle_at: Option<u64>,
}

impl Slab {
    /// A slab whose pools have their first slots at once; takes memory as slots are touched, and for their records at
    /// once: 8 bytes a slot are written here (4 million slots: 32 MiB, some 50 ms).
    ///
    /// Errors: options that contradict each other or do not fit `max_bytes`, by name, and
    /// [`SlabError::Map`] where the system refuses.
    ///
    /// ```
    /// use ralloc_core::slab::{Slab, SlabOptions};
    ///
    /// assert!(Slab::new(&SlabOptions::fixed(&[64, 1024], 256, 1 << 20)).is_ok());
    /// assert!(Slab::new(&SlabOptions::fixed(&[64, 1024], 256, 1 << 10)).is_err()); // more than 1 KiB
    /// ```
    pub fn new(options: &SlabOptions) -> Result<Slab, SlabError> {
        let plan = options.plan()?;
        let slots = map_new(None, || match options.memory.is_plain() && !options.is_fixed() {
            true => Mapping::reserve_any(plan.slot_bytes, options.memory),
            false => Mapping::with_any(plan.slot_bytes, options.memory),
        })?;
        let records = map_new(None, || Mapping::committed(plan.record_bytes))?;
        let slab = Slab::new_over(options, records, slots, Arc::default(), None);
        slab.grow_to_counts()?;
        Ok(slab)
    }

    /// A slab that cannot grow, over memory that [`Slab::attach`] can map again. Errors as those of
    /// [`Slab::new`], and [`MapError::Unsupported`] where the options allow growth and on Windows.
    ///
    /// ```
    /// # #[cfg(not(windows))] {
    /// use ralloc_core::slab::{Slab, SlabOptions};
    ///
    /// let slab = Slab::shared(&SlabOptions::fixed(&[64], 8, 1 << 20)).unwrap();
    /// assert!(slab.share().is_some());
    /// # }
    /// ```
    pub fn shared(options: &SlabOptions) -> Result<Slab, SlabError> {
        let plan = options.plan()?;
        if !options.is_fixed() {
            return Err(MapError::Unsupported { what: "sharing of a slab that can grow" }.into());
        }
        let bytes = plan.record_bytes + plan.slot_bytes;
        let memory = map_new(None, || SharedMemory::anonymous(bytes, plan.record_bytes))?;
        let (options, registry, identity) = (options.clone(), Arc::default(), Identity::new());
        let shared = SharedSlab { memory, options, registry, identity };
        let slab = Slab::attach(&Arc::new(shared))?;
        slab.grow_to_counts()?;
        Ok(slab)
    }

    /// The same slab, mapped once more at addresses of its own. What one mapping has allocated, the other cannot
    /// free: blocks are known by their address.
    ///
    /// ```
    /// # #[cfg(not(windows))] {
    /// use ralloc_core::slab::{Slab, SlabOptions};
    ///
    /// let first = Slab::shared(&SlabOptions::fixed(&[64], 8, 1 << 20)).unwrap();
    /// let second = Slab::attach(first.share().expect("it is shared")).unwrap();
    /// let block = first.allocate(64).unwrap();
    /// assert_eq!(second.stats()[0].held, 1); // one pool for both
    /// // SAFETY: the block is held, and not used afterwards.
    /// unsafe {
    ///     assert!(second.deallocate(block.cast()).is_err());
    ///     assert!(first.deallocate(block.cast()).is_ok());
    /// }
    /// # }
    /// ```
    pub fn attach(shared: &Arc<SharedSlab>) -> Result<Slab, SlabError> {
        let SharedSlab { memory, options, registry, .. } = &**shared;
        let plan = options.plan()?;
        let (at, len) = (plan.record_bytes, plan.slot_bytes);
        let records = map_new(None, || memory.map(0, at, MemoryOptions::default()))?;
        let slots = map_new(None, || memory.map_any(at, len, options.memory))?;
        let owner = Some(Arc::clone(shared));
        Ok(Slab::new_over(options, records, slots, Arc::clone(registry), owner))
    }

    /// What [`Slab::attach`] takes; `None` for a slab that is not shared. Makes nothing: a slab is made for
    /// sharing by [`Slab::shared`].
    ///
    /// ```
    /// use ralloc_core::slab::{Slab, SlabOptions};
    ///
    /// let slab = Slab::new(&SlabOptions::fixed(&[64], 8, 1 << 20))?;
    /// assert!(slab.share().is_none());
    /// # Ok::<(), ralloc_core::error::SlabError>(())
    /// ```
    pub fn share(&self) -> Option<&Arc<SharedSlab>> {
        self.shared.as_ref()
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
            let table = SlotTable::new(count, |at, len| {
                // SAFETY: within the records by the plan, page-aligned plus whole words; the
                // mapping lives as long as the slab, longer than its pools.
                unsafe { Words::over(records.base().add((start + at) * 8), len) }
            });
            // SAFETY: within the mapping by the plan.
            let base = unsafe { slots.base().add(offset) };
            let size_log = pool.size.ilog2();
            // What is there already is another isolate's doing: a shared slab cannot grow.
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
        let slots = Mutex::new(Slots { mapping: Some(slots), committed: 0, nothing_idle_at: None });
        let (max_bytes, abandoned) = (options.max_bytes, AtomicUsize::new(0));
        let identity = shared.as_ref().map_or_else(Identity::new, |shared| shared.identity);
        Slab { pools, classes, registry, slots, records, max_bytes, shared, identity, abandoned }
    }

    /// A slot of at least `size` bytes: of the smallest pool that fits, or, when it is exhausted,
    /// of the next larger one. Its content is whatever was there before.
    ///
    /// Errors: [`ClaimError::TooLarge`], [`ClaimError::Exhausted`] when no larger pool has a slot either, and
    /// [`ClaimError::Map`] where the system refuses the memory to grow by.
    ///
    /// In a child that a `fork` made, a slot of a [shared](Slab::shared) slab is taken from the parent too, and nobody
    /// gives it back when the child ends.
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
    pub fn allocate(&self, size: usize) -> Result<NonNull<[u8]>, ClaimError> {
        let first = self.class_of(size)?;
        for index in first..self.pools.len() {
            if let Some(block) = self.claim_one(index)? {
                self.note_promotion(first, index);
                return Ok(block);
            }
        }
        Err(self.exhausted(first, size))
    }

    /// A slot of exactly the smallest pool that fits; `None` when it is exhausted. Errors as those of
    /// [`Slab::allocate`], which shows both.
    pub fn try_allocate(&self, size: usize) -> Result<Option<NonNull<[u8]>>, ClaimError> {
        self.claim_one(self.class_of(size)?)
    }

    /// Frees a block by its first byte. Any thread may, whoever allocated it. [`SlotError`] has an
    /// example of what is refused.
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
    /// A block of this slab is held by the caller: nobody uses it any more, and no other call frees it. Other
    /// addresses are errors, as a second free is where the block is still free.
    pub unsafe fn deallocate(&self, block: NonNull<u8>) -> Result<(), SlotError> {
        let (index, slot) = self.locate(block)?;
        self.free_slot(index, slot)
    }

    /// The pools, in ascending sizes.
    pub(crate) fn pools(&self) -> &[Pool] {
        &self.pools
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The executable form of the equation above, for quiet moments; names what does not hold.
    #[cfg(test)]
    pub(crate) fn check(&self) -> Result<Vec<SlotCounts>, String> {
        self.pools.iter().map(|pool| pool.check(self.shared.is_some())).collect()
    }

    /// Index of the smallest pool for `size` bytes; the number of pools where there is none.
    #[inline]
    pub(crate) fn class(&self, size: usize) -> usize {
        let log = usize::BITS - size.saturating_sub(1).leading_zeros();
        self.classes[log as usize].into()
    }

    /// Index of the smallest pool for `size` bytes.
    pub(crate) fn class_of(&self, size: usize) -> Result<usize, ClaimError> {
        let index = self.class(size);
        if index < self.pools.len() {
            return Ok(index);
        }
        Err(ClaimError::TooLarge { requested: size, largest: self.largest() })
    }

    /// Index of the pool, and slot, of a block by its first byte.
    #[inline]
    pub(crate) fn locate(&self, block: NonNull<u8>) -> Result<(usize, u32), SlotError> {
        // The pools lie in the order of their indices.
        let after = self.pools.partition_point(|pool| pool.base <= block);
        let index = after.checked_sub(1).ok_or(SlotError::Foreign)?;
        let pool = &self.pools[index];
        let offset = pool.offset_of(block.addr().get()).ok_or(SlotError::Foreign)?;
        if offset & (pool.size() - 1) != 0 {
            return Err(self.refuse(index, SlotError::Interior));
        }
        Ok((index, (offset >> pool.size_log) as u32))
    }

    pub(crate) fn free_slot(&self, index: usize, slot: u32) -> Result<(), SlotError> {
        let table = &self.pools[index].table;
        let word = table.word(slot);
        if word.state() != SlotState::Held || table.free(slot, word).is_err() {
            return Err(self.refuse(index, SlotError::NotHeld));
        }
        Ok(())
    }

    #[cold]
    pub(crate) fn refuse(&self, index: usize, error: SlotError) -> SlotError {
        self.pools[index].table.counters.refused.add(1);
        error
    }

    pub(crate) fn note_promotion(&self, first: usize, index: usize) {
        if index != first {
            self.pools[first].table.counters.promotions.add(1);
        }
    }

    pub(crate) fn exhausted(&self, first: usize, requested: usize) -> ClaimError {
        self.pools[first].table.counters.exhaustions.add(1);
        ClaimError::Exhausted { requested, size: self.largest() }
    }
}

impl Drop for Slab {
    fn drop(&mut self) {
        let Some(slots) = self.slots.lock().mapping.take() else { return };
        // Relaxed: the last count on the slab was given back after it.
        if self.abandoned.load(Ordering::Relaxed) > 0 {
            return slots.abandon();
        }
        // An operation in flight may still touch a slot that JavaScript has seen: then the addresses are kept. All that
        // nobody can have seen is unmapped, as the records always are: a process that makes slabs all day would have no
        // addresses left.
        drop(slots);
    }
}
