//! Slices and strings in an [`Arena`].

use super::{Arena, UninitStr};
use crate::error::AllocError;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

/// # Safety
/// `place` is aligned, large enough for `values`, and nobody else's for all of `'a`.
#[inline]
unsafe fn copy<'a, T: Copy>(place: NonNull<T>, values: &[T]) -> &'a mut [T] {
    // SAFETY: by this function's own condition; written before it is read.
    unsafe {
        place.copy_from_nonoverlapping(NonNull::from(values).cast(), values.len());
        NonNull::slice_from_raw_parts(place, values.len()).as_mut()
    }
}

/// Fills at most `len` places until `next` returns `None`: the slice of those filled.
///
/// # Safety
/// `place` is aligned, large enough for `len` values, and nobody else's for all of `'a`.
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
/// `place` is aligned, large enough for `len` values, and nobody else's for all of `'a`.
#[inline]
unsafe fn uninit<'a, T>(place: NonNull<T>, len: usize) -> &'a mut [MaybeUninit<T>] {
    // SAFETY: by this function's own condition; uninitialised bytes are a valid MaybeUninit.
    unsafe { NonNull::slice_from_raw_parts(place.cast(), len).as_mut() }
}

// SAFETY of every call below: a place just cut for exactly this many values, of an epoch that
// cannot end while `self` is borrowed; what the functions given allocate is cut from elsewhere.
#[allow(clippy::mut_from_ref, reason = "each call returns bytes of its own")]
impl<const MIN_ALIGN: usize> Arena<MIN_ALIGN> {
    /// A copy of `text`.
    #[inline]
    #[track_caller]
    pub fn alloc_str(&self, text: &str) -> &mut str {
        let bytes = self.alloc_slice_copy(text.as_bytes());
        // SAFETY: a copy of a str is UTF-8.
        unsafe { str::from_utf8_unchecked_mut(bytes) }
    }

    /// [`Arena::alloc_str`], with an error.
    #[inline]
    pub fn try_alloc_str(&self, text: &str) -> Result<&mut str, AllocError> {
        let bytes = self.try_alloc_slice_copy(text.as_bytes())?;
        // SAFETY: a copy of a str is UTF-8.
        Ok(unsafe { str::from_utf8_unchecked_mut(bytes) })
    }

