//! Single values in an [`Arena`].

use super::Arena;
use crate::error::{AllocError, InitError};
use std::ptr::NonNull;

/// Puts the value that `make` returns at `place`. A function of its own, so that the compiler
/// builds the value there instead of copying it from the stack, where it can.
///
/// # Safety
/// `place` is aligned, large enough, and nobody else's for all of `'a`.
#[inline(always)]
unsafe fn fill<'a, T>(place: NonNull<T>, make: impl FnOnce() -> T) -> &'a mut T {
    // SAFETY: by this function's own condition.
    unsafe {
        place.write(make());
        &mut *place.as_ptr()
    }
}

#[allow(clippy::mut_from_ref, reason = "each call returns bytes of its own")]
impl<const MIN_ALIGN: usize> Arena<MIN_ALIGN> {
    /// Moves `value` into the arena. It is [never dropped](Arena#no-destructor-runs).
    #[inline]
    #[track_caller]
    pub fn alloc<T>(&self, value: T) -> &mut T {
        // SAFETY: a place just cut, of an epoch that cannot end while `self` is borrowed.
        unsafe { fill(self.place_one(), || value) }
    }

    /// [`Arena::alloc`], with an error.
    #[inline]
    pub fn try_alloc<T>(&self, value: T) -> Result<&mut T, AllocError> {
        let place = self.try_place_one()?;
        // SAFETY: as in `alloc`.
        Ok(unsafe { fill(place, || value) })
    }

    /// Cuts the place first and then calls `make` for the value: large values need not pass
    /// through the stack.
    #[inline]
    #[track_caller]
    pub fn alloc_with<T>(&self, make: impl FnOnce() -> T) -> &mut T {
        // SAFETY: as in `alloc`; what `make` allocates is cut from elsewhere.
        unsafe { fill(self.place_one(), make) }
    }

    /// [`Arena::alloc_with`], with an error; `make` is then not called.
    #[inline]
    pub fn try_alloc_with<T>(&self, make: impl FnOnce() -> T) -> Result<&mut T, AllocError> {
        let place = self.try_place_one()?;
        // SAFETY: as in `alloc_with`.
        Ok(unsafe { fill(place, make) })
    }

    /// The value of `make`, or its error. After an error the place is free again, unless
    /// `make` has allocated behind it.
    #[inline]
    #[track_caller]
    pub fn alloc_try_with<T, E>(&self, make: impl FnOnce() -> Result<T, E>) -> Result<&mut T, E> {
        let place = self.place_one();
        self.fill_or_give_back(place, make)
    }

    /// [`Arena::alloc_try_with`], where the arena's own errors are returned too.
    #[inline]
    pub fn try_alloc_try_with<T, E>(
        &self,
        make: impl FnOnce() -> Result<T, E>,
    ) -> Result<&mut T, InitError<E>> {
        let place = self.try_place_one().map_err(InitError::Alloc)?;
        self.fill_or_give_back(place, make).map_err(InitError::Init)
    }

    /// `place`: of this arena and just cut.
    #[inline]
    fn fill_or_give_back<T, E>(
        &self,
        place: NonNull<T>,
        make: impl FnOnce() -> Result<T, E>,
    ) -> Result<&mut T, E> {
        let value = make().inspect_err(|_| self.cut_last(place.cast(), size_of::<T>(), 0))?;
        // SAFETY: as in `alloc_with`.
        Ok(unsafe { fill(place, || value) })
    }
}
