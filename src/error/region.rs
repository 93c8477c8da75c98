//! What can fail about a [`crate::Region`]: making it, allocating a block, freeing it.

use super::MapError;
use std::fmt;

/// Why a [`crate::Region`] cannot be made.
///
/// ```
/// use ralloc_core::Region;
/// use ralloc_core::error::RegionError;
/// use ralloc_core::region::RegionOptions;
///
/// let options = RegionOptions { max_bytes: 1000, ..RegionOptions::default() };
/// let error = Region::with_options(options).unwrap_err();
/// assert!(matches!(error, RegionError::Limit { limit: 1000, .. }));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegionError {
    /// The first chunk is larger than the cap on chunks, either is 0, or the cap is more than [`crate::MAX_BYTES`].
    ChunkSize {
        /// [`RegionOptions::first_chunk`](crate::region::RegionOptions::first_chunk), in bytes.
        first: usize,
        /// [`RegionOptions::chunk_cap`](crate::region::RegionOptions::chunk_cap), in bytes.
        cap: usize,
    },
    /// The limit is less than the first chunk and what is kept of it.
    Limit {
        /// The least that is enough, in bytes.
        least: usize,
        /// [`RegionOptions::max_bytes`](crate::region::RegionOptions::max_bytes).
        limit: usize,
    },
}

impl fmt::Display for RegionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RegionError::ChunkSize { first, cap } => {
                let most = crate::layout::MAX_BYTES;
                write!(f, "chunks of {first} to {cap} bytes: must be 1 <= first <= cap <= {most}")
            }
            RegionError::Limit { least, limit } => {
                write!(f, "the first chunk takes {least} bytes, more than the limit of {limit}")
            }
        }
    }
}

impl std::error::Error for RegionError {}

/// Why a [`crate::Region`] gave no block. It is as it was, but for whole free chunks, which may have made room.
///
/// ```
/// use ralloc_core::Region;
/// use ralloc_core::error::BlockError;
/// use std::alloc::Layout;
///
/// let mut region = Region::new();
/// let error = region.alloc(Layout::array::<u8>(64 << 20)?).unwrap_err();
/// assert!(matches!(error, BlockError::Limit { limit: 67_108_864, .. }));
/// # Ok::<(), std::alloc::LayoutError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BlockError {
    /// No free span has the room, and a chunk for it, or the memory to keep a record of it, does not fit under the limit.
    Limit {
        /// Bytes that were asked for.
        requested: usize,
        /// Bytes that count toward the limit now.
        used: usize,
        /// [`RegionOptions::max_bytes`](crate::region::RegionOptions::max_bytes).
        limit: usize,
    },
    /// No block can be so large: the call can never succeed.
    TooLarge {
        /// Bytes that were asked for.
        requested: usize,
        /// The most that a block has: 32 GiB less 16 bytes.
        largest: usize,
    },
    /// No block can be aligned so: the call can never succeed.
    Align {
        /// The alignment that was asked for, in bytes.
        align: usize,
        /// The most there is, 4096.
        most: usize,
    },
    /// The system refused the memory.
    Map(MapError),
}

impl fmt::Display for BlockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BlockError::Limit { requested, used, limit } => {
                write!(f, "no room for {requested} bytes: {used} of {limit} are in use")
            }
            BlockError::TooLarge { requested, largest } => {
                write!(f, "{requested} bytes are more than a block can have, {largest}")
            }
            BlockError::Align { align, most } => {
                write!(f, "blocks cannot be aligned to {align} bytes: {most} is the most")
            }
            BlockError::Map(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for BlockError {}

impl From<MapError> for BlockError {
    fn from(error: MapError) -> Self {
        BlockError::Map(error)
    }
}

/// Why a block was not freed, or not found. Nothing has changed.
///
/// ```
/// use ralloc_core::Region;
/// use ralloc_core::error::FreeError;
/// use std::alloc::Layout;
///
/// let (mut region, mut other) = (Region::new(), Region::new());
/// let block = region.alloc(Layout::new::<u64>())?;
/// let address = region.pointer(block)?.cast::<u8>();
/// assert_eq!(other.free(block), Err(FreeError::Foreign));
/// assert_eq!(region.find(address.map_addr(|at| at.saturating_add(1))), Err(FreeError::Interior));
/// assert_eq!(region.free(block), Ok(()));
/// assert_eq!(region.free(block), Err(FreeError::NotHeld));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FreeError {
    /// The block is of another region, or the address in no chunk of this one.
    Foreign,
    /// The address is in a block, but not its first byte.
    Interior,
    /// The block was freed already, or the address is in no block.
    NotHeld,
}

impl fmt::Display for FreeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FreeError::Foreign => "the block does not belong to this region",
            FreeError::Interior => "the address is not the first byte of its block",
            FreeError::NotHeld => "the block was freed already",
        })
    }
}

impl std::error::Error for FreeError {}
