//! The chunks of an [`super::Arena`]: growth, limit, spares. Nothing here is on the fast path.
//! `layout::ChunkGrowth` decides the size of the next chunk.

mod oversize;

use super::ArenaOptions;
use super::diagnostics::{ArenaEvent, Reporter};
use crate::debug::{Ledger, Owner};
use crate::error::AllocError;
use crate::layout::{self, ChunkGrowth};
use crate::limit::Limit;
use crate::memory::{Depot, Mapping, page_size};
use crate::stats::{ArenaStats, ChunkUsage};
use crate::sync::{Arc, unique_id};
use oversize::Oversize;
use std::alloc::Layout;
use std::cmp::Reverse;
use std::mem::take;
use std::ptr::NonNull;

/// A chunk. While it is the current one, the window has newer copies of `used` and `clean_from`,
/// which count.
#[derive(Debug)]
pub(super) struct OwnedChunk {
    pub(super) mapping: Mapping,
    /// Bytes handed out since it was last emptied.
    pub(super) used: usize,
    /// The bytes from this offset on are zero: the end of all bytes ever handed out; the chunk's
    /// end if it was recycled.
    pub(super) clean_from: usize,
    /// The version of the store when this chunk became the current one or, for an oversize one,
    /// when it was taken. It tells a scope which chunks came after it began.
    pub(super) since: u64,
    /// How many chunks the store had ever got, this one included.
    pub(super) number: usize,
}

#[derive(Debug)]
pub(super) struct Store {
    depot: Arc<Depot>,
    /// Full chunks, the current one at index `at`, then spares, which are empty.
    chunks: Vec<OwnedChunk>,
    at: usize,
    oversize: Oversize,
    /// The limit on the bytes of `chunks` and `oversize`.
    limit: Limit,
    peak: usize,
    growth: ChunkGrowth,
    recycled: usize,
    mapped: usize,
    /// How often the current chunk, the number of oversize chunks, or the last checkpoint has
    /// changed.
    pub(super) version: u64,
    /// Whether other threads may allocate from the current chunk at any time, however empty it
    /// looks here. Then it is never given up.
    pub(super) shared: bool,
    /// The blocks that are out, with the feature `debug`.
    pub(super) ledger: Ledger,
    /// Notes events. Whoever borrows the store delivers them after the borrow.
    pub(super) reporter: Reporter,
    /// For checkpoints: which arena this is, since which reset, and which checkpoints are valid.
    pub(super) id: u64,
    pub(super) resets: u64,
    pub(super) serial: u64,
    pub(super) standing: Vec<u64>,
}

/// The state of an arena, to which it can return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// An address.
    cursor: usize,
    version: u64,
    /// How many chunks had ever been obtained.
    chunks: usize,
    growth: ChunkGrowth,
}

impl Store {
    pub(super) fn new(options: ArenaOptions, depot: Arc<Depot>) -> Store {
        Store {
            depot,
            chunks: Vec::new(),
            at: 0,
            oversize: Oversize::default(),
            limit: Limit::new(options.limit, 0),
            peak: 0,
            growth: ChunkGrowth::new(options.first_chunk, options.chunk_cap),
            recycled: 0,
            mapped: 0,
            version: 0,
            shared: false,
            ledger: Ledger::new(Owner::Arena),
            reporter: Reporter::default(),
            id: unique_id(),
            resets: 0,
            serial: 0,
            standing: Vec::new(),
        }
    }

    /// The current chunk, its used bytes, and the offset from which it is zero.
    pub(super) fn current(&self) -> Option<(&Mapping, usize, usize)> {
        self.chunks.get(self.at).map(|chunk| (&chunk.mapping, chunk.used, chunk.clean_from))
    }

    /// The state of an arena whose cursor is at the address `cursor`.
    pub(super) fn mark(&self, cursor: usize) -> Mark {
        let (version, growth) = (self.version, self.growth);
        Mark { cursor, version, chunks: self.obtained(), growth }
    }

    /// How many chunks ever came from the depot or the system.
    fn obtained(&self) -> usize {
        self.recycled + self.mapped
    }

