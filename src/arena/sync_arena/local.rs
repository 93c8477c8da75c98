//! One thread's part of a [`SyncArena`], cut without atomics.

use super::SyncArena;
use crate::arena::nowhere;
use crate::arena::typed::{self, RawAlloc, Refusal};
use crate::debug;
use crate::error::AllocError;
use std::alloc::Layout;
use std::cell::Cell;
use std::ptr::NonNull;

/// Bytes taken from the arena at a time.
const WINDOW: usize = 4096;
/// Larger blocks come from the arena itself, so that at most a quarter of a window is lost when the
/// next one is taken.
const LARGEST: usize = WINDOW / 4;

/// A handle of one thread on a [`SyncArena`]. It takes 4 KiB at a time and cuts them with a compare
/// and an add. Blocks above 1 KiB come from the arena directly.
///
/// Its blocks live as long as the arena's borrow, not the handle's. The window counts as allocated.
/// Dropping the handle gives its free part back; if another thread has allocated behind it, only
/// the next reset frees it. If the limit allows no window, blocks come from the arena one by one.
///
/// ```
/// let arena = ralloc_core::SyncArena::<8>::new(Default::default()).unwrap();
/// let text = { let local = arena.local(); local.alloc_str("outlives the handle") };
/// assert_eq!(text.len(), 19);
/// ```
///
/// A handle belongs to its thread:
///
/// ```compile_fail,E0277
/// let arena = ralloc_core::SyncArena::<8>::new(Default::default()).unwrap();
/// let local = arena.local();
/// std::thread::scope(|threads| threads.spawn(|| *local.alloc(1)).join().unwrap());
/// ```
#[derive(Debug)]
pub struct Local<'a, const MIN_ALIGN: usize = 8> {
    pub(super) arena: &'a SyncArena<MIN_ALIGN>,
    /// The free part of the window, which only this handle has. Invariant: both lie in one block of
    /// the arena, are multiples of `MIN_ALIGN`, and `cursor <= end`; before the first window both
    /// are one dangling address.
    cursor: Cell<NonNull<u8>>,
    end: Cell<NonNull<u8>>,
}

/// Values, slices, strings and bytes, which live as long as the arena's borrow.
#[allow(clippy::mut_from_ref, reason = "each call returns bytes of its own")]
impl<'a, const MIN_ALIGN: usize> Local<'a, MIN_ALIGN> {
    typed::methods::allocation_methods!(
        'a,
        "let arena = ralloc_core::Arena::builder().build_sync().unwrap();\nlet arena = arena.local();",
        ""
    );

    #[inline(always)]
    fn raw(&self) -> &Self {
        self
    }
}

// SAFETY: a window is a block of the arena that only this handle has, and its bytes are cut once.
unsafe impl<'a, const MIN_ALIGN: usize> RawAlloc<'a> for &Local<'a, MIN_ALIGN> {
    #[inline]
    #[track_caller]
    fn block<R: Refusal>(self, layout: Layout) -> Result<NonNull<u8>, R> {
        let size = super::round::<MIN_ALIGN>(layout);
        let room = self.end.get().addr().get() - self.cursor.get().addr().get();
        if debug::ON || layout.align() > MIN_ALIGN || size > room {
            return self.block_slow(layout);
        }
        let start = self.cursor.get();
        // SAFETY: within the window, which has the room.
        self.cursor.set(unsafe { start.add(size) });
        Ok(start)
    }

    /// Zeroes the whole block, even if it is clean, because blocks in windows are small.
    #[track_caller]
    fn block_zeroed<R: Refusal>(self, layout: Layout) -> Result<NonNull<u8>, R> {
        if layout.size() > LARGEST {
            return self.arena.block_zeroed(layout);
        }
        let start = self.block(layout)?;
        // SAFETY: the bytes just handed out.
        unsafe { start.write_bytes(0, layout.size()) };
        Ok(start)
    }

    /// Only blocks that came from the arena itself: if no chunk may have the bytes of a window, the
    /// window is alone in one, and the arena would take its first block for all of it.
    fn cut_last(self, start: NonNull<u8>, old: usize, new: usize) {
        if old > LARGEST {
            self.arena.cut_last(start, old, new);
        }
    }
}

impl<'a, const MIN_ALIGN: usize> Local<'a, MIN_ALIGN> {
    pub(super) fn new(arena: &'a SyncArena<MIN_ALIGN>) -> Self {
        let nowhere = nowhere(MIN_ALIGN);
        Local { arena, cursor: Cell::new(nowhere), end: Cell::new(nowhere) }
    }

    /// Takes a new window. Large and over-aligned blocks come from the arena itself, and with the
    /// feature `debug` all.
    #[cold]
    #[inline(never)]
    #[track_caller]
    fn block_slow<R: Refusal>(&self, layout: Layout) -> Result<NonNull<u8>, R> {
        if debug::ON || layout.align() > MIN_ALIGN || layout.size() > LARGEST {
            return self.arena.block(layout);
        }
        // First, so that the next window begins where the used part of this one ends.
        self.give_back();
        let window = Layout::from_size_align(WINDOW, MIN_ALIGN).expect("at most a page");
        let Ok(start) = self.arena.block::<AllocError>(window) else {
            return self.arena.block(layout);
        };
        self.cursor.set(start);
        // SAFETY: the end of the bytes just taken.
        self.end.set(unsafe { start.add(WINDOW) });
        self.block(layout)
    }

    /// Gives back the free part of the window, if nothing was allocated behind it.
    fn give_back(&self) {
        let (start, end) = (self.cursor.get().addr().get(), self.end.get().addr().get());
        self.arena.current_chunk().give_back(start, end);
        self.cursor.set(self.end.get());
    }
}

impl<const MIN_ALIGN: usize> Drop for Local<'_, MIN_ALIGN> {
    fn drop(&mut self) {
        self.give_back();
    }
}
