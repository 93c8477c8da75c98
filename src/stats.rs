//! Figures of arenas, slabs, depots and pools, as plain structs to log or to export: what they use
//! and what they have done.
//!
//! The `stats` method of each takes a snapshot. It costs a walk over chunks or slots, and a lock if
//! several threads share the owner: it is meant for a metrics endpoint or a test, not for every
//! allocation. A field is a gauge (the present value) unless it is called a counter (how often
//! something happened since the owner was made; it never falls). Sizes are in bytes unless said
//! otherwise.
#![forbid(unsafe_code)]

use std::iter::Sum;
use std::ops::Add;

/// What a [`crate::memory::Depot`] holds and has done. Add several up with `+` or `sum`.
///
/// ```
/// use ralloc_core::Arena;
/// use ralloc_core::memory::Depot;
/// use std::sync::Arc;
///
/// let depot = Arc::new(Depot::new(1 << 20));
/// for _ in 0..2 {
///     let arena = Arena::builder().depot(Arc::clone(&depot)).build()?;
///     arena.alloc(7);
/// } // here its chunk goes to the depot
/// let stats = depot.stats();
/// assert_eq!((stats.misses, stats.hits, stats.chunks), (1, 1, 1));
/// assert_eq!(stats.hit_rate(), 0.5);
/// # Ok::<(), ralloc_core::error::OptionsError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DepotStats {
    /// Mappings in the depot, with their memory or without (a number).
    pub chunks: usize,
    /// Bytes of their address space, without guard pages.
    pub reserved: usize,
    /// Bytes of recycled mappings whose memory was not given back: an upper estimate of RAM.
    pub committed: usize,
    /// Requests for a chunk that found a mapping (a counter).
    pub hits: usize,
    /// Requests for a chunk that found none, so that a new one was mapped (a counter).
    pub misses: usize,
    /// Mappings given back to the system (a counter).
    pub unmapped: usize,
    /// Bytes of unused address space that JavaScript has seen. It has no memory, is never unmapped,
    /// and is used again. A figure of the whole process, in
    /// [`depot::stats`](crate::memory::depot::stats); 0 for a single depot.
    pub retained: usize,
}

impl DepotStats {
    /// Hits per request, from 0 to 1; 0 before the first.
    pub fn hit_rate(&self) -> f64 {
        match self.hits + self.misses {
            0 => 0.0,
            takes => self.hits as f64 / takes as f64,
        }
    }
}

impl Add for DepotStats {
    type Output = DepotStats;

    fn add(self, other: DepotStats) -> DepotStats {
        DepotStats {
            chunks: self.chunks + other.chunks,
            reserved: self.reserved + other.reserved,
            committed: self.committed + other.committed,
            hits: self.hits + other.hits,
            misses: self.misses + other.misses,
            unmapped: self.unmapped + other.unmapped,
            retained: self.retained + other.retained,
        }
    }
}

impl Sum for DepotStats {
    fn sum<I: Iterator<Item = DepotStats>>(each: I) -> DepotStats {
        each.fold(DepotStats::default(), Add::add)
    }
}

/// What a [`crate::Arena`] or a [`crate::SyncArena`] uses.
///
/// ```
/// use ralloc_core::Arena;
///
/// let mut arena = Arena::builder().limit(1 << 20).build()?;
/// arena.alloc([0u8; 100]);
/// let stats = arena.stats();
/// assert_eq!((stats.allocated, stats.chunks), (104, 1)); // rounded up to the alignment, 8
/// assert!(stats.committed <= stats.limit);
/// arena.reset();
/// assert_eq!(arena.stats().allocated, 0);
/// assert_eq!(arena.stats().committed, stats.committed); // kept for the next allocations
/// # Ok::<(), ralloc_core::error::OptionsError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ArenaStats {
    /// The most that `committed` may be; it does not change.
    pub limit: usize,
    /// Bytes of all chunks, including those kept for later.
    pub committed: usize,
    /// The highest `committed` so far.
    pub peak: usize,
    /// Bytes handed out since the last reset and not rewound, alignment included.
    pub allocated: usize,
    /// Chunks, including those of oversize allocations (a number).
    pub chunks: usize,
    /// Chunks of one oversize allocation each (a number).
    pub oversize: usize,
    /// Chunks taken from the depot (a counter).
    pub recycled: usize,
    /// Chunks that were newly mapped (a counter).
    pub mapped: usize,
}

/// One chunk of a [`crate::Arena`] or a [`crate::SyncArena`].
///
/// ```
/// let arena = ralloc_core::Arena::new();
/// arena.alloc_slice_fill_copy(1000, 0u8);
/// let chunk = arena.chunk_usage()[0];
/// assert_eq!(chunk.used, 1000);
/// assert!(chunk.size >= 16 << 10);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkUsage {
    /// Bytes of the chunk.
    pub size: usize,
    /// Bytes of it that are handed out, alignment included; the tail of a full one is lost.
    pub used: usize,
}