    /// Takes over the window's values: the used bytes of the current chunk, and the offset from
    /// which it is zero. Call it before every call below that may change chunks.
    pub(super) fn leave(&mut self, used: usize, clean_from: usize) {
        self.leave_at(self.at, used, clean_from);
    }

    /// [`Store::leave`] for the chunk at `index`. For an arena whose full chunks may still serve a
    /// thread that has not seen the next one.
    pub(super) fn leave_at(&mut self, index: usize, used: usize, clean_from: usize) {
        if let Some(chunk) = self.chunks.get_mut(index) {
            chunk.used = used;
            chunk.clean_from = clean_from;
        }
    }

    /// Memory for a block that the current chunk has no room for. Returns the block if it has a
    /// chunk of its own; otherwise the next chunk, which has the room, is the current one now.
    pub(super) fn more(&mut self, layout: Layout) -> Result<Option<NonNull<u8>>, AllocError> {
        let (size, align) = (layout.size(), layout.align());
        // Chunks begin at a page, so only an alignment beyond a page can need extra bytes.
        let need = size.saturating_add(if align > page_size() { align } else { 0 });
        if !self.is_oversize(need) {
            return self.advance(need).map(|()| None);
        }
        let base = self.oversize(need)?;
        let pad = base.addr().get().wrapping_neg() & (align - 1);
        // SAFETY: the chunk has room for the size and the padding.
        Ok(Some(unsafe { base.add(pad) }))
    }

    /// Whether `need` bytes get a chunk of their own: no chunk may grow that large, and the next
    /// one that is kept does not have the room.
    fn is_oversize(&self, need: usize) -> bool {
        let kept = self.chunks.get(self.at + 1).is_some_and(|chunk| chunk.mapping.len() >= need);
        need > self.growth.cap() && !kept
    }

    /// Moves on to a chunk with room for `need` bytes; the current one is full.
    fn advance(&mut self, need: usize) -> Result<(), AllocError> {
        self.at = self.line_up(need)?;
        self.version += 1;
        self.chunks[self.at].since = self.version;
        Ok(())
    }

    /// Makes sure that the chunk after the current one, or the first one if there is none, has room
    /// for `bytes`.
    pub(super) fn reserve(&mut self, bytes: usize) -> Result<(), AllocError> {
        if self.chunks.is_empty() {
            return self.advance(bytes);
        }
        let next = self.chunks.get(self.first_spare());
        if next.is_some_and(|chunk| chunk.mapping.len() >= bytes) {
            return Ok(());
        }
        self.line_up(bytes).map(drop)
    }

    /// Spares begin behind the current chunk, or at the front if none is in use yet.
    fn first_spare(&self) -> usize {
        (self.at + 1).min(self.chunks.len())
    }

    /// Puts a spare of at least `need` bytes behind the current chunk: a kept one, or a new one by
    /// the rule of growth, or a smaller one if only that fits the limit. Returns its index.
    fn line_up(&mut self, need: usize) -> Result<usize, AllocError> {
        let spare = self.first_spare();
        let fits = |chunk: &OwnedChunk| chunk.mapping.len() >= need;
        if let Some(found) = self.chunks[spare..].iter().position(fits) {
            self.chunks.swap(spare, spare + found);
            return Ok(spare);
        }
        let chunk = self.take(need, self.growth.size(need, self.granule()))?;
        self.growth.advance();
        // Taking it may have given up others.
        let spare = self.first_spare();
        self.chunks.insert(spare, chunk);
        Ok(spare)
    }

    /// A chunk of its own for `need` bytes.
    fn oversize(&mut self, need: usize) -> Result<NonNull<u8>, AllocError> {
        let mut chunk = self.take(need, layout::class_size(need, self.granule()))?;
        self.version += 1;
        (chunk.used, chunk.since) = (need, self.version);
        let bytes = chunk.mapping.len();
        self.reporter.note(ArenaEvent::Oversize { requested: need, bytes });
        let base = chunk.mapping.base();
        self.oversize.push(chunk);
        Ok(base)
    }

