//! The spans that chunks are cut into: a record for each, kept apart from the chunks. A record has
//! only numbers, in granules. Nothing here reads or writes a byte of a chunk, and nothing written
//! to a block can damage the records.
//!
//! The spans of a chunk follow one another without a gap, and two adjacent spans are never both
//! free: `check`.
#![forbid(unsafe_code)]

#[cfg(all(test, not(loom)))]
mod check;

use super::bins::{Bins, NONE, bin_of};

/// Bytes of a granule. Spans begin at multiples of it and are multiples of it long.
pub const GRANULE: usize = 16;
/// How many spans of its own bin are searched for one that is large enough, before the next bins
/// are used. Any number would keep the cost bounded.
const LOOKS: usize = 32;
/// The logarithm of the granules in a part. The first span that begins in each part is known: 4
/// bytes for each 4 KiB.
const PART_LOG: u32 = 8;
/// A flag in [`Span::chunk`].
const CLEAN: u32 = 1 << 31;

/// The record of a span: 32 bytes.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    pub start: u32,
    /// 0 in a record that is not in use.
    pub granules: u32,
    /// The neighbours in the chunk.
    pub before: u32,
    pub after: u32,
    /// In a free span, its neighbours in the list of its bin. In an unused record, `next` is the
    /// next unused record; in a held span, it is the number of spare bytes.
    previous: u32,
    next: u32,
    /// The chunk's number, with the flag [`CLEAN`].
    chunk: u32,
    /// Odd while the span is held, and new each time. A handle carries it.
    pub mark: u32,
}

impl Span {
    pub fn is_held(&self) -> bool {
        self.mark & 1 == 1
    }

    pub fn is_free(&self) -> bool {
        self.granules > 0 && !self.is_held()
    }

    /// Whether the whole pages of a free span take no memory.
    pub fn is_clean(&self) -> bool {
        self.chunk & CLEAN != 0
    }

    pub fn chunk(&self) -> u32 {
        self.chunk & !CLEAN
    }

    pub fn end(&self) -> u32 {
        self.start + self.granules
    }

    /// Bytes at the end of a held span beyond the requested size.
    #[inline]
    pub fn spare(&self) -> usize {
        self.next as usize
    }
}

/// The spans of all chunks.
#[derive(Debug)]
pub struct Spans {
    table: Vec<Span>,
    /// The first unused record; `next` leads to the others.
    unused: u32,
    unused_count: usize,
    bins: Bins,
    /// For each chunk and part, the first span that begins there.
    parts: Vec<Box<[u32]>>,
    /// The logarithm of the granules in a page, which can be given back alone.
    page_log: u32,
    pub held: usize,
    pub free_granules: u64,
    /// Pages in free spans that take no memory.
    pub clean_pages: u64,
}

impl Spans {
    /// For pages of `page` bytes, a power of two.
    pub fn new(page: usize) -> Spans {
        Spans {
            table: Vec::new(),
            unused: NONE,
            unused_count: 0,
            bins: Bins::new(),
            parts: Vec::new(),
            page_log: (page / GRANULE).ilog2(),
            held: 0,
            free_granules: 0,
            clean_pages: 0,
        }
    }

    /// Bytes of a record.
    pub const BYTES_EACH: usize = size_of::<Span>();

    /// Bytes kept for a chunk besides its spans.
    pub const fn bytes_of_chunk(granules: usize) -> usize {
        granules.div_ceil(1 << PART_LOG) * size_of::<u32>()
    }

    /// Bytes of the records, and how many more records there can be without more memory.
    pub fn room(&self) -> (usize, usize) {
        let capacity = self.table.capacity();
        (capacity * size_of::<Span>(), capacity - self.table.len() + self.unused_count)
    }

    /// Makes room for `more` records beyond the existing ones. Returns `false` if the heap has
    /// none.
    pub fn grow(&mut self, more: usize) -> bool {
        let more = more + self.table.capacity() - self.table.len();
        self.table.len() + more < NONE as usize && self.table.try_reserve_exact(more).is_ok()
    }

    pub fn get(&self, id: u32) -> Option<&Span> {
        self.table.get(id as usize)
    }

    /// The span, if it is held under this mark.
    #[inline]
    pub fn held(&self, id: u32, mark: u32) -> Option<&Span> {
        self.table.get(id as usize).filter(|span| span.mark == mark && span.is_held())
    }

