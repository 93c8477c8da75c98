//! With the feature `debug`: the blocks of a slab that are out, and which lines allocated them. Slots touch, so there
//! are no red zones; free slots are filled with poison. Slabs with several mappings are not watched, because others
//! allocate and free there too.

use super::Slab;
use super::word::SlotState;
use crate::debug::{Content, Extent, Finding, Handle, How, LeakReport, Ledger, Place};
use std::ptr::NonNull;

impl Slab {
    /// Notes that a slot was handed out, if there is one.
    pub(super) fn watch(&self, block: Option<NonNull<[u8]>>, place: Place) {
        let (Some(ledger), Some(block)) = (&self.ledger, block) else { return };
        // SAFETY: a slot that the caller has claimed. The slab tells the ledger before its memory goes, and closes it when it
        // is dropped.
        let extent = unsafe { Extent::new(block.cast(), block.len()) };
        ledger.begin(extent, 0, block.len(), Content::Fresh, place);
    }

    /// Notes that a block is about to be freed, before another participant can claim it. Reports a block that was freed
    /// before.
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

    /// Called when the slab is dropped: reports blocks that are not freed, and damage that was not found before.
    pub(super) fn close_ledger(&self) {
        if let Some(ledger) = &self.ledger {
            ledger.tell_leaks(|address| self.is_out(address));
            ledger.close();
        }
    }

    /// Whether the slot is held or sent, perhaps by a participant that has died.
    fn is_out(&self, address: usize) -> bool {
        matches!(self.state_at(address), Some(SlotState::Held | SlotState::Sent))
    }

    /// A checked pointer to the slot whose first byte is at `block`. `None` if the slot is not out, or if the slab is
    /// [shared](Slab::shared), which is not watched. Only with the feature `debug`. [`Handle`] has an example with an
    /// arena.
    pub fn handle_of(&self, block: NonNull<u8>) -> Option<Handle> {
        Handle::of(self.ledger.as_ref()?, block.addr().get())
    }

    /// Checks the poison in all freed slots. Only with the feature `debug`. The error lists damage that was not
    /// reported yet; it is not reported again.
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

    /// The slots that are not freed now, by the lines that allocated them; empty for a shared slab. Slots that are not
    /// freed when the slab is dropped are reported anyway. Only with the feature `debug`. [`LeakReport`] has an
    /// example.
    pub fn leak_report(&self) -> LeakReport {
        let out = |ledger: &Ledger| ledger.leaks(|address| self.is_out(address));
        self.ledger.as_ref().map(out).unwrap_or_default()
    }
}