/// One pool of a [`crate::Slab`]. `count = held + cached + sent + free` while no other thread
/// allocates or frees; these leave out the `max_count - count` slots that the pool does not have
/// now. All fields except `size` are numbers of slots or calls.
///
/// ```
/// use ralloc_core::Slab;
/// use ralloc_core::slab::SlabOptions;
///
/// let slab = Slab::new(&SlabOptions::fixed(&[64, 256], 8, 1 << 20))?;
/// slab.allocate(200)?;
/// let pool = slab.stats()[1];
/// assert_eq!((pool.size, pool.count), (256, 8));
/// assert_eq!((pool.held, pool.free, pool.peak), (1, 7, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolStats {
    /// Bytes of a slot.
    pub size: usize,
    /// Slots that the pool has now: between `min_count` and `max_count` of its options, in whole
    /// segments.
    pub count: usize,
    /// Slots that the pool can have; it does not change.
    pub max_count: usize,
    /// Slots that were allocated and not freed. In Node.js, this includes slots cached by an
    /// isolate.
    pub held: usize,
    /// Slots in a [`crate::ThreadCache`].
    pub cached: usize,
    /// Slots that were [sent](crate::Slab::send) and not received or revoked.
    pub sent: usize,
    /// Slots that anyone may allocate.
    pub free: usize,
    /// The most slots that were not free together, as seen when slots were taken. This and the
    /// counters below belong to one mapping: in a [shared](crate::Slab::shared) slab each isolate
    /// or process counts its own calls.
    pub peak: usize,
    /// Allocations of this pool's sizes that were served by a larger pool (a counter).
    pub promotions: usize,
    /// Allocations of this pool's sizes that failed because no pool had a slot (a counter).
    pub exhaustions: usize,
    /// Frees and sends of addresses in this pool that were refused (a counter).
    pub refused: usize,
}

/// What a [`crate::Region`] uses. `used + free = reserved`, and `reserved + metadata` is at most
/// `limit`.
///
/// ```
/// use ralloc_core::Region;
/// use std::alloc::Layout;
///
/// let mut region = Region::new();
/// let [_, second, _] = [10_000, 20_000, 30_000].map(|size| {
///     region.alloc(Layout::array::<u8>(size).unwrap()).unwrap()
/// });
/// region.free(second)?;
/// let stats = region.stats();
/// assert_eq!((stats.blocks, stats.spans), (2, 4)); // the second one's span is free, and the rest of the chunk
/// assert!(stats.largest_free < stats.free && stats.fragmentation() < 0.1);
/// # Ok::<(), ralloc_core::error::FreeError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RegionStats {
    /// The most that `reserved + metadata` may be; it does not change.
    pub limit: usize,
    /// Bytes of all chunks.
    pub reserved: usize,
    /// Bytes kept for spans and chunks, apart from the chunks.
    pub metadata: usize,
    /// Bytes of chunks and metadata that may take memory: all except pages that were never used, or
    /// that [`collect`](crate::Region::collect) gave back, and that are still free in one piece. An
    /// upper estimate of RAM.
    pub committed: usize,
    /// Bytes of blocks, rounded up to 16 each.
    pub used: usize,
    /// Bytes of blocks as requested.
    pub requested: usize,
    /// Bytes of free spans.
    pub free: usize,
    /// Bytes of the largest free span. A block of up to 1/32 less can surely be allocated without
    /// another chunk.
    pub largest_free: usize,
    /// Blocks that were allocated and not freed (a number).
    pub blocks: usize,
    /// Blocks and free spans (a number).
    pub spans: usize,
    /// Chunks (a number).
    pub chunks: usize,
}

impl RegionStats {
    /// How scattered the free bytes are, from 0 (one span, or none) to 1:
    /// `1 - largest_free / free`. Spans end with their chunk, so free bytes in several chunks count
    /// as scattered.
    pub fn fragmentation(&self) -> f64 {
        if self.free == 0 { 0.0 } else { 1.0 - self.largest_free as f64 / self.free as f64 }
    }

    /// The part of `used` beyond the requested sizes, from 0 to 1.
    pub fn waste(&self) -> f64 {
        if self.used == 0 { 0.0 } else { 1.0 - self.requested as f64 / self.used as f64 }
    }
}

/// What an [`crate::ObjectPool`] holds and has done; all are numbers of objects or calls.
/// `hits + made = in_use + returned + dropped + detached`.
///
/// ```
/// use ralloc_core::{ObjectPool, Pooled};
///
/// let pool = ObjectPool::new(1, String::new)?;
/// drop((pool.get(), pool.get())); // both are made, and one finds a place
/// let found = Pooled::into_inner(pool.get());
/// let stats = pool.stats();
/// assert_eq!((stats.misses, stats.made, stats.hits), (2, 2, 1));
/// assert_eq!((stats.returned, stats.dropped, stats.detached), (1, 1, 1));
/// assert_eq!((stats.in_use, stats.idle), (0, 0));
/// # Ok::<(), ralloc_core::error::OptionsError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObjectPoolStats {
    /// The most that `idle` may be; it does not change.
    pub capacity: usize,
    /// Objects that are kept for the next get.
    pub idle: usize,
    /// Objects whose guard is alive.
    pub in_use: usize,
    /// Gets that found an idle object (a counter).
    pub hits: usize,
    /// Gets that found none (a counter).
    pub misses: usize,
    /// Objects made by a get after a miss; a miss of `try_get` makes none (a counter).
    pub made: usize,
    /// Objects that came back and were kept (a counter).
    pub returned: usize,
    /// Objects that came back to a full pool, or whose reset panicked (a counter).
    pub dropped: usize,
    /// Objects taken out for good (a counter).
    pub detached: usize,
}

impl ObjectPoolStats {
    /// Hits per get, from 0 to 1; 0 before the first.
    ///
    /// ```
    /// let pool = ralloc_core::ObjectPool::new(4, String::new)?;
    /// assert_eq!(pool.stats().hit_rate(), 0.0);
    /// drop(pool.get()); // made
    /// drop(pool.get()); // found
    /// assert_eq!(pool.stats().hit_rate(), 0.5);
    /// # Ok::<(), ralloc_core::error::OptionsError>(())
    /// ```
    pub fn hit_rate(&self) -> f64 {
        let gets = self.hits + self.misses;
        if gets == 0 { 0.0 } else { self.hits as f64 / gets as f64 }
    }
}