    /// An empty string with room for `capacity` bytes, to be written piece by piece.
    #[inline]
    #[track_caller]
    pub fn alloc_str_uninit(&self, capacity: usize) -> UninitStr<'_> {
        UninitStr::new(self.alloc_uninit_slice(capacity))
    }

    /// [`Arena::alloc_str_uninit`], with an error.
    #[inline]
    pub fn try_alloc_str_uninit(&self, capacity: usize) -> Result<UninitStr<'_>, AllocError> {
        self.try_alloc_uninit_slice(capacity).map(UninitStr::new)
    }

    /// `len` values that are not there yet; the bytes are what was in the memory before.
    #[inline]
    #[track_caller]
    pub fn alloc_uninit_slice<T>(&self, len: usize) -> &mut [MaybeUninit<T>] {
        // SAFETY: as above.
        unsafe { uninit(self.place_slice(len), len) }
    }

    /// [`Arena::alloc_uninit_slice`], with an error.
    #[inline]
    pub fn try_alloc_uninit_slice<T>(
        &self,
        len: usize,
    ) -> Result<&mut [MaybeUninit<T>], AllocError> {
        let place = self.try_place_slice(len)?;
        // SAFETY: as above.
        Ok(unsafe { uninit(place, len) })
    }

    /// A copy of `values`.
    #[inline]
    #[track_caller]
    pub fn alloc_slice_copy<T: Copy>(&self, values: &[T]) -> &mut [T] {
        // SAFETY: as above.
        unsafe { copy(self.place_like(values), values) }
    }

    /// [`Arena::alloc_slice_copy`], with an error.
    #[inline]
    pub fn try_alloc_slice_copy<T: Copy>(&self, values: &[T]) -> Result<&mut [T], AllocError> {
        let place = self.try_place_like(values)?;
        // SAFETY: as above.
        Ok(unsafe { copy(place, values) })
    }

    /// A clone of each of `values`.
    #[inline]
    #[track_caller]
    pub fn alloc_slice_clone<T: Clone>(&self, values: &[T]) -> &mut [T] {
        // SAFETY: as above.
        unsafe { fill(self.place_like(values), values.len(), |index| values.get(index).cloned()) }
    }

    /// [`Arena::alloc_slice_clone`], with an error; nothing is then cloned.
    #[inline]
    pub fn try_alloc_slice_clone<T: Clone>(&self, values: &[T]) -> Result<&mut [T], AllocError> {
        let place = self.try_place_like(values)?;
        // SAFETY: as above.
        Ok(unsafe { fill(place, values.len(), |index| values.get(index).cloned()) })
    }

    /// `len` values that `make` returns for the indices from 0 on.
    #[inline]
    #[track_caller]
    pub fn alloc_slice_fill_with<T>(
        &self,
        len: usize,
        mut make: impl FnMut(usize) -> T,
    ) -> &mut [T] {
        // SAFETY: as above.
        unsafe { fill(self.place_slice(len), len, |index| Some(make(index))) }
    }

    /// [`Arena::alloc_slice_fill_with`], with an error; `make` is then not called.
    #[inline]
    pub fn try_alloc_slice_fill_with<T>(
        &self,
        len: usize,
        mut make: impl FnMut(usize) -> T,
    ) -> Result<&mut [T], AllocError> {
        let place = self.try_place_slice(len)?;
        // SAFETY: as above.
        Ok(unsafe { fill(place, len, |index| Some(make(index))) })
    }

    /// `len` copies of `value`.
    #[inline]
    #[track_caller]
    pub fn alloc_slice_fill_copy<T: Copy>(&self, len: usize, value: T) -> &mut [T] {
        self.alloc_slice_fill_with(len, |_| value)
    }

    /// [`Arena::alloc_slice_fill_copy`], with an error.
    #[inline]
    pub fn try_alloc_slice_fill_copy<T: Copy>(
        &self,
        len: usize,
        value: T,
    ) -> Result<&mut [T], AllocError> {
        self.try_alloc_slice_fill_with(len, |_| value)
    }

    /// `len` default values.
    #[inline]
    #[track_caller]
    pub fn alloc_slice_fill_default<T: Default>(&self, len: usize) -> &mut [T] {
        self.alloc_slice_fill_with(len, |_| T::default())
    }

    /// [`Arena::alloc_slice_fill_default`], with an error; no value is then made.
    #[inline]
    pub fn try_alloc_slice_fill_default<T: Default>(
        &self,
        len: usize,
    ) -> Result<&mut [T], AllocError> {
        self.try_alloc_slice_fill_with(len, |_| T::default())
    }

    /// What `values` yields, as many as its `len` says: one that yields fewer makes the slice
    /// shorter, and what it would yield beyond is never asked for.
    #[inline]
    #[track_caller]
    pub fn alloc_slice_fill_iter<T>(
        &self,
        values: impl IntoIterator<Item = T, IntoIter: ExactSizeIterator>,
    ) -> &mut [T] {
        let mut values = values.into_iter();
        let len = values.len();
        // SAFETY: as above; `fill` goes by the places, not by the iterator.
        unsafe { fill(self.place_slice(len), len, |_| values.next()) }
    }

    /// [`Arena::alloc_slice_fill_iter`], with an error; nothing is then taken from `values`.
    #[inline]
    pub fn try_alloc_slice_fill_iter<T>(
        &self,
        values: impl IntoIterator<Item = T, IntoIter: ExactSizeIterator>,
    ) -> Result<&mut [T], AllocError> {
        let mut values = values.into_iter();
        let len = values.len();
        let place = self.try_place_slice(len)?;
        // SAFETY: as above.
        Ok(unsafe { fill(place, len, |_| values.next()) })
    }
}
