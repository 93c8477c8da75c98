//! What can fail about a [`crate::Slab`]: making it, allocating a slot, freeing it.

use super::MapError;
use std::fmt;

const FORKED: &str = "the thread cache belongs to the process that forked this one";

/// Why a [`crate::Slab`] cannot be made. Pools are named by their index in
/// [`SlabOptions::pools`](crate::slab::SlabOptions::pools).
///
/// ```
/// use ralloc_core::Slab;
/// use ralloc_core::error::SlabError;
/// use ralloc_core::slab::SlabOptions;
///
/// let error = Slab::new(&SlabOptions::fixed(&[64, 100], 16, 1 << 20)).unwrap_err();
/// assert_eq!(error, SlabError::Size { index: 1, size: 100 });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlabError {
    /// There are no pools, or more than a slab can have.
    Pools {
        /// The number of pools asked for.
        given: usize,
        /// The most there may be: [`crate::slab::MAX_POOLS`].
        most: usize,
    },
    /// The slot size of a pool is not a power of two, or is less than 8 bytes.
    Size {
        /// Which pool.
        index: usize,
        /// Its slot size, in bytes.
        size: usize,
    },
    /// The slot size of a pool is not above that of the pool before it.
    Order {
        /// Which pool.
        index: usize,
        /// Its slot size, in bytes.
        size: usize,
    },
    /// The counts of a pool contradict each other: `min_count <= count <= max_count` and
    /// `max_count >= 1` must hold.
    Count {
        /// Which pool.
        index: usize,
        /// Its `count`, in slots.
        count: usize,
        /// Its `min_count`, in slots.
        least: usize,
        /// Its `max_count`, in slots.
        most: usize,
    },
    /// The pools with their records do not fit the limit.
    Footprint {
        /// Bytes that they take from the start; `usize::MAX` if the sum overflows.
        bytes: usize,
        /// Bytes allowed: [`SlabOptions::max_bytes`](crate::slab::SlabOptions::max_bytes).
        limit: usize,
    },
    /// The system refused the memory, or cannot share it.
    Map(MapError),
}

impl fmt::Display for SlabError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SlabError::Pools { given, most } => {
                write!(f, "{given} pools were given: 1 to {most} are allowed")
            }
            SlabError::Size { index, size } => {
                write!(f, "the size of pool {index}, {size}, is not a power of two >= 8")
            }
            SlabError::Order { index, size } => {
                write!(f, "the size of pool {index}, {size}, is not greater than the one before it")
            }
            SlabError::Count { index, most: 0, .. } => {
                write!(f, "the max_count of pool {index} is 0: it must be at least 1")
            }
            SlabError::Count { index, count, most, .. } if count > most => {
                write!(
                    f,
                    "the count of pool {index}, {count}, is greater than its max_count, {most}"
                )
            }
            SlabError::Count { index, count, least, .. } => {
                write!(f, "the count of pool {index}, {count}, is less than its min_count, {least}")
            }
            SlabError::Footprint { bytes, limit } => {
                write!(f, "the pools take {bytes} bytes, and {limit} are allowed")
            }
            SlabError::Map(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for SlabError {}

impl From<MapError> for SlabError {
    fn from(error: MapError) -> Self {
        SlabError::Map(error)
    }
}

/// Why a [`crate::Slab`] gave no slot.
///
/// ```
/// use ralloc_core::Slab;
/// use ralloc_core::error::ClaimError;
/// use ralloc_core::slab::SlabOptions;
///
/// let slab = Slab::new(&SlabOptions::fixed(&[64], 1, 1 << 20))?;
/// assert_eq!(slab.allocate(65), Err(ClaimError::TooLarge { requested: 65, largest: 64 }));
/// slab.allocate(10)?;
/// assert_eq!(slab.allocate(10), Err(ClaimError::Exhausted { requested: 10, size: 64 }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimError {
    /// No pool has slots so large: the call can never succeed.
    TooLarge {
        /// Bytes that were asked for.
        requested: usize,
        /// Bytes of the largest slots, as [`crate::Slab::largest`].
        largest: usize,
    },
    /// No pool whose slots are large enough has a free one: the call may succeed once a slot is freed. Where the
    /// limit stops the growth, that is so once all slots of a segment, of any pool, are free.
    Exhausted {
        /// Bytes that were asked for.
        requested: usize,
        /// Bytes of a slot of the largest pool that was tried.
        size: usize,
    },
    /// The system refused the memory to grow by.
    Map(MapError),
    /// The [`ThreadCache`](crate::slab::ThreadCache) is the copy that a fork made of one over a shared slab: its
    /// slots are those of the process that forked.
    Forked,
}

impl fmt::Display for ClaimError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClaimError::TooLarge { requested, largest } => {
                write!(
                    f,
                    "{requested} bytes do not fit into a slot: the largest slots have {largest}"
                )
            }
            ClaimError::Exhausted { requested, size } => {
                write!(f, "no slot for {requested} bytes is free, up to the pool of {size}")
            }
            ClaimError::Map(error) => error.fmt(f),
            ClaimError::Forked => f.write_str(FORKED),
        }
    }
}

impl std::error::Error for ClaimError {}

impl From<MapError> for ClaimError {
    fn from(error: MapError) -> Self {
        ClaimError::Map(error)
    }
}

/// Why a slot was not freed. Nothing has changed.
///
/// ```
/// use ralloc_core::Slab;
/// use ralloc_core::error::SlotError;
/// use ralloc_core::slab::SlabOptions;
///
/// let slab = Slab::new(&SlabOptions::fixed(&[64], 8, 1 << 20))?;
/// let first = slab.allocate(64)?.cast::<u8>();
/// // SAFETY: the second byte of a block is nobody's block; the block itself is held, and while
/// // nothing else is allocated its slot stays free.
/// unsafe {
///     assert_eq!(slab.deallocate(first.add(1)), Err(SlotError::Interior));
///     assert_eq!(slab.deallocate(first), Ok(()));
///     assert_eq!(slab.deallocate(first), Err(SlotError::NotHeld));
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotError {
    /// The address is in no slot of this slab.
    Foreign,
    /// The address is in a slot, but not its first byte.
    Interior,
    /// The slot is not held: it was freed already, or sent to another isolate.
    NotHeld,
    /// No slot was sent under this token, or it was received or revoked already. Only the binding for
    /// Node.js has tokens.
    StaleToken,
    /// As [`ClaimError::Forked`].
    Forked,
}

impl fmt::Display for SlotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SlotError::Foreign => "the address does not belong to this slab",
            SlotError::Interior => "the address is not the first byte of its slot",
            SlotError::NotHeld => "the slot is not held: it was freed already, or sent",
            SlotError::StaleToken => {
                "no Buffer was sent with this token, or it was already received"
            }
            SlotError::Forked => FORKED,
        })
    }
}

impl std::error::Error for SlotError {}
