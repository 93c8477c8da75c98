//! What a [`super::SyncArena`] and a [`super::Local`] offer alike: written once, for both.

use crate::error::AllocError;

/// The methods over `raw(layout)` and `zeroed(layout)` of the type. `$a` is how
/// long the bytes live, `$param` declares it where the type does not.
macro_rules! typed_methods {
    ($a:lifetime, [$($param:tt)*], $self:ident: $receiver:ty) => {
        /// Moves `value` into the arena. Panics with the text of [`AllocError`].
        #[inline]
        #[track_caller]
        #[allow(clippy::mut_from_ref, reason = "each call returns bytes of its own")]
        pub fn alloc<$($param)* T>($self: $receiver, value: T) -> &$a mut T {
            $self.alloc_with(|| value)
        }

        /// Moves `value` into the arena; drops it when there is no memory.
        #[inline]
        #[allow(clippy::mut_from_ref, reason = "each call returns bytes of its own")]
        pub fn try_alloc<$($param)* T>($self: $receiver, value: T) -> Result<&$a mut T, AllocError> {
            $self.try_alloc_with(|| value)
        }

        /// What `f` makes, without a copy where the compiler can build it in place. Panics with
        /// the text of [`AllocError`].
        #[inline]
        #[track_caller]
        #[allow(clippy::mut_from_ref, reason = "each call returns bytes of its own")]
        pub fn alloc_with<$($param)* T>($self: $receiver, f: impl FnOnce() -> T) -> &$a mut T {
            typed::or_panic($self.try_alloc_with(f))
        }

        /// What `f` makes; it is not called when there is no memory. It may allocate from the
        /// same arena. If it panics, the place stays unused until the next reset.
        #[inline]
        #[allow(clippy::mut_from_ref, reason = "each call returns bytes of its own")]
        pub fn try_alloc_with<$($param)* T>(
            $self: $receiver,
            f: impl FnOnce() -> T,
        ) -> Result<&$a mut T, AllocError> {
            let mut place = $self.raw(Layout::new::<T>())?.cast::<T>();
            // SAFETY: aligned and large enough by the layout, nobody else's, written before it
            // is read, and not freed while the arena is borrowed.
            unsafe {
                place.write(f());
                Ok(place.as_mut())
            }
        }

        /// A copy of `text`. Panics with the text of [`AllocError`].
        #[inline]
        #[track_caller]
        #[allow(clippy::mut_from_ref, reason = "each call returns bytes of its own")]
        pub fn alloc_str<$($param)*>($self: $receiver, text: &str) -> &$a mut str {
            typed::or_panic($self.try_alloc_str(text))
        }

        /// A copy of `text`.
        #[inline]
        #[allow(clippy::mut_from_ref, reason = "each call returns bytes of its own")]
        pub fn try_alloc_str<$($param)*>(
            $self: $receiver,
            text: &str,
        ) -> Result<&$a mut str, AllocError> {
            let bytes = $self.try_alloc_slice_copy(text.as_bytes())?;
            // SAFETY: a copy of a str is UTF-8.
            Ok(unsafe { std::str::from_utf8_unchecked_mut(bytes) })
        }

        /// A copy of `values`. Panics with the text of [`AllocError`].
        #[inline]
        #[track_caller]
        #[allow(clippy::mut_from_ref, reason = "each call returns bytes of its own")]
        pub fn alloc_slice_copy<$($param)* T: Copy>($self: $receiver, values: &[T]) -> &$a mut [T] {
            typed::or_panic($self.try_alloc_slice_copy(values))
        }

        /// A copy of `values`.
        #[inline]
        #[allow(clippy::mut_from_ref, reason = "each call returns bytes of its own")]
        pub fn try_alloc_slice_copy<$($param)* T: Copy>(
            $self: $receiver,
            values: &[T],
        ) -> Result<&$a mut [T], AllocError> {
            let start = $self.raw(Layout::for_value(values))?.cast::<T>();
            // SAFETY: aligned and large enough by the layout, nobody else's, written before it
            // is read, and not freed while the arena is borrowed.
            unsafe {
                start.copy_from_nonoverlapping(NonNull::from(values).cast(), values.len());
                Ok(NonNull::slice_from_raw_parts(start, values.len()).as_mut())
            }
        }

        /// `len` values, each what `f` makes of its index. Panics with the text of
        /// [`AllocError`].
        #[inline]
        #[track_caller]
        #[allow(clippy::mut_from_ref, reason = "each call returns bytes of its own")]
        pub fn alloc_slice_fill_with<$($param)* T>(
            $self: $receiver,
            len: usize,
            f: impl FnMut(usize) -> T,
        ) -> &$a mut [T] {
            typed::or_panic($self.try_alloc_slice_fill_with(len, f))
        }

        /// `len` values, each what `f` makes of its index, in order; it is not called when there
        /// is no memory, and may allocate from the same arena. If it panics, the values made
        /// before are not dropped.
        #[inline]
        #[allow(clippy::mut_from_ref, reason = "each call returns bytes of its own")]
        pub fn try_alloc_slice_fill_with<$($param)* T>(
            $self: $receiver,
            len: usize,
            mut f: impl FnMut(usize) -> T,
        ) -> Result<&$a mut [T], AllocError> {
            let layout = Layout::array::<T>(len).map_err(|_| AllocError::Overflow { len, size: size_of::<T>() })?;
            let start = $self.raw(layout)?.cast::<T>();
            // SAFETY: aligned and large enough by the layout, nobody else's, each written before
            // the whole is read, and not freed while the arena is borrowed.
            unsafe {
                (0..len).for_each(|index| start.add(index).write(f(index)));
                Ok(NonNull::slice_from_raw_parts(start, len).as_mut())
            }
        }

        /// Bytes for `layout`, their content whatever was there before. Size 0 takes nothing.
        /// Panics with the text of [`AllocError`].
        #[inline]
        #[track_caller]
        pub fn alloc_layout($self: &Self, layout: Layout) -> NonNull<[u8]> {
            typed::or_panic($self.try_alloc_layout(layout))
        }

        /// Bytes for `layout`, their content whatever was there before. Size 0 takes nothing.
        #[inline]
        pub fn try_alloc_layout($self: &Self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
            Ok(NonNull::slice_from_raw_parts($self.raw(layout)?, layout.size()))
        }

        /// Bytes for `layout`, all zero. Panics with the text of [`AllocError`].
        #[inline]
        #[track_caller]
        pub fn alloc_layout_zeroed($self: &Self, layout: Layout) -> NonNull<[u8]> {
            typed::or_panic($self.try_alloc_layout_zeroed(layout))
        }

        /// Bytes for `layout`, all zero; pages fresh from the system are not written.
        #[inline]
        pub fn try_alloc_layout_zeroed(
            $self: &Self,
            layout: Layout,
        ) -> Result<NonNull<[u8]>, AllocError> {
            Ok(NonNull::slice_from_raw_parts($self.zeroed(layout)?, layout.size()))
        }
    };
}

pub(super) use typed_methods;

/// What was allocated, or a panic with the error's text at the caller's place.
#[inline]
#[track_caller]
pub(super) fn or_panic<T>(allocated: Result<T, AllocError>) -> T {
    match allocated {
        Ok(value) => value,
        Err(error) => refuse(&error),
    }
}

#[cold]
#[inline(never)]
#[track_caller]
fn refuse(error: &AllocError) -> ! {
    panic!("{error}")
}
