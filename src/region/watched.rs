//! With the feature `debug`: the blocks of a region have a red zone behind them and are listed in a ledger. Before a
//! block lies another block's zone, poison, or the guard page.

use super::Region;
use super::spans::GRANULE;
use crate::debug::{Content, Extent, Finding, Handle, How, LeakReport, Place, ZONE};
use std::ptr::NonNull;

/// The least bytes of the zone.
pub(super) const BEHIND: usize = ZONE;

impl Region {
    /// Notes that a span has been handed out.
    pub(super) fn watch(&self, span: u32, place: Place) {
        let Some(span) = self.spans.get(span) else { return };
        let block = self.pointer_of(span);
        // SAFETY: the span is held, all of it by the block and its zone. The region tells the ledger before a chunk's
        // memory goes, and closes the ledger when it is dropped.
        let extent = unsafe { Extent::new(block.cast(), span.granules as usize * GRANULE) };
        self.ledger.begin(extent, 0, block.len(), Content::Fresh, place);
    }

    /// Ends the block of a held span.
    pub(super) fn unwatch(&self, span: u32, place: Place) {
        let Some(span) = self.spans.get(span) else { return };
        let address = self.pointer_of(span).addr().get();
        self.ledger.end(address, How::Freed, Some(place));
    }

    /// A checked pointer to the block whose first byte is at `block`. Unlike a [`Block`](super::Block) it reports wrong
    /// uses, and where the block was freed. `None` if no block begins there. Only with the feature `debug`. [`Handle`]
    /// has an example with an arena.
    pub fn handle_of(&self, block: NonNull<u8>) -> Option<Handle> {
        Handle::of(&self.ledger, block.addr().get())
    }

    /// Checks the red zones of all blocks, and the poison in freed memory. Only with the feature `debug`.
    /// The error lists damage that was not reported yet; it is not reported again.
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

    /// The blocks that are not freed now, by the lines that allocated them. Dropping a region with such blocks is no
    /// mistake, and they are not reported. Only with the feature `debug`. [`LeakReport`] has an example with a slab.
    pub fn leak_report(&self) -> LeakReport {
        self.ledger.leaks(|_| true)
    }
}
