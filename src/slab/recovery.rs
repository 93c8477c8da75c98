//! Recovery: frees the slots of participants of a shared slab that exited or were killed. What they
//! held is freed at once. What they had sent is freed once its transit time is over, and can no
//! longer be received. Recovery runs when a participant joins, when a pool has no free slot, and by
//! [`Slab::recover`].

#[cfg(all(test, ralloc_os = "linux", not(loom)))]
mod kill_loop;
#[cfg(all(test, loom))]
mod models;
#[cfg(all(test, not(any(loom, ralloc_os = "heap"))))]
mod proptests;
#[cfg(all(test, ralloc_os = "linux", not(loom)))]
mod steps;
#[cfg(all(test, not(any(loom, ralloc_os = "heap"))))]
mod tests;

use super::Slab;
use super::dead_owners::{DeadOwner, DeadOwners};
use super::registry::Registry;
use super::slot_table::SlotTable;
use super::transit::{Pending, Tick};
use super::word::{MAX_PARTICIPANTS, Owner};
use crate::error::SlabError;
use crate::memory::segment::Segment;
use crate::os;
use crate::sync::Ordering;

/// Searching for the dead may take this part of the time at most: 1 in so many.
const LOOK_PART: u64 = 20;
/// The longest pause between two searches, in milliseconds. The clock also runs while a process is
/// stopped or its container paused, so a search can seem to have taken hours.
const LONGEST_PAUSE: u64 = 1000;

/// A participant that died, and how many of its slots were freed.
///
/// ```
/// use ralloc_core::slab::{Recovered, Slab, SlabOptions};
///
/// let slab = Slab::new(&SlabOptions::fixed(&[64], 8, 1 << 20))?;
/// let recovered: Vec<Recovered> = slab.recover();
/// assert!(recovered.is_empty()); // threads do not die
/// # Ok::<(), ralloc_core::error::SlabError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovered {
    /// The process id, as the process itself knew it.
    pub pid: u32,
    /// Slots that it held or cached and that this recovery freed. If several processes recover at
    /// the same time, each reports those that it freed itself.
    pub slots: usize,
}

/// Frees what the `dead` had in `tables`, which must be all tables, and makes their entries free.
/// If the caller dies before the end, the entries still say that recovery is to be done.
pub(super) fn free_lost<'a>(
    registry: &Registry,
    tables: impl Iterator<Item = &'a SlotTable>,
    mut dead: DeadOwners,
) -> Vec<Recovered> {
    tables.for_each(|table| table.recover(&mut dead));
    let mut recovered = Vec::new();
    for &DeadOwner { owner, pid, slots, sent } in dead.all() {
        let is_news = registry.free_entry(owner, sent) || slots > 0;
        recovered.extend(pid.filter(|_| is_news).map(|pid| Recovered { pid, slots }));
    }
    registry.recount();
    recovered
}

impl Slab {
    /// Makes the caller a participant, after freeing the slots of participants that died.
    pub(crate) fn join(&self) -> Result<Owner, SlabError> {
        if self.is_copy() {
            return Err(SlabError::Forked);
        }
        self.recover_if_dead();
        self.reap_caches(); // without this, caches that are gone would keep numbers
        let joined = self.registry.join().or_else(|| {
            self.registry.renew(self.pools.iter().flat_map(|pool| pool.table.owners()));
            self.registry.join()
        });
        joined.ok_or_else(|| {
            if self.segment().is_some_and(|segment| !segment.can_lock()) {
                SlabError::OutOfTouch
            } else if self.registry.is_used_up() {
                SlabError::UsedUp
            } else {
                SlabError::TooMany { most: MAX_PARTICIPANTS }
            }
        })
    }

