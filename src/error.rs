//! All errors: an enum for each operation, or for operations that fail alike.
//!
//! Match on these if a program can do something about a failure: allocate less, wait until a slot is free, or use other
//! options. All of them are `Copy`, allocate nothing, and have a text that names the values at fault. Unless an error
//! says otherwise, the call that returned it has changed nothing. Sizes are in bytes.

/// `Display` and `Error` of an error: of each pattern a format string, which may name what the pattern does.
macro_rules! texts {
    ($error:ident { $($pattern:pat $(if $guard:expr)? => $text:literal $(, $value:expr)*;)+ }) => {
        impl std::fmt::Display for $error {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self {
                    $($pattern $(if $guard)? => write!(f, $text $(, $value)*),)+
                }
            }
        }

        impl std::error::Error for $error {}
    };
}

mod io;
mod lifetime;
mod segment;
mod slab;

pub use lifetime::ClusterError;
pub use segment::{SegmentError, SegmentField, SegmentPlace};
pub use slab::{ClaimError, JoinError, PlacementError, SendError, SlabError, TokenError};

use crate::layout::MAX_BYTES;
use slab::FORKED;
use std::fmt;

/// Errors that contain the error of a lower layer, which `?` wraps.
macro_rules! wraps {
    ($($outer:ident::$variant:ident($inner:ty);)+) => {
        $(impl From<$inner> for $outer {
            fn from(error: $inner) -> Self {
                $outer::$variant(error)
            }
        })+
    };
}

wraps! {
    AllocError::Map(MapError);
    SlabError::Map(MapError);
    SlabError::Segment(SegmentError);
    SlabError::Join(JoinError);
    SegmentError::Map(MapError);
    PlacementError::Map(MapError);
    ClaimError::Map(MapError);
}

/// Memory could not be obtained, or not as requested. Other errors wrap this as their `Map`.
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
    /// The request is not supported here: trying again does not help.
    Unsupported {
        /// What is not supported, in words.
        what: &'static str,
    },
}

texts!(MapError {
    MapError::System { syscall, errno } => "{syscall} failed: {}", std::io::Error::from_raw_os_error(*errno);
    MapError::Unsupported { what } => "this system does not have {what}";
});

/// Why a call about a leased span was refused. Each means a bug in the caller: ids and epochs never reach user code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SpanError {
    /// No span was ever leased under this id, or its lease has ended.
    Unknown { id: u32 },
    /// The id belongs to another lease by now, with another epoch.
    Stale { id: u32, epoch: u32 },
    /// The span is held: release and renew must wait for `unhold`.
    Held { id: u32 },
    /// `unhold` of a span that is not held.
    NotHeld { id: u32 },
    /// The ArrayBuffer is not the one over this span (or is detached).
    Foreign { id: u32 },
    /// Fewer bytes than this were adopted.
    NotAdopted { bytes: usize },
    /// The chunk's state does not allow it.
    State {
        /// The requested transition.
        action: &'static str,
        /// The name of the chunk's state.
        state: &'static str,
    },
}

texts!(SpanError {
    SpanError::Unknown { id } => "span {id} is not leased";
    SpanError::Stale { id, epoch } => "span {id} is not leased as {epoch}";
    SpanError::Held { id } => "span {id} is held";
    SpanError::NotHeld { id } => "span {id} is not held";
    SpanError::Foreign { id } => "the ArrayBuffer is not that of span {id}";
    SpanError::NotAdopted { bytes } => "{bytes} bytes were not adopted";
    SpanError::State { action, state } => "cannot {action} a chunk that is {state}";
});

/// Why an [`crate::Arena`] returned no bytes, or a [`crate::Region`] no block. An arena's `try_` methods return this,
/// and its other methods panic with its text. A region is unchanged, except that whole free chunks may be gone, to make
/// room.
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
    /// No chunk has the room, and a new chunk for the allocation, or the memory for its record, does not fit the limit.
    Limit {
        /// Bytes that the allocation needs.
        requested: usize,
        /// Bytes that count toward the limit now: all chunks with their unused parts, and the records of a region.
        used: usize,
        /// The most that they may be: [`crate::ArenaOptions::limit`],
        /// [`RegionOptions::max_bytes`](crate::region::RegionOptions::max_bytes).
        limit: usize,
    },
    /// The system refused the memory of a new chunk.
    Map(MapError),
    /// No block of a region can be this large: the call can never succeed.
    TooLarge {
        /// Requested bytes.
        requested: usize,
        /// The most bytes of a block: 32 GiB less 16 bytes.
        largest: usize,
    },
    /// No block of a region can have this alignment: the call can never succeed.
    Align {
        /// The requested alignment, in bytes.
        align: usize,
        /// The largest alignment, 4096.
        most: usize,
    },
    /// The values together have more than `isize::MAX` bytes, which no allocation can have.
    Overflow {
        /// The number of requested values.
        len: usize,
        /// Bytes of each value.
        size: usize,
    },
}

