//! Blocks of an [`Arena`]: how it cuts them off its window or gets them elsewhere, resizes them,
//! and frees the last one. With the feature `debug`, each lies between red zones and is listed in a
//! ledger, which is told of each call.

use super::store::Mark;
use super::typed::{RawAlloc, Refusal, refused};
use super::{Arena, nowhere};
use crate::debug;
use crate::error::AllocError;
use crate::layout::LEAST_PAGE;
use std::alloc::Layout;
use std::ptr::NonNull;

/// Sizes below this fit between the end of any chunk and the end of the address space, because a
/// guard page of at least this size follows.
const GUARDED: usize = 4096;

/// The numbers to add and to clear in order to align a cursor that is a multiple of `least`. Both
/// are 0 if it is already aligned: then the compiler, which does not know the cursor, removes both
/// operations.
#[inline]
pub(super) const fn mask(align: usize, least: usize) -> usize {
    if align > least { align - 1 } else { 0 }
}

// SAFETY: `bump` and `cut_elsewhere` cut each byte of a chunk once. What frees blocks takes
// `&mut Arena` or ends a scope, and `'a` is a borrow of the arena or of the scope. With zones, the
// block lies between them, correctly aligned.
unsafe impl<'a, const MIN_ALIGN: usize> RawAlloc<'a> for &'a Arena<MIN_ALIGN> {
    #[inline]
    #[track_caller]
    fn block<R: Refusal>(self, layout: Layout) -> Result<NonNull<u8>, R> {
        let align = mask(layout.align(), MIN_ALIGN);
        match if debug::ON { None } else { self.bump(layout.size(), align) } {
            Some(start) => Ok(start),
            None => self.block_slow(layout),
        }
    }

    fn block_zeroed<R: Refusal>(self, layout: Layout) -> Result<NonNull<u8>, R> {
        let start = match self.block_quietly(layout) {
            Ok(start) => start,
            Err(error) => {
                Arena::report(self);
                return Err(R::of(error));
            }
        };
        let dirty = if self.in_window(start) {
            self.clean.get().addr().saturating_sub(start.addr().get())
        } else {
            self.store.borrow().dirty_of_last_oversize()
        };
        // SAFETY: within the bytes just handed out, to which nobody else has a pointer.
        unsafe { start.write_bytes(0, debug::dirty(dirty).min(layout.size())) };
        // Reported last, because the sink may allocate.
        Arena::report(self);
        Ok(start)
    }

    /// A load, a sum, a compare with the end, a store.
    #[inline]
    #[track_caller]
    fn place<T, R: Refusal>(self) -> Result<NonNull<T>, R> {
        match if debug::ON { None } else { self.bump_one() } {
            Some(place) => Ok(place),
            None => self.block_slow(Layout::new::<T>()).map(NonNull::cast),
        }
    }

    #[inline]
    fn extend_last(self, start: NonNull<u8>, old: usize, new: usize) -> bool {
        let extend = |start, old, new| self.extend_in_window(start, old, new);
        self.ledger.extend::<MIN_ALIGN>(start, old, new, extend)
    }

    #[inline]
    fn cut_last(self, start: NonNull<u8>, old: usize, new: usize) {
        let cut = |start, old, new| self.cut_in_window(start, old, new);
        self.ledger.cut::<MIN_ALIGN>(start, old, new, |start, old| self.is_last(start, old), cut);
    }

    fn mark(self) -> Option<Mark> {
        Some(self.store.borrow().mark(self.cursor.get().addr()))
    }

    #[inline]
    #[track_caller]
    fn block_quietly(self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.ledger.block::<MIN_ALIGN>(layout, |whole| self.cut_quietly(whole))
    }

    fn report(self) {
        Arena::report(self);
    }

    fn undo(self, mark: Mark) {
        if RawAlloc::mark(self) != Some(mark) {
            self.change(|store| store.undo(mark));
        }
    }
}

