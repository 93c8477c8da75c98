//! Who takes part in a slab: numbers for words, each in an incarnation of its own.
//!
//! A number is given again only after everything that its last incarnation had claimed is free;
//! slots that it had sent, or whose holders outlive it, keep its name, and the incarnation distinguishes
//! it from the next one. A number whose incarnations are all used up is given no more before no slot
//! names it (`Registry::renew`).

use super::word::{MAX_INCARNATION, MAX_PARTICIPANTS, Owner};
use crate::sync::{AtomicUsize, Mutex, Ordering};

#[derive(Debug)]
struct Entry {
    incarnation: u32,
    alive: bool,
    /// Whether it claims no more: it is alive only because its slots are still seen.
    retired: bool,
}

impl Entry {
    fn is_used_up(&self) -> bool {
        !self.alive && self.incarnation == MAX_INCARNATION
    }

    fn is_available(&self) -> bool {
        !self.alive && self.incarnation < MAX_INCARNATION
    }
}

#[derive(Debug, Default)]
pub struct Registry {
    /// Entry i is participant i + 1.
    entries: Mutex<Vec<Entry>>,
    /// Entries that are alive and not retired. Relaxed: a bound on caches, read when they are refilled.
    alive: AtomicUsize,
    /// Participants that left while slots were sent that nobody had received.
    departures: AtomicUsize,
}

impl Registry {
    /// A number for a new participant; `None` when [`MAX_PARTICIPANTS`] are alive, or all numbers that
    /// are not are used up.
    pub fn join(&self) -> Option<Owner> {
        let mut entries = self.entries.lock();
        let index = match entries.iter().position(Entry::is_available) {
            Some(index) => index,
            None if entries.len() == MAX_PARTICIPANTS => return None,
            None => {
                entries.push(Entry { incarnation: 0, alive: false, retired: false });
                entries.len() - 1
            }
        };
        let entry = &mut entries[index];
        entry.incarnation += 1;
        (entry.alive, entry.retired) = (true, false);
        self.alive.fetch_add(1, Ordering::Relaxed);
        Some(Owner::new(index + 1, entry.incarnation))
    }

    /// Notes that `owner` will claim no more; what it has claimed stays its own until it leaves. Once per join.
    pub fn retire(&self, owner: Owner) {
        let mut entries = self.entries.lock();
        let entry = &mut entries[owner.index() - 1];
        debug_assert!(entry.alive && !entry.retired);
        entry.retired = true;
        self.alive.fetch_sub(1, Ordering::Relaxed);
    }

    /// Begins numbers anew that are used up and that no slot names. `named` calls its argument with the
    /// owners of all slots. Nothing can begin to name a participant that is not alive, and all that it
    /// wrote itself came before it left, under the same lock.
    pub fn renew(&self, named: impl FnOnce(&mut dyn FnMut(Owner))) {
        let mut entries = self.entries.lock();
        if !entries.iter().any(Entry::is_used_up) {
            return;
        }
        let mut still = [false; MAX_PARTICIPANTS + 1];
        named(&mut |owner| still[owner.index()] = true);
        for (entry, _) in entries.iter_mut().zip(&still[1..]).filter(|(_, named)| !**named) {
            if entry.is_used_up() {
                entry.incarnation = 0;
            }
        }
    }

    /// As if all numbers that were ever given had only one incarnation left.
    #[cfg(all(test, not(loom)))]
    pub(super) fn wear_out(&self) {
        self.entries.lock().iter_mut().for_each(|entry| entry.incarnation = MAX_INCARNATION - 1);
    }

    /// Gives the number back. The caller has freed what `owner` had claimed; `sent`: slots may be left that
    /// it had sent. Once per join.
    pub fn leave(&self, owner: Owner, sent: bool) {
        let mut entries = self.entries.lock();
        let entry = &mut entries[owner.index() - 1];
        debug_assert!(entry.alive && entry.incarnation == owner.incarnation());
        entry.alive = false;
        if !entry.retired {
            self.alive.fetch_sub(1, Ordering::Relaxed);
        }
        if sent {
            // Release pairs with the acquire in `departures`: who counts this one finds it dead.
            self.departures.fetch_add(1, Ordering::Release);
        }
    }

    /// How many participants left while slots were sent that nobody had received.
    pub fn departures(&self) -> usize {
        self.departures.load(Ordering::Acquire)
    }

    /// Participants that are alive and not retired.
    pub fn alive(&self) -> usize {
        self.alive.load(Ordering::Relaxed)
    }

    /// Whether this very incarnation is alive. [`Owner::NOBODY`] always is.
    pub fn is_alive(&self, owner: Owner) -> bool {
        let Some(index) = owner.index().checked_sub(1) else { return true };
        let entries = self.entries.lock();
        entries.get(index).is_some_and(|e| e.alive && e.incarnation == owner.incarnation())
    }
}
