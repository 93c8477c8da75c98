//! All errors: an enum for each noun. Freeing has one of its own, as small as its calls are fast.
//!
//! Match on these if a program can do something about a failure: allocate less, wait until a slot
//! is free, or use other options. All of them are `Copy`, allocate nothing, and have a text that
//! names the values at fault. Unless an error says otherwise, the call that returned it has changed
//! nothing. Sizes are in bytes.
//!
//! Each becomes an [`std::io::Error`], for callers that return one. The kind tells the cause, and
//! the inner error is ours.

/// Enums of errors: of each variant, besides its fields, the kind of the [`io::Error`] that it
/// becomes and its text. The text may name the fields; where a condition comes before another text,
/// that one is taken if the condition holds.
macro_rules! errors {
    ($($(#[$meta:meta])* $vis:vis enum $name:ident {
        $($(#[$doc:meta])* $variant:ident $({ $($field:ident: $kind:ty),+ })? $(($inner:ident: $of:ty))? =>
            $io:expr, $(if $guard:expr => $other:literal,)* $text:literal $(, $value:expr)*;)+
    })+) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        #[allow(missing_docs, reason = "the comment of a variant says what its fields are")]
        $vis enum $name {
            $($(#[$doc])* $variant $({ $($field: $kind),+ })? $(($of))?,)+
        }

        impl $name {
            #[allow(unused_variables, reason = "a kind needs few of the fields")]
            pub(crate) fn io_kind(&self) -> ErrorKind {
                match self {
                    $(Self::$variant $({ $($field),+ })? $(($inner))? => $io,)+
                }
            }
        }

        impl fmt::Display for $name {
            #[allow(unused_variables, reason = "a text need not name each field")]
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$variant $({ $($field),+ })? $(($inner))? => {
                        $(if $guard {
                            return write!(f, $other);
                        })*
                        write!(f, $text $(, $value)*)
                    })+
                }
            }
        }

        impl std::error::Error for $name {}

        // The error of a lower layer, which `?` wraps.
        $($(impl From<$of> for $name {
            fn from(error: $of) -> $name {
                $name::$variant(error)
            }
        })?)+

        impl From<$name> for io::Error {
            fn from(error: $name) -> io::Error {
                io::Error::new(error.io_kind(), error)
            }
        }
    )+};
}

