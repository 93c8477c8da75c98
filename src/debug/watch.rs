//! What owners tell their ledgers, with the line that called the owner. Without the feature a
//! ledger is nothing, and nothing of this is compiled into them.

use super::extent::{Extent, ZONE};
use super::finding::{Ended, How};
use super::ledger::{Ledger, State};
use super::place::Place;
use crate::error::AllocError;
use std::alloc::Layout;
use std::panic::Location;
use std::ptr::NonNull;

/// Whether the feature is on.
pub(crate) const ON: bool = cfg!(feature = "debug");

/// How many bytes at the front of a new block may not be zero: all, because it was filled. Without
/// the feature, `dirty`.
#[inline(always)]
pub(crate) fn dirty(dirty: usize) -> usize {
    if ON { usize::MAX } else { dirty }
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
#[inline(always)]
pub(crate) fn with_zones<const MIN_ALIGN: usize>(bytes: usize) -> usize {
    let layout = Layout::from_size_align(bytes, MIN_ALIGN).ok().filter(|_| ON && bytes > 0);
    let whole = layout.and_then(|layout| zoned::<MIN_ALIGN>(layout).ok());
    whole.map_or(bytes, |(whole, _)| whole.size())
}

/// A point to which an arena may go back; nothing without the feature.
#[derive(Debug)]
pub(crate) struct Point([At; ON as usize]);

const _: () = assert!(ON || size_of::<Point>() == 0);

/// The generation of the next block, the cursor's address, and where the point was taken.
#[derive(Debug)]
struct At {
    next: u64,
    cursor: usize,
    place: Place,
}

impl Ledger {
    /// A block for `layout` between red zones, out of bytes from `cut`. They are nobody else's, and
    /// valid until the ledger is told that they are not.
    #[inline(always)]
    #[track_caller]
    pub fn block<const MIN_ALIGN: usize>(
        &self,
        layout: Layout,
        cut: impl FnOnce(Layout) -> Result<NonNull<u8>, AllocError>,
    ) -> Result<NonNull<u8>, AllocError> {
        if !ON || layout.size() == 0 {
            return cut(layout);
        }
        let (whole, front) = zoned::<MIN_ALIGN>(layout)?;
        let start = cut(whole)?;
        // SAFETY: just cut, so nobody else has it. The store tells the ledger before the memory
        // goes, and closes the ledger when it is dropped.
        let extent = unsafe { Extent::new(start, whole.size()) };
        let address = extent.address() + front;
        self.begin(extent, address, layout.size());
        Ok(extent.part(address, extent.end()).start)
    }

    /// Grows the block of `old` bytes at `start` to `new` bytes. `extend` does that to all of its
    /// bytes, with the zones, and returns them; `None` if there is no room. Returns whether the
    /// block has grown.
    #[inline(always)]
    #[track_caller]
    pub fn extend<const MIN_ALIGN: usize>(
        &self,
        start: NonNull<u8>,
        old: usize,
        new: usize,
        extend: impl FnOnce(NonNull<u8>, usize, usize) -> Option<NonNull<u8>>,
    ) -> bool {
        if !ON {
            return extend(start, old, new).is_some();
        }
        let address = start.addr().get();
        let Some(extent) = self.extent_of(address).filter(|_| old > 0) else { return false };
        let front = address - extent.address();
        let Some(whole) = new.checked_add(front + ZONE) else { return false };
        let whole = whole.next_multiple_of(MIN_ALIGN);
        let Some(start) = extend(extent.start, extent.len, whole) else { return false };
        // SAFETY: the extended block; nobody else has a pointer to the new bytes.
        let extent = unsafe { Extent::new(start, whole) };
        self.resize(address, new, extent)
    }

    /// Cuts the block of `old` bytes at `start` down to `new` bytes, or frees it if these are none.
    /// `cut` does that to all of its bytes, with the zones.
    #[inline(always)]
    #[track_caller]
    pub fn cut<const MIN_ALIGN: usize>(
        &self,
        start: NonNull<u8>,
        old: usize,
        new: usize,
        is_last: impl FnOnce(NonNull<u8>, usize) -> bool,
        cut: impl FnOnce(NonNull<u8>, usize, usize),
    ) {
        if !ON {
            return cut(start, old, new);
        }
        let address = start.addr().get();
        // An empty block is in no ledger; its address may be that of another block.
        let Some(extent) = self.extent_of(address).filter(|_| old > 0) else { return };
        if new == 0 {
            // Ended first, because the memory behind may belong to another arena at any moment.
            self.end(address);
            return cut(extent.start, extent.len, 0);
        }
        // A block that is not the last one keeps all of its bytes: its zone grows instead.
        let front = address - extent.address();
        let whole = match is_last(extent.start, extent.len) {
            true => (front + new + ZONE).next_multiple_of(MIN_ALIGN).min(extent.len),
            false => extent.len,
        };
        self.resize(address, new, extent.part(extent.address(), extent.address() + whole));
        cut(extent.start, extent.len, whole);
    }

    /// Watches a block that was handed out. It begins an extent of so many bytes, whose rest is a
    /// red zone.
    ///
    /// # Safety
    /// That of [`Extent::new`].
    #[inline(always)]
    #[track_caller]
    pub unsafe fn watch(&self, block: impl FnOnce() -> (NonNull<[u8]>, usize)) {
        if ON {
            let (block, len) = block();
            // SAFETY: by this function's own condition.
            let extent = unsafe { Extent::new(block.cast(), len) };
            self.begin(extent, extent.address(), block.len());
        }
    }

    /// Ends the block at an address, which is about to be freed, before others can claim it.
    /// Reports a second free.
    #[inline(always)]
    #[track_caller]
    pub fn free(&self, address: impl FnOnce() -> usize, is_held: impl FnOnce(usize) -> bool) {
        if ON {
            let address = address();
            if !is_held(address) || !self.end(address) {
                self.tell_double_free(address);
            }
        }
    }

    /// Ends all blocks of an arena.
    #[inline(always)]
    #[track_caller]
    pub fn reset(&self) {
        self.telling(|state, place| {
            state.bury_since(0, &Ended { how: How::Reset, place: Some(place) });
        });
    }

    /// The point at which an arena is whose cursor is at `cursor`.
    #[inline(always)]
    #[track_caller]
    pub fn point(&self, cursor: *mut u8) -> Point {
        let (cursor, called) = (cursor.addr(), Location::caller());
        let at = |_| At { next: self.state().next, cursor, place: Place::at(called) };
        Point(std::array::from_fn(at))
    }

    /// Ends what a rewind to a point frees.
    #[inline(always)]
    #[track_caller]
    pub fn rewind(&self, point: &Point) {
        self.telling(|state, place| state.go_back(point, How::Rewound, place));
    }

    /// Ends what the end of a scope frees that began at a point.
    #[inline(always)]
    pub fn end_scope(&self, point: &Point) {
        for at in &point.0 {
            self.telling(|state, _| state.go_back(point, How::ScopeEnded, at.place.clone()));
        }
    }
}

impl State {
    /// Ends the blocks since a point, from whose cursor on the owner's memory is free. An older
    /// block that has grown beyond it has lost bytes, and ends too.
    fn go_back(&mut self, point: &Point, how: How, place: Place) {
        let ended = Ended { how, place: Some(place) };
        for At { next, cursor, .. } in &point.0 {
            self.bury_since(*next, &ended);
            self.bury_over(*cursor, &ended);
        }
    }
}
