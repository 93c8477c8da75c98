//! Takes and returns a region's memory: chunks, and room for the records of spans. Nothing here is
//! hot.

use super::chunks::{Chunk, Chunks};
use super::spans::{GRANULE, Spans};
use super::{MAX_GRANULES, Region};
use crate::error::AllocError;
use crate::layout::align_down;
use crate::limit::Limit;
use crate::os;

/// The least number of records by which the table grows, and its first size.
const RECORDS: usize = 64;
/// A chunk leaves at least this part of its size for later records.
const RECORDS_PART: usize = 256;

/// The most bytes that the numbers of granules can express.
pub(super) const LARGEST_CHUNK: usize = MAX_GRANULES * GRANULE;

/// What [`Region::collect`] gave back to the system.
///
/// ```
/// use ralloc_core::region::{Collected, Region};
///
/// assert_eq!(Region::new().collect(), Collected { chunks: 0, bytes: 0 });
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Chunks that were free as a whole and are no longer the region's.
    pub chunks: usize,
    /// Their bytes, and those of free pages of other chunks: pages that took memory, or may have.
    pub bytes: usize,
}

impl Region {
    /// Gives back to the system the memory of all free pages, and chunks that are free as a whole.
    /// Blocks stay where they are and keep their bytes. Costs a system call for each free span that
    /// has a page and was in use since the last collect, and some 0.1 µs for each page that had
    /// memory. Call it when the program is idle.
    ///
    /// ```
    /// use ralloc_core::Region;
    /// use std::alloc::Layout;
    ///
    /// let mut region = Region::new();
    /// let kept = region.alloc(Layout::array::<u8>(1000)?)?;
    /// let gone = region.alloc(Layout::array::<u8>(100_000)?)?;
    /// region.free(gone)?;
    /// assert!(region.collect().bytes > 90_000);
    /// assert_eq!(region.pointer(kept)?.len(), 1000);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn collect(&mut self) -> Collected {
        let mut collected = self.release_free_chunks(true);
        for id in self.spans.dirty() {
            let (offset, len) = self.spans.pages_at(id);
            let number = self.spans.get(id).map_or(u32::MAX, |span| span.chunk());
            let Some(chunk) = self.chunks.get_mut(number) else { continue };
            self.ledger.forget(chunk.mapping.base().addr().get() + offset, len);
            // Refused for memory that should stay. If the call fails otherwise, the pages are kept,
            // which does no harm.
            if chunk.mapping.decommit(offset, len).is_ok() {
                self.spans.set_clean(id);
                collected.bytes += len;
            }
        }
        collected
    }

    /// Removes all chunks that are free as a whole, to the system or to the depot.
    fn release_free_chunks(&mut self, to_system: bool) -> Collected {
        let (chunks, bytes) = (self.chunks.count(), self.chunks.bytes);
        for number in 0..self.chunks.numbers() as u32 {
            let Some(chunk) = self.chunks.get(number) else { continue };
            let (first, granules) = (chunk.first, chunk.granules);
            let is_whole = |span: &&super::spans::Span| span.is_free() && span.granules == granules;
            if self.spans.get(first).filter(is_whole).is_none() {
                continue;
            }
            self.spans.remove_chunk(first);
            self.part_bytes -= Spans::bytes_of_chunk(granules as usize);
            let Some(chunk) = self.chunks.remove(number) else { continue };
            self.ledger.forget(chunk.mapping.base().addr().get(), chunk.mapping.len());
            match to_system {
                true => self.depot.discard(chunk.mapping),
                false => self.depot.recycle(chunk.mapping),
            }
        }
        Collected { chunks: chunks - self.chunks.count(), bytes: bytes - self.chunks.bytes }
    }

    /// Adds a chunk with at least this many granules. Returns its free span.
    #[cold]
    #[inline(never)]
    pub(super) fn grow(&mut self, requested: usize, granules: u32) -> Result<u32, AllocError> {
        let page = self.options.memory.granule();
        let need = (granules as usize * GRANULE).next_multiple_of(page);
        // One for the chunk, and two to take a block out of it.
        self.ensure_records(requested, 3)?;
        let mut len = self.chunk_size(need, page);
        if len.is_none() && self.release_free_chunks(false).chunks > 0 {
            len = self.chunk_size(need, page);
        }
        let len = len.ok_or_else(|| self.over_limit(requested))?;
        let (mapping, fresh) = self.depot.obtain(len)?;
        let (granules, clean) = ((len / GRANULE) as u32, fresh && !mapping.keeps_memory());
        let number = self.chunks.next_number();
        let first = self.spans.add_chunk(number, granules, clean);
        self.chunks.add(number, Chunk { mapping, first, granules });
        self.part_bytes += Spans::bytes_of_chunk(granules as usize);
        self.growth.advance();
        Ok(first)
    }

    /// The size of a new chunk for `need` bytes, in whole pages: a class that the depot keeps, or
    /// what the limit leaves. The limit must also have room for as many records, in proportion, as
    /// existing chunks have.
    fn chunk_size(&self, need: usize, page: usize) -> Option<usize> {
        let left = self.limit().room();
        let records = self.spans.room().0;
        let chunks = self.chunks.bytes.max(self.options.first_chunk);
        let share = |len: usize| (len as u128 * records as u128 / chunks as u128) as usize;
        let fits = |len: usize, more: usize| {
            let all = len.checked_add(self.metadata_of(len))?.checked_add(more)?;
            (all <= left && len / GRANULE <= MAX_GRANULES).then_some(len)
        };
        let roomy = |len: usize| fits(len, share(len).max(len / RECORDS_PART));
        let most = || {
            // How much of the rest can be cut so that records have their share of it.
            let parts = RECORDS_PART as u128;
            let share = (records as u128 * parts).div_ceil(chunks as u128).max(1);
            let len = (left as u128 * parts / (parts + share + 2)) as usize;
            roomy(align_down(len.min(LARGEST_CHUNK), page)).filter(|&len| len >= need)
        };
        self.growth.size(need, page).and_then(roomy).or_else(most).or(fits(need, 0))
    }

    /// Makes sure that there is room for this many more records.
    #[inline]
    pub(super) fn ensure_records(
        &mut self,
        requested: usize,
        count: usize,
    ) -> Result<(), AllocError> {
        if self.spans.room().1 >= count { Ok(()) } else { self.grow_records(requested) }
    }

    #[cold]
    #[inline(never)]
    fn grow_records(&mut self, requested: usize) -> Result<(), AllocError> {
        let each = Spans::BYTES_EACH;
        if self.limit().room() < RECORDS / 8 * each {
            self.release_free_chunks(false);
        }
        let most = self.limit().room() / each;
        if most < RECORDS / 8 {
            return Err(self.over_limit(requested));
        }
        // Twice as many, but at most half of what is left, because chunks need some of it too.
        let more = (self.spans.room().0 / each).min(most / 2).max(RECORDS).min(most);
        self.spans.grow(more).then_some(()).ok_or(AllocError::Map(os::too_large()))
    }

    fn over_limit(&self, requested: usize) -> AllocError {
        let limit = self.limit();
        AllocError::Limit { requested, used: limit.used(), limit: limit.most() }
    }

    /// The limit on everything: chunks and what is kept for them.
    fn limit(&self) -> Limit {
        Limit::new(self.options.max_bytes, self.chunks.bytes + self.metadata())
    }

    /// Bytes kept in addition to the chunks.
    pub(super) fn metadata(&self) -> usize {
        let records = self.spans.room().0;
        size_of::<Region>() + records + self.chunks.numbers() * Chunks::BYTES_EACH + self.part_bytes
    }

    /// Bytes to be kept for one more chunk.
    fn metadata_of(&self, chunk: usize) -> usize {
        let is_new = self.chunks.numbers() == self.chunks.count();
        let parts = Spans::bytes_of_chunk(chunk / GRANULE);
        parts + if is_new { Chunks::BYTES_EACH } else { 0 }
    }

    /// Bytes kept when there is one chunk.
    pub(super) fn least_metadata(chunk: usize) -> usize {
        let records = RECORDS * Spans::BYTES_EACH;
        size_of::<Region>() + records + Chunks::BYTES_EACH + Spans::bytes_of_chunk(chunk / GRANULE)
    }
}