/// Enums whose variants have a name each, and the function that returns it.
macro_rules! names {
    ($($(#[$meta:meta])* $vis:vis enum $enum:ident {
        $($(#[$doc:meta])* $variant:ident $(($inner:ty))? => $name:expr,)+
    }
    $(#[$name_meta:meta])* $name_vis:vis fn name;)+) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        $vis enum $enum {
            $($(#[$doc])* $variant $(($inner))?,)+
        }

        impl $enum {
            $(#[$name_meta])*
            $name_vis fn name(self) -> &'static str {
                match self {
                    $(Self::$variant { .. } => $name,)+
                }
            }
        }
    )+};
}

mod lifetime;
mod segment;
mod slab;

pub use lifetime::ClusterError;
pub use segment::{SegmentError, SegmentField, SegmentPlace};
pub use slab::SlabError;

pub(crate) use names;

use crate::layout::MAX_BYTES;
use slab::FORKED;
use std::fmt;
use std::io::{self, ErrorKind};

errors! {
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
    pub enum MapError {
        /// The system refused: the same call may succeed at another time, or under another limit.
        /// `syscall` is the call's name, as in its manual page (`mmap`, `mlock`, `mbind`,
        /// `VirtualAlloc`), and `errno` its error, or `GetLastError()` on Windows.
        System { syscall: &'static str, errno: i32 } =>
            io::Error::from_raw_os_error(*errno).kind(),
            "{syscall} failed: {}", io::Error::from_raw_os_error(*errno);
        /// `what`, in words, is not supported here: trying again does not help.
        Unsupported { what: &'static str } =>
            ErrorKind::Unsupported, "this system does not have {what}";
    }

    /// Why a call about a leased span was refused. Each means a bug in the caller: ids and epochs
    /// never reach user code.
    pub(crate) enum SpanError {
        /// No span was ever leased under this id, or its lease has ended.
        Unknown { id: u32 } => ErrorKind::InvalidInput, "span {id} is not leased";
        /// The id belongs to another lease by now, with another epoch.
        Stale { id: u32, epoch: u32 } =>
            ErrorKind::InvalidInput, "span {id} is not leased as {epoch}";
        /// The span is held: release and renew must wait for `unhold`.
        Held { id: u32 } => ErrorKind::InvalidInput, "span {id} is held";
        /// `unhold` of a span that is not held.
        NotHeld { id: u32 } => ErrorKind::InvalidInput, "span {id} is not held";
        /// The ArrayBuffer is not the one over this span (or is detached).
        Foreign { id: u32 } =>
            ErrorKind::InvalidInput, "the ArrayBuffer is not that of span {id}";
        /// Fewer bytes than this were adopted.
        NotAdopted { bytes: usize } => ErrorKind::InvalidInput, "{bytes} bytes were not adopted";
        /// The state of the chunk does not allow the `action`.
        State { action: &'static str, state: &'static str } =>
            ErrorKind::InvalidInput, "cannot {action} a chunk that is {state}";
    }

    /// Why an [`crate::Arena`] returned no bytes, or a [`crate::Region`] no block. An arena's
    /// `try_` methods return this, and its other methods panic with its text. A region is
    /// unchanged, except that whole free chunks may be gone, to make room.
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
    pub enum AllocError {
        /// No chunk has the room, and a new chunk for the allocation of `requested` bytes, or the
        /// memory for its record, does not fit the `limit` ([`crate::ArenaOptions::limit`],
        /// [`RegionOptions::max_bytes`](crate::region::RegionOptions::max_bytes)). `used` bytes
        /// count toward it now: all chunks with their unused parts, and the records of a region.
        Limit { requested: usize, used: usize, limit: usize } =>
            ErrorKind::OutOfMemory, "no room for {requested} bytes: {used} of {limit} are in use";
        /// The system refused the memory of a new chunk.
        Map(error: MapError) => error.io_kind(), "{error}";
        /// No block of a region can be this large: `largest` is 32 GiB less 16 bytes. The call can
        /// never succeed.
        TooLarge { requested: usize, largest: usize } => ErrorKind::InvalidInput,
            "{requested} bytes are more than a block can have, {largest}";
        /// No block of a region can have this alignment: the most is 4096. The call can never
        /// succeed.
        Align { align: usize, most: usize } => ErrorKind::InvalidInput,
            "blocks cannot be aligned to {align} bytes: {most} is the most";
        /// `len` values of `size` bytes have more than `isize::MAX` bytes, which no allocation can
        /// have.
        Overflow { len: usize, size: usize } => ErrorKind::InvalidInput,
            "{len} values of {size} bytes exceed the address space";
    }

    /// Why an [`crate::Arena`], a [`crate::SyncArena`], a [`crate::Region`] or an
    /// [`crate::ObjectPool`] cannot be created.
    ///
    /// ```
    /// use ralloc_core::Arena;
    /// use ralloc_core::error::OptionsError;
    ///
    /// let error = Arena::builder().first_chunk(4096).chunk_cap(1024).build().unwrap_err();
    /// assert_eq!(error, OptionsError::ChunkSize { first: 4096, cap: 1024 });
    /// ```
    pub enum OptionsError {
        /// The `first` chunk ([`crate::ArenaOptions::first_chunk`], or that of a region) is larger
        /// than the `cap` on chunks, either is 0, or the cap is more than [`crate::MAX_BYTES`].
        ChunkSize { first: usize, cap: usize } => ErrorKind::InvalidInput,
            "chunks of {first} to {cap} bytes: must be 1 <= first <= cap <= {MAX_BYTES}";
        /// The limit of a region is less than its first chunk and the chunk's records, which need
        /// `least` bytes.
        Limit { least: usize, limit: usize } => ErrorKind::InvalidInput,
            "the first chunk takes {least} bytes, more than the limit of {limit}";
        /// An object pool cannot keep this many objects: the number is 0, or more than fit in
        /// memory.
        Capacity { capacity: usize } => ErrorKind::InvalidInput,
            "a pool of {capacity} objects: there must be at least 1, and memory for all";
        /// The memory to reserve does not fit the limit, or the system refused it.
        Reserve(error: AllocError) => error.io_kind(), "cannot reserve: {error}";
    }

    /// Why [`crate::Arena::rewind`] was refused. The arena is unchanged. The checkpoint is used up
    /// all the same, because rewinding to it could not succeed later either.
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
    pub enum RewindError {
        /// The checkpoint belongs to another arena.
        Foreign => ErrorKind::InvalidInput, "the checkpoint belongs to another arena";
        /// The arena has been reset since the checkpoint was taken.
        Stale => ErrorKind::InvalidInput, "the arena has been reset since the checkpoint";
        /// The arena has been rewound to an older checkpoint since this one was taken.
        OutOfOrder => ErrorKind::InvalidInput,
            "the arena has been rewound to an older checkpoint since";
    }

    /// Why a block of a [`crate::Slab`] or a [`crate::Region`] was not freed, or not found. Nothing
    /// has changed.
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
    pub enum FreeError {
        /// The block belongs to another owner, or the address is in no slot of this slab, or in no
        /// chunk of this region.
        Foreign => ErrorKind::InvalidInput, "the block is another's";
        /// The address is in a block, but not its first byte.
        Interior => ErrorKind::InvalidInput, "the address is not the first byte of its block";
        /// The block is not held: it was freed already, or [sent](crate::Slab::send), or there is
        /// no block.
        NotHeld => ErrorKind::InvalidInput,
            "the block is not held: it was freed already, or sent";
        /// As [`SlabError::Forked`].
        Forked => ErrorKind::Unsupported, "{FORKED}";
    }
}

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
