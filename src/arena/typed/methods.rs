//! The methods that [`Arena`](crate::Arena), [`Scope`](crate::Scope),
//! [`SyncArena`](crate::SyncArena) and [`Local`](crate::Local) share, written once.
//!
//! A trait would have to be imported wherever an arena is used. The code is in `typed` and
//! `from_iter`, which are generic over the arena; this file has only names and documentation. `$a`
//! is how long a block lives: `'_`, the borrow of the arena, or the lifetime of a handle. Each type
//! has a method `raw`, its [`RawAlloc`](super::RawAlloc). `$begin` and `$end` surround the
//! examples. Of each pair of methods, the first one panics where the second one returns an error.

/// A method that panics and its twin that does not, by the expression for both: a result with any
/// [`Refusal`](super::Refusal).
macro_rules! twins {
    ($($(#[$doc:meta])* $name:ident, $(#[$try_doc:meta])* $try_name:ident:
        [$($generic:tt)*]($($argument:tt)*) -> $type:ty = $self:ident => $result:expr;)+) => {$(
        $(#[$doc])*
        #[inline]
        #[track_caller]
        pub fn $name<$($generic)*>(&$self, $($argument)*) -> $type {
            typed::sure($result)
        }

        $(#[$try_doc])*
        #[inline]
        #[track_caller]
        pub fn $try_name<$($generic)*>(&$self, $($argument)*) -> Result<$type, $crate::error::AllocError> {
            $result
        }
    )+};
}

macro_rules! allocation_methods {
    ($a:lifetime, $begin:literal, $end:literal) => {
        /// Allocates the value that `make` returns, or returns its error. After an error the place
        /// is free again, if the arena is for one thread and nothing was allocated behind it.
        ///
        /// ```
        #[doc = $begin]
        /// assert_eq!(arena.alloc_try_with(|| "7".parse()), Ok(&mut 7));
        /// assert!(arena.alloc_try_with(|| "x".parse::<u8>()).is_err());
        #[doc = $end]
        /// ```
        #[inline]
        #[track_caller]
        pub fn alloc_try_with<T, E>(
            &self,
            make: impl FnOnce() -> Result<T, E>,
        ) -> Result<&$a mut T, E> {
            typed::sure(typed::fallible(self.raw(), make))
        }

        /// Like [`Self::alloc_try_with`], but returns the arena's own errors too, as
        /// [`InitError::Alloc`](crate::error::InitError::Alloc), instead of panicking.
        #[inline]
        #[track_caller]
        pub fn try_alloc_try_with<T, E>(
            &self,
            make: impl FnOnce() -> Result<T, E>,
        ) -> Result<&$a mut T, $crate::error::InitError<E>> {
            typed::fallible(self.raw(), make).map_err($crate::error::InitError::Alloc)?.map_err($crate::error::InitError::Init)
        }

        typed::methods::twins! {
            /// Moves `value` into the arena. It is
            /// [never dropped](crate::Arena#no-destructor-runs).
            ///
            /// ```
            #[doc = $begin]
            /// let number = arena.alloc(6);
            /// *number += 1;
            /// assert_eq!(*number, 7);
            #[doc = $end]
            /// ```
            alloc,
            /// Like [`Self::alloc`], but returns the error instead of panicking; `value` is then
            /// dropped.
            ///
            /// ```
            #[doc = $begin]
            /// match arena.try_alloc([0u8; 64]) {
            ///     Ok(block) => assert_eq!(block.len(), 64),
            ///     Err(error) => eprintln!("{error}"),
            /// }
            #[doc = $end]
            /// ```
            try_alloc: [T](value: T) -> &$a mut T
                = self => typed::value(self.raw(), || value);

            /// Reserves the place first and then calls `make` for the value, so that large values
            /// need not pass through the stack.
            ///
            /// ```
            #[doc = $begin]
            /// let large = arena.alloc_with(|| [7u8; 4096]);
            /// assert_eq!(large[4095], 7);
            #[doc = $end]
            /// ```
            alloc_with,
            /// Like [`Self::alloc_with`], but returns the error instead of panicking; `make` is
            /// then not called.
            try_alloc_with: [T](make: impl FnOnce() -> T) -> &$a mut T
                = self => typed::value(self.raw(), make);

            /// A copy of `text`.
            ///
            /// ```
            #[doc = $begin]
            /// assert_eq!(arena.alloc_str("seven"), "seven");
            #[doc = $end]
            /// ```
            alloc_str,
            /// Like [`Self::alloc_str`], but returns the error instead of panicking.
            try_alloc_str: [](text: &str) -> &$a mut str
                = self => typed::text(self.raw(), text);

            /// An empty string with room for `capacity` bytes, to be written piece by piece.
            ///
            /// ```
            #[doc = $begin]
            /// use std::fmt::Write;
            ///
            /// let mut text = arena.alloc_str_uninit(16);
            /// write!(text, "{} of {}", 6, 7).unwrap();
            /// assert_eq!(text.finish(), "6 of 7");
            #[doc = $end]
            /// ```
            alloc_str_uninit,
            /// Like [`Self::alloc_str_uninit`], but returns the error instead of panicking.
            try_alloc_str_uninit: [](capacity: usize) -> typed::UninitStr<$a>
                = self => typed::uninit_slice(self.raw(), capacity).map(typed::UninitStr::new);

            /// Places for `len` values. Their bytes are whatever was in the memory before.
            ///
            /// ```
            #[doc = $begin]
            /// let places = arena.alloc_uninit_slice::<u32>(2);
            /// assert_eq!(*places[1].write(7), 7);
            #[doc = $end]
            /// ```
            alloc_uninit_slice,
            /// Like [`Self::alloc_uninit_slice`], but returns the error instead of panicking.
            try_alloc_uninit_slice: [T](len: usize) -> &$a mut [std::mem::MaybeUninit<T>]
                = self => typed::uninit_slice(self.raw(), len);

            /// A copy of `values`.
            ///
            /// ```
            #[doc = $begin]
            /// assert_eq!(arena.alloc_slice_copy(&[6, 7]), [6, 7]);
            #[doc = $end]
            /// ```
            alloc_slice_copy,
            /// Like [`Self::alloc_slice_copy`], but returns the error instead of panicking.
            try_alloc_slice_copy: [T: Copy](values: &[T]) -> &$a mut [T]
                = self => typed::copied(self.raw(), values);

            /// A clone of each of `values`.
            ///
            /// ```
            #[doc = $begin]
            /// assert_eq!(arena.alloc_slice_clone(&[Some(7), None]), [Some(7), None]);
            #[doc = $end]
            /// ```
            alloc_slice_clone,
            /// Like [`Self::alloc_slice_clone`], but returns the error instead of panicking;
            /// nothing is then cloned.
            try_alloc_slice_clone: [T: Clone](values: &[T]) -> &$a mut [T]
                = self => typed::filled(self.raw(), values.len(), |index| values.get(index).cloned());

            /// `len` values that `make` returns for the indices from 0 on.
            ///
            /// ```
            #[doc = $begin]
            /// assert_eq!(arena.alloc_slice_fill_with(3, |index| index * index), [0, 1, 4]);
            #[doc = $end]
            /// ```
            alloc_slice_fill_with,
            /// Like [`Self::alloc_slice_fill_with`], but returns the error instead of panicking;
            /// `make` is then not called.
            try_alloc_slice_fill_with: [T](len: usize, mut make: impl FnMut(usize) -> T) -> &$a mut [T]
                = self => typed::filled(self.raw(), len, |index| Some(make(index)));

            /// `len` copies of `value`.
            ///
            /// ```
            #[doc = $begin]
            /// assert_eq!(arena.alloc_slice_fill_copy(2, 7), [7, 7]);
            #[doc = $end]
            /// ```
            alloc_slice_fill_copy,
            /// Like [`Self::alloc_slice_fill_copy`], but returns the error instead of panicking.
            try_alloc_slice_fill_copy: [T: Copy](len: usize, value: T) -> &$a mut [T]
                = self => typed::filled(self.raw(), len, |_| Some(value));

            /// `len` default values.
            ///
            /// ```
            #[doc = $begin]
            /// assert_eq!(arena.alloc_slice_fill_default::<u8>(2), [0, 0]);
            #[doc = $end]
            /// ```
            alloc_slice_fill_default,
            /// Like [`Self::alloc_slice_fill_default`], but returns the error instead of panicking;
            /// no value is then made.
            try_alloc_slice_fill_default: [T: Default](len: usize) -> &$a mut [T]
                = self => typed::filled(self.raw(), len, |_| Some(T::default()));

            /// A slice of the values that `values` yields. `values.len()` tells how many. If it
            /// yields fewer, the slice is shorter; further values are not requested.
            ///
            /// ```
            #[doc = $begin]
            /// assert_eq!(arena.alloc_slice_fill_iter((1..4).map(|n| n * 7)), [7, 14, 21]);
            #[doc = $end]
            /// ```
            alloc_slice_fill_iter,
            /// Like [`Self::alloc_slice_fill_iter`], but returns the error instead of panicking;
            /// nothing is then taken from `values`.
            try_alloc_slice_fill_iter: [T](values: impl IntoIterator<Item = T, IntoIter: ExactSizeIterator>) -> &$a mut [T]
                = self => {
                let mut values = values.into_iter();
                typed::filled(self.raw(), values.len(), |_| values.next())
            };

            /// A slice of all values that `values` yields. The slice grows, in place if the arena
            /// is for one thread and nothing else is allocated meanwhile. If `values` panics, the
            /// values so far are dropped.
            ///
            /// ```
            #[doc = $begin]
            /// let even = arena.alloc_slice_from_iter((0..9).filter(|n| n % 2 == 0));
            /// assert_eq!(even, [0, 2, 4, 6, 8]);
            #[doc = $end]
            /// ```
            alloc_slice_from_iter,
            /// Like [`Self::alloc_slice_from_iter`], but returns the error instead of panicking;
            /// the values taken from `values` are then dropped. An arena for one thread is then as
            /// before, unless `values` has allocated from it; but chunks that were kept for later
            /// are gone if they made room. In an arena for many threads, the blocks that the slice
            /// has outgrown stay allocated until the reset, as after a call that succeeds, except
            /// those with chunks of their own.
            try_alloc_slice_from_iter: [T](values: impl IntoIterator<Item = T>) -> &$a mut [T]
                = self => typed::from_iter(self.raw(), values);

            /// Bytes for `layout`, aligned to at least `MIN_ALIGN`. Their content is whatever was
            /// there before. Size 0 is allowed and takes no memory. Panics with the
            /// [`AllocError`](crate::error::AllocError)'s text.
            ///
            /// The pointer is valid for reads and writes of its length, by whoever holds it and
            /// without aliasing any other, as long as
            /// [the allocation](crate::Arena#how-long-an-allocation-lives) lives.
            ///
            /// ```
            #[doc = $begin]
            /// let layout = std::alloc::Layout::new::<[u64; 8]>();
            /// assert_eq!(arena.alloc_layout(layout).len(), 64);
            #[doc = $end]
            /// ```
            alloc_layout,
            /// Like [`Self::alloc_layout`], but returns the error instead of panicking.
            try_alloc_layout: [](layout: std::alloc::Layout) -> std::ptr::NonNull<[u8]>
                = self => {
                let start = typed::RawAlloc::block(self.raw(), layout);
                start.map(|start| std::ptr::NonNull::slice_from_raw_parts(start, layout.size()))
            };

            /// [`Self::alloc_layout`] of zeros. Zeroes only the bytes that are not known to be
            /// zero.
            ///
            /// ```
            #[doc = $begin]
            /// let layout = std::alloc::Layout::new::<u64>();
            /// let zero = arena.alloc_layout_zeroed(layout).cast::<u64>();
            /// // SAFETY: the block just allocated.
            /// assert_eq!(unsafe { zero.read() }, 0);
            #[doc = $end]
            /// ```
            alloc_layout_zeroed,
            /// Like [`Self::alloc_layout_zeroed`], but returns the error instead of panicking.
            try_alloc_layout_zeroed: [](layout: std::alloc::Layout) -> std::ptr::NonNull<[u8]>
                = self => {
                let start = typed::RawAlloc::block_zeroed(self.raw(), layout);
                start.map(|start| std::ptr::NonNull::slice_from_raw_parts(start, layout.size()))
            };
        }
    };
}

pub(in crate::arena) use {allocation_methods, twins};
