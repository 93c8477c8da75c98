//! Errors of a [`crate::Slab`]: creating it, and allocating, freeing and sending slots.

use super::{FreeError, MapError, SegmentError};

pub(super) const FORKED: &str = "the slab belongs to the process that forked this one";

/// Why a [`crate::Slab`] cannot be created. Pools are named by their index in
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
#[non_exhaustive]
pub enum SlabError {
    /// There are no pools, or more than a slab can have.
    Pools {
        /// The number of requested pools.
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
        /// Bytes that they take from the start; `usize::MAX` if that is more than any slab can have, whatever the
        /// limit.
        bytes: usize,
        /// Bytes allowed: [`SlabOptions::max_bytes`](crate::slab::SlabOptions::max_bytes).
        limit: usize,
    },
    /// The system refused the memory, or cannot share it.
    Map(MapError),
    /// The memory that processes share cannot be created or opened.
    Segment(SegmentError),
    /// No further participant can join a slab that processes share, but each mapping of it must.
    Join(JoinError),
}

texts!(SlabError {
    SlabError::Pools { given, most } => "{given} pools were given: 1 to {most} are allowed";
    SlabError::Size { index, size } => "the size of pool {index}, {size}, is not a power of two >= 8";
    SlabError::Order { index, size } => "the size of pool {index}, {size}, is not greater than the one before it";
    SlabError::Count { index, most: 0, .. } => "the max_count of pool {index} is 0: it must be at least 1";
    SlabError::Count { index, count, most, .. } if count > most =>
        "the count of pool {index}, {count}, is greater than its max_count, {most}";
    SlabError::Count { index, count, least, .. } =>
        "the count of pool {index}, {count}, is less than its min_count, {least}";
    SlabError::Footprint { bytes: usize::MAX, .. } => "the pools take more bytes than a slab can have";
    SlabError::Footprint { bytes, limit } => "the pools take {bytes} bytes, and {limit} are allowed";
    SlabError::Map(error) => "{error}";
    SlabError::Segment(error) => "{error}";
    SlabError::Join(error) => "{error}";
});

/// Why [`Slab::bind`](crate::Slab::bind) or [`Slab::lock`](crate::Slab::lock) was refused. Nothing has changed.
///
/// ```
/// use ralloc_core::Slab;
/// use ralloc_core::error::PlacementError;
/// use ralloc_core::slab::SlabOptions;
///
/// let slab = Slab::new(&SlabOptions::fixed(&[64], 16, 1 << 20))?;
/// let _block = slab.allocate(64)?;
/// assert_eq!(slab.lock(), Err(PlacementError::Used { slots: 1 }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlacementError {
    /// Too late: a slot was handed out before.
    Used {
        /// Slots in use now, by all participants.
        slots: usize,
    },
    /// The system refused, or cannot do it.
    Map(MapError),
}

texts!(PlacementError {
    PlacementError::Used { slots } => "the slab was used before: {slots} of its slots are in use";
    PlacementError::Map(error) => "{error}";
});

/// Why no further participant, such as a [`ThreadCache`](crate::slab::ThreadCache), can join a [`crate::Slab`].
///
/// ```
/// use ralloc_core::error::JoinError;
/// use ralloc_core::slab::{Slab, SlabOptions, ThreadCache};
/// use std::sync::Arc;
///
/// let slab = Arc::new(Slab::new(&SlabOptions::fixed(&[64], 8, 1 << 20))?);
/// let caches: Vec<_> = (0..1023).map_while(|_| ThreadCache::new(&slab).ok()).collect();
/// assert_eq!(ThreadCache::new(&slab).unwrap_err(), JoinError::TooMany { most: 1023 });
/// drop(caches);
/// assert!(ThreadCache::new(&slab).is_ok());
/// # Ok::<(), ralloc_core::error::SlabError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JoinError {
    /// There are as many as there can be: the call may succeed once one of them has left.
    TooMany {
        /// The most there can be at a time.
        most: usize,
    },
    /// All 2³⁰ names of participants were used, and unfreed blocks have the names that could be used again. The call
    /// may succeed once these blocks are freed.
    UsedUp,
    /// As [`ClaimError::Forked`].
    Forked,
    /// The lock of a participant could not be taken: the process has no descriptor left, or other code of it has closed the
    /// slab's, as [`Slab::recovers`](crate::Slab::recovers) tells.
    OutOfTouch,
}