impl<const MIN_ALIGN: usize> Arena<MIN_ALIGN> {
    /// [`Arena::bump`] for a `T`, whose layout is known at compile time.
    #[inline]
    fn bump_one<T>(&self) -> Option<NonNull<T>> {
        if const { align_of::<T>() > MIN_ALIGN || size_of::<T>() > GUARDED - MIN_ALIGN } {
            let mask = const { mask(align_of::<T>(), MIN_ALIGN) };
            return self.bump(size_of::<T>(), mask).map(NonNull::cast);
        }
        let cursor = self.cursor.get();
        // At most a guard page above the end, so it cannot wrap.
        let next = cursor.wrapping_add(const { size_of::<T>().next_multiple_of(MIN_ALIGN) });
        if next > self.end.get() {
            return None;
        }
        self.cursor.set(next);
        // SAFETY: the cursor is never null.
        Some(unsafe { NonNull::new_unchecked(cursor) }.cast())
    }

    /// Whether a block that was just cut belongs to the current chunk. The chunk's end is excluded:
    /// without guard pages, another chunk with one block may begin there.
    fn in_window(&self, start: NonNull<u8>) -> bool {
        (self.base.get().addr()..self.end.get().addr()).contains(&start.addr().get())
    }

    #[cold]
    #[inline(never)]
    #[track_caller]
    fn block_slow<R: Refusal>(&self, layout: Layout) -> Result<NonNull<u8>, R> {
        let start = self.block_quietly(layout);
        self.report();
        refused(start)
    }

    /// Cuts `size` bytes (the size of a layout) off the window if it has them, aligned by a
    /// [`mask`].
    #[inline]
    fn bump(&self, size: usize, mask: usize) -> Option<NonNull<u8>> {
        let start = self.cursor.get().map_addr(|cursor| cursor.wrapping_add(mask) & !mask);
        // Signed, because aligning may pass the end, and may even wrap. (Sizes are at most
        // isize::MAX; what wraps becomes 0, which is half the address space or more before the
        // end.)
        let room = self.end.get().addr().wrapping_sub(start.addr()).cast_signed();
        if size.cast_signed() > room {
            return None;
        }
        // Does not pass the end, which is a multiple of MIN_ALIGN like `start`.
        self.cursor.set(start.wrapping_add(size.next_multiple_of(MIN_ALIGN)));
        // SAFETY: `start` did not wrap, so it is at or above the cursor, which is never null.
        Some(unsafe { NonNull::new_unchecked(start) })
    }

    /// Bytes for `layout`, from the window or elsewhere. Does not call the sink.
    fn cut_quietly(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        match self.bump(layout.size(), mask(layout.align(), MIN_ALIGN)) {
            Some(start) => Ok(start),
            None => self.cut_elsewhere(layout),
        }
    }

    /// Bytes that the window does not have. They come from a chunk of their own, or from the next
    /// chunk, which becomes the window.
    fn cut_elsewhere(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.size() == 0 {
            return Ok(nowhere(layout.align().max(MIN_ALIGN)));
        }
        if let Some(start) = self.change(|store| store.more(layout))? {
            return Ok(start);
        }
        Ok(self
            .bump(layout.size(), mask(layout.align(), MIN_ALIGN))
            .expect("the store made room for it"))
    }

    /// Whether the block of `size` bytes at `start` is the last one of the current chunk.
    #[inline]
    fn is_last(&self, start: NonNull<u8>, size: usize) -> bool {
        let end = start.as_ptr().wrapping_add(size.next_multiple_of(MIN_ALIGN));
        // A block that ends at the cursor and begins in this chunk lies in it. An empty block lies
        // in no chunk: its address may be the end of another chunk.
        size > 0 && end == self.cursor.get() && self.base.get() <= start.as_ptr()
    }

    /// `start` as a pointer with access to the whole chunk: the caller's may be valid for the old
    /// size only.
    #[inline]
    pub(super) fn in_chunk(&self, start: NonNull<u8>) -> NonNull<u8> {
        let start = self.cursor.get().with_addr(start.addr().get());
        // SAFETY: the address of a NonNull.
        unsafe { NonNull::new_unchecked(start) }
    }

