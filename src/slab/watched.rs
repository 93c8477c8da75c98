//! With the feature `debug`: the blocks of a slab that are out, and which lines allocated them. Slots touch, so there
//! are no red zones; free slots are filled with poison. Slabs with several mappings are not watched, because others
//! allocate and free there too.

use super::Slab;
use super::word::SlotState;
#[cfg(feature = "debug")]
use crate::debug::{Finding, Handle, LeakReport};
use std::ptr::NonNull;

impl Slab {
    /// Notes that a slot was handed out, if there is one.
    #[inline(always)]
    #[track_caller]
    pub(super) fn watch(&self, block: Option<NonNull<[u8]>>) {
        if let Some(block) = block
            && self.shared.is_none()
        {
            // SAFETY: a slot that the caller has claimed. The slab tells the ledger before its memory goes, and closes it
            // when it is dropped.
            unsafe { self.ledger.watch(|| (block, block.len())) };
        }
    }

    /// Notes that a block is about to be freed, before another participant can claim it. Reports a block that was freed
    /// before.
    #[inline(always)]
    #[track_caller]
    pub(super) fn unwatch(&self, block: NonNull<u8>) {
        // Not watched, and a forked child may not have the words.
        if self.shared.is_some() {
            return;
        }
        let is_held = |address| self.state_at(address) == Some(SlotState::Held);
        self.ledger.free(|| block.addr().get(), is_held);
    }

    /// The state of the slot that begins at an address.
    fn state_at(&self, address: usize) -> Option<SlotState> {
        let mut found = self.pools.iter().filter_map(|pool| Some((pool, pool.offset_of(address)?)));
        let (pool, offset) = found.next()?;
        let slot = (offset >> pool.size_log) as u32;
        (offset & (pool.size() - 1) == 0).then(|| pool.table.word(slot).state())
    }

    /// Whether the slot is held or sent, perhaps by a participant that has died.
    pub(super) fn is_out(&self, address: usize) -> bool {
        matches!(self.state_at(address), Some(SlotState::Held | SlotState::Sent))
    }
}

#[cfg(feature = "debug")]
impl Slab {
    /// A checked pointer to the slot whose first byte is at `block`. `None` if the slot is not out, or if the slab is
    /// [shared](Slab::shared), which is not watched. Only with the feature `debug`. [`Handle`] has an example with an
    /// arena.
    pub fn handle_of(&self, block: NonNull<u8>) -> Option<Handle> {
        Handle::of(&self.ledger, block.addr().get())
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
        self.ledger.verify()
    }

    /// The slots that are not freed now, by the lines that allocated them; empty for a shared slab. Slots that are not
    /// freed when the slab is dropped are reported anyway. Only with the feature `debug`. [`LeakReport`] has an
    /// example.
    pub fn leak_report(&self) -> LeakReport {
        self.ledger.leaks(|address| self.is_out(address))
    }
}
