//! Bytes for layouts: the fast path, its slow twin, and the raw calls.

use super::Arena;
use crate::error::AllocError;
use crate::memory::page_size;
use std::alloc::Layout;
use std::ptr::{self, NonNull};

/// Sizes below this fit between the end of any chunk and the end of the address space: the
/// smallest guard page.
const GUARDED: usize = 4096;

/// Panics with the error's text, as every call without `try_` does. Not to be called from a
/// closure: the panic is reported where the user called.
#[cold]
#[inline(never)]
#[track_caller]
pub(super) fn refuse(error: AllocError) -> ! {
    panic!("{error}")
}

/// A function of its own, so that no fast path has to make room for the error.
#[cold]
#[inline(never)]
#[track_caller]
fn refuse_overflow(len: usize, size: usize) -> ! {
    refuse(AllocError::Overflow { len, size })
}

/// What has to be added and cleared to align a cursor that is at a multiple of `least`. Nothing,
/// where that is enough: the compiler, which does not know the cursor, then drops both.
#[inline]
const fn mask(align: usize, least: usize) -> usize {
    if align > least { align - 1 } else { 0 }
}

impl<const MIN_ALIGN: usize> Arena<MIN_ALIGN> {
    /// Bytes for `layout`, aligned to at least `MIN_ALIGN`, their content whatever was there
    /// before. Size 0 is allowed and takes nothing. Panics with the [`AllocError`]'s text.
    ///
    /// The pointer is valid for reads and writes of its length, by whoever holds it and without
    /// aliasing any other, as long as [the allocation](Arena#how-long-an-allocation-lives) lives.
    #[inline]
    #[track_caller]
    pub fn alloc_layout(&self, layout: Layout) -> NonNull<[u8]> {
        let start = match self.bump(layout.size(), mask(layout.align(), MIN_ALIGN)) {
            Some(start) => start,
            None => self.place_slow(layout),
        };
        NonNull::slice_from_raw_parts(start, layout.size())
    }

    /// [`Arena::alloc_layout`], with an error.
    #[inline]
    pub fn try_alloc_layout(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        let start = match self.bump(layout.size(), mask(layout.align(), MIN_ALIGN)) {
            Some(start) => start,
            None => self.try_place_slow(layout)?,
        };
        Ok(NonNull::slice_from_raw_parts(start, layout.size()))
    }

    /// [`Arena::alloc_layout`], all zero: zeroes only what is not known to be.
    #[track_caller]
    pub fn alloc_layout_zeroed(&self, layout: Layout) -> NonNull<[u8]> {
        match self.try_alloc_layout_zeroed(layout) {
            Ok(bytes) => bytes,
            Err(error) => refuse(error),
        }
    }

