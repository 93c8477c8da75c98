//! Spans of chunks that are leased to JavaScript, each under an id and an epoch.
//!
//! This is the authority on chunks, states, pins, the limit and the accounting; JavaScript is the
//! authority on the cursor within a span that it has leased. Free of napi: the caller turns a
//! [`Lease`] into an ArrayBuffer, pins the chunk for it, and unpins it in the finalizer.
//!
//! **The size of a chunk** is decided in `LeasedArena::take_chunk`: the size that JavaScript asks
//! for (`lib/arena/owner.js`, `lib/request/chunk-size.js`, `lib/region/chunks.js`), rounded up to a
//! size class (`layout`), or the bytes that the limit leaves, if these are enough.
//!
//! `used = Σ size of the chunks that are charged + adopted`. All existing chunks are charged,
//! except those in Limbo whose memory was given back. Every call either succeeds or changes
//! nothing.

#[cfg(test)]
mod check;
#[cfg(all(test, not(loom)))]
mod proptests;
#[cfg(all(test, not(loom)))]
mod tests;

use super::budget::{Budget, Tally};
use super::chunk::{Chunk, ChunkState, ChunkView, LeaseEnd};
use crate::error::{AllocError, MapError, SpanError};
use crate::layout;
use crate::memory::{Depot, Mapping, page_size};
use crate::sync::Arc;
use std::ptr::NonNull;

/// Gauges and counters of a [`LeasedArena`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeasedStats {
    /// The limit on `used`.
    pub limit: usize,
    pub used: usize,
    /// The highest `used` so far.
    pub peak: usize,
    /// Spans whose lease has not ended (a number).
    pub spans: usize,
    /// Chunks taken from limbo or the depot (a counter).
    pub recycled: usize,
    /// Chunks that were newly mapped (a counter).
    pub mapped: usize,
    /// Of all chunks that exist.
    pub sums: Tally,
}

/// A span that was just leased.
#[derive(Clone, Debug)]
pub struct Lease {
    /// Slot in the span table, reused after the lease ends.
    pub id: u32,
    /// Positive, and new at each lease. This is the lease's number, and not the epoch of
    /// JavaScript's class Epoch.
    pub epoch: u32,
    /// First byte. Valid for raw access until the chunk is gone.
    pub ptr: NonNull<u8>,
    /// Bytes, at least one.
    pub len: usize,
    /// Offset from which the bytes are known to be zero: 0 for pages fresh from the system in
    /// their first lease, else `len`.
    pub clean_from: usize,
    /// Where the ArrayBuffers over the span have their pins.
    pub chunk: Arc<Chunk>,
}

#[derive(Debug)]
struct Span {
    epoch: u32,
    chunk: Arc<Chunk>,
    /// Invariant: `offset .. offset + len` is within the chunk and does not overlap any other
    /// leased span in it.
    offset: usize,
    len: usize,
    held: bool,
}

/// The chunk that spans are cut from.
#[derive(Debug)]
struct Cut {
    /// Invariant: Leased or Held.
    chunk: Arc<Chunk>,
    /// Every span of the chunk ends at or below this. A page multiple, or the chunk's end.
    cursor: usize,
    /// Whether the bytes from `cursor` on are fresh from the system.
    clean: bool,
}

/// The chunks of one ChunkPool (`lib/memory/chunk-pool.js`). When it is dropped, spans that are
/// still leased are treated as quarantined: their chunks live until their finalizers have run.
#[derive(Debug)]
pub struct LeasedArena {
    budget: Arc<Budget>,
    depot: Arc<Depot>,
    /// Chunks are multiples of this: a page, or a huge page.
    granule: usize,
    /// Size of the chunks that spans are cut from.
    cut_chunk_size: usize,
    wipe: bool,
    /// The leased spans by their ids.
    spans: Vec<Option<Span>>,
    /// Free slots of `spans`.
    free: Vec<u32>,
    /// All existing chunks, and some that are gone, because finalizers end chunks elsewhere.
    chunks: Vec<Arc<Chunk>>,
    /// Once `chunks` has this length, chunks that are gone are removed from it.
    sweep_at: usize,
    /// All chunks in Limbo, and some that are gone; none twice, none in another state.
    limbo: Vec<Arc<Chunk>>,
    cut: Option<Cut>,
    epoch: u32,
    /// Bytes charged for memory that is not the arena's. Invariant: at most what the budget has
    /// charged.
    adopted: usize,
    peak: usize,
    recycled: usize,
    mapped: usize,
}

