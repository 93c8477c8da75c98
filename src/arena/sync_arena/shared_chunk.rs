//! The cursor of one chunk of a [`super::SyncArena`], which many threads move.
//!
//! The cursor is moved in three ways. Each gives bytes that nobody else gets, because all are
//! atomic read-modify-writes of the same number:
//!
//! - [`SharedChunk::add`] adds without looking. It succeeds if the sum is within the chunk. If it
//!   is not, the cursor stands beyond the end and the chunk looks full to everybody. Exactly one of
//!   the adds has carried it over: the one that found it within. That thread alone knows where the
//!   free tail begins, and must [`SharedChunk::restore`] it.
//! - [`SharedChunk::claim`] and [`SharedChunk::give_back`] move it by compare-and-exchange, the
//!   first in a loop. They only succeed from a cursor within the chunk to another one within it.
//! - [`SharedChunk::restore`] swaps. It can only undo failed adds: while the cursor stands beyond
//!   the end, no claim and no add succeeds.
//!
//! The cursor cannot overflow. An add is of at most [`ADD_MAX`] bytes. A thread whose add failed
//! adds no more to this cursor until it is restored or another chunk is current. So the cursor
//! passes the end by at most `ADD_MAX` per thread. A thread's stack alone is larger, and the chunk
//! and all stacks fit into one address space.

use crate::arena::nowhere;
use crate::memory::{Mapping, page_size};
use crate::sync::{AtomicUsize, Ordering, Padded};
use std::ptr::NonNull;

/// The most bytes that are added without looking; larger blocks are claimed. Less than the smallest
/// stack of a thread anywhere (16 KiB with POSIX).
pub(super) const ADD_MAX: usize = 4096;

/// Bytes handed out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    pub(super) start: NonNull<u8>,
    /// How many bytes at the front may not be zero.
    pub(super) dirty: usize,
}

/// The cursor of a chunk. It lives outside of the chunk's bytes until the arena is reset or
/// dropped, so that a slow thread can still use it when the chunk is no longer current.
#[derive(Debug)]
pub(super) struct SharedChunk {
    base: NonNull<u8>,
    /// Bytes of the chunk: a multiple of the page size.
    len: usize,
    /// Offset from which the bytes were zero when the chunk became current.
    clean_from: usize,
    /// Offset of the next free byte, or beyond `len`: see the module. Invariant: a multiple of the
    /// arena's alignment. Padded away from the three fields above, which every allocation reads.
    ///
    /// All orderings are Relaxed: the number decides who gets which bytes, and publishes none of
    /// them. `base`, `len` and `clean_from` are published with the chunk itself.
    cursor: Padded<AtomicUsize>,
}

// SAFETY: `base` is an address, and the bytes behind it are handed out to one thread each.
unsafe impl Send for SharedChunk {}
// SAFETY: as above; everything else is atomic or never written after the chunk is published.
unsafe impl Sync for SharedChunk {}

impl SharedChunk {
    /// A chunk of no bytes, which is full for every request. It stands for the first chunk before
    /// there is one, so that the fast path needs no test.
    pub(super) fn nowhere() -> SharedChunk {
        let base = nowhere(page_size());
        SharedChunk { base, len: 0, clean_from: 0, cursor: Padded(AtomicUsize::new(0)) }
    }

    /// An empty chunk, zero from offset `clean_from`.
    pub(super) fn new(mapping: &Mapping, clean_from: usize) -> SharedChunk {
        let cursor = Padded(AtomicUsize::new(0));
        SharedChunk { base: mapping.base(), len: mapping.len(), clean_from, cursor }
    }

    /// Takes the next `size` bytes, a multiple of the arena's alignment and at most [`ADD_MAX`].
    /// The error is the cursor's former position: if that is within the chunk, the caller carried
    /// it over the end and must restore it.
    #[inline]
    pub(super) fn add(&self, size: usize) -> Result<Block, usize> {
        let start = self.cursor.fetch_add(size, Ordering::Relaxed);
        if start + size > self.len {
            return Err(start);
        }
        Ok(self.block(start))
    }

    /// Takes the next `size` bytes at `align`, if there are that many. The error is the cursor's
    /// position.
    pub(super) fn claim(&self, size: usize, align: usize) -> Result<Block, usize> {
        // No sum overflows: a layout's size and padding are at most isize::MAX together, and a
        // chunk's size is at most half of that.
        let place = |cursor: usize| {
            let address = self.base.addr().get() + cursor;
            cursor + (address.wrapping_neg() & (align - 1))
        };
        let claim = |cursor: usize| {
            let end = self.holds(cursor).then(|| place(cursor) + size);
            end.filter(|&end| self.holds(end))
        };
        let cursor = self.cursor.fetch_update(Ordering::Relaxed, Ordering::Relaxed, claim)?;
        Ok(self.block(place(cursor)))
    }

