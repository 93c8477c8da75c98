//! Gives the memory of chunks back to the system before the chunks end.

use super::{ChunkState, LeasedArena};
use crate::error::SpanError;
#[cfg(doc)]
use crate::lease::chunk::Chunk;

impl LeasedArena {
    /// Gives the memory of chunks in Limbo back to the system, so that they no longer count. Returns
    /// the bytes that were in RAM.
    pub fn trim(&mut self) -> usize {
        self.limbo.retain(|chunk| chunk.state() == ChunkState::Limbo);
        self.limbo.iter().map(|chunk| chunk.trim()).sum()
    }

    /// Gives back whole pages in parts of a leased span, see [`Chunk::decommit`]; the span still counts in full. Only
    /// for a span that is a whole chunk: the parts (offset and bytes) are parts of the chunk.
    pub fn decommit(
        &mut self,
        id: u32,
        epoch: u32,
        parts: impl Iterator<Item = (usize, usize)>,
    ) -> Result<usize, SpanError> {
        let (span, chunk) = self.span(id, epoch)?;
        if span.len != chunk.len() {
            return Err(SpanError::Foreign { id });
        }
        chunk.decommit(parts)
    }
}
