//! With the feature `debug`: every block of an arena lies between red zones and is listed in a ledger. This file
//! replaces `fast`, which is not compiled then.

use super::Arena;
use super::store::Mark;
use super::typed::RawAlloc;
use crate::debug::{Extent, Finding, Handle, How, Place, ZONE};
use crate::error::AllocError;
use std::alloc::Layout;
use std::ptr::NonNull;

// SAFETY: as for the one in `fast`: bytes are cut once, and what frees them takes `&mut Arena` or ends a scope. The
// block lies between the zones that the ledger has added, correctly aligned.
unsafe impl<'a, const MIN_ALIGN: usize> RawAlloc<'a> for &'a Arena<MIN_ALIGN> {
    fn try_block(self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let start = self.try_block_quietly(layout);
        Arena::report(self);
        start
    }

    fn try_block_zeroed(self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let start = self.try_block(layout)?;
        // SAFETY: the block just handed out.
        unsafe { start.write_bytes(0, layout.size()) };
        Ok(start)
    }

    fn extend_last(self, start: NonNull<u8>, old: usize, new: usize) -> bool {
        let ledger = &self.ledger;
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
        let ledger = &self.ledger;
        let address = start.addr().get();
        // An empty block is in no ledger; its address may be that of another block.
        let Some(extent) = ledger.extent_of(address).filter(|_| old > 0) else { return };
        let front = address - extent.address();
        let old_whole = extent.end() - extent.address();
        if new == 0 {
            // Ended first, because the memory behind may belong to another arena at any moment.
            ledger.end(address, How::Freed, Place::here());
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
        self.ledger.block::<MIN_ALIGN>(layout, |whole| self.cut_quietly(whole))
    }

    fn report(self) {
        Arena::report(self);
    }

    fn undo(self, mark: Mark) {
        self.go_back_to(mark);
    }
}

impl<const MIN_ALIGN: usize> Arena<MIN_ALIGN> {
    /// A checked pointer to the block whose first byte is at `block`; `None` if no block begins there. Only with the
    /// feature `debug`. [`Handle`] has an example.
    pub fn handle_of(&self, block: NonNull<u8>) -> Option<Handle> {
        Handle::of(&self.ledger, block.addr().get())
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
        self.ledger.verify()
    }
}
