//! With the feature `debug`: every block of an arena lies between red zones and is listed in a ledger. This file
//! replaces the fast paths of `raw`, which are not compiled then.

use super::Arena;
use super::store::Mark;
use super::typed::RawAlloc;
use crate::debug::{Content, Extent, Finding, Handle, How, Ledger, Place, ZONE};
use crate::error::AllocError;
use std::alloc::Layout;
use std::ptr::NonNull;

/// The layout of a block with its zones, in whole `MIN_ALIGN`s, and the length of the front zone.
fn zoned<const MIN_ALIGN: usize>(layout: Layout) -> Result<(Layout, usize), AllocError> {
    let align = layout.align().max(MIN_ALIGN);
    let front = ZONE.next_multiple_of(align);
    // No overflow: a layout's size is at most `isize::MAX`, and an alignment at most half of that.
    let size = (front + layout.size() + ZONE).next_multiple_of(MIN_ALIGN);
    let whole = Layout::from_size_align(size, align);
    let refused = |_| AllocError::Overflow { len: layout.size(), size: 1 };
    whole.map(|whole| (whole, front)).map_err(refused)
}

/// The bytes that a block of `bytes` bytes takes; 0 for an empty block.
pub(super) fn with_zones<const MIN_ALIGN: usize>(bytes: usize) -> usize {
    let layout = Layout::from_size_align(bytes, MIN_ALIGN).ok().filter(|_| bytes > 0);
    let whole = layout.and_then(|layout| zoned::<MIN_ALIGN>(layout).ok());
    whole.map_or(bytes, |(whole, _)| whole.size())
}

/// A block for `layout`, out of bytes from `cut`.
#[track_caller]
pub(super) fn watched<const MIN_ALIGN: usize>(
    ledger: impl FnOnce() -> Ledger,
    layout: Layout,
    content: Content,
    cut: impl FnOnce(Layout) -> Result<NonNull<u8>, AllocError>,
) -> Result<NonNull<u8>, AllocError> {
    if layout.size() == 0 {
        return cut(layout);
    }
    let (whole, front) = zoned::<MIN_ALIGN>(layout)?;
    let start = cut(whole)?;
    // SAFETY: just cut, so nobody else has it. The store tells the ledger before the memory goes, and closes the ledger
    // when it is dropped.
    let extent = unsafe { Extent::new(start, whole.size()) };
    Ok(ledger().begin(extent, front, layout.size(), content, Place::here()))
}

// SAFETY: as for the fast one in `raw`: bytes are cut once, and what frees them takes `&mut Arena` or ends a scope. The
// block lies between the zones that `zoned` has added, correctly aligned.
unsafe impl<'a, const MIN_ALIGN: usize> RawAlloc<'a> for &'a Arena<MIN_ALIGN> {
    fn try_block(self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        watched::<MIN_ALIGN>(|| self.ledger(), layout, Content::Fresh, |whole| self.cut(whole))
    }

    fn try_block_zeroed(self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        watched::<MIN_ALIGN>(|| self.ledger(), layout, Content::Zero, |whole| self.cut(whole))
    }

    fn extend_last(self, start: NonNull<u8>, old: usize, new: usize) -> bool {
        let ledger = self.ledger();
        let address = start.addr().get();
        let Some(extent) = ledger.extent_of(address).filter(|_| old > 0) else { return false };
        let front = address - extent.address();
        let Some(whole) = new.checked_add(front + ZONE) else { return false };
        let whole = whole.next_multiple_of(MIN_ALIGN);
        let old_whole = extent.end() - extent.address();
        if !Arena::extend_last(self, extent.at(0), old_whole, whole) {
            return false;
        }
        // SAFETY: the extended block; nobody else has a pointer to the new bytes.
        let extent = unsafe { Extent::new(self.in_chunk(extent.at(0)), whole) };
        ledger.resize(address, new, extent, Place::here())
    }

    fn cut_last(self, start: NonNull<u8>, old: usize, new: usize) {
        let ledger = self.ledger();
        let address = start.addr().get();
        // An empty block is in no ledger; its address may be that of another block.
        let Some(extent) = ledger.extent_of(address).filter(|_| old > 0) else { return };
        let front = address - extent.address();
        let old_whole = extent.end() - extent.address();
        if new == 0 {
            // Ended first, because the memory behind may belong to another arena at any moment.
            ledger.end(address, How::Freed, Some(Place::here()));
            return Arena::cut_last(self, extent.at(0), old_whole, 0);
        }
        // A block that is not the last one keeps all of its bytes: its zone grows instead.
        let whole = match self.is_last(extent.at(0), old_whole) {
            true => (front + new + ZONE).next_multiple_of(MIN_ALIGN).min(old_whole),
            false => old_whole,
        };
        let kept = extent.part(extent.address(), extent.address() + whole);
        ledger.resize(address, new, kept, Place::here());
        Arena::cut_last(self, extent.at(0), old_whole, whole);
    }

    fn mark(self) -> Option<Mark> {
        Some(self.stands())
    }

    fn try_block_quietly(self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let cut = |whole| self.cut_quietly(whole);
        watched::<MIN_ALIGN>(|| self.ledger(), layout, Content::Fresh, cut)
    }

    fn report(self) {
        Arena::report(self);
    }

    fn undo(self, mark: Mark) {
        self.go_back_to(mark);
    }
}

impl<const MIN_ALIGN: usize> Arena<MIN_ALIGN> {
    pub(super) fn ledger(&self) -> Ledger {
        self.store.borrow().ledger.clone()
    }

    fn cut(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let start = self.cut_quietly(layout);
        self.report();
        start
    }

    /// A checked pointer to the block whose first byte is at `block`; `None` if no block begins there. Only with the
    /// feature `debug`. [`Handle`] has an example.
    pub fn handle_of(&self, block: NonNull<u8>) -> Option<Handle> {
        Handle::of(&self.ledger(), block.addr().get())
    }

    /// Checks the red zones of all blocks and the poison in freed memory. Only with the feature
    /// `debug`. The error lists damage that was not reported yet; it is not reported again.
    ///
    /// ```
    /// use ralloc_core::debug::Kind;
    ///
    /// let mut arena = ralloc_core::Arena::new();
    /// let stale: *mut u64 = arena.alloc(7);
    /// arena.reset();
    /// assert!(arena.verify().is_ok());
    /// // SAFETY: none, that is the mistake. The memory is the arena's, and free.
    /// unsafe { stale.write(8) };
    /// assert_eq!(arena.verify().unwrap_err()[0].kind, Kind::WriteAfterFree);
    /// assert!(arena.verify().is_ok()); // each damage once
    /// ```
    pub fn verify(&self) -> Result<(), Vec<Finding>> {
        self.ledger().verify()
    }
}
