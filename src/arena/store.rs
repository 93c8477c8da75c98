//! The chunks of an [`super::Arena`]: growth, limit, spares. All of it off the fast path.

use super::Options;
use crate::error::AllocError;
use crate::layout;
use crate::memory::{Depot, Mapping, mapping::page_size};
use crate::stats::{ArenaStats, ChunkUsage};
use crate::sync::{Arc, unique_id};
use std::ptr::NonNull;

/// A chunk. While it is the current one, the window's copies of `used` and `high` are
/// authoritative.
#[derive(Debug)]
struct Piece {
    mapping: Mapping,
    /// Bytes handed out since it was last emptied.
    used: usize,
    /// Offset from which the bytes are zero: what was ever handed out, or all if recycled.
    high: usize,
}

#[derive(Debug)]
pub(super) struct Store {
    options: Options,
    depot: Arc<Depot>,
    /// Full chunks, the current one at `at`, then spares, which are empty.
    pieces: Vec<Piece>,
    at: usize,
    /// One allocation each, in order of allocation.
    oversize: Vec<Piece>,
    /// Bytes of `pieces` and `oversize`. Invariant: at most `options.limit`.
    committed: usize,
    peak: usize,
    /// Size of the next chunk.
    next: usize,
    recycled: usize,
    mapped: usize,
    /// For checkpoints: who, since which reset, and which of them still stand.
    pub(super) id: u64,
    pub(super) generation: u64,
    pub(super) serial: u64,
    pub(super) standing: Vec<u64>,
}

impl Store {
    pub(super) fn new(options: Options, depot: Arc<Depot>) -> Store {
        Store {
            options,
            depot,
            pieces: Vec::new(),
            at: 0,
            oversize: Vec::new(),
            committed: 0,
            peak: 0,
            next: options.first_chunk,
            recycled: 0,
            mapped: 0,
            id: unique_id(),
            generation: 0,
            serial: 0,
            standing: Vec::new(),
        }
    }

    /// The current chunk, what is used of it, and from where it is zero.
    pub(super) fn current(&self) -> Option<(&Mapping, usize, usize)> {
        self.pieces.get(self.at).map(|piece| (&piece.mapping, piece.used, piece.high))
    }

    /// Indices of the current chunk and of the next oversize one: where a checkpoint stands.
    pub(super) fn position(&self) -> (usize, usize) {
        (self.at, self.oversize.len())
    }

    pub(super) fn leave(&mut self, used: usize, high: usize) {
        self.leave_at(self.at, used, high);
    }

    /// [`Store::leave`] of the chunk at `index`, for an arena whose full chunks may still serve
    /// somebody who has not seen the next one.
    pub(super) fn leave_at(&mut self, index: usize, used: usize, high: usize) {
        if let Some(piece) = self.pieces.get_mut(index) {
            piece.used = used;
            piece.high = high;
        }
    }

    /// Whether `need` bytes get a chunk of their own: no chunk may grow so large, and none
    /// that is kept next in line has the room.
    pub(super) fn is_oversize(&self, need: usize) -> bool {
        let kept = self.pieces.get(self.at + 1).is_some_and(|piece| piece.mapping.len() >= need);
        need > self.options.chunk_cap && !kept
    }

    /// Goes on to a chunk with room for `need` bytes; the current one is full at `used`.
    pub(super) fn advance(
        &mut self,
        need: usize,
        used: usize,
        high: usize,
    ) -> Result<(), AllocError> {
        let first = self.pieces.is_empty();
        self.leave(used, high);
        self.line_up(need)?;
        self.at += usize::from(!first);
        Ok(())
    }

    /// Makes the chunk after the current one have room for `bytes`. Leaves the window alone.
    pub(super) fn reserve(&mut self, bytes: usize) -> Result<(), AllocError> {
        let next = self.pieces.get(self.first_spare());
        if next.is_some_and(|piece| piece.mapping.len() >= bytes) {
            return Ok(());
        }
        self.line_up(bytes)
    }

    /// Spares begin behind the current chunk, or at the front where none is in use yet.
    fn first_spare(&self) -> usize {
        (self.at + 1).min(self.pieces.len())
    }

    /// Puts a spare of at least `need` bytes next in line: a kept one, or a new one.
    fn line_up(&mut self, need: usize) -> Result<(), AllocError> {
        let spare = self.first_spare();
        let fits = |piece: &Piece| piece.mapping.len() >= need;
        if let Some(found) = self.pieces[spare..].iter().position(fits) {
            self.pieces.swap(spare, spare + found);
            return Ok(());
        }
        let piece = self.grow(need)?;
        let spare = self.first_spare();
        self.pieces.insert(spare, piece);
        Ok(())
    }

