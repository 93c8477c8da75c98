//! What can fail, and why: one enum (or struct) per operation.
//!
//! Match on these where a program can do something about a failure: allocate less, wait until a
//! slot is free, or take other options. All of them are `Copy`, allocate nothing, and have a text
//! that names the values at fault. Unless an error says otherwise, the call that returned it has
//! changed nothing. Sizes are in bytes.

mod io;
mod lifetime;
mod region;
mod segment;
mod slab;

pub use lifetime::ClusterError;
pub use region::{BlockError, FreeError, RegionError};
pub use segment::{SegmentError, SegmentField, SegmentPlace};
pub use slab::{
    ClaimError, JoinError, PlacementError, SendError, SlabError, SlotError, TokenError,
};

use std::fmt;

/// Memory could not be had, or not as it was asked for. Other errors wrap it as their `Map`.
///
/// ```
/// use ralloc_core::Slab;
/// use ralloc_core::error::{MapError, SlabError};
/// use ralloc_core::slab::SlabOptions;
///
/// let mut options = SlabOptions::fixed(&[64], 16, 1 << 20);
/// options.pools[0].max_count = 32;
/// let error = Slab::shared(&options).unwrap_err(); // a slab that can grow cannot be shared
/// assert!(matches!(error, SlabError::Map(MapError::Unsupported { .. })));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MapError {
    /// The system refused: the same call may succeed at another time, or under another limit.
    System {
        /// The call's name, as in its manual page: `mmap`, `mlock`, `mbind`, `VirtualAlloc`.
        syscall: &'static str,
        /// `errno`, or `GetLastError()` on Windows.
        errno: i32,
    },
    /// What was asked for does not exist here: trying again does not help.
    Unsupported {
        /// What does not exist, in words.
        what: &'static str,
    },
}

impl fmt::Display for MapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MapError::System { syscall, errno } => {
                write!(f, "{syscall} failed: {}", std::io::Error::from_raw_os_error(*errno))
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
            // JavaScript never shows this text: lib/base/errors.js words it anew.
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
    /// So many bytes were not adopted.
    NotAdopted { bytes: usize },
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
            SpanError::NotAdopted { bytes } => write!(f, "{bytes} bytes were not adopted"),
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

/// Why an [`crate::Arena`] gave no bytes. The `try_` methods return it; the others panic with its text.
///
/// ```
/// use ralloc_core::Arena;
/// use ralloc_core::error::AllocError;
///
/// let arena = Arena::builder().limit(64 << 10).build()?;
/// match arena.try_alloc_slice_fill_copy(1 << 20, 0u8) {
///     Err(AllocError::Limit { requested, used, limit }) => {
///         assert_eq!((requested, used, limit), (1 << 20, 0, 64 << 10));
///     }
///     other => panic!("{other:?}"),
/// }
/// # Ok::<(), ralloc_core::error::OptionsError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AllocError {
    /// No chunk has the room, and a new one for the allocation does not fit under the limit.
    Limit {
        /// Bytes that the allocation needs.
        requested: usize,
        /// Bytes of all chunks that the arena has, unused parts included.
        used: usize,
        /// The most bytes that all chunks together may have: [`crate::ArenaOptions::limit`].
        limit: usize,
    },
    /// The system refused the memory of a new chunk.
    Map(MapError),
    /// The values together are more than `isize::MAX` bytes, which no allocation can be.
    Overflow {
        /// The number of values asked for.
        len: usize,
        /// Bytes of each value.
        size: usize,
    },
}

impl fmt::Display for AllocError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AllocError::Overflow { len, size } => {
                write!(f, "{len} values of {size} bytes exceed the address space")
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

/// Why a value was not made in an [`crate::Arena`] by a function that can fail.
///
/// ```
/// use ralloc_core::Arena;
/// use ralloc_core::error::InitError;
///
/// let arena = Arena::new();
/// let result = arena.try_alloc_try_with(|| "seven".parse::<u32>());
/// assert!(matches!(result, Err(InitError::Init(_)))); // parse's own error
/// ```
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

/// Why an [`crate::Arena`] or a [`crate::SyncArena`] cannot be built.
///
/// ```
/// use ralloc_core::Arena;
/// use ralloc_core::error::OptionsError;
///
/// let error = Arena::builder().first_chunk(4096).chunk_cap(1024).build().unwrap_err();
/// assert_eq!(error, OptionsError::ChunkSize { first: 4096, cap: 1024 });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OptionsError {
    /// The first chunk is larger than the cap on chunks, either is 0, or the cap is more than
    /// [`crate::MAX_BYTES`].
    ChunkSize {
        /// [`crate::ArenaOptions::first_chunk`], in bytes.
        first: usize,
        /// [`crate::ArenaOptions::chunk_cap`], in bytes.
        cap: usize,
    },
    /// What was to be reserved does not fit under the limit, or the system refused it.
    Reserve(AllocError),
}

impl fmt::Display for OptionsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OptionsError::ChunkSize { first, cap } => {
                let most = crate::layout::MAX_BYTES;
                write!(f, "chunks of {first} to {cap} bytes: must be 1 <= first <= cap <= {most}")
            }
            OptionsError::Reserve(error) => write!(f, "cannot reserve: {error}"),
        }
    }
}

impl std::error::Error for OptionsError {}

/// Why [`crate::Arena::rewind`] was refused. The arena is unchanged. The checkpoint is used up all the
/// same: it could not be rewound to later either.
///
/// ```
/// use ralloc_core::Arena;
/// use ralloc_core::error::RewindError;
///
/// let mut arena = Arena::new();
/// let (older, newer) = (arena.checkpoint(), arena.checkpoint());
/// arena.rewind(older)?;
/// assert_eq!(arena.rewind(newer), Err(RewindError::OutOfOrder));
/// # Ok::<(), RewindError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RewindError {
    /// The checkpoint is another arena's.
    Foreign,
    /// The arena has been reset since the checkpoint was taken.
    Stale,
    /// The arena has been rewound to an older checkpoint since this one was taken.
    OutOfOrder,
}

impl fmt::Display for RewindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RewindError::Foreign => "the checkpoint belongs to another arena",
            RewindError::Stale => "the arena has been reset since the checkpoint",
            RewindError::OutOfOrder => "the arena has been rewound to an older checkpoint since",
        })
    }
}

impl std::error::Error for RewindError {}

/// An [`crate::ObjectPool`] cannot keep this many objects: it is none, or more than fit in memory.
///
/// ```
/// use ralloc_core::ObjectPool;
/// use ralloc_core::error::PoolError;
///
/// let error = ObjectPool::new(0, String::new).unwrap_err();
/// assert!(matches!(error, PoolError { capacity: 0, .. }));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolError {
    /// The number of idle objects that it was to keep at most.
    pub capacity: usize,
}

impl fmt::Display for PoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a pool of {} objects: there must be at least 1, and memory for all",
            self.capacity
        )
    }
}

impl std::error::Error for PoolError {}
