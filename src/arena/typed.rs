//! Values, slices and strings in any of the arenas: the code of the methods with these names.
//!
//! Each arena implements [`RawAlloc`], which allocates bytes. The functions here build on it alone, and `methods` turns
//! them into methods.

use super::store::Mark;
use crate::error::{AllocError, InitError};
use std::alloc::Layout;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

/// Panics with the error's text, as every call without `try_` does. Must not be called from a closure: the panic should
/// be reported at the user's line.
#[cold]
#[inline(never)]
#[track_caller]
pub(super) fn refuse(error: AllocError) -> ! {
    panic!("{error}")
}

/// A separate function, so that no fast path has to make room for the error.
#[cold]
#[inline(never)]
#[track_caller]
fn refuse_overflow(len: usize, size: usize) -> ! {
    refuse(AllocError::Overflow { len, size })
}

/// A reference to an arena that allocates blocks which live for `'a`.
///
/// # Safety
/// A block has the requested size and alignment, is valid for reads and writes for all of `'a`, and nobody else has it.
pub(super) unsafe trait RawAlloc<'a>: Copy {
    /// Allocates a block. Size 0 is allowed and takes no memory.
    #[track_caller]
    fn try_block(self, layout: Layout) -> Result<NonNull<u8>, AllocError>;

    /// Allocates a block of zeros.
    #[track_caller]
    fn try_block_zeroed(self, layout: Layout) -> Result<NonNull<u8>, AllocError>;

    /// Like [`RawAlloc::try_block`], but panics. Separate, so that a fast path need not build an error.
    #[inline]
    #[track_caller]
    fn block(self, layout: Layout) -> NonNull<u8> {
        match self.try_block(layout) {
            Ok(start) => start,
            Err(error) => refuse(error),
        }
    }

    /// A block for one value.
    #[inline]
    #[track_caller]
    fn place<T>(self) -> NonNull<T> {
        self.block(Layout::new::<T>()).cast()
    }

    #[inline]
    #[track_caller]
    fn try_place<T>(self) -> Result<NonNull<T>, AllocError> {
        self.try_block(Layout::new::<T>()).map(NonNull::cast)
    }

    /// A block of `layout`, which is the layout of a number of `T`s.
    #[inline]
    #[track_caller]
    fn places<T>(self, layout: Layout) -> NonNull<T> {
        self.block(layout).cast()
    }

    #[inline]
    #[track_caller]
    fn try_places<T>(self, layout: Layout) -> Result<NonNull<T>, AllocError> {
        self.try_block(layout).map(NonNull::cast)
    }

    /// Resizes the block of `old` bytes at `start` to `new` bytes in place. Returns false unless it is
    /// the last block and there is room.
    #[inline]
    fn extend_last(self, _start: NonNull<u8>, _old: usize, _new: usize) -> bool {
        false
    }

    /// Gives back the bytes beyond the first `new` of the `old` bytes at `start` if the block is the last one. Only the
    /// caller has the block, and does not use it beyond `new` any more.
    #[inline]
    fn cut_last(self, _start: NonNull<u8>, _old: usize, _new: usize) {}

    /// The arena's state; `None` if it cannot return there, because other threads allocate from it too.
    fn mark(self) -> Option<Mark> {
        None
    }

    /// [`RawAlloc::try_block`] for an arena with marks, without the report to its sink, which may allocate.
    #[track_caller]
    fn try_block_quietly(self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.try_block(layout)
    }

    /// Makes the report that this left out.
    fn report(self) {}

    /// Goes back to a mark, with all its chunks. Nobody may use what was allocated since. Does not call the sink, which
    /// would be foreign code in the middle of a destructor.
    fn undo(self, _mark: Mark) {}
}

#[inline]
#[track_caller]
fn array<T>(len: usize) -> Layout {
    match Layout::array::<T>(len) {
        Ok(layout) => layout,
        Err(_) => refuse_overflow(len, size_of::<T>()),
    }
}

#[inline]
fn try_array<T>(len: usize) -> Result<Layout, AllocError> {
    Layout::array::<T>(len).map_err(|_| AllocError::Overflow { len, size: size_of::<T>() })
}

/// Writes the value that `make` returns to `place`. It is a separate function so that the compiler, if it
/// can, builds the value there instead of copying it from the stack.
///
/// # Safety
/// `place` is aligned, large enough, and only the caller has it for all of `'a`.
#[inline(always)]
unsafe fn fill_one<'a, T>(place: NonNull<T>, make: impl FnOnce() -> T) -> &'a mut T {
    // SAFETY: by this function's own condition.
    unsafe {
        place.write(make());
        &mut *place.as_ptr()
    }
}

/// # Safety
/// `place` is aligned, large enough for `values`, and only the caller has it for all of `'a`.
#[inline]
unsafe fn copy<'a, T: Copy>(place: NonNull<T>, values: &[T]) -> &'a mut [T] {
    // SAFETY: by this function's own condition; written before it is read.
    unsafe {
        place.copy_from_nonoverlapping(NonNull::from(values).cast(), values.len());
        NonNull::slice_from_raw_parts(place, values.len()).as_mut()
    }
}

/// Fills at most `len` places until `next` returns `None`. Returns the slice of the filled places.
///
/// # Safety
/// `place` is aligned, large enough for `len` values, and only the caller has it for all of `'a`.
#[inline]
unsafe fn fill<'a, T>(
    place: NonNull<T>,
    len: usize,
    mut next: impl FnMut(usize) -> Option<T>,
) -> &'a mut [T] {
    let mut filled = 0;
    while filled < len
        && let Some(value) = next(filled)
    {
        // SAFETY: `filled` is below `len`.
        unsafe { place.add(filled).write(value) };
        filled += 1;
    }
    // SAFETY: the first `filled` places have been written.
    unsafe { NonNull::slice_from_raw_parts(place, filled).as_mut() }
}