    /// A chunk of its own for `need` bytes.
    pub(super) fn oversize(&mut self, need: usize) -> Result<NonNull<u8>, AllocError> {
        let size = layout::class_size(need, page_size());
        let mut piece = self.take(need, size.unwrap_or(usize::MAX))?;
        piece.used = need;
        let base = piece.mapping.base();
        self.oversize.push(piece);
        Ok(base)
    }

    /// Bytes at the front of the last oversize chunk that may not be zero.
    pub(super) fn dirty_of_last_oversize(&self) -> usize {
        self.oversize.last().map_or(0, |piece| piece.high)
    }

    /// The next chunk in the geometric row, or a smaller one if only that fits the limit.
    fn grow(&mut self, need: usize) -> Result<Piece, AllocError> {
        let size = layout::class_size(need.max(self.next), page_size());
        let piece = self.take(need, size.unwrap_or(usize::MAX))?;
        self.next = self.next.saturating_mul(2).min(self.options.chunk_cap);
        Ok(piece)
    }

    /// A chunk of `size` bytes, or of at least `need` if only that fits the limit: as its
    /// class, or to the page. Gives spares up before it fails, for they count too.
    fn take(&mut self, need: usize, size: usize) -> Result<Piece, AllocError> {
        let page = page_size();
        let exact = layout::align_up(need, page).unwrap_or(usize::MAX);
        let class = layout::class_size(need, page).unwrap_or(usize::MAX);
        if exact > self.options.limit - self.committed {
            self.forget_spares(false);
        }
        let room = self.options.limit - self.committed;
        let Some(size) = [size, class, exact].into_iter().find(|&size| size <= room) else {
            let (used, limit) = (self.committed, self.options.limit);
            return Err(AllocError::Limit { requested: need, used, limit });
        };
        let (mapping, high) = match self.depot.take(size) {
            Some(mapping) => (mapping, size),
            None => (Mapping::committed(size)?, 0),
        };
        *(if high > 0 { &mut self.recycled } else { &mut self.mapped }) += 1;
        self.committed += size;
        self.peak = self.peak.max(self.committed);
        Ok(Piece { mapping, used: 0, high })
    }

    /// Empties everything: the first chunk is the current one, all others are spares.
    pub(super) fn reset(&mut self) {
        self.generation += 1;
        self.standing.clear();
        self.back_to((0, 0), 0);
    }

    /// Goes back to a position, where the current chunk has `used` bytes in use.
    pub(super) fn back_to(&mut self, (at, oversize): (usize, usize), used: usize) {
        for piece in self.pieces.iter_mut().skip(at) {
            piece.used = 0;
        }
        self.at = at;
        if let Some(piece) = self.pieces.get_mut(at) {
            piece.used = used;
        }
        while self.oversize.len() > oversize {
            let piece = self.oversize.pop();
            piece.into_iter().for_each(|piece| self.give_back(piece));
        }
    }

    /// Gives every spare to the depot; `restart`: growth begins anew.
    pub(super) fn forget_spares(&mut self, restart: bool) {
        let spare = self.first_spare();
        for piece in self.pieces.split_off(spare) {
            self.give_back(piece);
        }
        if restart {
            self.next = self.options.first_chunk;
        }
    }

    /// Gives spares back and the pages of the current chunk's last `free` bytes.
    pub(super) fn shrink(&mut self, free: usize) -> usize {
        let before = self.committed;
        self.forget_spares(false);
        let mut bytes = before - self.committed;
        if let Some(piece) = self.pieces.get_mut(self.at) {
            let start = (piece.mapping.len() - free).next_multiple_of(page_size());
            let len = piece.mapping.len() - start;
            bytes += piece.mapping.decommit(start, len).map_or(0, |()| len);
        }
        bytes
    }

    fn give_back(&mut self, piece: Piece) {
        self.committed -= piece.mapping.len();
        self.depot.park(piece.mapping);
    }

    pub(super) fn committed(&self) -> usize {
        self.committed
    }

    /// `offset`: what is used of the current chunk.
    pub(super) fn usage(&self, offset: usize) -> Vec<ChunkUsage> {
        let used = |(index, piece): (usize, &Piece)| ChunkUsage {
            size: piece.mapping.len(),
            used: if index == self.at { offset } else { piece.used },
        };
        let oversize = self.oversize.iter().map(|piece| (usize::MAX, piece));
        self.pieces.iter().enumerate().chain(oversize).map(used).collect()
    }

    pub(super) fn stats(&self) -> ArenaStats {
        ArenaStats {
            limit: self.options.limit,
            committed: self.committed,
            peak: self.peak,
            allocated: 0,
            chunks: self.pieces.len() + self.oversize.len(),
            oversize: self.oversize.len(),
            recycled: self.recycled,
            mapped: self.mapped,
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        for piece in self.pieces.drain(..).chain(self.oversize.drain(..)) {
            self.depot.park(piece.mapping);
        }
    }
}