    /// [`Arena::alloc_layout_zeroed`], with an error.
    pub fn try_alloc_layout_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
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
        // Last, for the sink may allocate.
        self.report();
        Ok(NonNull::slice_from_raw_parts(start, layout.size()))
    }

    /// A place for one `T`: a load, a sum, a compare with the end, a store.
    #[inline]
    #[track_caller]
    pub(super) fn place_one<T>(&self) -> NonNull<T> {
        match self.bump_one() {
            Some(place) => place,
            None => self.place_slow(Layout::new::<T>()).cast(),
        }
    }

    #[inline]
    pub(super) fn try_place_one<T>(&self) -> Result<NonNull<T>, AllocError> {
        match self.bump_one() {
            Some(place) => Ok(place),
            None => self.try_place_slow(Layout::new::<T>()).map(NonNull::cast),
        }
    }

    /// Places for as many values as there are in `values`.
    #[inline]
    #[track_caller]
    pub(super) fn place_like<T>(&self, values: &[T]) -> NonNull<T> {
        match self.bump(size_of_val(values), const { mask(align_of::<T>(), MIN_ALIGN) }) {
            Some(start) => start.cast(),
            None => self.place_slow(Layout::for_value(values)).cast(),
        }
    }

    #[inline]
    pub(super) fn try_place_like<T>(&self, values: &[T]) -> Result<NonNull<T>, AllocError> {
        match self.bump(size_of_val(values), const { mask(align_of::<T>(), MIN_ALIGN) }) {
            Some(start) => Ok(start.cast()),
            None => self.try_place_slow(Layout::for_value(values)).map(NonNull::cast),
        }
    }

    /// Places for `len` values; any aligned address where they take no bytes.
    #[inline]
    #[track_caller]
    pub(super) fn place_slice<T>(&self, len: usize) -> NonNull<T> {
        let Ok(layout) = Layout::array::<T>(len) else { refuse_overflow(len, size_of::<T>()) };
        match self.bump(layout.size(), const { mask(align_of::<T>(), MIN_ALIGN) }) {
            Some(start) => start.cast(),
            None => self.place_slow(layout).cast(),
        }
    }

    #[inline]
    pub(super) fn try_place_slice<T>(&self, len: usize) -> Result<NonNull<T>, AllocError> {
        let overflow = |_| AllocError::Overflow { len, size: size_of::<T>() };
        let layout = Layout::array::<T>(len).map_err(overflow)?;
        match self.bump(layout.size(), const { mask(align_of::<T>(), MIN_ALIGN) }) {
            Some(start) => Ok(start.cast()),
            None => self.try_place_slow(layout).map(NonNull::cast),
        }
    }

    /// [`Arena::bump`] for a `T`, all of whose layout is known at compile time.
    #[inline]
    fn bump_one<T>(&self) -> Option<NonNull<T>> {
        if const { align_of::<T>() > MIN_ALIGN || size_of::<T>() > GUARDED - MIN_ALIGN } {
            let mask = const { mask(align_of::<T>(), MIN_ALIGN) };
            return self.bump(size_of::<T>(), mask).map(NonNull::cast);
        }
        let cursor = self.cursor.get();
        // Less than a guard page above the end at most, so it cannot wrap.
        let next = cursor.wrapping_add(const { size_of::<T>().next_multiple_of(MIN_ALIGN) });
        if next > self.end.get() {
            return None;
        }
        self.cursor.set(next);
        // SAFETY: the cursor is never null.
        Some(unsafe { NonNull::new_unchecked(cursor) }.cast())
    }

    /// Cuts `size` bytes (of a layout) off the window, if it has them, aligned by a [`mask`].
    #[inline]
    fn bump(&self, size: usize, mask: usize) -> Option<NonNull<u8>> {
        let start = self.cursor.get().map_addr(|cursor| cursor.wrapping_add(mask) & !mask);
        // Signed, because aligning may pass the end, and even wrap (sizes never pass
        // isize::MAX, and what wraps is 0, half the address space or more before the end).
        let room = self.end.get().addr().wrapping_sub(start.addr()).cast_signed();
        if size.cast_signed() > room {
            return None;
        }
        // Neither passes the end, which is a multiple of MIN_ALIGN as `start` is.
        self.cursor.set(start.wrapping_add(size.next_multiple_of(MIN_ALIGN)));
        // SAFETY: `start` did not wrap, so it is at or above the cursor, which is never null.
        Some(unsafe { NonNull::new_unchecked(start) })
    }

    fn in_window(&self, start: NonNull<u8>) -> bool {
        (self.base.get().addr()..=self.end.get().addr()).contains(&start.addr().get())
    }

    #[cold]
    #[inline(never)]
    #[track_caller]
    fn place_slow(&self, layout: Layout) -> NonNull<u8> {
        match self.try_place_slow(layout) {
            Ok(start) => start,
            Err(error) => refuse(error),
        }
    }

    #[cold]
    #[inline(never)]
    fn try_place_slow(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let start = self.cut_elsewhere(layout);
        self.report();
        start
    }

    /// Bytes that the window does not have: from a chunk of their own, or the next one, which
    /// becomes the window.
    fn cut_elsewhere(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let align = layout.align().max(MIN_ALIGN);
        if layout.size() == 0 {
            let nowhere = NonNull::new(ptr::without_provenance_mut(align));
            return Ok(nowhere.unwrap_or(NonNull::dangling()));
        }
        // Chunks begin at a page, so only a larger alignment can need more than the size.
        let slack = if align > page_size() { align } else { 0 };
        let need = layout.size().saturating_add(slack);
        let oversize = self.change(|store| {
            if store.is_oversize(need) {
                return store.oversize(need).map(Some);
            }
            store.advance(need).map(|()| None)
        })?;
        if let Some(base) = oversize {
            let pad = base.addr().get().wrapping_neg() & (align - 1);
            // SAFETY: the chunk has room for the size and the slack.
            return Ok(unsafe { base.add(pad) });
        }
        Ok(self
            .bump(layout.size(), mask(layout.align(), MIN_ALIGN))
            .expect("the store made room for it"))
    }
}