impl LeasedArena {
    /// Creates an arena of at most `limit` bytes (at least 1), whose spans are cut from chunks of
    /// `cut_chunk_size` bytes (at least 1; rounded up to a size class) of the depot's kind of
    /// memory. `wipe`: bytes that were handed out are zeroed before another user gets them.
    pub fn new(limit: usize, cut_chunk_size: usize, wipe: bool, depot: Arc<Depot>) -> LeasedArena {
        LeasedArena {
            budget: Arc::new(Budget::new(limit)),
            granule: depot.options().granule(),
            depot,
            cut_chunk_size,
            wipe,
            spans: Vec::new(),
            free: Vec::new(),
            chunks: Vec::new(),
            sweep_at: 16,
            limbo: Vec::new(),
            cut: None,
            epoch: 0,
            adopted: 0,
            peak: 0,
            recycled: 0,
            mapped: 0,
        }
    }

    /// Checks that the system grants the depot's kind of memory, with a small mapping.
    pub fn probe(&self) -> Result<(), MapError> {
        self.depot.probe()
    }

    /// Leases at least `need` and preferably `want` bytes (each taken as at least 1, and `want` as
    /// at least `need`). With `is_chunk` the span is a chunk of its own; otherwise it is cut from
    /// the current cut chunk and rounded up to pages.
    pub fn lease(&mut self, need: usize, want: usize, is_chunk: bool) -> Result<Lease, AllocError> {
        let need = need.max(1);
        let want = want.max(need);
        if is_chunk || want > self.cut_chunk_size {
            let (chunk, clean) = self.take_chunk(need, want)?;
            let len = chunk.len();
            return Ok(self.add_span(chunk, 0, len, clean));
        }
        if let Some(lease) = self.cut_span(want) {
            return Ok(lease);
        }
        match self.take_chunk(need, self.cut_chunk_size) {
            Ok((chunk, clean)) => {
                let len = rounded(want).min(chunk.len());
                self.cut = Some(Cut { chunk: Arc::clone(&chunk), cursor: len, clean });
                Ok(self.add_span(chunk, 0, len, clean))
            }
            // The tail of the current chunk may still be large enough.
            Err(error) => self.cut_span(need).ok_or(error),
        }
    }

    /// A span of at least `bytes` from the cut chunk, if it has that much room.
    fn cut_span(&mut self, bytes: usize) -> Option<Lease> {
        let cut = self.cut.as_mut()?;
        let room = cut.chunk.len() - cut.cursor;
        // `open` refuses a chunk that is closed because a span of it was quarantined or stolen.
        if room < bytes || cut.chunk.open().is_err() {
            return None;
        }
        let (offset, len) = (cut.cursor, rounded(bytes).min(room));
        cut.cursor += len;
        let (chunk, clean) = (Arc::clone(&cut.chunk), cut.clean);
        Some(self.add_span(chunk, offset, len, clean))
    }

    fn note_peak(&mut self) {
        self.peak = self.peak.max(self.used());
    }

    /// A chunk of `need` to about `want` bytes, with its first span leased, and whether it is fresh
    /// from the system. Otherwise it comes from Limbo or the depot.
    fn take_chunk(&mut self, need: usize, want: usize) -> Result<(Arc<Chunk>, bool), AllocError> {
        let size = layout::class_size(want, self.granule).unwrap_or(usize::MAX);
        if let Some(chunk) = self.take_limbo(want, size.saturating_mul(2)) {
            return Ok((chunk, false));
        }
        let room = self.budget.limit.room();
        if room < size
            && let Some(chunk) = self.take_limbo(need.max(room.saturating_add(1)), usize::MAX)
        {
            return Ok((chunk, false));
        }
        // Ordinary memory is taken only when it is touched, so the last chunk under a limit is cut
        // to the byte. Huge pages are taken whole.
        let unit = if self.granule == page_size() { 1 } else { self.granule };
        let charged = self.budget.limit.charge_between(need, size, unit);
        let len = charged.ok_or_else(|| self.limit_error(need))?;
        let (mapping, clean) = self.map(len).inspect_err(|_| self.budget.limit.discharge(len))?;
        self.note_peak();
        let (budget, depot) = (Arc::clone(&self.budget), Arc::clone(&self.depot));
        let chunk = Arc::new(Chunk::lease(mapping, len, self.wipe, budget, depot));
        self.add_chunk(&chunk);
        Ok((chunk, clean))
    }

    /// The smallest chunk in Limbo of `least` to `most` bytes, with its first span leased.
    fn take_limbo(&mut self, least: usize, most: usize) -> Option<Arc<Chunk>> {
        loop {
            self.limbo.retain(|chunk| chunk.state() == ChunkState::Limbo);
            // A chunk that was trimmed must be charged again; the room can only grow meanwhile.
            let room = self.budget.limit.room();
            let fits = |(_, chunk): &(usize, &Arc<Chunk>)| {
                (least..=most).contains(&chunk.len())
                    && (chunk.len() <= room || chunk.view().charged)
            };
            let fitting = self.limbo.iter().enumerate().filter(fits);
            let (index, _) = fitting.min_by_key(|(_, chunk)| chunk.len())?;
            let chunk = self.limbo.swap_remove(index);
            // A finalizer on another thread may have ended it since; then the next best is tried.
            if chunk.open().is_ok() {
                self.recycled += 1;
                self.note_peak(); // `open` charges a chunk whose memory was given back
                return Some(chunk);
            }
        }
    }

