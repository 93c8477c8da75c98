//! The participants of a slab: an entry for each, in words that all participants see.
//!
//! ```text
//!  words  0 next   1 departures   2 alive   8… the entries, each {state + incarnation, pid, since}
//!  entry  bits 0–1 state   2–21 incarnation
//! ```
//!
//! | from | to | by | how |
//! |---|---|---|---|
//! | Free(n) | Alive(n + 1) | a joining participant, which takes the entry's lock and keeps it | store |
//! | Alive | Draining | its owner claims no more, but its slots are still seen | store |
//! | Alive | Free | its owner leaves; what it handed out stays out | store |
//! | Alive, Draining | Dead | its owner ends, with all that it had | store |
//! | Alive, Draining | Dead | whoever saw it so, and its lock free after that | CAS |
//! | Dead | Free | whoever has freed everything that the dead one had | CAS |
//! | Free(last) | Free(0) | a caller with the entry's lock, if no word names the entry | store |
//!
//! **Death is known by the lock alone.** An owner takes its lock before it writes Alive, and
//! releases it after it wrote Free. Suppose that a thread reads "Alive, incarnation n" and then
//! finds the lock free: incarnation n is over. If the entry still says the same, as the CAS shows,
//! n died without leaving. No pid, start time or clock is needed.
//!
//! **Recovery excludes nobody.** An incarnation stays dead for ever, and recovering it takes a CAS
//! on each word that names it. So any number of participants may recover it together. Each slot is
//! freed by one of them, and the first one that has visited all words makes the entry Free. If a
//! recoverer dies, the entry stays Dead, for the next one. A recoverer that is stopped holds nobody
//! up: when it continues, the words that it finds no longer name the dead one.
//!
//! **An incarnation is used once**: the next participant with the number of an entry gets the next
//! incarnation. Entries are tried in turn, so it takes 2³⁰ joins to use all of them up. A used-up
//! entry begins anew once no word names it (`Registry::renew`).
//!
//! The words may lie in memory that others write to at will. So no number read here is used as an
//! index without a bound, and every loop ends after as many turns as there are entries.
#![forbid(unsafe_code)]

use super::dead_owners::DeadOwners;
use super::locks::{HeapLocks, Locks};
use super::word::{INCARNATION_BITS, MAX_INCARNATION, MAX_PARTICIPANTS, Owner};
use crate::os;
use crate::sync::{AtomicU64, Ordering, Words};

/// Words before the entries: a cache line.
const HEADER: usize = 8;
const NEXT: usize = 0;
const DEPARTURES: usize = 1;
const ALIVE: usize = 2;
/// Words of an entry in a segment: a cache line.
const SHARED_ENTRY: usize = 8;
const PID: usize = 1;
const SINCE: usize = 2;
/// Entries of a registry on the heap. Models have few: each word costs loom time.
const LOCAL_ENTRIES: usize = if cfg!(loom) { 3 } else { MAX_PARTICIPANTS };

/// Words of a registry in a segment.
pub const SHARED_WORDS: usize = HEADER + MAX_PARTICIPANTS * SHARED_ENTRY;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum State {
    /// Belongs to nobody. Zero, so that fresh pages are a registry without participants.
    Free = 0,
    Alive = 1,
    /// No longer claims; alive only because ArrayBuffers still show its slots.
    Draining = 2,
    /// Over, but words may still name it as the holder of slots.
    Dead = 3,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry(u64);

impl Entry {
    fn new(state: State, incarnation: u32) -> Entry {
        Entry(u64::from(incarnation) << 2 | state as u64)
    }

    fn state(self) -> State {
        match self.0 & 3 {
            0 => State::Free,
            1 => State::Alive,
            2 => State::Draining,
            _ => State::Dead,
        }
    }

    fn incarnation(self) -> u32 {
        (self.0 >> 2) as u32 & MAX_INCARNATION
    }

    fn is_alive(self) -> bool {
        matches!(self.state(), State::Alive | State::Draining)
    }

    fn is_available(self) -> bool {
        self.state() == State::Free && self.incarnation() < MAX_INCARNATION
    }

    fn is_used_up(self) -> bool {
        self.state() == State::Free && self.incarnation() == MAX_INCARNATION
    }
}
const _: () = assert!(2 + INCARNATION_BITS <= 64);

#[derive(Debug)]
enum Row {
    Heap(Box<[AtomicU64]>),
    Shared(Words),
}

/// A participant, as reported to people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    pub owner: Owner,
    /// The process id, as the process itself knows it.
    pub pid: u32,
    /// When it joined, in milliseconds since 1970 by the clock at that time. The present time if
    /// only this process has participants.
    pub since: u64,
}

