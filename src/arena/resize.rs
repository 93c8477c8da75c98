//! Blocks that grow, shrink and are freed in place, as long as nothing was allocated after them.

use super::Arena;
use crate::layout::LEAST_PAGE;
use std::ptr::NonNull;

impl<const MIN_ALIGN: usize> Arena<MIN_ALIGN> {
    /// Whether the block of `size` bytes at `start` is the last one of the current chunk.
    #[inline]
    pub(super) fn is_last(&self, start: NonNull<u8>, size: usize) -> bool {
        let end = start.as_ptr().wrapping_add(size.next_multiple_of(MIN_ALIGN));
        // A block that ends at the cursor and begins in this chunk lies in it. An empty block lies in no chunk: its
        // address may be the end of another chunk.
        size > 0 && end == self.cursor.get() && self.base.get() <= start.as_ptr()
    }

    /// `start` as a pointer with access to the whole chunk: the caller's may be valid for the old size only.
    #[inline]
    pub(super) fn in_chunk(&self, start: NonNull<u8>) -> NonNull<u8> {
        let start = self.cursor.get().with_addr(start.addr().get());
        // SAFETY: the address of a NonNull.
        unsafe { NonNull::new_unchecked(start) }
    }

    /// Grows the block of `old` bytes at `start` in place, to at least `new` bytes. Returns false
    /// unless it is the last block and the chunk has room.
    ///
    /// The caller must be the block's only owner, and afterwards also owns the added bytes.
    #[inline]
    pub(super) fn extend_last(&self, start: NonNull<u8>, old: usize, new: usize) -> bool {
        let room = self.end.get().addr().wrapping_sub(start.addr().get());
        if !self.is_last(start, old) || new > room {
            return false;
        }
        // Both are multiples of MIN_ALIGN, like the end, so the sum does not pass the end.
        let next = self.in_chunk(start).as_ptr().wrapping_add(new.next_multiple_of(MIN_ALIGN));
        self.cursor.set(next);
        true
    }

    /// Gives back the bytes beyond the first `new` of the `old` bytes at `start` if the block is the last one, and all
    /// of a block that has a chunk of its own. Only the caller has the block, and does not use it beyond `new` any
    /// more. An empty block has no chunk: another block may begin at its address.
    ///
    /// This does not harm a checkpoint or scope that began after the block was made: going back to it moves the cursor
    /// up again, over bytes that `clean` says are dirty.
    #[inline]
    pub(super) fn cut_last(&self, start: NonNull<u8>, old: usize, new: usize) {
        if self.is_last(start, old) {
            let next = start.as_ptr().wrapping_add(new.next_multiple_of(MIN_ALIGN));
            self.move_back(self.cursor.get().with_addr(next.addr()));
        // A block with a chunk of its own begins at a page, however small it has become.
        } else if old > 0 && new == 0 && start.addr().get().is_multiple_of(LEAST_PAGE) {
            self.free_oversize(start);
        }
    }

    /// Gives back a block's chunk, if it has one of its own. Does not call the sink, which would be foreign code in the
    /// middle of a destructor. The next report calls it.
    #[cold]
    #[inline(never)]
    fn free_oversize(&self, start: NonNull<u8>) {
        self.store.borrow_mut().free_oversize(start.addr().get());
    }
}
