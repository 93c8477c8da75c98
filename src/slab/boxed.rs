//! [`SlabBox`]: a value in a slot of a local slab. Dropping it drops the value and frees the slot.

use super::Slab;
use crate::error::SlabError;
use crate::layout::LEAST_PAGE;
use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

/// A value in a slot of a [`Slab`]. Dropping the box drops the value and frees the slot. Made by
/// [`Slab::boxed`].
///
/// May be sent to another thread, and dropped there, if the value may.
pub struct SlabBox<'a, T> {
    slab: &'a Slab,
    /// Invariant: points to the first byte of a slot of `slab` that only this box has, and the slot
    /// holds a value.
    value: NonNull<T>,
    owns: PhantomData<T>,
}

// SAFETY: only this box has the slot, so sending the box sends just the value; any thread may use a
// slab.
unsafe impl<T: Send> Send for SlabBox<'_, T> {}
// SAFETY: a shared box gives shared references to its value, and no other access.
unsafe impl<T: Sync> Sync for SlabBox<'_, T> {}

impl<'a, T> SlabBox<'a, T> {
    /// See [`Slab::boxed`].
    #[track_caller]
    pub(super) fn new(slab: &'a Slab, value: T) -> Result<SlabBox<'a, T>, SlabError> {
        const { assert!(align_of::<T>() <= LEAST_PAGE) }
        if slab.share().is_some() {
            return Err(SlabError::Shared);
        }
        // A slot is aligned to its length, or to a page.
        let slot = slab.allocate(size_of::<T>().max(align_of::<T>()))?.cast::<T>();
        // SAFETY: the slot was just claimed, has room for a T, and is aligned for it.
        unsafe { slot.write(value) };
        Ok(SlabBox { slab, value: slot, owns: PhantomData })
    }

    /// Takes the value out and frees its slot.
    ///
    /// ```
    /// use ralloc_core::slab::{Slab, SlabOptions};
    ///
    /// let slab = Slab::new(&SlabOptions::fixed(&[64], 8, 1 << 20))?;
    /// assert_eq!(slab.boxed([1, 2, 3])?.into_inner(), [1, 2, 3]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn into_inner(self) -> T {
        let this = ManuallyDrop::new(self);
        // SAFETY: the box has a value and is not used, nor dropped, after this.
        let value = unsafe { this.value.read() };
        this.free();
        value
    }

    #[track_caller]
    fn free(&self) {
        // SAFETY: the slot is the box's, and the box ends here.
        let freed = unsafe { self.slab.deallocate(self.value.cast()) };
        debug_assert!(freed.is_ok(), "the slot of a box was freed by somebody else");
    }
}

/// Frees the slot, even if dropping the value panics.
struct Slot<'a, 'b, T>(&'a SlabBox<'b, T>);

impl<T> Drop for Slot<'_, '_, T> {
    fn drop(&mut self) {
        self.0.free();
    }
}

impl<T> Drop for SlabBox<'_, T> {
    fn drop(&mut self) {
        let value = self.value;
        let _slot = Slot(self);
        // SAFETY: the box has a value, which nobody sees after this.
        unsafe { value.drop_in_place() }
    }
}

impl<T> Deref for SlabBox<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: there is a value, and the slot is the box's alone.
        unsafe { self.value.as_ref() }
    }
}

impl<T> DerefMut for SlabBox<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above, and the box is borrowed for writing.
        unsafe { self.value.as_mut() }
    }
}

impl<T: fmt::Debug> fmt::Debug for SlabBox<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: fmt::Display> fmt::Display for SlabBox<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
