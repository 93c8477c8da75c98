//! What only the feature `debug` has of a region. Its blocks have a red zone behind them; before a
//! block lies another block's zone, poison, or the guard page.

use super::Region;
use crate::debug::{Finding, Handle, LeakReport};
use std::ptr::NonNull;

impl Region {
    /// A checked pointer to the block whose first byte is at `block`. Unlike a
    /// [`Block`](super::Block) it reports wrong uses, and where the block was freed. `None` if no
    /// block begins there. Only with the feature `debug`. [`Handle`] has an example with an arena.
    pub fn handle_of(&self, block: NonNull<u8>) -> Option<Handle> {
        Handle::of(&self.ledger, block.addr().get())
    }

    /// Checks the red zones of all blocks, and the poison in freed memory. Only with the feature
    /// `debug`. The error lists damage that was not reported yet; it is not reported again.
    ///
    /// ```
    /// use ralloc_core::{Region, debug::Kind};
    /// use std::alloc::Layout;
    ///
    /// let mut region = Region::new();
    /// let block = region.allocate(Layout::array::<u8>(100)?)?.cast::<u8>();
    /// // SAFETY: none: one byte behind the block, which is the red zone's.
    /// unsafe { block.add(100).write(1) };
    /// assert_eq!(region.verify().unwrap_err()[0].kind, Kind::Overrun);
    /// // SAFETY: the block is held, and not used afterwards.
    /// unsafe { region.deallocate(block) }?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn verify(&self) -> Result<(), Vec<Finding>> {
        self.ledger.verify()
    }

    /// The blocks that are not freed now, by the lines that allocated them. Dropping a region with
    /// such blocks is no mistake, and they are not reported. Only with the feature `debug`.
    /// [`LeakReport`] has an example with a slab.
    pub fn leak_report(&self) -> LeakReport {
        self.ledger.leaks(|_| true)
    }
}
