//! The options of a region, and their check.

use super::Region;
use crate::error::OptionsError;
use crate::layout::{ChunkGrowth, MIN_CHUNK, class_size};
use crate::memory::MemoryOptions;

/// The limit of a region, how it grows, and what memory it takes. Sizes in bytes.
///
/// ```
/// use ralloc_core::Region;
/// use ralloc_core::region::RegionOptions;
///
/// let region = Region::with_options(RegionOptions { max_bytes: 1 << 30, ..RegionOptions::default() })?;
/// assert!(region.stats().committed < 64 << 10); // takes no chunk before the first block
/// # Ok::<(), ralloc_core::error::OptionsError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegionOptions {
    /// The most bytes at any time: of all chunks with their free parts, and of what is kept for
    /// them (32 bytes for each block or free span, 1/1024 of each chunk, some 4 KiB). Default 64
    /// MiB.
    pub max_bytes: usize,
    /// The first chunk; each further one is twice as large. From 1 to `chunk_cap`; the minimum in
    /// use is 16 KiB. Default 256 KiB.
    pub first_chunk: usize,
    /// The largest chunk; larger blocks get one of their own. With larger chunks, less is lost at
    /// their ends, but whole chunks become free later. Default 16 MiB.
    pub chunk_cap: usize,
    /// How to obtain the chunks' memory from the system. Locked or prefaulted memory is only given
    /// back in whole chunks.
    pub memory: MemoryOptions,
}

impl Default for RegionOptions {
    fn default() -> Self {
        RegionOptions {
            max_bytes: 64 << 20,
            first_chunk: 256 << 10,
            chunk_cap: 16 << 20,
            memory: MemoryOptions::default(),
        }
    }
}

impl RegionOptions {
    /// The default: a limit of 64 MiB, and ordinary memory.
    ///
    /// ```
    /// use ralloc_core::region::RegionOptions;
    ///
    /// let options = RegionOptions::new().max_bytes(1 << 30).first_chunk(1 << 20);
    /// assert_eq!(options, RegionOptions { max_bytes: 1 << 30, first_chunk: 1 << 20, ..RegionOptions::default() });
    /// ```
    pub fn new() -> RegionOptions {
        RegionOptions::default()
    }

    setters! { max_bytes: usize, first_chunk: usize, chunk_cap: usize, memory: MemoryOptions }

    /// Checks whether a region can have these options.
    pub(super) fn check(&self) -> Result<(), OptionsError> {
        let RegionOptions { max_bytes: limit, first_chunk: first, chunk_cap: cap, memory } = *self;
        if !ChunkGrowth::is_possible(first, cap) {
            return Err(OptionsError::ChunkSize { first, cap });
        }
        let chunk = class_size(first.max(MIN_CHUNK), memory.granule()).unwrap_or(usize::MAX);
        let least = chunk.saturating_add(Region::least_metadata(chunk));
        if least > limit {
            return Err(OptionsError::Limit { least, limit });
        }
        Ok(())
    }
}