#[derive(Debug)]
pub struct Registry {
    row: Row,
    /// Words of an entry.
    stride: usize,
    /// Entries. Entry i is participant i + 1.
    count: usize,
    locks: Box<dyn Locks>,
}

impl Registry {
    /// For the participants of one process.
    pub fn local() -> Registry {
        let row = (0..HEADER + LOCAL_ENTRIES).map(|_| AtomicU64::default()).collect();
        let locks = Box::new(HeapLocks::new(LOCAL_ENTRIES));
        Registry { row: Row::Heap(row), stride: 1, count: LOCAL_ENTRIES, locks }
    }

    /// A registry for the participants of all processes that map these words. `locks` gives the
    /// caller access to their locks.
    pub fn shared(words: Words, locks: Box<dyn Locks>) -> Registry {
        let count = (words.len().saturating_sub(HEADER) / SHARED_ENTRY).min(MAX_PARTICIPANTS);
        assert!(count > 0, "no room for a registry");
        Registry { row: Row::Shared(words), stride: SHARED_ENTRY, count, locks }
    }

    fn word(&self, index: usize) -> &AtomicU64 {
        match &self.row {
            Row::Heap(row) => &row[index],
            Row::Shared(words) => words.at(index),
        }
    }

    /// Word `field` of an entry.
    fn field(&self, index: usize, field: usize) -> &AtomicU64 {
        self.word(HEADER + index * self.stride + field)
    }

    fn entry(&self, index: usize) -> Entry {
        // Acquire pairs with the release in `write` and `change`.
        Entry(self.field(index, 0).load(Ordering::Acquire))
    }

    /// Writes an entry that only the caller may write.
    fn write(&self, index: usize, entry: Entry) {
        self.field(index, 0).store(entry.0, Ordering::Release);
    }

