//! The options of a slab, and their check.

use super::slot_table::SlotTable;
use crate::error::{MapError, SlabError};
use crate::layout::{MAX_BYTES, align_up};
use crate::memory::{HugePages, MemoryOptions, page_size};

/// The most pools of a slab.
///
/// ```
/// use ralloc_core::slab::{MAX_POOLS, Slab, SlabOptions};
///
/// let options = SlabOptions::fixed(&[64; MAX_POOLS + 1], 8, 1 << 20);
/// assert!(Slab::new(&options).is_err());
/// ```
pub const MAX_POOLS: usize = 31;
/// The smallest slot, in bytes.
const MIN_SIZE: usize = 8;
/// The approximate size of a segment; it has at least one slot.
const SEGMENT_BYTES: usize = 1 << 20;
/// If one segment of each growing pool would take more than this part of the limit, segments are
/// made smaller, so that the first slot of one pool does not take the memory that the others need.
const LIMIT_PART: usize = 2;

/// One pool: slots of one size, whose number may grow from `count` to `max_count`.
///
/// ```
/// use ralloc_core::memory::MemoryOptions;
/// use ralloc_core::slab::{PoolOptions, Slab, SlabOptions};
///
/// let pool = PoolOptions { size: 4096, count: 256, max_count: 1024, min_count: 0 };
/// let (max_bytes, memory) = (8 << 20, MemoryOptions::default());
/// let slab = Slab::new(&SlabOptions { pools: vec![pool], max_bytes, memory })?;
/// for _ in 0..300 {
///     slab.allocate(4096)?; // the pool grows when it is exhausted
/// }
/// assert!(slab.stats()[0].count >= 300);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolOptions {
    /// Bytes of a slot: a power of two, at least 8.
    pub size: usize,
    /// Slots from the start. Further ones are added about 1 MiB at a time, or fewer if less is left
    /// of the limit.
    pub count: u32,
    /// The most slots: at least `count`, and at least 1. If it equals `count`, the pool does
    /// not grow.
    pub max_count: u32,
    /// Slots that [`trim`](super::Slab::trim) leaves when it drops idle segments, which it drops
    /// whole: at most `count`.
    pub min_count: u32,
}

impl PoolOptions {
    /// `count` slots of `size` bytes, from the start and for ever.
    pub fn fixed(size: usize, count: u32) -> PoolOptions {
        PoolOptions { size, count, max_count: count, min_count: count }
    }

    /// Slots of `size` bytes that are added as needed, up to `max_count`, and dropped again.
    pub fn growing(size: usize, max_count: u32) -> PoolOptions {
        PoolOptions { size, count: 0, max_count, min_count: 0 }
    }

    setters! { count: u32, max_count: u32, min_count: u32 }
}

/// The pools of a slab, in ascending sizes, and the bytes that slots and records may take.
/// [`SlabOptions::fixed`] is the short form for slots that are all present; [`PoolOptions`] has an
/// example of pools that grow.
#[derive(Clone, Debug)]
pub struct SlabOptions {
    /// From 1 to [`MAX_POOLS`] pools, each with larger slots than the one before.
    pub pools: Vec<PoolOptions>,
    /// The most bytes that slots and their records may take. The `count` of every pool must fit,
    /// and one slot of each pool beside what all pools keep. Pools grow until the limit is reached,
    /// to the last slot.
    pub max_bytes: usize,
    /// How to obtain the memory of the slots from the system. Slots that are added later are locked
    /// and prefaulted when they are added; pages from the system's pool of huge pages are taken for
    /// all possible slots at the start.
    pub memory: MemoryOptions,
}

/// Bytes of the mappings behind a slab, for all slots that there can be.
pub(super) struct Plan {
    pub(super) slot_bytes: usize,
    pub(super) record_bytes: usize,
}

impl SlabOptions {
    /// Options for at most `max_bytes`, without pools: [`SlabOptions::pool`] adds one.
    ///
    /// ```
    /// use ralloc_core::slab::{PoolOptions, Slab, SlabOptions};
    ///
    /// let options = SlabOptions::new(8 << 20)
    ///     .pool(PoolOptions::fixed(64, 1024))
    ///     .pool(PoolOptions::growing(4096, 1024).count(16));
    /// let slab = Slab::new(&options)?;
    /// assert_eq!((slab.stats()[0].count, slab.stats()[1].count >= 16), (1024, true));
    /// # Ok::<(), ralloc_core::error::SlabError>(())
    /// ```
    pub fn new(max_bytes: usize) -> SlabOptions {
        SlabOptions { pools: Vec::new(), max_bytes, memory: MemoryOptions::default() }
    }

    /// Adds a pool, whose slots must be larger than those of the pools before it.
    #[must_use]
    pub fn pool(mut self, pool: PoolOptions) -> SlabOptions {
        self.pools.push(pool);
        self
    }

    setters! { max_bytes: usize, memory: MemoryOptions }

