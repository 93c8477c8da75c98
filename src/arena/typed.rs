//! Values, slices and strings in any of the arenas: the code of the methods with these names.
//!
//! Each arena implements [`RawAlloc`], which allocates bytes. The functions here build on it alone,
//! and `methods` turns them into methods.

mod from_iter;
pub(super) mod methods;
mod uninit_str;

pub(super) use from_iter::from_iter;
pub use uninit_str::UninitStr;

use super::store::Mark;
use crate::error::AllocError;
use std::alloc::Layout;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

/// What becomes of the error of a call that got no bytes.
pub(super) trait Refusal: Sized {
    /// Must not be called from a closure: a panic should be reported at the user's line.
    #[track_caller]
    fn of(error: AllocError) -> Self;
}

/// It is returned, by the calls with `try_`.
impl Refusal for AllocError {
    #[inline(always)]
    fn of(error: AllocError) -> AllocError {
        error
    }
}

/// The call panics with its text. There is no value of this type, so no fast path has to make room
/// for an error.
pub(super) enum Panic {}

impl Refusal for Panic {
    #[cold]
    #[inline(never)]
    #[track_caller]
    fn of(error: AllocError) -> Panic {
        panic!("{error}")
    }
}

/// A result with what becomes of its error.
#[inline(always)]
#[track_caller]
pub(super) fn refused<T, R: Refusal>(result: Result<T, AllocError>) -> Result<T, R> {
    match result {
        Ok(value) => Ok(value),
        Err(error) => Err(R::of(error)),
    }
}

/// The result of a call that panics instead of failing.
#[inline(always)]
pub(super) fn sure<T>(result: Result<T, Panic>) -> T {
    let Ok(value) = result;
    value
}

/// A reference to an arena that allocates blocks which live for `'a`.
///
/// # Safety
/// A block has the requested size and alignment, is valid for reads and writes for all of `'a`, and
/// nobody else has it.
pub(super) unsafe trait RawAlloc<'a>: Copy {
    /// Allocates a block. Size 0 is allowed and takes no memory.
    #[track_caller]
    fn block<R: Refusal>(self, layout: Layout) -> Result<NonNull<u8>, R>;

    /// Allocates a block of zeros.
    #[track_caller]
    fn block_zeroed<R: Refusal>(self, layout: Layout) -> Result<NonNull<u8>, R>;

    /// A block for one value.
    #[inline]
    #[track_caller]
    fn place<T, R: Refusal>(self) -> Result<NonNull<T>, R> {
        self.block(Layout::new::<T>()).map(NonNull::cast)
    }

    /// Resizes the block of `old` bytes at `start` to `new` bytes in place. Returns false unless it
    /// is the last block and there is room.
    #[inline]
    fn extend_last(self, _start: NonNull<u8>, _old: usize, _new: usize) -> bool {
        false
    }

    /// Gives back the bytes beyond the first `new` of the `old` bytes at `start` if the block is
    /// the last one. Only the caller has the block, and does not use it beyond `new` any more.
    #[inline]
    fn cut_last(self, _start: NonNull<u8>, _old: usize, _new: usize) {}

    /// The arena's state; `None` if it cannot return there, because other threads allocate from it
    /// too. If two are equal, all blocks allocated between them were freed.
    fn mark(self) -> Option<Mark> {
        None
    }

    /// [`RawAlloc::block`] for an arena with marks, without the report to its sink, which may
    /// allocate.
    #[track_caller]
    fn block_quietly(self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.block(layout)
    }

    /// Makes the report that this left out.
    fn report(self) {}

    /// Goes back to a mark, with all its chunks. Nobody may use what was allocated since; of older
    /// blocks, only those with chunks of their own may have been freed. Does not call the sink,
    /// which would be foreign code in the middle of a destructor.
    fn undo(self, _mark: Mark) {}
}

#[inline]
#[track_caller]
fn array<T, R: Refusal>(len: usize) -> Result<Layout, R> {
    let overflow = |_| AllocError::Overflow { len, size: size_of::<T>() };
    refused(Layout::array::<T>(len).map_err(overflow))
}

/// Writes the value that `make` returns to `place`. It is a separate function so that the compiler,
/// if it can, builds the value there instead of copying it from the stack.
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

// SAFETY of every call below: a block just allocated for exactly this many values, which lives for
// `'a` by the trait's contract. Whatever the passed functions allocate are other blocks.

#[inline]
#[track_caller]
pub(super) fn value<'a, T: 'a, R: Refusal>(
    arena: impl RawAlloc<'a>,
    make: impl FnOnce() -> T,
) -> Result<&'a mut T, R> {
    let place = arena.place()?;
    // SAFETY: as above.
    Ok(unsafe { fill_one(place, make) })
}

/// If `make` fails, gives the place back, unless `make` has allocated behind it.
#[inline]
#[track_caller]
pub(super) fn fallible<'a, T: 'a, E, R: Refusal>(
    arena: impl RawAlloc<'a>,
    make: impl FnOnce() -> Result<T, E>,
) -> Result<Result<&'a mut T, E>, R> {
    let place: NonNull<T> = arena.place()?;
    let value = make().inspect_err(|_| arena.cut_last(place.cast(), size_of::<T>(), 0));
    // SAFETY: as above.
    Ok(value.map(|value| unsafe { fill_one(place, || value) }))
}

#[inline]
#[track_caller]
pub(super) fn text<'a, R: Refusal>(arena: impl RawAlloc<'a>, text: &str) -> Result<&'a mut str, R> {
    let bytes = copied(arena, text.as_bytes())?;
    // SAFETY: a copy of a str is UTF-8.
    Ok(unsafe { str::from_utf8_unchecked_mut(bytes) })
}

#[inline]
#[track_caller]
pub(super) fn uninit_slice<'a, T: 'a, R: Refusal>(
    arena: impl RawAlloc<'a>,
    len: usize,
) -> Result<&'a mut [MaybeUninit<T>], R> {
    let place = arena.block::<R>(array::<T, R>(len)?)?.cast();
    // SAFETY: as above; uninitialised bytes are a valid MaybeUninit.
    Ok(unsafe { NonNull::slice_from_raw_parts(place, len).as_mut() })
}

#[inline]
#[track_caller]
pub(super) fn copied<'a, T: Copy + 'a, R: Refusal>(
    arena: impl RawAlloc<'a>,
    values: &[T],
) -> Result<&'a mut [T], R> {
    let place = arena.block::<R>(Layout::for_value(values))?.cast();
    // SAFETY: as above; written before it is read.
    unsafe {
        place.copy_from_nonoverlapping(NonNull::from(values).cast(), values.len());
        Ok(NonNull::slice_from_raw_parts(place, values.len()).as_mut())
    }
}

/// A slice of the values that `next` returns, at most `len`.
#[inline]
#[track_caller]
pub(super) fn filled<'a, T: 'a, R: Refusal>(
    arena: impl RawAlloc<'a>,
    len: usize,
    next: impl FnMut(usize) -> Option<T>,
) -> Result<&'a mut [T], R> {
    let place = arena.block::<R>(array::<T, R>(len)?)?.cast();
    // SAFETY: as above; `fill` is bounded by the places, whatever `next` returns.
    Ok(unsafe { fill(place, len, next) })
}