    /// Gives the oversize chunk at the address `start` to the depot, if there is one. Only the
    /// caller has its block, and does not use it any more.
    pub(super) fn free_oversize(&mut self, start: usize) {
        if let Some(chunk) = self.oversize.remove_at(start) {
            self.give_back(chunk);
        }
    }

    /// Bytes at the front of the last oversize chunk that may not be zero.
    pub(super) fn dirty_of_last_oversize(&self) -> usize {
        self.oversize.last().map_or(0, |chunk| chunk.clean_from)
    }

    /// Sizes of chunks are multiples of this.
    fn granule(&self) -> usize {
        self.depot.options().granule()
    }

    /// A chunk of `size` bytes or, if the limit leaves less, of at least `need` bytes, rounded up
    /// to a class or a page. Gives up spares before it fails, because they count toward the limit.
    fn take(&mut self, need: usize, size: Option<usize>) -> Result<OwnedChunk, AllocError> {
        let granule = self.granule();
        let sizes = [size, layout::class_size(need, granule), layout::align_up(need, granule)];
        let [size, class, exact] = sizes.map(|size| size.unwrap_or(usize::MAX));
        let room = self.limit.room();
        // Drops chunks that are kept for later only if that makes enough room: a call that fails
        // must not lose them.
        if exact > room && exact - room <= self.unused_bytes() {
            self.forget_spares();
            self.forget_unused(exact);
        }
        let room = self.limit.room();
        // A size that no chunk can have is left to the depot to refuse: it is not the limit's
        // error.
        let fits = |size: usize| size <= room || size == usize::MAX && need <= room;
        let Some(size) = [size, class, exact].into_iter().find(|&size| fits(size)) else {
            let (requested, used, limit) = (need, self.limit.used(), self.limit.most());
            self.reporter.note(ArenaEvent::LimitRefused { requested, used, limit });
            return Err(AllocError::Limit { requested, used, limit });
        };
        let obtained = self.depot.obtain(size).inspect_err(|&error| {
            self.reporter.note(ArenaEvent::MapRefused { requested: need, error });
        });
        let (mapping, fresh) = obtained?;
        let clean_from = if fresh { 0 } else { mapping.len() };
        if clean_from > 0 {
            self.recycled += 1;
            self.reporter.note(ArenaEvent::Recycled { bytes: size });
        } else {
            self.mapped += 1;
            self.reporter.note(ArenaEvent::Mapped { bytes: size });
        }
        self.limit.charge(size);
        self.peak = self.peak.max(self.limit.used());
        let (since, number) = (self.version, self.obtained());
        Ok(OwnedChunk { mapping, used: 0, clean_from, since, number })
    }

    /// Empties everything. The largest chunk becomes the current one, and all others spares. So a
    /// program that needed several chunks may need only one when it does the same again.
    pub(super) fn reset(&mut self) {
        self.resets += 1;
        self.standing.clear();
        self.back_to(0, 0); // no chunk and no block is as old
        self.chunks.sort_unstable_by_key(|chunk| Reverse(chunk.mapping.len()));
    }

    /// [`Store::reset`] that keeps only the smallest chunk, from which growth begins anew.
    pub(super) fn reset_and_shrink(&mut self) {
        self.reset();
        self.chunks.reverse();
        self.forget_spares();
        self.growth.restart();
    }

    /// Goes back to when the cursor was at the address `cursor` and the version was `version`.
    pub(super) fn back_to(&mut self, cursor: usize, version: u64) {
        // The chunks in use became current one after another. The address alone is not enough:
        // another chunk may begin where one ends.
        let in_use = &self.chunks[..self.first_spare()];
        let older = in_use.partition_point(|chunk| chunk.since <= version);
        self.at = older.saturating_sub(1);
        self.version += 1;
        for chunk in self.chunks.iter_mut().skip(self.at) {
            chunk.used = 0;
        }
        // If the first one came later, all blocks are younger: there was no chunk, or an empty one
        // that was given up.
        if older > 0 {
            let chunk = &mut self.chunks[self.at];
            chunk.used = cursor - chunk.mapping.base().addr().get();
        }
        while let Some(chunk) = self.oversize.pop_after(version) {
            self.give_back(chunk);
        }
    }