    /// Options for `count` slots of each size, all present from the start. The sizes ascend;
    /// `max_bytes` must be enough for all slots and their records, which take 8 bytes a slot and
    /// somewhat more.
    ///
    /// ```
    /// use ralloc_core::slab::{Slab, SlabOptions};
    ///
    /// let options = SlabOptions::fixed(&[64, 1024], 256, 1 << 20);
    /// assert!(options.is_fixed());
    /// assert_eq!(Slab::new(&options)?.largest(), 1024);
    /// # Ok::<(), ralloc_core::error::SlabError>(())
    /// ```
    pub fn fixed(sizes: &[usize], count: u32, max_bytes: usize) -> SlabOptions {
        let pools = sizes.iter().map(|&size| PoolOptions::fixed(size, count)).collect();
        SlabOptions { pools, ..SlabOptions::new(max_bytes) }
    }

    /// Returns true if no pool can grow: only such a slab can be [shared](super::Slab::shared).
    pub fn is_fixed(&self) -> bool {
        self.pools.iter().all(|pool| pool.count == pool.max_count)
    }

    /// Returns true if slots take no memory before they are added, and none after they are dropped.
    pub(super) fn comes_in_parts(&self) -> bool {
        let of_pool = matches!(self.memory.huge_pages, HugePages::Prefer | HugePages::Require);
        !of_pool && self.pools.iter().any(|pool| pool.min_count < pool.max_count)
    }

    /// Checks the pools one by one.
    fn check(&self) -> Result<(), SlabError> {
        let given = self.pools.len();
        if given == 0 || given > MAX_POOLS {
            return Err(SlabError::Pools { given, most: MAX_POOLS });
        }
        let mut before = 0;
        for (index, pool) in self.pools.iter().enumerate() {
            let &PoolOptions { size, count, max_count, min_count } = pool;
            if !size.is_power_of_two() || size < MIN_SIZE {
                return Err(SlabError::Size { index, size });
            }
            if size <= before {
                return Err(SlabError::Order { index, size });
            }
            if max_count == 0 || max_count < count || count < min_count {
                let [count, least, most] =
                    [count, min_count, max_count].map(|slots| slots as usize);
                return Err(SlabError::Count { index, count, least, most });
            }
            before = size;
        }
        Ok(())
    }

    /// The least bytes that the slots need: those of all first slots or, if that is more, one slot
    /// of a pool that starts with none and what all pools keep. The sums cannot overflow, because
    /// those of all possible slots were checked.
    fn least_bytes(&self) -> usize {
        let bytes = |pool: &PoolOptions, slots: u32| charge(pool.size, slots as usize);
        let kept: usize = self.pools.iter().map(|pool| bytes(pool, pool.min_count)).sum();
        let first = self.pools.iter().map(|pool| bytes(pool, pool.count)).sum();
        let one = |pool: &PoolOptions| kept + bytes(pool, 1);
        self.pools.iter().filter(|pool| pool.count == 0).map(one).fold(first, usize::max)
    }

    /// Slots of one segment of the pool, a power of two: whole pages, about 1 MiB, at least one
    /// slot.
    pub(super) fn slots_per_segment(&self, pool: &PoolOptions) -> usize {
        let all = (pool.max_count as usize).next_power_of_two();
        let least = (page_size() / pool.size).max(1);
        let bytes = match pool.count == pool.max_count {
            true => SEGMENT_BYTES,
            false => SEGMENT_BYTES.min(self.max_bytes / (LIMIT_PART * self.pools.len())),
        };
        let about = 1 << (bytes / pool.size).max(1).ilog2();
        about.min(all).max(least)
    }

    /// Checks everything.
    pub(super) fn plan(&self) -> Result<Plan, SlabError> {
        self.check()?;
        let limit = self.max_bytes;
        let too_much = |bytes| SlabError::Footprint { bytes, limit };
        let (mut all, mut words) = (0usize, 0usize);
        for pool in &self.pools {
            let most = pool.size.checked_mul(pool.max_count as usize);
            let most = most.filter(|&bytes| bytes < MAX_BYTES / MAX_POOLS);
            let most = most.and_then(|bytes| align_up(bytes, page_size()));
            all += most.ok_or(too_much(usize::MAX))?;
            words += SlotTable::words_for(pool.max_count as usize);
        }
        let records = align_up(words * 8, page_size()).ok_or(too_much(usize::MAX))?;
        let least = self.least_bytes();
        if least > limit {
            return Err(too_much(least));
        }
        Ok(Plan { slot_bytes: all, record_bytes: records })
    }

    /// The same for a slab that is to be shared, which cannot grow.
    pub(super) fn shared_plan(&self) -> Result<Plan, SlabError> {
        let plan = self.plan()?;
        if !self.is_fixed() {
            return Err(MapError::Unsupported { what: "sharing of a slab that can grow" }.into());
        }
        Ok(plan)
    }
}

/// The bytes that `slots` slots of a pool are charged against the limit: their own and their
/// records'. A pool that can grow reserves more records, which take no memory before their slots
/// are present.
pub(super) fn charge(size: usize, slots: usize) -> usize {
    match slots {
        0 => 0,
        _ => slots * size + SlotTable::words_for(slots) * 8,
    }
}

/// Bytes of a pool's slots, in whole pages; the plan has checked that they do not overflow.
pub(super) fn slot_bytes(options: &PoolOptions) -> usize {
    (options.size * options.max_count as usize).next_multiple_of(page_size())
}