texts!(JoinError {
    JoinError::TooMany { most } => "a slab has at most {most} participants";
    JoinError::UsedUp => "all names of participants are used up: free the blocks that former ones have left";
    JoinError::Forked => "{FORKED}";
    JoinError::OutOfTouch => "the slab's file cannot be opened: the process has no descriptor left, or other code has closed the slab's";
});

/// Why a [`crate::Slab`] returned no slot.
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
#[non_exhaustive]
pub enum ClaimError {
    /// No pool has slots this large: the call can never succeed.
    TooLarge {
        /// Requested bytes.
        requested: usize,
        /// Bytes of the largest slots, as [`crate::Slab::largest`].
        largest: usize,
    },
    /// No pool with large enough slots has a free one: the call may succeed once a slot is freed. If the limit prevents
    /// growth, it may also succeed once all slots of a segment, of any pool, are free.
    Exhausted {
        /// Requested bytes.
        requested: usize,
        /// Bytes of a slot of the largest pool that was tried.
        size: usize,
    },
    /// The system refused the memory to grow.
    Map(MapError),
    /// The slab is shared, and the call would create a reference into it: [`crate::Slab::boxed`].
    Shared,
    /// The caller is a forked child. The slots of a shared slab, or of its [`ThreadCache`](crate::slab::ThreadCache),
    /// belong to the parent process. If the slab has a name or a descriptor, the child can open it anew.
    Forked,
}

texts!(ClaimError {
    ClaimError::TooLarge { requested, largest } =>
        "{requested} bytes do not fit into a slot: the largest slots have {largest}";
    ClaimError::Exhausted { requested, size } => "no slot for {requested} bytes is free, up to the pool of {size}";
    ClaimError::Map(error) => "{error}";
    ClaimError::Shared => "values cannot be boxed in a slab that processes share";
    ClaimError::Forked => "{FORKED}";
});

/// Why a block was not [sent](crate::Slab::send). The block is unchanged.
///
/// ```
/// use ralloc_core::Slab;
/// use ralloc_core::error::{SendError, FreeError};
/// use ralloc_core::slab::SlabOptions;
///
/// let slab = Slab::new(&SlabOptions::fixed(&[64], 8, 1 << 20))?;
/// let block = slab.allocate(64)?;
/// // SAFETY: the block is held, and not used once it is sent; nobody receives it before it is sent again.
/// unsafe {
///     assert!(slab.send(block).is_ok());
///     assert_eq!(slab.send(block), Err(SendError::Slot(FreeError::NotHeld)));
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// The address is not that of a block which is held: the same error as in [`crate::Slab::deallocate`].
    Slot(FreeError),
    /// The block has no bytes, or more than the slot.
    Length {
        /// Bytes to be sent.
        length: usize,
        /// The most bytes that can be sent: all of the slot's, or 64 GiB less one byte.
        longest: usize,
    },
    /// No token can name the slot. Its number, counted over all pools from the smallest on, is too high.
    Number {
        /// The slot's number, from 0.
        number: usize,
        /// How many slots of a slab can be sent: those below 4,194,304.
        most: usize,
    },
    /// As [`ClaimError::Forked`].
    Forked,
}

texts!(SendError {
    SendError::Slot(error) => "{error}";
    SendError::Length { length, longest } => "cannot send {length} bytes of a slot: it must be 1 to {longest}";
    SendError::Number { number, most } => "cannot send slot {number}: tokens name the first {most} of a slab";
    SendError::Forked => "{FORKED}";
});

/// Why [`crate::Slab::receive`] or [`crate::Slab::revoke`] returned no block. Nothing has changed.
///
/// ```
/// use ralloc_core::Slab;
/// use ralloc_core::error::TokenError;
/// use ralloc_core::slab::{SlabOptions, Token};
///
/// let slab = Slab::new(&SlabOptions::fixed(&[64], 8, 1 << 20))?;
/// assert_eq!(slab.receive(Token::from_bits(7)), Err(TokenError::Stale)); // of nobody
/// # Ok::<(), ralloc_core::error::SlabError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenError {
    /// No block is in transit with this token: it was received or revoked before, belongs to another slab, or its
    /// sender has been gone for longer than the time of transit. When revoking, also if another participant has sent
    /// it.
    Stale,
    /// As [`ClaimError::Forked`]. The token stays valid for others.
    Forked,
}

texts!(TokenError {
    TokenError::Stale => "no block was sent with this token, or it was already received";
    TokenError::Forked => "{FORKED}";
});
