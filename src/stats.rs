//! Snapshots of counters. Gauges unless said otherwise; bytes unless said otherwise.
#![forbid(unsafe_code)]

use std::iter::Sum;
use std::ops::Add;

/// What a [`crate::memory::Depot`] holds and has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DepotStats {
    /// Mappings, recycled and retired (a number).
    pub chunks: usize,
    /// Their address space, without guard pages.
    pub reserved: usize,
    /// Bytes of recycled mappings whose memory was not given back: an upper estimate of RAM.
    pub committed: usize,
    /// Takes that found a mapping (a counter).
    pub hits: usize,
    /// Takes that found none (a counter).
    pub misses: usize,
    /// Mappings given back to the system (a counter).
    pub unmapped: usize,
}

impl DepotStats {
    /// The part of all takes that found a mapping: 0 to 1, and 0 before the first.
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
        }
    }
}

impl Sum for DepotStats {
    fn sum<I: Iterator<Item = DepotStats>>(each: I) -> DepotStats {
        each.fold(DepotStats::default(), Add::add)
    }
}

/// What a `LeasedArena` uses.
/// `used = leased + held + quarantined + stolen + limbo`, each the bytes of chunks in that state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LeasedStats {
    /// The limit on `used`.
    pub limit: usize,
    pub used: usize,
    /// The highest `used` so far.
    pub peak: usize,
    pub leased: usize,
    pub held: usize,
    pub quarantined: usize,
    pub stolen: usize,
    pub limbo: usize,
    /// Chunks that are not gone (a number).
    pub chunks: usize,
    /// ArrayBuffers over them whose finalizer has not run (a number).
    pub pins: usize,
    /// Spans whose lease has not ended (a number).
    pub spans: usize,
    /// Address space of these chunks, without guard pages.
    pub reserved: usize,
    /// Those bytes of it that may take memory: all but chunks in Limbo that were trimmed. What
    /// was never touched takes none.
    pub committed: usize,
    /// Those bytes of it that are in RAM now.
    pub resident: usize,
    /// Chunks taken from limbo or the depot (a counter).
    pub recycled: usize,
    /// Chunks mapped anew (a counter).
    pub mapped: usize,
}

/// What a [`crate::Arena`] uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ArenaStats {
    /// The limit on `committed`.
    pub limit: usize,
    /// Bytes of all chunks, those kept for later included.
    pub committed: usize,
    /// The highest `committed` so far.
    pub peak: usize,
    /// Bytes handed out since the last reset and not rewound, alignment included.
    pub allocated: usize,
    /// Chunks (a number), those of oversize allocations included.
    pub chunks: usize,
    /// Chunks of one oversize allocation each (a number).
    pub oversize: usize,
    /// Chunks taken from the depot (a counter).
    pub recycled: usize,
    /// Chunks mapped anew (a counter).
    pub mapped: usize,
}

/// One chunk of a [`crate::Arena`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkUsage {
    /// Bytes of the chunk.
    pub size: usize,
    /// Bytes of it that are handed out, alignment included; the tail of a full one is lost.
    pub used: usize,
}

/// One pool of a [`crate::Slab`]. `count = held + cached + sent + free`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolStats {
    /// Bytes of a slot.
    pub size: usize,
    /// Slots that are there (a number, as all that follow).
    pub count: usize,
    /// Slots that there can be.
    pub max_count: usize,
    pub held: usize,
    /// Claimed, and in some participant's magazine.
    pub cached: usize,
    /// Between two participants.
    pub sent: usize,
    pub free: usize,
    /// The most that were claimed at once, as seen when slots were claimed.
    pub peak: usize,
    /// Allocations that a larger pool served (a counter).
    pub promotions: usize,
    /// Allocations that found no slot in any pool (a counter).
    pub exhaustions: usize,
    /// Frees and sends that were refused (a counter).
    pub refused: usize,
}

/// What an [`crate::ObjectPool`] holds and has done; all are numbers of objects or calls.
/// `hits + made = in_use + returned + dropped + detached`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ObjectPoolStats {
    /// The limit on `idle`.
    pub capacity: usize,
    pub idle: usize,
    /// Objects whose guard lives.
    pub in_use: usize,
    /// Gets that found an idle object (a counter).
    pub hits: usize,
    /// Gets that found none (a counter).
    pub misses: usize,
    /// Objects made after a miss (a counter).
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
    pub fn hit_rate(&self) -> f64 {
        let gets = self.hits + self.misses;
        if gets == 0 { 0.0 } else { self.hits as f64 / gets as f64 }
    }
}
