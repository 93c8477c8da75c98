//! With the feature `debug`: blocks of an arena for many threads, between red zones.

use super::{Local, SyncArena};
use crate::arena::typed::RawAlloc;
use crate::arena::watched::watched;
use crate::debug::{Content, Finding, Handle, Ledger};
use crate::error::AllocError;
use std::alloc::Layout;
use std::ptr::NonNull;

// SAFETY: as for the fast one: `grab` hands each byte of a chunk out once, and what frees blocks takes `&mut
// SyncArena`.
unsafe impl<'a, const MIN_ALIGN: usize> RawAlloc<'a> for &'a SyncArena<MIN_ALIGN> {
    fn try_block(self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        watched::<MIN_ALIGN>(|| self.ledger(), layout, Content::Fresh, |whole| self.cut(whole))
    }

    fn try_block_zeroed(self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        watched::<MIN_ALIGN>(|| self.ledger(), layout, Content::Zero, |whole| self.cut(whole))
    }
}

impl<const MIN_ALIGN: usize> SyncArena<MIN_ALIGN> {
    pub(super) fn ledger(&self) -> Ledger {
        self.state.lock().store.ledger.clone()
    }

    fn cut(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.grab(layout).map(|block| block.start)
    }

    /// Like [`Arena::handle_of`](crate::Arena::handle_of).
    pub fn handle_of(&self, block: NonNull<u8>) -> Option<Handle> {
        Handle::of(&self.ledger(), block.addr().get())
    }

    /// Like [`Arena::verify`](crate::Arena::verify). Other threads may allocate meanwhile.
    pub fn verify(&self) -> Result<(), Vec<Finding>> {
        self.ledger().verify()
    }
}

// SAFETY: all blocks are the arena's, and live as long as its borrow.
unsafe impl<'a, const MIN_ALIGN: usize> RawAlloc<'a> for &Local<'a, MIN_ALIGN> {
    fn try_block(self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.arena.try_block(layout)
    }

    fn try_block_zeroed(self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.arena.try_block_zeroed(layout)
    }
}
