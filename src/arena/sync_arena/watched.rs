//! What only the feature `debug` has of an arena for many threads.

use super::SyncArena;
use crate::debug::{Finding, Handle};
use std::ptr::NonNull;

impl<const MIN_ALIGN: usize> SyncArena<MIN_ALIGN> {
    /// Like [`Arena::handle_of`](crate::Arena::handle_of).
    pub fn handle_of(&self, block: NonNull<u8>) -> Option<Handle> {
        Handle::of(&self.ledger, block.addr().get())
    }

    /// Like [`Arena::verify`](crate::Arena::verify). Other threads may allocate meanwhile.
    pub fn verify(&self) -> Result<(), Vec<Finding>> {
        self.ledger.verify()
    }
}
