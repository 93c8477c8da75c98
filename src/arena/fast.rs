//! Blocks of an [`Arena`]: the fast path and its slow twin. With the feature `debug`, `watched` is in their place.

use super::Arena;
use super::raw::mask;
use super::store::Mark;
use super::typed::{RawAlloc, refuse};
use crate::error::AllocError;
use std::alloc::Layout;
use std::ptr::NonNull;

/// Sizes below this fit between the end of any chunk and the end of the address space, because a guard page of at least
/// this size follows.
const GUARDED: usize = 4096;

// SAFETY: `bump` and `cut_elsewhere` cut each byte of a chunk once. What frees blocks takes `&mut Arena` or ends a
// scope, and `'a` is a borrow of the arena or of the scope.
unsafe impl<'a, const MIN_ALIGN: usize> RawAlloc<'a> for &'a Arena<MIN_ALIGN> {
    #[inline]
    #[track_caller]
    fn block(self, layout: Layout) -> NonNull<u8> {
        match self.bump(layout.size(), mask(layout.align(), MIN_ALIGN)) {
            Some(start) => start,
            None => self.block_slow(layout),
        }
    }

    #[inline]
    fn try_block(self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        match self.bump(layout.size(), mask(layout.align(), MIN_ALIGN)) {
            Some(start) => Ok(start),
            None => self.try_block_slow(layout),
        }
    }

    fn try_block_zeroed(self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let start = match self.bump(layout.size(), mask(layout.align(), MIN_ALIGN)) {
            Some(start) => start,
            None => self.cut_elsewhere(layout).inspect_err(|_| self.report())?,
        };
        let dirty = if self.in_window(start) {
            self.clean.get().addr().saturating_sub(start.addr().get())
        } else {
            self.store.borrow().dirty_of_last_oversize()
        };
        // SAFETY: within the bytes just handed out, to which nobody else has a pointer.
        unsafe { start.write_bytes(0, dirty.min(layout.size())) };
        // Reported last, because the sink may allocate.
        self.report();
        Ok(start)
    }

    /// A load, a sum, a compare with the end, a store.
    #[inline]
    #[track_caller]
    fn place<T>(self) -> NonNull<T> {
        match self.bump_one() {
            Some(place) => place,
            None => self.block_slow(Layout::new::<T>()).cast(),
        }
    }

    #[inline]
    fn try_place<T>(self) -> Result<NonNull<T>, AllocError> {
        match self.bump_one() {
            Some(place) => Ok(place),
            None => self.try_block_slow(Layout::new::<T>()).map(NonNull::cast),
        }
    }

    #[inline]
    #[track_caller]
    fn places<T>(self, layout: Layout) -> NonNull<T> {
        match self.bump(layout.size(), const { mask(align_of::<T>(), MIN_ALIGN) }) {
            Some(start) => start.cast(),
            None => self.block_slow(layout).cast(),
        }
    }

    #[inline]
    fn try_places<T>(self, layout: Layout) -> Result<NonNull<T>, AllocError> {
        match self.bump(layout.size(), const { mask(align_of::<T>(), MIN_ALIGN) }) {
            Some(start) => Ok(start.cast()),
            None => self.try_block_slow(layout).map(NonNull::cast),
        }
    }

    #[inline]
    fn extend_last(self, start: NonNull<u8>, old: usize, new: usize) -> bool {
        Arena::extend_last(self, start, old, new)
    }

    #[inline]
    fn cut_last(self, start: NonNull<u8>, old: usize, new: usize) {
        Arena::cut_last(self, start, old, new);
    }

    fn mark(self) -> Option<Mark> {
        Some(self.stands())
    }

    fn try_block_quietly(self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.cut_quietly(layout)
    }

    fn report(self) {
        Arena::report(self);
    }

    fn undo(self, mark: Mark) {
        self.go_back_to(mark);
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

    /// Whether a block that was just cut belongs to the current chunk. The chunk's end is excluded: without guard
    /// pages, another chunk with one block may begin there.
    fn in_window(&self, start: NonNull<u8>) -> bool {
        (self.base.get().addr()..self.end.get().addr()).contains(&start.addr().get())
    }

    #[cold]
    #[inline(never)]
    #[track_caller]
    fn block_slow(&self, layout: Layout) -> NonNull<u8> {
        match self.try_block_slow(layout) {
            Ok(start) => start,
            Err(error) => refuse(error),
        }
    }

    #[cold]
    #[inline(never)]
    fn try_block_slow(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let start = self.cut_elsewhere(layout);
        self.report();
        start
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use crate::Arena;
    use crate::layout::MIN_CHUNK;
    use crate::memory::{Depot, Mapping};
    use crate::sync::Arc;
    use std::alloc::Layout;

    const LARGE: usize = 2 * MIN_CHUNK;

    /// An arena whose first chunk ends where the chunk of its first large block begins, as pages of the system's pool
    /// can. The large block's bytes are 0xAA.
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