    /// Goes back to a mark, and gives back all chunks that were added since.
    pub(super) fn undo(&mut self, mark: Mark) {
        self.back_to(mark.cursor, mark.version);
        // All of them are empty. The current one is among them only if no chunk existed at the
        // mark; then its index is 0.
        let came: Vec<_> = self.chunks.extract_if(.., |chunk| chunk.number > mark.chunks).collect();
        came.into_iter().for_each(|chunk| self.give_back(chunk));
        self.growth = mark.growth;
    }

    /// Bytes of the spares, and of the current chunk if it is empty and may be given back.
    fn unused_bytes(&self) -> usize {
        let begin = match &self.chunks[..] {
            [first, ..] if !self.shared && self.at == 0 && first.used == 0 => 0,
            _ => self.first_spare(),
        };
        self.chunks[begin..].iter().map(|chunk| chunk.mapping.len()).sum()
    }

    /// Gives every spare to the depot.
    fn forget_spares(&mut self) {
        let spare = self.first_spare();
        for chunk in self.chunks.split_off(spare) {
            self.give_back(chunk);
        }
    }

    /// Gives the current chunk to the depot if it is empty, no other is in use, and `bytes` then
    /// fit the limit.
    fn forget_unused(&mut self, bytes: usize) {
        let rest = self.limit.room();
        if !self.shared
            && let [OwnedChunk { mapping, used: 0, .. }] = &self.chunks[..]
            && (rest..rest + mapping.len()).contains(&(bytes - 1))
        {
            self.version += 1;
            self.chunks.pop().into_iter().for_each(|chunk| self.give_back(chunk));
        }
    }

    /// Gives back the spares, and the pages of the current chunk's last `free` bytes.
    pub(super) fn shrink(&mut self, free: usize) -> usize {
        let before = self.limit.used();
        self.forget_spares();
        let mut bytes = before - self.limit.used();
        if let Some(chunk) = self.chunks.get_mut(self.at) {
            let start = (chunk.mapping.len() - free).next_multiple_of(page_size());
            let len = chunk.mapping.len() - start;
            if len > 0 && chunk.mapping.decommit(start, len).is_ok() {
                self.ledger.forget(chunk.mapping.base().addr().get() + start, len);
                self.reporter.note(ArenaEvent::Decommitted { bytes: len });
                bytes += len;
            }
        }
        bytes
    }

    fn give_back(&mut self, chunk: OwnedChunk) {
        let bytes = chunk.mapping.len();
        self.ledger.forget(chunk.mapping.base().addr().get(), bytes);
        self.limit.discharge(bytes);
        self.depot.recycle(chunk.mapping);
        self.reporter.note(ArenaEvent::GivenBack { bytes });
    }

    pub(super) fn committed(&self) -> usize {
        self.limit.used()
    }

    /// `offset`: how much of the current chunk is used.
    pub(super) fn usage(&self, offset: usize) -> Vec<ChunkUsage> {
        let used = |(index, chunk): (usize, &OwnedChunk)| ChunkUsage {
            size: chunk.mapping.len(),
            used: if index == self.at { offset } else { chunk.used },
        };
        let oversize = self.oversize.iter().map(|chunk| (usize::MAX, chunk));
        self.chunks.iter().enumerate().chain(oversize).map(used).collect()
    }

    pub(super) fn stats(&self) -> ArenaStats {
        ArenaStats {
            limit: self.limit.most(),
            committed: self.limit.used(),
            peak: self.peak,
            allocated: 0,
            chunks: self.chunks.len() + self.oversize.len(),
            oversize: self.oversize.len(),
            recycled: self.recycled,
            mapped: self.mapped,
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.ledger.close();
        take(&mut self.chunks).into_iter().for_each(|chunk| self.give_back(chunk));
        while let Some(chunk) = self.oversize.pop_after(0) {
            self.give_back(chunk);
        }
        self.reporter.report();
    }
}
