//! With the feature `debug`: what was handed out of a slab, and by which line. Slots touch, so there are no red zones; what is
//! free is poison. Of slabs that are mapped several times nothing is known: others allocate and free there too.

use super::Slab;
use super::word::SlotState;
use crate::debug::{Content, Extent, Finding, Handle, How, LeakReport, Ledger, Place};
use std::ptr::NonNull;

impl Slab {
    /// Notes that a slot has been handed out, if there is one.
    pub(super) fn watch(&self, block: Option<NonNull<[u8]>>, place: Place) {
        let (Some(ledger), Some(block)) = (&self.ledger, block) else { return };
        // SAFETY: a slot that the caller has claimed. The slab tells the ledger before its memory goes, and closes it when it
        // is dropped.
        let extent = unsafe { Extent::new(block.cast(), block.len()) };
        ledger.begin(extent, 0, block.len(), Content::Fresh, place);
    }

    /// Ends a block that is about to be freed, while nobody else can claim it; tells if it was freed before.
    pub(super) fn unwatch(&self, block: NonNull<u8>, place: Place) {
        let Some(ledger) = &self.ledger else { return };
        let address = block.addr().get();
        let held = self.state_at(address) == Some(SlotState::Held);
        if !held || !ledger.end(address, How::Freed, Some(place.clone())) {
            ledger.tell_double_free(address, place);
        }
    }

    /// The state of the slot that begins at an address.
    fn state_at(&self, address: usize) -> Option<SlotState> {
        let mut found = self.pools.iter().filter_map(|pool| Some((pool, pool.offset_of(address)?)));
        let (pool, offset) = found.next()?;
        let slot = (offset >> pool.size_log) as u32;
        (offset & (pool.size() - 1) == 0).then(|| pool.table.word(slot).state())
    }

    /// Tells what is out, and damage that nobody met: the slab is being dropped.
    pub(super) fn close_ledger(&self) {
        if let Some(ledger) = &self.ledger {
            ledger.tell_leaks(|address| self.is_out(address));
            ledger.close();
        }
    }

    /// Whether somebody has the slot, or is to have it by a token: one that has died may have had it.
    fn is_out(&self, address: usize) -> bool {
        matches!(self.state_at(address), Some(SlotState::Held | SlotState::Sent))
    }

    /// A checked pointer to the slot whose first byte is at `block`; `None` where none is out, and of a slab that is
    /// [shared](Slab::shared), which is not watched. Only with the feature `debug`. [`Handle`] shows it for an arena.
    pub fn handle_of(&self, block: NonNull<u8>) -> Option<Handle> {
        Handle::of(self.ledger.as_ref()?, block.addr().get())
    }

    /// Looks at the poison in all slots that were freed. Only with the feature `debug`. Error: what was damaged
    /// and was not told yet, which is told to nobody else.
    ///
    /// ```
    /// use ralloc_core::slab::{Slab, SlabOptions};
    ///
    /// let slab = Slab::new(&SlabOptions::fixed(&[64], 8, 1 << 20))?;
    /// let block = slab.allocate(64)?.cast::<u8>();
    /// // SAFETY: the block is held; but it is used afterwards, that is the mistake.
    /// unsafe { slab.deallocate(block) }?;
    /// unsafe { block.add(7).write(1) };
    /// let found = slab.verify().unwrap_err();
    /// assert_eq!(found[0].damage.unwrap().offset, 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn verify(&self) -> Result<(), Vec<Finding>> {
        self.ledger.as_ref().map_or(Ok(()), Ledger::verify)
    }

    /// The slots that are out now, by the lines that allocated them; empty for a slab that is shared. What is out when the
    /// slab is dropped is told. Only with the feature `debug`. [`LeakReport`] shows it.
    pub fn leak_report(&self) -> LeakReport {
        let out = |ledger: &Ledger| ledger.leaks(|address| self.is_out(address));
        self.ledger.as_ref().map(out).unwrap_or_default()
    }
}
