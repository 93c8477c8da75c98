//! A value that a forked child finds as zeros, so that it cannot continue with what belongs to its
//! parent.

use super::Mapping;
use crate::os;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

/// Types for which zero bytes are a valid value.
///
/// # Safety
/// Zero bytes are a valid value of the type, and may replace the value between any two calls on it,
/// but not while it is borrowed.
pub unsafe trait ZeroIsValid {}

/// A value on the heap; or, if requested and possible, on pages that are zeroed in a forked child.
#[derive(Debug)]
pub struct WipedOnFork<T: ZeroIsValid> {
    /// Invariant: points into a `Box`, or to the first bytes of `pages`. Only this value reaches
    /// it.
    value: NonNull<T>,
    pages: Option<Mapping>,
}

// SAFETY: the value is owned, as in a box.
unsafe impl<T: ZeroIsValid + Send> Send for WipedOnFork<T> {}
// SAFETY: as above.
unsafe impl<T: ZeroIsValid + Sync> Sync for WipedOnFork<T> {}

impl<T: ZeroIsValid> WipedOnFork<T> {
    /// With `wipe`, the value lies on pages of its own, which take two more of the kernel's ranges
    /// than a box does.
    pub fn new(value: T, wipe: bool) -> WipedOnFork<T> {
        let Some(pages) = wipe.then(Self::pages).flatten() else {
            return WipedOnFork { value: NonNull::from(Box::leak(Box::new(value))), pages: None };
        };
        let place = pages.base().cast::<T>();
        // SAFETY: fresh pages that only we have: long enough, and page-aligned, which suffices for
        // every type here.
        unsafe { place.write(value) };
        WipedOnFork { value: place, pages: Some(pages) }
    }

    fn pages() -> Option<Mapping> {
        // A type that must be dropped cannot be zeroed. (Under loom, words are counted.)
        if std::mem::needs_drop::<T>() || align_of::<T>() > os::page_size() {
            return None;
        }
        let pages = Mapping::committed(size_of::<T>()).ok()?;
        // SAFETY: all of the pages that were just made, which only we have.
        unsafe { os::wipe_on_fork(pages.base().as_ptr(), pages.len()) }.ok()?;
        Some(pages)
    }
}

impl<T: ZeroIsValid> Deref for WipedOnFork<T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: by the invariant; in a child, the zeros are a valid value too.
        unsafe { self.value.as_ref() }
    }
}

impl<T: ZeroIsValid> DerefMut for WipedOnFork<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above, and `&mut self` excludes other references.
        unsafe { self.value.as_mut() }
    }
}

impl<T: ZeroIsValid> Drop for WipedOnFork<T> {
    fn drop(&mut self) {
        if self.pages.is_none() {
            // SAFETY: of a box, by the invariant, and not used any more.
            drop(unsafe { Box::from_raw(self.value.as_ptr()) });
        }
    }
}