    fn change(&self, index: usize, from: Entry, to: Entry) -> bool {
        let word = self.field(index, 0);
        word.compare_exchange(from.0, to.0, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// The index of a participant's entry; `None` for one that this registry cannot have.
    fn index_of(&self, owner: Owner) -> Option<usize> {
        owner.index().checked_sub(1).filter(|&index| index < self.count)
    }

    /// Returns a number for a new participant; `None` if all are alive, or dead and not recovered,
    /// or used up.
    pub fn join(&self) -> Option<Owner> {
        // Relaxed: only a place to begin at, which another process may have set to anything.
        let first = self.word(NEXT).load(Ordering::Relaxed) as usize % self.count;
        (0..self.count).find_map(|turn| self.take((first + turn) % self.count))
    }

    fn take(&self, index: usize) -> Option<Owner> {
        // First a look without the lock: an entry whose lock is held, even for a moment, looks
        // alive to others.
        if !self.entry(index).is_available() || !self.locks.try_lock(index) {
            return None;
        }
        let entry = self.entry(index);
        if !entry.is_available() {
            // Another participant has joined here in between, and has died: the next search finds
            // it.
            self.locks.unlock(index);
            return None;
        }
        if self.tells_deaths() {
            self.field(index, PID).store(std::process::id().into(), Ordering::Relaxed);
            self.field(index, SINCE).store(os::epoch_millis(), Ordering::Relaxed);
        }
        let incarnation = entry.incarnation() + 1;
        self.write(index, Entry::new(State::Alive, incarnation));
        self.word(ALIVE).fetch_add(1, Ordering::Relaxed);
        self.word(NEXT).store(index as u64 + 1, Ordering::Relaxed);
        Some(Owner::new(index + 1, incarnation))
    }

    /// Whether all free numbers are used up.
    pub fn is_used_up(&self) -> bool {
        (0..self.count).any(|index| self.entry(index).is_used_up())
    }

    /// Makes used-up numbers begin anew if no slot names them. `named` are the owners of all slots,
    /// read once these numbers are locked. No new word can name a participant whose entry is Free,
    /// and the words that it wrote itself came before it left.
    pub fn renew(&self, named: impl Iterator<Item = Owner>) {
        let is_used_up = |index: &usize| self.entry(*index).is_used_up();
        let used_up = (0..self.count).filter(is_used_up);
        let locked: Vec<usize> = used_up.filter(|&index| self.locks.try_lock(index)).collect();
        if locked.is_empty() {
            return;
        }
        let mut names = [false; MAX_PARTICIPANTS + 1];
        named.for_each(|owner| names[owner.index()] = true);
        for index in locked {
            // Another caller may have renewed it before it was locked.
            if is_used_up(&index) && !names[index + 1] {
                self.write(index, Entry::new(State::Free, 0));
            }
            self.locks.unlock(index);
        }
    }

    /// Notes that `owner`, the caller, no longer claims. It keeps what it has claimed until it
    /// ends.
    pub fn drain(&self, owner: Owner) {
        self.change_own(owner, State::Draining);
    }

    /// Gives back the number of `owner`, the caller. Slots that it has claimed stay held.
    pub fn unregister(&self, owner: Owner) {
        self.change_own(owner, State::Free);
        self.unlock(owner);
    }

    /// Notes that `owner`, the caller, is over, so that what it had may be freed. The caller then
    /// calls [`Registry::free_entry`] and [`Registry::unlock`].
    pub fn mark_dead(&self, owner: Owner) {
        self.change_own(owner, State::Dead);
    }

    fn change_own(&self, owner: Owner, state: State) {
        let Some(index) = self.index_of(owner) else { return };
        let entry = self.entry(index);
        let is_own = entry.is_alive() && entry.incarnation() == owner.incarnation();
        debug_assert!(is_own || self.tells_deaths(), "not alive");
        self.write(index, Entry::new(state, owner.incarnation()));
        self.note_gone(entry);
    }

    /// Releases the lock of `owner`, the caller, which is no longer alive.
    pub fn unlock(&self, owner: Owner) {
        if let Some(index) = self.index_of(owner) {
            self.locks.unlock(index);
        }
    }

    /// Counts one participant less if `entry`, which was just replaced, was alive.
    fn note_gone(&self, entry: Entry) {
        if entry.state() == State::Alive {
            self.word(ALIVE).fetch_add(1u64.wrapping_neg(), Ordering::Relaxed);
        }
    }

    /// Marks entries whose lock is free as dead, and returns those that may still hold slots. Looks
    /// at each entry once. Only where the locks tell deaths.
    pub fn find_dead(&self) -> DeadOwners {
        debug_assert!(self.tells_deaths(), "nobody dies here");
        let mut dead = DeadOwners::default();
        for index in 0..self.count {
            let entry = self.entry(index);
            if entry.state() == State::Free {
                continue;
            }
            // Acquire, so that the pid is read before the entry is found unchanged.
            let pid = self.field(index, PID).load(Ordering::Acquire) as u32;
            let is_locked = self.locks.is_locked(index);
            let is_dead = match entry.is_alive() {
                // In this order: see the head of this file.
                true => !is_locked && self.note_death(index, entry),
                // Its owner may still be ending itself; then it may have freed some of its slots
                // already.
                false => self.entry(index) == entry,
            };
            if is_dead {
                dead.add(Owner::new(index + 1, entry.incarnation()), (!is_locked).then_some(pid));
            }
        }
        dead
    }

    /// Returns true if `entry` is dead now, by this call or another one.
    fn note_death(&self, index: usize, entry: Entry) -> bool {
        let noted = Entry::new(State::Dead, entry.incarnation());
        if self.change(index, entry, noted) {
            self.note_gone(entry);
            return true;
        }
        self.entry(index) == noted
    }

    /// Gives back the number of `dead`, after all of its slots were freed. If `sent`, some that it
    /// had sent are left. Returns false if the number was given back before.
    pub fn free_entry(&self, dead: Owner, sent: bool) -> bool {
        let Some(index) = self.index_of(dead) else { return false };
        let entry = Entry::new(State::Dead, dead.incarnation());
        if self.entry(index) != entry {
            return false;
        }
        if sent {
            // Counted before the number is free: if the caller dies here, the next recoverer finds
            // the participant dead again. Release pairs with the acquire in `departures`: a thread
            // that sees this count also sees the participant dead.
            self.word(DEPARTURES).fetch_add(1, Ordering::Release);
        }
        self.change(index, entry, Entry::new(State::Free, dead.incarnation()))
    }

    /// Counts the living anew. The count is wrong if a participant died after writing its entry and
    /// before counting itself.
    pub fn recount(&self) {
        let counted = self.word(ALIVE).load(Ordering::Relaxed);
        let alive = (0..self.count).filter(|&index| self.entry(index).state() == State::Alive);
        let alive = alive.count() as u64;
        // Fails if a participant joined or left meanwhile; then the next recount does it.
        let (set, unset) = (Ordering::Relaxed, Ordering::Relaxed);
        let _ = self.word(ALIVE).compare_exchange(counted, alive, set, unset);
    }

    /// How many participants ended while some of their sent slots had not been received.
    pub fn departures(&self) -> u64 {
        self.word(DEPARTURES).load(Ordering::Acquire)
    }

    /// The number of participants that are alive and not draining. It bounds caches, which read it
    /// when they are refilled; exact unless participants die.
    pub fn alive(&self) -> usize {
        (self.word(ALIVE).load(Ordering::Relaxed) as usize).min(self.count)
    }

    /// Returns true if this very incarnation is alive, or was not found dead. True for
    /// [`Owner::NOBODY`].
    pub fn is_alive(&self, owner: Owner) -> bool {
        if owner == Owner::NOBODY {
            return true;
        }
        let entry = self.index_of(owner).map(|index| self.entry(index));
        entry.is_some_and(|e| e.is_alive() && e.incarnation() == owner.incarnation())
    }

    /// Whether participants may have ended without leaving: those of several processes. A thread
    /// leaves before it ends.
    pub fn tells_deaths(&self) -> bool {
        self.stride > 1
    }

    /// The participants that are alive and not draining.
    pub fn members(&self) -> Vec<Member> {
        let is_member = |index: &usize| {
            self.entry(*index).state() == State::Alive && self.locks.is_locked(*index)
        };
        let member = |index| {
            let field = |field| self.field(index, field).load(Ordering::Relaxed);
            let owner = Owner::new(index + 1, self.entry(index).incarnation());
            let (pid, since) = match self.tells_deaths() {
                true => (field(PID) as u32, field(SINCE)),
                false => (std::process::id(), os::epoch_millis()),
            };
            Member { owner, pid, since }
        };
        (0..self.count).filter(is_member).map(member).collect()
    }
}

#[cfg(all(test, not(loom)))]
mod for_tests {
    use super::{Entry, MAX_INCARNATION, Registry, State};

    impl Registry {
        /// Leaves every number only one incarnation.
        pub(in crate::slab) fn wear_out(&self) {
            let worn = Entry::new(State::Free, MAX_INCARNATION - 1);
            (0..self.count).for_each(|index| self.write(index, worn));
        }
    }
}
