//! How chunks are cut: a record for each span, beside the chunks. Numbers only, in granules: no byte of a chunk is read or
//! written here, and nothing that is written to a block can damage what is kept of it.
//!
//! The spans of a chunk follow one another without a gap, and no two of them that touch are free: `check`.
#![forbid(unsafe_code)]

#[cfg(test)]
mod check;
mod queries;

pub use queries::Found;

use super::bins::{Bins, NONE, bin_of};

/// Bytes of a granule: what spans are multiples of and begin at.
pub const GRANULE: usize = 16;
/// How many spans of its own bin are looked at for one that is large enough, before it is given up. Any number would
/// keep the cost bounded.
const LOOKS: usize = 32;
/// A part of a chunk whose first span is known: 4 KiB, 4 bytes for each.
const PART_LOG: u32 = 8;
/// In [`Span::chunk`].
const CLEAN: u32 = 1 << 31;

/// The record of a span: 32 bytes.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    pub start: u32,
    /// 0 of a record that is not in use.
    pub granules: u32,
    /// The neighbours in the chunk.
    pub before: u32,
    pub after: u32,
    /// In a free span, its neighbours in the list of its bin. In an unused record, `next` is the next unused
    /// record; in a held span, the number of its spare bytes.
    previous: u32,
    next: u32,
    /// The chunk's number, and [`CLEAN`].
    chunk: u32,
    /// Odd while the span is held, and another number each time: what a handle bears.
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

/// A record that is not in use.
const UNUSED: Span = Span {
    start: 0,
    granules: 0,
    before: NONE,
    after: NONE,
    previous: NONE,
    next: NONE,
    chunk: 0,
    mark: 0,
};

/// The spans of all chunks.
#[derive(Debug)]
pub struct Spans {
    table: Vec<Span>,
    /// Records that were in use, by `next`.
    unused: u32,
    unused_count: usize,
    bins: Bins,
    /// By chunk and part: the first span that begins there.
    parts: Vec<Box<[u32]>>,
    /// Pages that can be given back alone, as a logarithm of granules.
    page_log: u32,
    pub held: usize,
    pub free_granules: u64,
    /// Pages in free spans that take no memory.
    pub clean_pages: u64,
}

impl Spans {
    /// With pages of so many bytes, a power of two.
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

    /// Bytes of what is kept of a chunk beside its spans.
    pub const fn bytes_of_chunk(granules: usize) -> usize {
        granules.div_ceil(1 << PART_LOG) * size_of::<u32>()
    }

    /// Bytes of the records, and how many there can be without more memory.
    pub fn room(&self) -> (usize, usize) {
        let capacity = self.table.capacity();
        (capacity * size_of::<Span>(), capacity - self.table.len() + self.unused_count)
    }

    /// Makes room for `more` records beyond those there are; `false` where the heap has none.
    pub fn grow(&mut self, more: usize) -> bool {
        let more = more + self.table.capacity() - self.table.len();
        self.table.len() + more < NONE as usize && self.table.try_reserve_exact(more).is_ok()
    }

    pub fn get(&self, id: u32) -> Option<&Span> {
        self.table.get(id as usize)
    }

    /// A span that is held under this mark.
    #[inline]
    pub fn held(&self, id: u32, mark: u32) -> Option<&Span> {
        self.table.get(id as usize).filter(|span| span.mark == mark && span.is_held())
    }

    /// [`Span::spare`] of a held span.
    #[inline]
    pub fn spare(&self, id: u32) -> usize {
        self.table[id as usize].spare()
    }

    /// Adds a chunk as one free span: its number and that of the span. There must be room for a record.
    pub fn add_chunk(&mut self, chunk: u32, granules: u32, clean: bool) -> u32 {
        let id =
            self.record(Span { granules, chunk: chunk | if clean { CLEAN } else { 0 }, ..UNUSED });
        let mut parts = vec![NONE; (granules as usize).div_ceil(1 << PART_LOG)].into_boxed_slice();
        parts[0] = id;
        if self.parts.len() <= chunk as usize {
            // Exactly: it counts toward the limit.
            self.parts.reserve_exact(1);
            self.parts.resize_with(chunk as usize + 1, Box::default);
        }
        self.parts[chunk as usize] = parts;
        self.link(id);
        id
    }

    /// Takes out a chunk that is one free span.
    pub fn remove_chunk(&mut self, id: u32) {
        self.unlink(id);
        let chunk = self.table[id as usize].chunk();
        self.parts[chunk as usize] = Box::default();
        self.retire(id);
    }

    /// A free span from which so many granules can be taken at a multiple of `align`, a power of two.
    #[inline]
    pub fn find(&self, granules: u32, align: u32) -> Option<u32> {
        if align == 1 {
            // Mostly what was freed last and has the very size.
            let nearest = self.bins.head(bin_of(granules));
            if nearest != NONE && self.table[nearest as usize].granules >= granules {
                return Some(nearest);
            }
        }
        self.bins.find(granules.checked_add(align - 1)?)
    }

    /// The same among spans of bins whose spans are not all large enough.
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

    /// Takes granules out of a free span that has them; what is left on either side stays free. Their span, with its
    /// new mark. There must be room for two records.
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

    /// Frees a held span, and joins it with the free ones beside it.
    #[inline]
    pub fn free(&mut self, mut id: u32) {
        let span = &mut self.table[id as usize];
        span.mark = span.mark.wrapping_add(1);
        let Span { before, after, .. } = *span;
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
    }

    /// Says that the whole pages of a free span take no memory now.
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

    /// Cuts the first granules off: the span of the rest, which is in no list.
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
        // If both begin in one part, the first one of the part is this span or one before it.
        if span.start >> PART_LOG != start >> PART_LOG {
            self.parts[span.chunk() as usize][(start >> PART_LOG) as usize] = rest;
        }
        rest
    }

    /// Makes one span of two that touch, the first one's; neither is in a list.
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
        // The marks of a record go on, whatever span it has: an old handle fits none of them.
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
}
