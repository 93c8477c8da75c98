//! Claims from a pool of a slab, and what is done when none of its slots is free: it grows, and what the dead
//! have sent is taken back.

use super::pool::Pool;
use super::slot_table::SlotTable;
use super::word::{Owner, SlotState};
use super::{Slab, thread_cache};
use crate::error::ClaimError;
use std::ptr::NonNull;

impl Slab {
    pub(super) fn claim_one(&self, index: usize) -> Result<Option<NonNull<[u8]>>, ClaimError> {
        let mut found = None;
        self.claim(index, Owner::NOBODY, SlotState::Held, 1, &mut |slot| found = Some(slot))?;
        Ok(found.map(|slot| self.pools[index].block(slot)))
    }

    /// Up to `want` slots of one pool, which grows if it has none and may: how many. As the last
    /// resort those that were sent by the dead and never received.
    pub(crate) fn claim(
        &self,
        index: usize,
        owner: Owner,
        state: SlotState,
        want: usize,
        out: &mut impl FnMut(u32),
    ) -> Result<usize, ClaimError> {
        match self.pools[index].table.claim(owner, state, want, out) {
            0 => self.claim_slow(index, owner, state, want, out),
            found => Ok(found),
        }
    }

    #[cold]
    fn claim_slow(
        &self,
        index: usize,
        owner: Owner,
        state: SlotState,
        want: usize,
        out: &mut impl FnMut(u32),
    ) -> Result<usize, ClaimError> {
        let Pool { table, segments, .. } = &self.pools[index];
        loop {
            // First, so that slots which come after this claim are noticed.
            let growths = segments.growths();
            let found = table.claim_surely(owner, state, want, out);
            if found > 0 || !(self.grow(index, growths)? || self.sweep(table)) {
                return Ok(found);
            }
        }
    }

    /// Frees what the dead have sent, if more of them left since it was done last: whether it looked.
    fn sweep(&self, table: &SlotTable) -> bool {
        let mut last = (Owner::NOBODY, false);
        table.sweep(self.registry.departures(), |owner| {
            // Most neighbours have one owner, and the registry has a lock.
            if owner != last.0 {
                last = (owner, !self.registry.is_alive(owner));
            }
            last.1
        })
    }

    /// Makes the caller a participant; `None` when there are as many as there can be.
    pub(crate) fn join(&self) -> Option<Owner> {
        self.registry.join().or_else(|| {
            self.registry.renew(|note| {
                self.pools.iter().for_each(|pool| pool.table.each_owner(&mut *note));
            });
            self.registry.join()
        })
    }

    /// How many slots of a pool one participant may cache: by those that are there.
    pub(crate) fn cache_limit(&self, index: usize) -> usize {
        let share = self.pools[index].segments.slots() / (4 * self.registry.alive().max(1));
        share.min(thread_cache::MAX_CACHED)
    }
}