    /// The owner for a call on the slab itself. If the slab is shared, an error in a forked child:
    /// its claims would count as its parent's.
    #[inline]
    pub(super) fn claimant(&self) -> Result<Owner, SlabError> {
        match &self.mapping_owner {
            None => Ok(Owner::NOBODY),
            Some(own) if own.claimant() != Owner::NOBODY => Ok(own.claimant()),
            Some(_) => Err(SlabError::Forked),
        }
    }

    /// Hands the owner to a caller that no longer allocates in any other way. `None` in a forked
    /// child, whose parent has it.
    pub(super) fn take_mapping_owner(&mut self) -> Option<Owner> {
        if self.is_copy() {
            return None;
        }
        let owner = self.mapping_owner.as_mut()?.take()?;
        if !self.registry.tells_deaths() {
            // Frees its pages, and two of the kernel's memory ranges for each slab of Node, which
            // needs neither.
            self.mapping_owner = None;
        }
        Some(owner)
    }

    /// Notes that `owner`, a cache of this mapping, was dropped. The blocks that it handed out stay
    /// valid; in a shared slab, for as long as this mapping exists.
    pub(super) fn unregister_cache(&self, owner: Owner) {
        let Some(own) = &self.mapping_owner else { return self.registry.unregister(owner) };
        self.registry.drain(owner);
        own.note_left(owner);
        self.reap_caches();
    }

    /// Gives back the numbers of dropped caches whose blocks are all freed.
    fn reap_caches(&self) {
        if let Some(own) = &self.mapping_owner {
            own.reap(&self.pools, |owner| self.registry.unregister(owner));
        }
    }

    /// Frees all blocks of this mapping, which can no longer be used. In a forked child they are
    /// the parent's.
    pub(super) fn end_mapping_owner(&mut self) {
        if self.is_copy() {
            return;
        }
        let Some(mut own) = self.mapping_owner.take() else { return };
        own.take_left().into_iter().chain(own.take()).for_each(|owner| self.reclaim(owner));
    }

    /// Frees the slots of processes that died, even in the middle of a call, and repairs the hints
    /// that they left. Returns these processes. Does not wait, and may be called by several threads
    /// and processes at once. It also happens when a participant joins and when slots run out.
    /// Visits the words of all slots. Does nothing in a slab of one process.
    ///
    /// [`Recovered`] shows it.
    pub fn recover(&self) -> Vec<Recovered> {
        if !self.registry.tells_deaths() || self.is_copy() {
            return Vec::new();
        }
        self.free_lost(self.registry.find_dead())
    }

    /// Whether it can tell which participants died, and others can join. It cannot if other code of
    /// the process has closed the slab's descriptor, as `close_range(3, ~0)` does, and the slab has
    /// no name by which to open it again. The blocks of this process stay its own all the same.
    /// True for a slab of one process.
    ///
    /// ```
    /// use ralloc_core::slab::{Slab, SlabOptions};
    ///
    /// assert!(Slab::new(&SlabOptions::fixed(&[64], 8, 1 << 20))?.recovers());
    /// # Ok::<(), ralloc_core::error::SlabError>(())
    /// ```
    pub fn recovers(&self) -> bool {
        self.segment().is_none_or(Segment::is_in_touch)
    }

    /// Like `recover`, but visits the slots only if a participant is dead. Returns whether one is.
    pub(super) fn recover_if_dead(&self) -> bool {
        if !self.registry.tells_deaths() {
            return false;
        }
        let dead = self.registry.find_dead();
        if dead.all().next().is_none() {
            return false;
        }
        let recovered = self.free_lost(dead);
        let mut unreported = self.unreported.lock();
        unreported.extend(recovered);
        let untold = unreported.len().saturating_sub(MAX_PARTICIPANTS);
        unreported.drain(..untold);
        true
    }

    /// The participants (the last 1,023) that were recovered since the last call, when another one
    /// joined or slots ran out.
    pub(crate) fn take_recovered(&self) -> Vec<Recovered> {
        std::mem::take(&mut *self.unreported.lock())
    }