/// # Safety
/// `place` is aligned, large enough for `len` values, and only the caller has it for all of `'a`.
#[inline]
unsafe fn uninit<'a, T>(place: NonNull<T>, len: usize) -> &'a mut [MaybeUninit<T>] {
    // SAFETY: by this function's own condition; uninitialised bytes are a valid MaybeUninit.
    unsafe { NonNull::slice_from_raw_parts(place.cast(), len).as_mut() }
}

// SAFETY of every call below: a block just allocated for exactly this many values, which lives for `'a` by the trait's
// contract. Whatever the passed functions allocate are other blocks.

#[inline]
#[track_caller]
pub(super) fn value<'a, T>(arena: impl RawAlloc<'a>, make: impl FnOnce() -> T) -> &'a mut T
where
    T: 'a,
{
    // SAFETY: as above.
    unsafe { fill_one(arena.place(), make) }
}

#[inline]
#[track_caller]
pub(super) fn try_value<'a, T: 'a>(
    arena: impl RawAlloc<'a>,
    make: impl FnOnce() -> T,
) -> Result<&'a mut T, AllocError> {
    let place = arena.try_place()?;
    // SAFETY: as above.
    Ok(unsafe { fill_one(place, make) })
}

/// Fills a place that was just allocated. If `make` fails, gives the place back, unless `make` has allocated behind it.
#[inline]
fn fill_or_give_back<'a, T: 'a, E>(
    arena: impl RawAlloc<'a>,
    place: NonNull<T>,
    make: impl FnOnce() -> Result<T, E>,
) -> Result<&'a mut T, E> {
    let value = make().inspect_err(|_| arena.cut_last(place.cast(), size_of::<T>(), 0))?;
    // SAFETY: as above.
    Ok(unsafe { fill_one(place, || value) })
}

#[inline]
#[track_caller]
pub(super) fn fallible<'a, T: 'a, E>(
    arena: impl RawAlloc<'a>,
    make: impl FnOnce() -> Result<T, E>,
) -> Result<&'a mut T, E> {
    fill_or_give_back(arena, arena.place(), make)
}

#[inline]
#[track_caller]
pub(super) fn try_fallible<'a, T: 'a, E>(
    arena: impl RawAlloc<'a>,
    make: impl FnOnce() -> Result<T, E>,
) -> Result<&'a mut T, InitError<E>> {
    let place = arena.try_place().map_err(InitError::Alloc)?;
    fill_or_give_back(arena, place, make).map_err(InitError::Init)
}

#[inline]
#[track_caller]
pub(super) fn text<'a>(arena: impl RawAlloc<'a>, text: &str) -> &'a mut str {
    let bytes = copied(arena, text.as_bytes());
    // SAFETY: a copy of a str is UTF-8.
    unsafe { str::from_utf8_unchecked_mut(bytes) }
}

#[inline]
#[track_caller]
pub(super) fn try_text<'a>(
    arena: impl RawAlloc<'a>,
    text: &str,
) -> Result<&'a mut str, AllocError> {
    let bytes = try_copied(arena, text.as_bytes())?;
    // SAFETY: a copy of a str is UTF-8.
    Ok(unsafe { str::from_utf8_unchecked_mut(bytes) })
}

#[inline]
#[track_caller]
pub(super) fn uninit_slice<'a, T: 'a>(
    arena: impl RawAlloc<'a>,
    len: usize,
) -> &'a mut [MaybeUninit<T>] {
    // SAFETY: as above.
    unsafe { uninit(arena.places(array::<T>(len)), len) }
}

#[inline]
#[track_caller]
pub(super) fn try_uninit_slice<'a, T: 'a>(
    arena: impl RawAlloc<'a>,
    len: usize,
) -> Result<&'a mut [MaybeUninit<T>], AllocError> {
    let place = arena.try_places(try_array::<T>(len)?)?;
    // SAFETY: as above.
    Ok(unsafe { uninit(place, len) })
}

#[inline]
#[track_caller]
pub(super) fn copied<'a, T: Copy + 'a>(arena: impl RawAlloc<'a>, values: &[T]) -> &'a mut [T] {
    // SAFETY: as above.
    unsafe { copy(arena.places(Layout::for_value(values)), values) }
}

#[inline]
#[track_caller]
pub(super) fn try_copied<'a, T: Copy + 'a>(
    arena: impl RawAlloc<'a>,
    values: &[T],
) -> Result<&'a mut [T], AllocError> {
    let place = arena.try_places(Layout::for_value(values))?;
    // SAFETY: as above.
    Ok(unsafe { copy(place, values) })
}

/// A slice of the values that `next` returns, at most `len`.
#[inline]
#[track_caller]
pub(super) fn filled<'a, T: 'a>(
    arena: impl RawAlloc<'a>,
    len: usize,
    next: impl FnMut(usize) -> Option<T>,
) -> &'a mut [T] {
    // SAFETY: as above; `fill` is bounded by the places, whatever `next` returns.
    unsafe { fill(arena.places(array::<T>(len)), len, next) }
}

#[inline]
#[track_caller]
pub(super) fn try_filled<'a, T: 'a>(
    arena: impl RawAlloc<'a>,
    len: usize,
    next: impl FnMut(usize) -> Option<T>,
) -> Result<&'a mut [T], AllocError> {
    let place = arena.try_places(try_array::<T>(len)?)?;
    // SAFETY: as above; `fill` is bounded by the places, whatever `next` returns.
    Ok(unsafe { fill(place, len, next) })
}
