//! [`Arena`] as an allocator of collections (feature `allocator-api2`).

use super::Arena;
use super::typed::RawAlloc;
use crate::debug;
use allocator_api2::alloc::{AllocError, Allocator};
use std::alloc::Layout;
use std::ptr::NonNull;

/// Collections in the arena, whose destructors run.
///
/// With the feature `allocator-api2`, a reference to an arena is an allocator for that crate's
/// `Box` and `Vec`, for hashbrown's `HashMap`, and for everything else that takes one:
///
/// ```
/// use allocator_api2::{boxed::Box, vec::Vec};
/// use ralloc_core::Arena;
///
/// let mut arena = Arena::new();
/// {
///     let mut names = Vec::new_in(&arena);
///     names.push(String::from("owned by the heap"));
///     let boxed = Box::new_in(7, &arena);
///     assert_eq!((names.len(), *boxed), (1, 7));
/// } // here the String is dropped
/// arena.reset();
/// ```
///
/// The block that was allocated last grows, shrinks and is freed in place. Any other block is
/// copied when it grows, and its old bytes are not used again before the arena is reset or rewound.
/// So give a capacity to collections that grow in turns; otherwise they waste as much again as they
/// need. A block larger than [`ArenaOptions::chunk_cap`](crate::ArenaOptions) has a chunk of its
/// own: it is copied when it grows, and freed at once, in any order. If the limit refuses an
/// allocation, the collection treats that like any other failure: it calls `handle_alloc_error`,
/// which aborts, or its `try_` method returns an error. (Some collections, such as hashbrown's,
/// allocate to shrink.)
///
/// `allocator_api2::unsize_box!` creates a `Box<dyn Trait, &Arena>`.
///
/// The reference borrows the arena, so that it cannot be reset while the collection lives:
///
/// ```compile_fail,E0502
/// # use allocator_api2::vec::Vec;
/// let mut arena = ralloc_core::Arena::new();
/// let mut list = Vec::new_in(&arena);
/// arena.reset();
/// list.push(1);
/// ```
///
/// In a [`Scope`](crate::Scope) the reference is `&**scope`. A block that is grown by a raw pointer
/// in a scope, or after a checkpoint, ends with the scope or rewind, even if it is older and was
/// not moved.
// SAFETY:
// - A block stays valid and in place while the arena is borrowed, which each copy of the
//   reference does: what frees blocks otherwise takes `&mut Arena`, or ends a scope that the
//   reference was borrowed from.
// - Copies of the reference are of the same arena, so each may free what another allocated. The
//   reference is not Send, because the arena is not Sync.
// - Freeing moves the cursor below the last block and no further, so no other block is cut twice.
//   Nor is the place of a value that is just being made: it would be the last block.
unsafe impl<const MIN_ALIGN: usize> Allocator for &Arena<MIN_ALIGN> {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        self.try_alloc_layout(layout).map_err(|_| AllocError)
    }

    #[inline]
    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        self.try_alloc_layout_zeroed(layout).map_err(|_| AllocError)
    }

    #[inline]
    unsafe fn deallocate(&self, start: NonNull<u8>, layout: Layout) {
        RawAlloc::cut_last(*self, start, layout.size(), 0);
    }

    #[inline]
    unsafe fn grow(
        &self,
        start: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        if is_aligned(start, new) && RawAlloc::extend_last(*self, start, old.size(), new.size()) {
            return Ok(NonNull::slice_from_raw_parts(self.in_chunk(start), new.size()));
        }
        // SAFETY: the new block is at least as large; the rest by the trait's own conditions.
        unsafe { self.move_block(start, old.size(), old.size(), new) }
    }

    unsafe fn grow_zeroed(
        &self,
        start: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        let dirty_end = self.cursor.get().max(self.clean.get()).addr();
        let (block, dirty_end) = if is_aligned(start, new)
            && RawAlloc::extend_last(*self, start, old.size(), new.size())
        {
            let block = NonNull::slice_from_raw_parts(self.in_chunk(start), new.size());
            (block, new.size().min(debug::dirty(dirty_end - start.addr().get())))
        } else {
            // SAFETY: the new block is at least as large; the rest by the trait's own conditions.
            (unsafe { self.move_block(start, old.size(), old.size(), new)? }, new.size())
        };
        // SAFETY: within the block just handed out.
        unsafe {
            let added = block.cast::<u8>().add(old.size());
            added.write_bytes(0, dirty_end.saturating_sub(old.size()));
        }
        Ok(block)
    }

    #[inline]
    unsafe fn shrink(
        &self,
        start: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        if is_aligned(start, new) {
            RawAlloc::cut_last(*self, start, old.size(), new.size());
            return Ok(NonNull::slice_from_raw_parts(start, new.size()));
        }
        // SAFETY: both blocks are at least as large; the rest by the trait's own conditions.
        unsafe { self.move_block(start, old.size(), new.size(), new) }
    }
}

impl<const MIN_ALIGN: usize> Arena<MIN_ALIGN> {
    /// A new block for `new` with the first `len` bytes of the block of `old` bytes at `start`,
    /// which is freed.
    ///
    /// # Safety
    /// Both are at least `len` bytes long, and the old one is not used after.
    #[inline]
    unsafe fn move_block(
        &self,
        start: NonNull<u8>,
        old: usize,
        len: usize,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        let block = self.try_alloc_layout(new).map_err(|_| AllocError)?;
        // SAFETY: by this function's own condition; a block just cut overlaps no other.
        unsafe { block.cast().copy_from_nonoverlapping(start, len) };
        RawAlloc::cut_last(self, start, old, 0);
        Ok(block)
    }
}

#[inline]
fn is_aligned(start: NonNull<u8>, layout: Layout) -> bool {
    start.addr().get() & (layout.align() - 1) == 0
}
