//! How an [`Arena`] cuts bytes off its window, and gets them elsewhere.

use super::Arena;
use crate::error::AllocError;
use crate::memory::page_size;
use std::alloc::Layout;
use std::ptr::{self, NonNull};

/// The numbers to add and to clear in order to align a cursor that is a multiple of `least`. Both are 0 if it is
/// already aligned: then the compiler, which does not know the cursor, removes both operations.
#[inline]
pub(super) const fn mask(align: usize, least: usize) -> usize {
    if align > least { align - 1 } else { 0 }
}

impl<const MIN_ALIGN: usize> Arena<MIN_ALIGN> {
    /// Cuts `size` bytes (the size of a layout) off the window if it has them, aligned by a [`mask`].
    #[inline]
    pub(super) fn bump(&self, size: usize, mask: usize) -> Option<NonNull<u8>> {
        let start = self.cursor.get().map_addr(|cursor| cursor.wrapping_add(mask) & !mask);
        // Signed, because aligning may pass the end, and may even wrap. (Sizes are at most isize::MAX; what wraps
        // becomes 0, which is half the address space or more before the end.)
        let room = self.end.get().addr().wrapping_sub(start.addr()).cast_signed();
        if size.cast_signed() > room {
            return None;
        }
        // Does not pass the end, which is a multiple of MIN_ALIGN like `start`.
        self.cursor.set(start.wrapping_add(size.next_multiple_of(MIN_ALIGN)));
        // SAFETY: `start` did not wrap, so it is at or above the cursor, which is never null.
        Some(unsafe { NonNull::new_unchecked(start) })
    }

    /// Bytes for `layout`, from the window or elsewhere. Does not call the sink.
    pub(super) fn cut_quietly(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        match self.bump(layout.size(), mask(layout.align(), MIN_ALIGN)) {
            Some(start) => Ok(start),
            None => self.cut_elsewhere(layout),
        }
    }

    /// Bytes that the window does not have. They come from a chunk of their own, or from the next chunk, which becomes
    /// the window.
    pub(super) fn cut_elsewhere(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let align = layout.align().max(MIN_ALIGN);
        if layout.size() == 0 {
            let nowhere = NonNull::new(ptr::without_provenance_mut(align));
            return Ok(nowhere.unwrap_or(NonNull::dangling()));
        }
        // Chunks begin at a page, so only an alignment beyond a page can need extra bytes.
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
