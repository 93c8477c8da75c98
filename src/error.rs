//! One enum (or struct) per operation that can fail. An error means that nothing changed.

use std::fmt;

/// Memory could not be had, or not as it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapError {
    /// The system refused: the same call may succeed at another time, or under another limit.
    System {
        /// The call's name, as in its manual page: `mmap`, `mlock`, `mbind`, `VirtualAlloc`.
        syscall: &'static str,
        /// `errno`, or `GetLastError()` on Windows.
        errno: i32,
        /// The symbol of `errno` where it is one of those that these calls return: `ENOMEM`.
        code: Option<&'static str>,
    },
    /// This system has no call for it.
    Unsupported {
        /// What it does not have, in words.
        what: &'static str,
    },
}

impl fmt::Display for MapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MapError::System { syscall, errno, code } => {
                write!(f, "{syscall} failed: {} (errno {errno})", code.unwrap_or("?"))
            }
            MapError::Unsupported { what } => write!(f, "this system does not have {what}"),
        }
    }
}

impl std::error::Error for MapError {}

/// Why `LeasedArena::lease` gave nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LeaseError {
    /// The bytes asked for do not fit under the limit, everything in use counted.
    Limit { requested: usize, used: usize, limit: usize },
    /// The system refused the memory.
    Map(MapError),
}

impl fmt::Display for LeaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LeaseError::Limit { requested, used, limit } => {
                write!(f, "{requested} bytes do not fit: {used} of {limit} are in use")
            }
            LeaseError::Map(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for LeaseError {}

impl From<MapError> for LeaseError {
    fn from(error: MapError) -> Self {
        LeaseError::Map(error)
    }
}

/// Why a call about a leased span was refused. Each means a mistake of the caller: ids and
/// epochs never reach user code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SpanError {
    /// No span was ever leased under this id, or its lease has ended.
    Unknown { id: u32 },
    /// The id is leased again, under another epoch.
    Stale { id: u32, epoch: u32 },
    /// The span is held: release and renew must wait for `unhold`.
    Held { id: u32 },
    /// `unhold` of a span that is not held.
    NotHeld { id: u32 },
    /// The ArrayBuffer is not the one over this span (or is detached).
    Foreign { id: u32 },
    /// The chunk's state does not allow it.
    State(ChunkError),
}

impl fmt::Display for SpanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SpanError::Unknown { id } => write!(f, "span {id} is not leased"),
            SpanError::Stale { id, epoch } => write!(f, "span {id} is not leased as {epoch}"),
            SpanError::Held { id } => write!(f, "span {id} is held"),
            SpanError::NotHeld { id } => write!(f, "span {id} is not held"),
            SpanError::Foreign { id } => write!(f, "the ArrayBuffer is not that of span {id}"),
            SpanError::State(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for SpanError {}

impl From<ChunkError> for SpanError {
    fn from(error: ChunkError) -> Self {
        SpanError::State(error)
    }
}

/// A transition that the chunk's state does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChunkError {
    /// The transition that was asked for.
    pub action: &'static str,
    /// The name of the state that the chunk is in.
    pub state: &'static str,
}

impl fmt::Display for ChunkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} a chunk that is {}", self.action, self.state)
    }
}

impl std::error::Error for ChunkError {}

/// Why an [`crate::Arena`] gave no bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AllocError {
    /// A chunk for the bytes asked for does not fit under the limit; `used` counts all chunks.
    Limit { requested: usize, used: usize, limit: usize },
    /// The system refused the memory.
    Map(MapError),
    /// `len` values of `size` bytes each are more than `isize::MAX` bytes.
    Overflow { len: usize, size: usize },
}

impl fmt::Display for AllocError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AllocError::Overflow { len, size } => {
                write!(f, "{len} values of {size} bytes are more than an address space")
            }
            AllocError::Limit { requested, used, limit } => {
                write!(f, "no chunk for {requested} bytes: {used} of {limit} are in use")
            }
            AllocError::Map(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for AllocError {}

impl From<MapError> for AllocError {
    fn from(error: MapError) -> Self {
        AllocError::Map(error)
    }
}

/// Why a value was not made in an [`crate::Arena`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InitError<E> {
    /// The arena gave no bytes; the function was not called.
    Alloc(AllocError),
    /// The function's own error.
    Init(E),
}

impl<E: fmt::Display> fmt::Display for InitError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InitError::Alloc(error) => error.fmt(f),
            InitError::Init(error) => error.fmt(f),
        }
    }
}