texts!(AllocError {
    AllocError::Overflow { len, size } => "{len} values of {size} bytes exceed the address space";
    AllocError::Limit { requested, used, limit } => "no room for {requested} bytes: {used} of {limit} are in use";
    AllocError::TooLarge { requested, largest } => "{requested} bytes are more than a block can have, {largest}";
    AllocError::Align { align, most } => "blocks cannot be aligned to {align} bytes: {most} is the most";
    AllocError::Map(error) => "{error}";
});

/// Why an [`crate::Arena`] did not make a value with a function that can fail.
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
    /// The arena returned no bytes; the function was not called.
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

/// Why an [`crate::Arena`], a [`crate::SyncArena`], a [`crate::Region`] or an [`crate::ObjectPool`] cannot be created.
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
        /// [`crate::ArenaOptions::first_chunk`], in bytes, or that of a region.
        first: usize,
        /// [`crate::ArenaOptions::chunk_cap`], in bytes, or that of a region.
        cap: usize,
    },
    /// The limit of a region is less than its first chunk and the chunk's records.
    Limit {
        /// The smallest limit that is enough, in bytes.
        least: usize,
        /// [`RegionOptions::max_bytes`](crate::region::RegionOptions::max_bytes).
        limit: usize,
    },
    /// An object pool cannot keep this many objects: the number is 0, or more than fit in memory.
    Capacity {
        /// The requested maximum of idle objects.
        capacity: usize,
    },
    /// The memory to reserve does not fit the limit, or the system refused it.
    Reserve(AllocError),
}

texts!(OptionsError {
    OptionsError::ChunkSize { first, cap } => "chunks of {first} to {cap} bytes: must be 1 <= first <= cap <= {MAX_BYTES}";
    OptionsError::Limit { least, limit } => "the first chunk takes {least} bytes, more than the limit of {limit}";
    OptionsError::Capacity { capacity } => "a pool of {capacity} objects: there must be at least 1, and memory for all";
    OptionsError::Reserve(error) => "cannot reserve: {error}";
});

/// Why [`crate::Arena::rewind`] was refused. The arena is unchanged. The checkpoint is used up all the same, because
/// rewinding to it could not succeed later either.
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
    /// The checkpoint belongs to another arena.
    Foreign,
    /// The arena has been reset since the checkpoint was taken.
    Stale,
    /// The arena has been rewound to an older checkpoint since this one was taken.
    OutOfOrder,
}

texts!(RewindError {
    RewindError::Foreign => "the checkpoint belongs to another arena";
    RewindError::Stale => "the arena has been reset since the checkpoint";
    RewindError::OutOfOrder => "the arena has been rewound to an older checkpoint since";
});

/// Why a block of a [`crate::Slab`] or a [`crate::Region`] was not freed, or not found. Nothing has changed.
///
/// ```
/// use ralloc_core::Slab;
/// use ralloc_core::error::FreeError;
/// use ralloc_core::slab::SlabOptions;
///
/// let slab = Slab::new(&SlabOptions::fixed(&[64], 8, 1 << 20))?;
/// let first = slab.allocate(64)?.cast::<u8>();
/// // SAFETY: the second byte of a block is nobody's block; the block itself is held, and while
/// // nothing else is allocated its slot stays free.
/// unsafe {
///     assert_eq!(slab.deallocate(first.add(1)), Err(FreeError::Interior));
///     assert_eq!(slab.deallocate(first), Ok(()));
///     assert_eq!(slab.deallocate(first), Err(FreeError::NotHeld));
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FreeError {
    /// The block belongs to another owner, or the address is in no slot of this slab, or in no chunk of this region.
    Foreign,
    /// The address is in a block, but not its first byte.
    Interior,
    /// The block is not held: it was freed already, or [sent](crate::Slab::send), or there is no block.
    NotHeld,
    /// As [`ClaimError::Forked`].
    Forked,
}

texts!(FreeError {
    FreeError::Foreign => "the block is another's";
    FreeError::Interior => "the address is not the first byte of its block";
    FreeError::NotHeld => "the block is not held: it was freed already, or sent";
    FreeError::Forked => "{FORKED}";
});
