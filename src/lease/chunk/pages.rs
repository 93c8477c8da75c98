//! The pages of a chunk: how many are in RAM, and which are given back to the system before the chunk ends.

use super::{Chunk, ChunkState};
use crate::error::SpanError;
use crate::memory::page_size;

impl Chunk {
    /// Gives the memory of a chunk in Limbo back to the system and its bytes to the budget, without ending the chunk.
    /// Returns the bytes that were in RAM; 0 in any other state, the second time, and for memory that
    /// [stays](Mapping::keeps_memory). Such memory is given back only when the chunk ends, because getting it again
    /// could fail or cause page faults.
    pub fn trim(&self) -> usize {
        let mut inner = self.inner.lock();
        if inner.state() != ChunkState::Limbo || !inner.charged {
            return 0;
        }
        let Some(mapping) = &mut inner.mapping else { return 0 };
        if mapping.keeps_memory() {
            return 0;
        }
        let resident = mapping.resident().unwrap_or(0);
        let len = mapping.len();
        if mapping.decommit(0, len).is_err() {
            return 0;
        }
        let before = inner.tally(self.len);
        inner.charged = false;
        self.budget.recount(before, inner.tally(self.len));
        self.budget.limit.discharge(self.len);
        resident
    }

    /// Bytes of the chunk that are in RAM now; 0 in Gone.
    pub fn resident(&self) -> usize {
        let inner = self.inner.lock();
        inner.mapping.as_ref().map_or(0, |mapping| mapping.resident().unwrap_or(0))
    }

    /// Gives back to the system the whole pages in each part (offset and bytes) of a chunk in use. Returns the bytes of
    /// these pages, which then read as zero or unchanged. The caller promises that nobody needs their content. Returns
    /// 0 if the memory options ask for memory that stays. Parts beyond the end are skipped.
    pub fn decommit(
        &self,
        parts: impl Iterator<Item = (usize, usize)>,
    ) -> Result<usize, SpanError> {
        let mut inner = self.inner.lock();
        if inner.leased == 0 {
            return Err(inner.refuse("decommit a part of"));
        }
        let Some(mapping) = &mut inner.mapping else { return Ok(0) };
        let page = page_size();
        let mut bytes = 0;
        for (offset, len) in parts {
            let Some(end) = offset.checked_add(len).filter(|&end| end <= self.len) else {
                continue;
            };
            if mapping.decommit(offset, len).is_ok() {
                bytes += (end & !(page - 1)).saturating_sub(offset.next_multiple_of(page));
            }
        }
        Ok(bytes)
    }
}