    /// Committed memory for `len` bytes, and whether it is fresh from the system.
    fn map(&mut self, len: usize) -> Result<(Mapping, bool), AllocError> {
        // Mapped in whole classes even if the limit clips the chunk, so that every mapping can be
        // recycled; bytes beyond `len` are never touched. If they would take memory even untouched,
        // only the charged bytes are mapped.
        let size = if self.depot.options().is_plain() {
            layout::class_size(len, self.granule).unwrap_or(usize::MAX)
        } else {
            len
        };
        let (mapping, fresh) = self.depot.obtain(size)?;
        *(if fresh { &mut self.mapped } else { &mut self.recycled }) += 1;
        Ok((mapping, fresh))
    }

    fn limit_error(&self, requested: usize) -> AllocError {
        AllocError::Limit { requested, used: self.used(), limit: self.limit() }
    }

    /// Adds a chunk to the list. Now and then removes those that are gone.
    fn add_chunk(&mut self, chunk: &Arc<Chunk>) {
        if self.chunks.len() >= self.sweep_at {
            self.chunks.retain(|chunk| chunk.state() != ChunkState::Gone);
            self.sweep_at = (self.chunks.len() * 2).max(16);
        }
        self.chunks.push(Arc::clone(chunk));
    }

    /// Adds a leased span to the table.
    fn add_span(&mut self, chunk: Arc<Chunk>, offset: usize, len: usize, clean: bool) -> Lease {
        self.epoch = self.epoch.checked_add(1).unwrap_or(1);
        let epoch = self.epoch;
        let id = self.free.pop().unwrap_or_else(|| {
            self.spans.push(None);
            (self.spans.len() - 1) as u32
        });
        let span = Span { epoch, chunk: Arc::clone(&chunk), offset, len, held: false };
        self.spans[id as usize] = Some(span);
        let ptr = at(&chunk, offset);
        Lease { id, epoch, ptr, len, clean_from: if clean { 0 } else { len }, chunk }
    }

    /// The span that is leased as `epoch` under `id`.
    fn span(&mut self, id: u32, epoch: u32) -> Result<(&mut Span, Arc<Chunk>), SpanError> {
        let span = self.spans.get_mut(id as usize).and_then(Option::as_mut);
        let span = span.ok_or(SpanError::Unknown { id })?;
        if span.epoch != epoch {
            return Err(SpanError::Stale { id, epoch });
        }
        let chunk = Arc::clone(&span.chunk);
        Ok((span, chunk))
    }

    /// A leased span, to make another ArrayBuffer over it: `ptr` and `len` must be its own, and
    /// it must not be held.
    pub fn renew(
        &mut self,
        id: u32,
        epoch: u32,
        ptr: *mut u8,
        len: usize,
    ) -> Result<Lease, SpanError> {
        let (span, chunk) = self.span(id, epoch)?;
        if span.held {
            return Err(SpanError::Held { id });
        }
        let own = at(&chunk, span.offset);
        if own.as_ptr() != ptr || span.len != len {
            return Err(SpanError::Foreign { id });
        }
        Ok(Lease { id, epoch, ptr: own, len, clean_from: len, chunk })
    }

    /// Moves a span from Leased to Held: an operation may be in flight on it.
    pub fn hold(&mut self, id: u32, epoch: u32) -> Result<(), SpanError> {
        self.set_held(id, epoch, true)
    }

    /// Moves a span from Held to Leased.
    pub fn unhold(&mut self, id: u32, epoch: u32) -> Result<(), SpanError> {
        self.set_held(id, epoch, false)
    }

    fn set_held(&mut self, id: u32, epoch: u32, held: bool) -> Result<(), SpanError> {
        let (span, chunk) = self.span(id, epoch)?;
        if span.held == held {
            return Err(if held { SpanError::Held { id } } else { SpanError::NotHeld { id } });
        }
        chunk.set_held(held)?;
        span.held = held;
        Ok(())
    }

    /// Undoes a lease for which no ArrayBuffer was made.
    pub fn cancel(&mut self, lease: &Lease) {
        let Ok((span, chunk)) = self.span(lease.id, lease.epoch) else { return };
        let (start, end) = (span.offset, span.offset + span.len);
        if let Some(cut) = &mut self.cut
            && Arc::ptr_eq(&cut.chunk, &chunk)
            && cut.cursor == end
        {
            cut.cursor = start;
        }
        let _ = self.end(lease.id, lease.epoch, 0, LeaseEnd::Release);
    }

