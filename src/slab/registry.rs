//! Who takes part in a slab: numbers for words, each in an incarnation of its own.
//!
//! A number is given again only after everything that its last incarnation had claimed is free;
//! slots that it had sent keep its name, and the incarnation distinguishes it from the next one.

use super::word::{MAX_INCARNATION, MAX_PARTICIPANTS, Owner};
use crate::sync::{AtomicUsize, Mutex, Ordering};

#[derive(Debug)]
struct Entry {
    incarnation: u32,
    alive: bool,
    /// Whether it claims no more: it is alive only because its slots are still seen.
    retired: bool,
}

#[derive(Debug, Default)]
pub struct Registry {
    /// Entry i is participant i + 1.
    entries: Mutex<Vec<Entry>>,
    /// Entries that are alive and not retired. Relaxed: a bound on caches, read when they are refilled.
    alive: AtomicUsize,
}

impl Registry {
    /// A number for a new participant; `None` when [`MAX_PARTICIPANTS`] are alive.
    pub fn join(&self) -> Option<Owner> {
        let mut entries = self.entries.lock();
        let index = match entries.iter().position(|entry| !entry.alive) {
            Some(index) => index,
            None if entries.len() == MAX_PARTICIPANTS => return None,
            None => {
                entries.push(Entry { incarnation: 0, alive: false, retired: false });
                entries.len() - 1
            }
        };
        let entry = &mut entries[index];
        entry.incarnation =
            if entry.incarnation == MAX_INCARNATION { 1 } else { entry.incarnation + 1 };
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

    /// Gives the number back. The caller has freed what `owner` had claimed. Once per join.
    pub fn leave(&self, owner: Owner) {
        let mut entries = self.entries.lock();
        let entry = &mut entries[owner.index() - 1];
        debug_assert!(entry.alive && entry.incarnation == owner.incarnation());
        entry.alive = false;
        if !entry.retired {
            self.alive.fetch_sub(1, Ordering::Relaxed);
        }
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