    /// Adds a chunk as one free span. Returns the chunk's number and the span's. There must be room
    /// for a record.
    pub fn add_chunk(&mut self, chunk: u32, granules: u32, clean: bool) -> u32 {
        let (before, after, previous, next) = (NONE, NONE, NONE, NONE);
        let flagged = if clean { chunk | CLEAN } else { chunk };
        let whole =
            Span { start: 0, granules, before, after, previous, next, chunk: flagged, mark: 0 };
        let id = self.record(whole);
        let mut parts = vec![NONE; (granules as usize).div_ceil(1 << PART_LOG)].into_boxed_slice();
        parts[0] = id;
        if self.parts.len() <= chunk as usize {
            // Exact, because it counts toward the limit.
            self.parts.reserve_exact(1);
            self.parts.resize_with(chunk as usize + 1, Box::default);
        }
        self.parts[chunk as usize] = parts;
        self.link(id);
        id
    }

    /// Removes a chunk that is one free span.
    pub fn remove_chunk(&mut self, id: u32) {
        self.unlink(id);
        let chunk = self.table[id as usize].chunk();
        self.parts[chunk as usize] = Box::default();
        self.retire(id);
    }

    /// Finds a free span from which `granules` can be taken at a multiple of `align`, a power of
    /// two.
    #[inline]
    pub fn find(&self, granules: u32, align: u32) -> Option<u32> {
        if align == 1 {
            // Usually the span that was freed last, with the very same size.
            let nearest = self.bins.head(bin_of(granules));
            if nearest != NONE && self.table[nearest as usize].granules >= granules {
                return Some(nearest);
            }
        }
        self.bins.find(granules.checked_add(align - 1)?)
    }

    /// The same in bins whose spans are not all large enough.
    #[cold]
    pub fn search(&self, granules: u32, align: u32) -> Option<u32> {
        let most = bin_of(granules.saturating_add(align - 1));
        let mut bin = self.bins.from(bin_of(granules)).filter(|&bin| bin <= most)?;
        for _ in 0..LOOKS {
            let mut id = self.bins.head(bin);
            for _ in 0..LOOKS {
                let Some(span) = self.get(id) else { break };
                let start = span.start.next_multiple_of(align);
                if start.checked_add(granules).is_some_and(|end| end <= span.end()) {
                    return Some(id);
                }
                id = span.next;
            }
            bin = self.bins.from(bin + 1).filter(|&bin| bin <= most)?;
        }
        None
    }

    /// Takes granules out of a free span that has them; the rest on either side stays free. Returns
    /// their span, with its new mark. There must be room for two records.
    #[inline]
    pub fn take(&mut self, free: u32, granules: u32, align: u32, spare: u32) -> (u32, Span) {
        self.unlink(free);
        let mut id = free;
        let start = self.table[id as usize].start;
        let pad = start.wrapping_neg() & (align - 1);
        if pad > 0 {
            id = self.split(free, pad);
            self.link(free);
        }
        if self.table[id as usize].granules > granules {
            let rest = self.split(id, granules);
            self.link(rest);
        }
        let span = &mut self.table[id as usize];
        span.mark = span.mark.wrapping_add(1);
        span.chunk &= !CLEAN;
        span.next = spare;
        self.held += 1;
        (id, *span)
    }

    /// Frees a held span and joins it with free neighbours. Returns how many bytes it had to spare.
    #[inline]
    pub fn free(&mut self, mut id: u32) -> usize {
        let span = &mut self.table[id as usize];
        span.mark = span.mark.wrapping_add(1);
        let (Span { before, after, .. }, spare) = (*span, span.spare());
        self.held -= 1;
        if self.get(after).is_some_and(|after| !after.is_held()) {
            self.unlink(after);
            self.join(id, after);
        }
        if self.get(before).is_some_and(|before| !before.is_held()) {
            self.unlink(before);
            self.join(before, id);
            id = before;
        }
        self.table[id as usize].chunk &= !CLEAN;
        self.link(id);
        spare
    }

    /// Notes that the whole pages of a free span take no memory now.
    pub fn set_clean(&mut self, id: u32) {
        let span = &mut self.table[id as usize];
        debug_assert!(span.is_free() && !span.is_clean());
        span.chunk |= CLEAN;
        self.clean_pages += self.pages(id);
    }

