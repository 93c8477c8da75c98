//! The options for an arena's growth, and their check.

use crate::error::OptionsError;
use crate::layout::{self, ChunkGrowth};

/// How an arena grows. Sizes in bytes.
///
/// ```
/// use ralloc_core::{Arena, ArenaOptions};
///
/// let options = ArenaOptions { limit: 1 << 20, ..ArenaOptions::default() };
/// let arena = Arena::builder().options(options).build()?;
/// assert_eq!(arena.stats().limit, 1 << 20);
/// # Ok::<(), ralloc_core::error::OptionsError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArenaOptions {
    /// The most bytes of chunks at any time, unused parts included. Default 64 MiB.
    pub limit: usize,
    /// The first chunk; each further one is twice as large. Default 16 KiB, which is also the
    /// minimum. If the limit leaves less than that, a chunk has just the pages that are needed.
    pub first_chunk: usize,
    /// The largest chunk; larger allocations get one of their own. Default 1 MiB.
    pub chunk_cap: usize,
}

impl Default for ArenaOptions {
    fn default() -> Self {
        ArenaOptions { limit: 64 << 20, first_chunk: layout::MIN_CHUNK, chunk_cap: 1 << 20 }
    }
}

impl ArenaOptions {
    /// Checks whether an arena can have these options.
    pub(super) fn check(&self) -> Result<(), OptionsError> {
        let ArenaOptions { limit: _, first_chunk: first, chunk_cap: cap } = *self;
        if !ChunkGrowth::is_possible(first, cap) {
            return Err(OptionsError::ChunkSize { first, cap });
        }
        Ok(())
    }
}