    /// Grows the block of `old` bytes at `start` in place, to at least `new` bytes, and returns it.
    /// `None` unless it is the last block and the chunk has room.
    ///
    /// The caller must be the block's only owner, and afterwards also owns the added bytes.
    #[inline]
    fn extend_in_window(&self, start: NonNull<u8>, old: usize, new: usize) -> Option<NonNull<u8>> {
        let room = self.end.get().addr().wrapping_sub(start.addr().get());
        if !self.is_last(start, old) || new > room {
            return None;
        }
        let start = self.in_chunk(start);
        // Both are multiples of MIN_ALIGN, like the end, so the sum does not pass the end.
        self.cursor.set(start.as_ptr().wrapping_add(new.next_multiple_of(MIN_ALIGN)));
        Some(start)
    }

    /// Gives back the bytes beyond the first `new` of the `old` bytes at `start` if the block is
    /// the last one, and all of a block that has a chunk of its own. Only the caller has the block,
    /// and does not use it beyond `new` any more. An empty block has no chunk: another block may
    /// begin at its address.
    ///
    /// This does not harm a checkpoint or scope that began after the block was made: going back to
    /// it moves the cursor up again, over bytes that `clean` says are dirty.
    #[inline]
    fn cut_in_window(&self, start: NonNull<u8>, old: usize, new: usize) {
        if self.is_last(start, old) {
            let next = start.as_ptr().wrapping_add(new.next_multiple_of(MIN_ALIGN));
            self.move_back(self.cursor.get().with_addr(next.addr()));
        // A block with a chunk of its own begins at a page, however small it has become.
        } else if old > 0 && new == 0 && start.addr().get().is_multiple_of(LEAST_PAGE) {
            self.free_oversize(start);
        }
    }

    /// Gives back a block's chunk, if it has one of its own. Does not call the sink, which would be
    /// foreign code in the middle of a destructor. The next report calls it.
    #[cold]
    #[inline(never)]
    fn free_oversize(&self, start: NonNull<u8>) {
        self.store.borrow_mut().free_oversize(start.addr().get());
    }
}

// Red zones would move the blocks.
#[cfg(all(test, not(any(loom, feature = "debug"))))]
mod tests {
    use crate::Arena;
    use crate::layout::MIN_CHUNK;
    use crate::memory::{Depot, Mapping};
    use crate::sync::Arc;
    use std::alloc::Layout;

    const LARGE: usize = 2 * MIN_CHUNK;

    /// An arena whose first chunk ends where the chunk of its first large block begins, as pages of
    /// the system's pool can. The large block's bytes are 0xAA.
    fn without_guard_pages() -> Arena {
        let (first, behind) = Mapping::neighbours(MIN_CHUNK, LARGE);
        // SAFETY: all of the mapping is writable, and only the test has it.
        unsafe { behind.base().write_bytes(0xAA, LARGE) };
        let depot = Arc::new(Depot::new(1 << 20));
        depot.recycle(behind);
        depot.recycle(first);
        let arena = Arena::builder().first_chunk(MIN_CHUNK).chunk_cap(MIN_CHUNK);
        arena.depot(depot).build().unwrap()
    }

    fn end_of_first_chunk(arena: &Arena) -> usize {
        arena.base.get().addr() + MIN_CHUNK
    }

    #[test]
    fn a_zeroed_block_in_a_recycled_chunk_is_zero_though_the_current_chunk_ends_where_it_begins() {
        let arena = without_guard_pages();
        arena.alloc(7u8);
        let block = arena.alloc_layout_zeroed(Layout::new::<[u8; LARGE]>());
        assert_eq!(block.addr().get(), end_of_first_chunk(&arena));
        // SAFETY: the block just allocated, all zero.
        let bytes = unsafe { block.cast::<[u8; LARGE]>().read() };
        assert_eq!(bytes.iter().filter(|&&byte| byte != 0).count(), 0);
    }

    #[test]
    fn a_value_without_bytes_that_fails_ends_no_block_that_begins_at_its_address() {
        let arena = without_guard_pages();
        arena.alloc_uninit_slice::<u8>(MIN_CHUNK);
        let large = arena.alloc_slice_fill_copy(LARGE, 7u8);
        assert_eq!(large.as_ptr().addr(), end_of_first_chunk(&arena));
        assert_eq!(arena.alloc_try_with(|| Err::<(), _>("no")), Err("no"));
        assert_eq!(arena.stats().oversize, 1);
        assert!(large.iter().all(|&byte| byte == 7));
    }
}
