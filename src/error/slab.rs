//! Errors of a [`crate::Slab`].

use super::{ErrorKind, FreeError, MapError, SegmentError, fmt, io};

pub(super) const FORKED: &str = "the slab belongs to the process that forked this one";

errors! {
    /// Why a [`crate::Slab`] cannot be created, opened, joined or placed, or why it returned no
    /// slot, did not send one or did not receive one. Nothing has changed. Pools are named by their
    /// index in [`SlabOptions::pools`](crate::slab::SlabOptions::pools).
    ///
    /// ```
    /// use ralloc_core::error::{FreeError, SlabError};
    /// use ralloc_core::slab::{Slab, SlabOptions, ThreadCache, Token};
    /// use std::sync::Arc;
    ///
    /// let error = Slab::new(&SlabOptions::fixed(&[64, 100], 16, 1 << 20)).unwrap_err();
    /// assert_eq!(error, SlabError::Size { index: 1, size: 100 });
    ///
    /// let slab = Arc::new(Slab::new(&SlabOptions::fixed(&[64], 1, 1 << 20))?);
    /// let caches: Vec<_> = (0..1023).map_while(|_| ThreadCache::new(&slab).ok()).collect();
    /// assert_eq!(ThreadCache::new(&slab).unwrap_err(), SlabError::TooMany { most: 1023 });
    /// drop(caches);
    /// assert_eq!(slab.allocate(65), Err(SlabError::TooLarge { requested: 65, largest: 64 }));
    /// let block = slab.allocate(10)?;
    /// assert_eq!(slab.allocate(10), Err(SlabError::Exhausted { requested: 10, size: 64 }));
    /// assert_eq!(slab.lock(), Err(SlabError::Used { slots: 1 }));
    /// // SAFETY: the block is held, and not used once it is sent; nobody receives it before it is sent again.
    /// unsafe {
    ///     assert!(slab.send(block).is_ok());
    ///     assert_eq!(slab.send(block), Err(SlabError::Free(FreeError::NotHeld)));
    /// }
    /// assert_eq!(slab.receive(Token::from_bits(7)), Err(SlabError::Stale)); // of nobody
    /// # Ok::<(), SlabError>(())
    /// ```
    pub enum SlabError {
        /// There are no pools, or more than [`crate::slab::MAX_POOLS`].
        Pools { given: usize, most: usize } => ErrorKind::InvalidInput,
            "{given} pools were given: 1 to {most} are allowed";
        /// The slot size of a pool is not a power of two, or is less than 8 bytes.
        Size { index: usize, size: usize } => ErrorKind::InvalidInput,
            "the size of pool {index}, {size}, is not a power of two >= 8";
        /// The slot size of a pool is not above that of the pool before it.
        Order { index: usize, size: usize } => ErrorKind::InvalidInput,
            "the size of pool {index}, {size}, is not greater than the one before it";
        /// The counts of a pool contradict each other: `min_count <= count <= max_count` and
        /// `max_count >= 1` must hold. `least` is its `min_count`, and `most` its `max_count`.
        Count { index: usize, count: usize, least: usize, most: usize } => ErrorKind::InvalidInput,
            if *most == 0 => "the max_count of pool {index} is 0: it must be at least 1",
            if count > most =>
                "the count of pool {index}, {count}, is greater than its max_count, {most}",
            "the count of pool {index}, {count}, is less than its min_count, {least}";
        /// The pools with their records take so many `bytes` from the start, more than the limit,
        /// [`SlabOptions::max_bytes`](crate::slab::SlabOptions::max_bytes); `usize::MAX` if that is
        /// more than any slab can have, whatever the limit.
        Footprint { bytes: usize, limit: usize } => ErrorKind::InvalidInput,
            if *bytes == usize::MAX => "the pools take more bytes than a slab can have",
            "the pools take {bytes} bytes, and {limit} are allowed";
        /// The system refused the memory, or cannot share it, move it or keep it.
        Map(error: MapError) => error.io_kind(), "{error}";
        /// The memory that processes share cannot be created or opened.
        Segment(error: SegmentError) => error.io_kind(), "{error}";
        /// There are as many participants as there can be, `most`: the call may succeed once one of
        /// them has left.
        TooMany { most: usize } =>
            ErrorKind::ResourceBusy, "a slab has at most {most} participants";
        /// All 2³⁰ names of participants were used, and unfreed blocks have the names that could be
        /// used again. The call may succeed once these blocks are freed.
        UsedUp => ErrorKind::ResourceBusy,
            "all names of participants are used up: free the blocks that former ones have left";
        /// The caller is a forked child. The slots of a shared slab, or of its
        /// [`ThreadCache`](crate::slab::ThreadCache), belong to the parent process. If the slab has
        /// a name or a descriptor, the child can open it anew. A token stays valid for others.
        Forked => ErrorKind::Unsupported, "{FORKED}";
        /// The lock of a participant could not be taken: the process has no descriptor left, or
        /// other code of it has closed the slab's, as [`Slab::recovers`](crate::Slab::recovers)
        /// tells.
        OutOfTouch => ErrorKind::Unsupported,
            "the slab's file cannot be opened: the process has no descriptor left, or other code has closed the slab's";
        /// Too late for [`Slab::bind`](crate::Slab::bind) or [`Slab::lock`](crate::Slab::lock): a
        /// slot was handed out before. `slots` are in use now, by all participants.
        Used { slots: usize } => ErrorKind::ResourceBusy,
            "the slab was used before: {slots} of its slots are in use";
        /// No pool has slots this large: `largest` is [`crate::Slab::largest`]. The call can never
        /// succeed.
        TooLarge { requested: usize, largest: usize } => ErrorKind::InvalidInput,
            "{requested} bytes do not fit into a slot: the largest slots have {largest}";
        /// No pool with large enough slots has a free one, up to that of slots of `size` bytes: the
        /// call may succeed once a slot is freed. If the limit prevents growth, it may also succeed
        /// once all slots of a segment, of any pool, are free.
        Exhausted { requested: usize, size: usize } => ErrorKind::OutOfMemory,
            "no slot for {requested} bytes is free, up to the pool of {size}";
        /// The slab is shared, and the call would create a reference into it:
        /// [`crate::Slab::boxed`].
        Shared =>
            ErrorKind::Unsupported, "values cannot be boxed in a slab that processes share";
        /// The address is not that of a block which is held: the same error as in
        /// [`crate::Slab::deallocate`].
        Free(error: FreeError) => error.io_kind(), "{error}";
        /// The block to be sent has no bytes, or more than the slot, or more than 64 GiB less one
        /// byte.
        Length { length: usize, longest: usize } => ErrorKind::InvalidInput,
            "cannot send {length} bytes of a slot: it must be 1 to {longest}";
        /// No token can name the slot. Its number, counted over all pools from the smallest on, is
        /// not below 4,194,304.
        Number { number: usize, most: usize } => ErrorKind::InvalidInput,
            "cannot send slot {number}: tokens name the first {most} of a slab";
        /// No block is in transit with this token: it was received or revoked before, belongs to
        /// another slab, or its sender has been gone for longer than the time of transit. When
        /// revoking, also if another participant has sent it.
        Stale => ErrorKind::NotFound,
            "no block was sent with this token, or it was already received";
    }
}
