//! Queries of spans: which one contains an address, and which are free.

use super::{GRANULE, NONE, PART_LOG, Spans, bin_of};

/// The span or block that begins at an address or contains it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// The first byte of a held span.
    Held(u32),
    /// Another byte of a held span.
    Within,
    /// A byte of a free span.
    Free,
}

impl Spans {
    /// Finds what contains a granule of a chunk. Takes a step for each span that begins before it
    /// in the same part: at most 256.
    pub fn find_at(&self, chunk: u32, granule: u32) -> Found {
        let parts = &self.parts[chunk as usize];
        let part = (granule >> PART_LOG) as usize;
        // The first span of a chunk begins at its first granule.
        let first = |part: usize| Some(parts[part]).filter(|&id| id != NONE);
        let mut id = match first(part).filter(|&id| self.table[id as usize].start <= granule) {
            Some(id) => id,
            None => parts[..part].iter().rev().copied().find(|&id| id != NONE).unwrap_or(parts[0]),
        };
        while self.table[id as usize].end() <= granule {
            id = self.table[id as usize].after;
        }
        let span = &self.table[id as usize];
        match (span.is_held(), span.start == granule) {
            (false, _) => Found::Free,
            (true, true) => Found::Held(id),
            (true, false) => Found::Within,
        }
    }

    /// Records that are in use.
    pub fn count(&self) -> usize {
        self.table.len() - self.unused_count
    }

    /// Granules of the largest free span; 0 if there is none. Looks at the spans of one bin.
    pub fn largest_free(&self) -> u32 {
        let Some(bin) = self.bins.last() else { return 0 };
        self.list(bin).map(|id| self.table[id as usize].granules).max().unwrap_or(0)
    }

    /// Free spans with at least one whole page that may take memory.
    pub fn dirty(&self) -> Vec<u32> {
        let page = 1 << self.page_log;
        let bins =
            std::iter::successors(self.bins.from(bin_of(page)), |&bin| self.bins.from(bin + 1));
        let is_dirty = |&id: &u32| !self.table[id as usize].is_clean() && self.pages(id) > 0;
        bins.flat_map(|bin| self.list(bin)).filter(is_dirty).collect()
    }

    /// The whole pages of a span within its chunk: offset and length in bytes.
    pub fn pages_at(&self, id: u32) -> (usize, usize) {
        let page = GRANULE << self.page_log;
        let start = self.table[id as usize].start as usize * GRANULE;
        (start.next_multiple_of(page), self.pages(id) as usize * page)
    }

    pub(super) fn list(&self, bin: usize) -> impl Iterator<Item = u32> {
        let listed = |id: u32| Some(id).filter(|&id| id != NONE);
        let next = move |&id: &u32| listed(self.table[id as usize].next);
        std::iter::successors(listed(self.bins.head(bin)), next)
    }
}