impl<E: std::error::Error> std::error::Error for InitError<E> {}

/// Options of an [`crate::Arena`] that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionsError {
    /// The first chunk is larger than the cap on chunks, either is 0, or the cap is more than
    /// [`crate::MAX_BYTES`].
    ChunkSize { first: usize, cap: usize },
    /// What was to be reserved does not fit under the limit, or the system refused it.
    Reserve(AllocError),
}

impl fmt::Display for OptionsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OptionsError::ChunkSize { first, cap } => {
                let most = crate::layout::MAX_BYTES;
                write!(f, "chunks of {first} to {cap} bytes: want 1 <= first <= cap <= {most}")
            }
            OptionsError::Reserve(error) => write!(f, "cannot reserve: {error}"),
        }
    }
}

impl std::error::Error for OptionsError {}

/// Why a rewind was refused. The checkpoint is spent all the same: it could never do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RewindError {
    /// The checkpoint is another arena's.
    Foreign,
    /// The arena has been reset since.
    Stale,
    /// The arena has been rewound to an older checkpoint since.
    OutOfOrder,
}

impl fmt::Display for RewindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RewindError::Foreign => "the checkpoint is another arena's",
            RewindError::Stale => "the arena has been reset since the checkpoint",
            RewindError::OutOfOrder => "the arena has been rewound to an older checkpoint since",
        })
    }
}

impl std::error::Error for RewindError {}

/// Why a [`crate::Slab`] cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlabError {
    /// No pools, or more than the most there may be.
    Pools { given: usize, most: usize },
    /// The size of pool `index` is no power of two of at least 8 bytes.
    Size { index: usize, size: usize },
    /// The size of pool `index` is not above the one before it.
    Order { index: usize, size: usize },
    /// The count of pool `index` is 0, above its most, or more than a pool can have.
    Count { index: usize, count: usize, most: usize },
    /// The pools take `bytes` bytes (`usize::MAX` if the sum overflows), and `limit` are allowed.
    Footprint { bytes: usize, limit: usize },
    /// The system refused the memory.
    Map(MapError),
}

impl fmt::Display for SlabError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SlabError::Pools { given, most } => write!(f, "{given} pools: want 1 to {most}"),
            SlabError::Size { index, size } => {
                write!(f, "the size of pool {index}, {size}, is no power of two of 8 or more")
            }
            SlabError::Order { index, size } => {
                write!(f, "the size of pool {index}, {size}, is not above the one before it")
            }
            SlabError::Count { index, count, most } => {
                write!(f, "the count of pool {index}, {count}, is not from 1 to {most}")
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimError {
    /// No pool has slots so large.
    TooLarge { requested: usize, largest: usize },
    /// All pools that could serve it are exhausted; `size` is that of the largest tried.
    Exhausted { requested: usize, size: usize },
    /// The system refused the memory to grow by.
    Map(MapError),
}

impl fmt::Display for ClaimError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClaimError::TooLarge { requested, largest } => {
                write!(f, "{requested} bytes do not fit a slot: the largest have {largest}")
            }
            ClaimError::Exhausted { requested, size } => {
                write!(f, "no slot for {requested} bytes is free, up to the pool of {size}")
            }
            ClaimError::Map(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ClaimError {}

impl From<MapError> for ClaimError {
    fn from(error: MapError) -> Self {
        ClaimError::Map(error)
    }
}

/// Why a slot was not freed, sent or received. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotError {
    /// The address is in no slot of this slab.
    Foreign,
    /// The address is in a slot, but not its first byte.
    Interior,
    /// The slot is not held: freed already, or sent.
    NotHeld,
    /// No slot was sent under this token, or it was received or revoked already.
    StaleToken,
}

impl fmt::Display for SlotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SlotError::Foreign => "the address is in no slot of this slab",
            SlotError::Interior => "the address is not the first byte of its slot",
            SlotError::NotHeld => "the slot is not held: it was freed already, or sent",
            SlotError::StaleToken => "no slot is under way with this token",
        })
    }
}

impl std::error::Error for SlotError {}

/// A [`crate::ObjectPool`] of this many places cannot be: at least one, and as many as fit in
/// memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolError {
    /// The places asked for.
    pub capacity: usize,
}

impl fmt::Display for PoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a pool of {} objects: want at least 1, and memory for all", self.capacity)
    }
}

impl std::error::Error for PoolError {}