    /// Ends a lease. A held span cannot be released, only given up. `dirty`: how many bytes from
    /// the span's start were handed out (at most its length).
    pub fn end(
        &mut self,
        id: u32,
        epoch: u32,
        dirty: usize,
        how: LeaseEnd,
    ) -> Result<(), SpanError> {
        let (span, chunk) = self.span(id, epoch)?;
        if span.held && how == LeaseEnd::Release {
            return Err(SpanError::Held { id });
        }
        let dirty = span.offset..span.offset + dirty.min(span.len);
        let state = chunk.end_lease(how, span.held, dirty)?;
        self.spans[id as usize] = None;
        self.free.push(id);
        let open = matches!(state, ChunkState::Leased | ChunkState::Held);
        if !open && self.cut.as_ref().is_some_and(|cut| Arc::ptr_eq(&cut.chunk, &chunk)) {
            self.cut = None;
        }
        if state == ChunkState::Limbo {
            self.limbo.push(chunk);
        }
        Ok(())
    }

    /// Charges `bytes` of memory that is not the arena's but that the arena's user has taken over.
    pub fn adopt(&mut self, bytes: usize) -> Result<(), AllocError> {
        if !self.budget.limit.charge(bytes) {
            return Err(self.limit_error(bytes));
        }
        self.adopted += bytes;
        self.note_peak();
        Ok(())
    }

    /// Discharges `bytes` that [`LeasedArena::adopt`] has charged.
    pub fn disown(&mut self, bytes: usize) -> Result<(), SpanError> {
        self.adopted = self.adopted.checked_sub(bytes).ok_or(SpanError::NotAdopted { bytes })?;
        self.budget.limit.discharge(bytes);
        Ok(())
    }

    /// Resets the peak and the counters for another user of the arena.
    pub fn restart(&mut self) {
        self.peak = self.used();
        (self.recycled, self.mapped) = (0, 0);
    }

    /// Sets another limit. More than that may be in use already.
    pub fn set_limit(&mut self, limit: usize) {
        self.budget.limit.set_most(limit);
    }

    /// The limit on [`LeasedArena::used`].
    pub fn limit(&self) -> usize {
        self.budget.limit.most()
    }

    /// Bytes of all chunks that are charged, and of adopted memory.
    pub fn used(&self) -> usize {
        self.budget.limit.used()
    }

    /// Bytes of quarantined chunks.
    pub fn quarantined(&self) -> usize {
        self.budget.tally().of(ChunkState::Quarantined)
    }

    /// Gives the memory of chunks in Limbo back to the system, so that they no longer count.
    /// Returns the bytes that were in RAM.
    pub fn trim(&mut self) -> usize {
        self.limbo.retain(|chunk| chunk.state() == ChunkState::Limbo);
        self.limbo.iter().map(|chunk| chunk.trim()).sum()
    }

    /// Gives back whole pages in parts of a leased span, see [`Chunk::decommit`]; the span still
    /// counts in full. Only for a span that is a whole chunk: the parts (offset and bytes) are
    /// parts of the chunk.
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

    /// A view of every chunk that exists, each with the number of its bytes that are in RAM now.
    pub fn chunks_in_ram(&self) -> Vec<(ChunkView, usize)> {
        let views = self.chunks.iter().map(|chunk| (chunk.view(), chunk.resident()));
        views.filter(|(view, _)| view.state != ChunkState::Gone).collect()
    }

    /// Gauges and counters, computed without visiting the chunks.
    pub fn stats(&self) -> LeasedStats {
        LeasedStats {
            limit: self.limit(),
            used: self.used(),
            peak: self.peak,
            spans: self.spans.len() - self.free.len(),
            recycled: self.recycled,
            mapped: self.mapped,
            sums: self.budget.tally(),
        }
    }
}

impl Drop for LeasedArena {
    fn drop(&mut self) {
        for span in self.spans.iter().flatten() {
            let all = span.offset..span.offset + span.len;
            let _ = span.chunk.end_lease(LeaseEnd::Quarantine, span.held, all);
        }
    }
}

/// `bytes` rounded up to pages; they come from a chunk, so the sum cannot overflow.
fn rounded(bytes: usize) -> usize {
    layout::align_up(bytes, page_size()).unwrap_or(bytes)
}

/// The address `offset` bytes into a chunk.
fn at(chunk: &Chunk, offset: usize) -> NonNull<u8> {
    // SAFETY: the offset is within the chunk, so the sum is in one mapping and not null.
    unsafe { chunk.base().add(offset) }
}
