//! Claims from a pool of a slab, and what is done when none of its slots is free: it grows, and what the dead
//! had is taken back (`recovery`).

use super::pool::Pool;
use super::word::{MAX_PARTICIPANTS, Owner, SlotState};
use super::{Slab, thread_cache};
use crate::error::{ClaimError, JoinError};
use std::ptr::NonNull;

impl Slab {
    pub(super) fn claim_one(&self, index: usize) -> Result<Option<NonNull<[u8]>>, ClaimError> {
        let mut found = None;
        let owner = self.claimant()?;
        self.claim(index, owner, SlotState::Held, 1, &mut |slot| found = Some(slot))?;
        Ok(found.map(|slot| self.pools[index].block(slot)))
    }

    /// Up to `want` slots of one pool, which grows if it has none and may: how many. As the last
    /// resort those that the dead had, or had sent and nobody received.
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
        // Twice: another one may have had what the first recovery freed. Others could make more of them find something.
        let mut recoveries = 0..2;
        loop {
            // First, so that slots which come after this claim are noticed.
            let growths = segments.growths();
            let found = table.claim_surely(owner, state, want, out);
            if found > 0 {
                return Ok(found);
            }
            let more = self.grow(index, growths)?
                || recoveries.next().is_some() && self.recover_for(table);
            if !more {
                return Ok(0);
            }
        }
    }

    /// Makes the caller a participant, after the slots of those who died are free.
    pub(crate) fn join(&self) -> Result<Owner, JoinError> {
        if self.shared.as_ref().is_some_and(|shared| shared.is_copy()) {
            return Err(JoinError::Forked);
        }
        self.recover_if_dead();
        if self.registry.tells_deaths() {
            self.reap_caches(); // elsewhere caches that are gone keep no numbers
        }
        let joined = self.registry.join().or_else(|| {
            self.registry.renew(|note| {
                self.pools.iter().for_each(|pool| pool.table.each_owner(&mut *note));
            });
            self.registry.join()
        });
        joined.ok_or_else(|| match self.registry.is_used_up() {
            true => JoinError::UsedUp,
            false => JoinError::TooMany { most: MAX_PARTICIPANTS },
        })
    }

    /// How many slots of a pool one participant may cache: by those that are there.
    pub(crate) fn cache_share(&self, index: usize) -> usize {
        self.pools[index].segments.slots() / (4 * self.registry.alive().max(1))
    }

    /// The same for a [`ThreadCache`](super::ThreadCache).
    pub(crate) fn cache_limit(&self, index: usize) -> usize {
        self.cache_share(index).min(thread_cache::MAX_CACHED)
    }
}
