//! What owners tell their ledgers, with the line that called the owner. `off` has the same names
//! without the feature.

use super::extent::{Extent, ZONE};
use super::finding::How;
use super::ledger::Ledger;
use super::place::Place;
use crate::error::AllocError;
use std::alloc::Layout;
use std::ptr::NonNull;

/// Whether the feature is on.
pub(crate) const ON: bool = true;

/// How many bytes at the front of a new block may not be zero: all, because it was filled. Without
/// the feature, `dirty`.
pub(crate) fn dirty(_dirty: usize) -> usize {
    usize::MAX
}

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
pub(crate) fn with_zones<const MIN_ALIGN: usize>(bytes: usize) -> usize {
    let layout = Layout::from_size_align(bytes, MIN_ALIGN).ok().filter(|_| bytes > 0);
    let whole = layout.and_then(|layout| zoned::<MIN_ALIGN>(layout).ok());
    whole.map_or(bytes, |(whole, _)| whole.size())
}

/// A point to which an arena may go back: the generation of the next block, and the cursor's
/// address.
#[derive(Debug)]
pub(crate) struct Point {
    next: u64,
    cursor: usize,
    place: Place,
}

impl Ledger {
    /// A block for `layout` between red zones, out of bytes from `cut`. They are nobody else's, and
    /// valid until the ledger is told that they are not.
    #[track_caller]
    pub fn block<const MIN_ALIGN: usize>(
        &self,
        layout: Layout,
        cut: impl FnOnce(Layout) -> Result<NonNull<u8>, AllocError>,
    ) -> Result<NonNull<u8>, AllocError> {
        if layout.size() == 0 {
            return cut(layout);
        }
        let (whole, front) = zoned::<MIN_ALIGN>(layout)?;
        let start = cut(whole)?;
        // SAFETY: just cut, so nobody else has it. The store tells the ledger before the memory
        // goes, and closes the ledger when it is dropped.
        let extent = unsafe { Extent::new(start, whole.size()) };
        Ok(self.begin(extent, front, layout.size(), Place::here()))
    }

    /// Grows the block of `old` bytes at `start` to `new` bytes. `extend` does that to all of its
    /// bytes, with the zones, and returns them; `None` if there is no room. Returns whether the
    /// block has grown.
    #[track_caller]
    pub fn extend<const MIN_ALIGN: usize>(
        &self,
        start: NonNull<u8>,
        old: usize,
        new: usize,
        extend: impl FnOnce(NonNull<u8>, usize, usize) -> Option<NonNull<u8>>,
    ) -> bool {
        let address = start.addr().get();
        let Some(extent) = self.extent_of(address).filter(|_| old > 0) else { return false };
        let front = address - extent.address();
        let Some(whole) = new.checked_add(front + ZONE) else { return false };
        let whole = whole.next_multiple_of(MIN_ALIGN);
        let old_whole = extent.end() - extent.address();
        let Some(start) = extend(extent.at(0), old_whole, whole) else { return false };
        // SAFETY: the extended block; nobody else has a pointer to the new bytes.
        let extent = unsafe { Extent::new(start, whole) };
        self.resize(address, new, extent, Place::here())
    }

    /// Cuts the block of `old` bytes at `start` down to `new` bytes, or frees it if these are none.
    /// `cut` does that to all of its bytes, with the zones.
    #[track_caller]
    pub fn cut<const MIN_ALIGN: usize>(
        &self,
        start: NonNull<u8>,
        old: usize,
        new: usize,
        is_last: impl FnOnce(NonNull<u8>, usize) -> bool,
        cut: impl FnOnce(NonNull<u8>, usize, usize),
    ) {
        let address = start.addr().get();
        // An empty block is in no ledger; its address may be that of another block.
        let Some(extent) = self.extent_of(address).filter(|_| old > 0) else { return };
        let front = address - extent.address();
        let old_whole = extent.end() - extent.address();
        if new == 0 {
            // Ended first, because the memory behind may belong to another arena at any moment.
            self.end(address, How::Freed, Place::here());
            return cut(extent.at(0), old_whole, 0);
        }
        // A block that is not the last one keeps all of its bytes: its zone grows instead.
        let whole = match is_last(extent.at(0), old_whole) {
            true => (front + new + ZONE).next_multiple_of(MIN_ALIGN).min(old_whole),
            false => old_whole,
        };
        let kept = extent.part(extent.address(), extent.address() + whole);
        self.resize(address, new, kept, Place::here());
        cut(extent.at(0), old_whole, whole);
    }

    /// Watches a block that was handed out. It begins an extent of so many bytes, whose rest is a
    /// red zone.
    ///
    /// # Safety
    /// That of [`Extent::new`].
    #[track_caller]
    pub unsafe fn watch(&self, block: impl FnOnce() -> (NonNull<[u8]>, usize)) {
        let (block, len) = block();
        // SAFETY: by this function's own condition.
        let extent = unsafe { Extent::new(block.cast(), len) };
        self.begin(extent, 0, block.len(), Place::here());
    }

    /// Ends the block at an address, which is about to be freed, before others can claim it.
    /// Reports a second free.
    #[track_caller]
    pub fn free(&self, address: impl FnOnce() -> usize, is_held: impl FnOnce(usize) -> bool) {
        let address = address();
        if !is_held(address) || !self.end(address, How::Freed, Place::here()) {
            self.tell_double_free(address, Place::here());
        }
    }

    /// Ends all blocks of an arena.
    #[track_caller]
    pub fn reset(&self) {
        self.end_since(0, How::Reset, Some(Place::here()));
    }

    /// The point at which an arena is whose cursor is at `cursor`.
    #[track_caller]
    pub fn point(&self, cursor: *mut u8) -> Point {
        Point { next: self.next(), cursor: cursor.addr(), place: Place::here() }
    }

    /// Ends what a rewind to a point frees.
    #[track_caller]
    pub fn rewind(&self, point: &Point) {
        self.end_back_to(point.next, point.cursor, How::Rewound, Place::here());
    }

    /// Ends what the end of a scope frees that began at a point.
    pub fn end_scope(&self, point: &Point) {
        self.end_back_to(point.next, point.cursor, How::ScopeEnded, point.place.clone());
    }
}