    /// Whole pages within the span.
    pub fn pages(&self, id: u32) -> u64 {
        let (span, mask) = (&self.table[id as usize], (1u32 << self.page_log) - 1);
        let begin = (u64::from(span.start) + u64::from(mask)) >> self.page_log;
        u64::from(span.end() >> self.page_log).saturating_sub(begin)
    }

    /// Cuts the first granules off. Returns the span of the rest, which is in no list.
    #[inline]
    fn split(&mut self, id: u32, granules: u32) -> u32 {
        let span = self.table[id as usize];
        let start = span.start + granules;
        let rest =
            self.record(Span { start, granules: span.granules - granules, before: id, ..span });
        let first = &mut self.table[id as usize];
        (first.granules, first.after) = (granules, rest);
        if let Some(after) = self.table.get_mut(span.after as usize) {
            after.before = rest;
        }
        // If both begin in one part, the first span of the part is this one or one before it.
        if span.start >> PART_LOG != start >> PART_LOG {
            self.parts[span.chunk() as usize][(start >> PART_LOG) as usize] = rest;
        }
        rest
    }

    /// Joins two adjacent spans under the first one's record; neither is in a list.
    #[inline]
    fn join(&mut self, first: u32, second: u32) {
        let gone = self.table[second as usize];
        let span = &mut self.table[first as usize];
        span.granules += gone.granules;
        span.after = gone.after;
        let part = gone.start >> PART_LOG;
        let apart = span.start >> PART_LOG != part;
        let mut next = NONE;
        if let Some(after) = self.table.get_mut(gone.after as usize) {
            after.before = first;
            if after.start >> PART_LOG == part {
                next = gone.after;
            }
        }
        if apart {
            self.parts[gone.chunk() as usize][part as usize] = next;
        }
        self.retire(second);
    }

    #[inline]
    fn record(&mut self, span: Span) -> u32 {
        let id = self.unused;
        let Some(record) = self.table.get_mut(id as usize) else {
            let id = self.table.len() as u32;
            self.table.push(Span { mark: 0, ..span });
            return id;
        };
        self.unused = record.next;
        self.unused_count -= 1;
        // A record's marks go on counting, whatever its span, so that an old handle fits none of
        // them.
        *record = Span { mark: record.mark, ..span };
        id
    }

    #[inline]
    fn retire(&mut self, id: u32) {
        let record = &mut self.table[id as usize];
        (record.granules, record.next) = (0, self.unused);
        self.unused = id;
        self.unused_count += 1;
    }

    #[inline]
    fn link(&mut self, id: u32) {
        let span = &mut self.table[id as usize];
        let bin = bin_of(span.granules);
        let head = self.bins.head(bin);
        (span.previous, span.next) = (NONE, head);
        self.free_granules += u64::from(span.granules);
        let clean = span.is_clean();
        if let Some(head) = self.table.get_mut(head as usize) {
            head.previous = id;
        }
        self.bins.set_head(bin, id);
        if clean {
            self.clean_pages += self.pages(id);
        }
    }

    #[inline]
    fn unlink(&mut self, id: u32) {
        let Span { granules, previous, next, .. } = self.table[id as usize];
        self.free_granules -= u64::from(granules);
        if let Some(next) = self.table.get_mut(next as usize) {
            next.previous = previous;
        }
        match self.table.get_mut(previous as usize) {
            Some(previous) => previous.next = next,
            None => self.bins.set_head(bin_of(granules), next),
        }
        if self.table[id as usize].is_clean() {
            self.clean_pages -= self.pages(id);
        }
    }

    /// Finds the span that contains a granule of a chunk. Takes a step for each span that begins before it
    /// in the same part: at most 256.
    pub fn find_at(&self, chunk: u32, granule: u32) -> (u32, &Span) {
        let parts = &self.parts[chunk as usize][..=(granule >> PART_LOG) as usize];
        let begins = |&id: &u32| self.get(id).is_some_and(|span| span.start <= granule);
        // The first span of a chunk begins at its first granule.
        let mut id = parts.iter().rev().copied().find(begins).unwrap_or(parts[0]);
        while self.table[id as usize].end() <= granule {
            id = self.table[id as usize].after;
        }
        (id, &self.table[id as usize])
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

    fn list(&self, bin: usize) -> impl Iterator<Item = u32> {
        let listed = |id: u32| Some(id).filter(|&id| id != NONE);
        let next = move |&id: &u32| listed(self.table[id as usize].next);
        std::iter::successors(listed(self.bins.head(bin)), next)
    }
}