    /// Puts the cursor back to where [`SharedChunk::add`] found it, if that was within the chunk.
    /// Returns true if it was.
    pub(super) fn restore(&self, start: usize) -> bool {
        let within = self.holds(start);
        if within {
            let before = self.cursor.swap(start, Ordering::Relaxed);
            debug_assert!(!self.holds(before), "only this thread may bring the cursor back");
        }
        within
    }

    /// Takes back the bytes between two addresses if they were the last that this chunk handed out.
    /// Only the caller has them, and has not written to them.
    pub(super) fn give_back(&self, start: usize, end: usize) {
        let [start, end] = [start, end].map(|at| at.wrapping_sub(self.base.addr().get()));
        if start < end && self.holds(end) {
            // If another block was taken behind them, they are lost until the next reset.
            let _ = self.cursor.compare_exchange(end, start, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// Whether `cursor` is a position within the chunk.
    pub(super) fn holds(&self, cursor: usize) -> bool {
        cursor <= self.len
    }

    /// Bytes that are not handed out; 0 while the cursor is beyond the end.
    pub(super) fn room(&self) -> usize {
        self.len.saturating_sub(self.cursor.load(Ordering::Relaxed))
    }

    /// Bytes handed out; all of them while the cursor is beyond the end.
    pub(super) fn used(&self) -> usize {
        self.len - self.room()
    }

    /// Offset from which no byte was handed out and all are zero.
    pub(super) fn clean_from_now(&self) -> usize {
        self.used().max(self.clean_from)
    }

    /// The bytes from offset `start`, at most `len`.
    #[inline]
    fn block(&self, start: usize) -> Block {
        let dirty = self.clean_from.saturating_sub(start);
        // SAFETY: `start` is at most `len`, so within the chunk or at its end.
        Block { start: unsafe { self.base.add(start) }, dirty }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::random_tests::rounds;

    fn chunk() -> (Mapping, SharedChunk) {
        let mapping = Mapping::committed(16 * 1024).unwrap();
        let chunk = SharedChunk::new(&mapping, 0);
        (mapping, chunk)
    }

    #[test]
    fn the_one_that_carries_the_cursor_over_the_end_knows_where_the_tail_begins() {
        let (mapping, chunk) = chunk();
        let tail = mapping.len() - 1024;
        chunk.claim(tail, 8).unwrap();
        assert_eq!(chunk.add(4096).unwrap_err(), tail);
        for late in 0..1000 {
            let start = chunk.add(8).unwrap_err();
            assert_eq!(start, tail + 4096 + late * 8);
            assert!(!chunk.restore(start), "not this one's to restore");
        }
        assert!(chunk.claim(8, 8).is_err(), "full to everybody meanwhile");
        assert!(chunk.restore(tail));
        assert_eq!((chunk.used(), chunk.room()), (tail, 1024));
        assert_eq!(
            chunk.add(1024).unwrap().start,
            mapping.base().map_addr(|base| base.saturating_add(tail))
        );
    }

    #[test]
    fn the_cursor_stays_below_overflow_with_more_failed_adds_than_there_are_threads() {
        let (mapping, chunk) = chunk();
        chunk.claim(mapping.len(), 1).unwrap();
        let threads = rounds(1 << 22);
        (0..threads).for_each(|_| assert!(chunk.add(ADD_MAX).is_err()));
        assert_eq!(
            chunk.claim(isize::MAX as usize, 1).unwrap_err(),
            mapping.len() + threads * ADD_MAX
        );
        assert_eq!((chunk.used(), chunk.clean_from_now()), (mapping.len(), mapping.len()));
        assert!(chunk.restore(mapping.len()));
        assert_eq!(chunk.add(0).unwrap().dirty, 0);
    }

    #[test]
    fn only_the_last_bytes_of_the_same_chunk_are_taken_back() {
        let (mapping, chunk) = chunk();
        let base = mapping.base().addr().get();
        chunk.claim(4096, 8).unwrap();
        let (_other, foreign) = self::chunk();
        foreign.claim(4096, 8).unwrap();
        foreign.give_back(base + 64, base + 4096);
        chunk.give_back(base + 64, base + 4088);
        assert_eq!((chunk.used(), foreign.used()), (4096, 4096));
        chunk.give_back(base + 64, base + 4096);
        assert_eq!(chunk.used(), 64);
    }
}