    /// Called when a pool has no free slot: frees the slots of dead participants, and slots that
    /// former participants had sent. Returns true if it looked for any, so that some may be free
    /// now.
    pub(super) fn recover_for(&self, table: &SlotTable) -> bool {
        let recovered = match self.registry.tells_deaths() && !cfg!(loom) {
            true => self.look_at(os::boot_millis),
            false => self.recover_if_dead(),
        };
        self.sweep_at(table, || self.transit.now()) || recovered
    }

    /// Looks for dead participants. Skipped if it ran within this millisecond, or recently and
    /// slowly, because a full pool may call this in a tight loop. It takes two system calls for each
    /// participant: less than 1 µs with few, but 2 ms with 900, because the kernel scans a list of
    /// all locks. The clock `now` may stand still, jump, or go back: no search is skipped for longer
    /// than [`LONGEST_PAUSE`].
    fn look_at(&self, now: impl Fn() -> u64) -> bool {
        let begun = now();
        // If the clock went back, the next search seems to be further away than any is set.
        let left = self.next_look.load(Ordering::Relaxed).saturating_sub(begun);
        if (1..=LONGEST_PAUSE).contains(&left) {
            return false;
        }
        self.next_look.store(begun + 1, Ordering::Relaxed); // until this search is over, other threads skip theirs
        let recovered = self.recover_if_dead();
        let ended = now();
        let pause = LOOK_PART.saturating_mul(ended.saturating_sub(begun)) + 1;
        self.next_look.store(ended + pause.min(LONGEST_PAUSE), Ordering::Relaxed);
        recovered
    }

    /// Frees slots sent by participants that had left before the last such walk, or whose transit
    /// is over by the clock `now`. Returns true if it walked.
    pub(super) fn sweep_at(&self, table: &SlotTable, now: impl Fn() -> Tick) -> bool {
        let departures = self.registry.departures();
        if !table.sweep.is_due(departures, self.transit, &now) {
            return false;
        }
        let mut pending = Pending::new(self.transit, now());
        let mut last = (Owner::NOBODY, false);
        let gone = |owner| {
            // Most neighbours have one owner.
            if owner != last.0 {
                last = (owner, !self.registry.is_alive(owner));
            }
            last.1
        };
        table.sweep_sent(gone, |message| pending.is_over(message));
        table.sweep.done(departures, pending);
        true
    }

    fn free_lost(&self, dead: DeadOwners) -> Vec<Recovered> {
        let tables = self.pools.iter().map(|pool| &pool.table);
        free_lost(&self.registry, tables, dead)
    }

    /// Ends the participant `owner`, which is the caller itself or known to have ended: frees the
    /// slots that it had claimed, and gives its number back. Blocks that it sent can be received
    /// until slots run out.
    ///
    /// Not public, like everything else that frees a slot without an `unsafe` promise: while
    /// `owner` lives, its blocks would be handed out twice.
    ///
    /// ```compile_fail,E0624
    /// # use ralloc_core::slab::{Slab, SlabOptions};
    /// let slab = Slab::new(&SlabOptions::fixed(&[64], 8, 1 << 20)).unwrap();
    /// slab.reclaim(panic!());
    /// ```
    ///
    /// ```compile_fail,E0624
    /// # use ralloc_core::slab::{Slab, SlabOptions};
    /// # let slab = Slab::new(&SlabOptions::fixed(&[64], 8, 1 << 20)).unwrap();
    /// slab.pools();
    /// ```
    ///
    /// ```compile_fail,E0624
    /// # use ralloc_core::slab::{Slab, SlabOptions};
    /// # let slab = Slab::new(&SlabOptions::fixed(&[64], 8, 1 << 20)).unwrap();
    /// slab.registry();
    /// ```
    pub(crate) fn reclaim(&self, owner: Owner) {
        self.registry.mark_dead(owner);
        self.free_lost(DeadOwners::of(owner));
        self.registry.unlock(owner);
    }
}
