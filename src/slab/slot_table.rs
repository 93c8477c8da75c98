//! The slots of one pool: a word for each, and hints that say which may be free.
//!
//! A claim asks the hints (`hints`) for a slot, takes that hint away, and then tries the slot's
//! word, which alone decides. A hint may be wrong: if the slot is not free, the claim goes on to
//! the next. A free slot without a hint belongs to a call that has not returned yet, or whose
//! thread died; recovery gives all free slots their hints back. So a full pool answers "none"
//! without a look at its words.
//!
//! Knows nothing of the caches of threads (`thread_cache`) or of who is alive (`registry`).

use super::dead_owners::DeadOwners;
use super::hints::{Hints, PER_HINT};
use super::transit::{Message, Sweep};
use super::word::{Owner, SlotState, Word};
use crate::sync::{AtomicU64, Counter, Ordering, Words};
use std::ops::Range;

/// Counters of this mapping of a pool, for people to read.
#[derive(Debug, Default)]
pub struct PoolCounters {
    /// Slots that left Free, and slots that became Free again.
    pub claimed: Counter,
    pub freed: Counter,
    /// The most slots that were claimed at once, as seen at claims.
    pub peak: Counter,
    /// Allocations that a larger pool served.
    pub promotions: Counter,
    /// Allocations that found no slot in any pool of sufficient size.
    pub exhaustions: Counter,
    /// Frees and sends that were refused, because the address was inside a slot or the slot was not
    /// held.
    pub refused: Counter,
}

/// Slots by state, counted while no call is under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlotCounts {
    pub absent: usize,
    pub free: usize,
    pub held: usize,
    pub cached: usize,
    pub sent: usize,
    pub damaged: usize,
}

#[derive(Debug)]
pub struct SlotTable {
    /// The state of every slot that there can be. These words alone decide.
    words: Words,
    /// How much of a slot was sent, and when. Valid while the slot is Sent.
    messages: Words,
    /// Which slots may be free.
    hints: Hints,
    /// The result of the last search for sent slots of participants that are gone.
    pub(super) sweep: Sweep,
    /// Slots from here on were never present, so their words are not visited. Only grows.
    extent: Counter,
    pub counters: PoolCounters,
}

impl SlotTable {
    /// 64-bit words of metadata for `count` slots.
    pub const fn words_for(count: usize) -> usize {
        2 * count + Hints::words_for(count)
    }

    /// A table of `count` slots over the words that `row(offset, length)` returns;
    /// [`SlotTable::words_for`] says how many are needed. The words say which state each slot is
    /// in.
    pub fn new(count: usize, mut row: impl FnMut(usize, usize) -> Words) -> SlotTable {
        let mut start = 0;
        let mut next = |len| {
            start += len;
            row(start - len, len)
        };
        SlotTable {
            words: next(count),
            messages: next(count),
            hints: Hints::new(count, &mut next),
            sweep: Sweep::default(),
            extent: Counter::default(),
            counters: PoolCounters::default(),
        }
    }

    /// Slots that there can be.
    pub fn max_count(&self) -> usize {
        self.words.len()
    }

    /// The words, for a caller that caches slots.
    pub(super) fn words(&self) -> Words {
        self.words.clone()
    }

    /// The word of a slot now.
    #[inline]
    pub fn word(&self, slot: u32) -> Word {
        Word(self.words.at(slot as usize).load(Ordering::Relaxed))
    }

    /// Notes what is sent, for a slot that the caller holds and is about to send.
    pub(super) fn set_message(&self, slot: u32, message: Message) {
        // Relaxed: the release of the word that says Sent comes after it.
        self.messages.at(slot as usize).store(message.0, Ordering::Relaxed);
    }

    /// The sender's note about a slot. The caller has read with acquire that the slot is Sent, or
    /// has just received it.
    pub(super) fn message(&self, slot: u32) -> Message {
        // Relaxed: that acquire comes before.
        Message(self.messages.at(slot as usize).load(Ordering::Relaxed))
    }

    /// Makes one transition of the table in `word`. If the slot is no longer `from`, the error is
    /// its present word.
    pub fn change(&self, slot: u32, from: Word, to: Word) -> Result<(), Word> {
        change(self.words.at(slot as usize), from, to)
    }

    /// Claims up to `want` free slots as `state` of `owner`; returns how many. While others claim
    /// from the pool, 0 does not prove that no slot was free: see [`SlotTable::claim_surely`].
    #[inline]
    pub fn claim(
        &self,
        owner: Owner,
        state: SlotState,
        want: usize,
        out: &mut impl FnMut(u32),
    ) -> usize {
        // Participants begin at different places, so that they do not contend for one word.
        let spread = (owner.index().saturating_sub(1) as u32).wrapping_mul(0x9E37_79B9);
        let start = ((u64::from(spread) * self.hints.len() as u64) >> 32) as usize;
        let mut found = 0;
        self.hints
            .visit_open(start, |word| self.claim_in(word, owner, state, want, &mut found, out));
        self.note_claimed(found);
        found
    }

    /// Like `claim`, but finds every slot that is free from before the call until its end. So 0
    /// means that each slot was claimed at some moment of the call, though not all at the same
    /// moment. Does not wait.
    pub fn claim_surely(
        &self,
        owner: Owner,
        state: SlotState,
        want: usize,
        out: &mut impl FnMut(u32),
    ) -> usize {
        if self.hints.is_settled() {
            return self.claim(owner, state, want, out);
        }
        let mut found = 0;
        self.hints.visit_all(|word| self.claim_in(word, owner, state, want, &mut found, out));
        self.note_claimed(found);
        found
    }

    /// Claims by the hints of one word until `found` is `want`. Returns true if it is.
    #[inline]
    fn claim_in(
        &self,
        word: usize,
        owner: Owner,
        state: SlotState,
        want: usize,
        found: &mut usize,
        out: &mut impl FnMut(u32),
    ) -> bool {
        let mut lies = 0;
        while *found < want {
            let Some(slots) = self.hints.take(word, want - *found) else { return false };
            for slot in slots {
                if self.claim_slot(slot, owner, state) {
                    out(slot);
                    *found += 1;
                }
            }
            if *found < want {
                // Bounded by the number of hints, because another process may set wrong hints again
                // and again.
                lies += 1;
                if lies > PER_HINT {
                    return false;
                }
            }
        }
        true
    }

    #[inline]
    fn note_claimed(&self, found: usize) {
        if found > 0 {
            self.counters.claimed.add(found as u64);
            let claimed = self.counters.claimed.get().saturating_sub(self.counters.freed.get());
            self.counters.peak.raise(claimed);
        }
    }

    fn claim_slot(&self, slot: u32, owner: Owner, state: SlotState) -> bool {
        // Another process may have written a hint for a slot beyond the pool.
        let Some(word) = self.words.get(slot as usize) else { return false };
        let free = Word(word.load(Ordering::Relaxed));
        free.state() == SlotState::Free && change(word, free, free.to(state, owner)).is_ok()
    }

    /// Frees one slot whose word is `from`, into the next generation. If it is not, the error is
    /// its present word.
    pub fn free(&self, slot: u32, from: Word) -> Result<(), Word> {
        self.change(slot, from, from.next(SlotState::Free, Owner::NOBODY))?;
        self.note_freed(slot);
        Ok(())
    }

    /// Frees a held slot. Returns false if it is not held.
    pub fn free_held(&self, slot: u32) -> bool {
        let word = self.words.at(slot as usize);
        let held = Word(word.load(Ordering::Relaxed));
        let free = held.next(SlotState::Free, Owner::NOBODY);
        let freed = held.state() == SlotState::Held && change(word, held, free).is_ok();
        if freed {
            self.note_freed(slot);
        }
        freed
    }

    #[inline]
    fn note_freed(&self, slot: u32) {
        self.counters.freed.add(1);
        self.hints.add(slot as usize / PER_HINT, 1 << (slot as usize % PER_HINT));
    }

    /// Frees slots that are Cached by the caller.
    pub fn flush(&self, slots: &[u32]) {
        self.free_own(slots.iter().copied(), |word| Some(word.to(SlotState::Free, Owner::NOBODY)));
    }

    /// Frees slots whose words only the caller may write. Neighbours that follow each other get one
    /// hint together. `free` returns the new word, or `None` to leave the slot as it is.
    pub(super) fn free_own(
        &self,
        slots: impl Iterator<Item = u32>,
        free: impl Fn(Word) -> Option<Word>,
    ) -> usize {
        let count = self.store_free(slots, free);
        self.counters.freed.add(count as u64);
        count
    }

    fn store_free(
        &self,
        slots: impl Iterator<Item = u32>,
        free: impl Fn(Word) -> Option<Word>,
    ) -> usize {
        let (mut count, mut at, mut bits) = (0, 0, 0);
        for slot in slots {
            let Some(word) = free(self.word(slot)) else { continue };
            // Release pairs with the acquire in `change`, by which the next participant claims the
            // slot: that one sees what the last user wrote, or that the slot has memory.
            self.words.at(slot as usize).store(word.0, Ordering::Release);
            count += 1;
            let hint_word = slot as usize / PER_HINT;
            if hint_word != at && bits != 0 {
                self.hints.add(at, std::mem::take(&mut bits));
            }
            at = hint_word;
            bits |= 1 << (slot as usize % PER_HINT);
        }
        if bits != 0 {
            self.hints.add(at, bits);
        }
        count
    }

    /// Frees the slots that `dead` had claimed, and notes which of them have sent slots. Restores
    /// the hints of all free slots, because a participant may have died between writing a word and
    /// its hints. Any number of threads may do this at once, even for the same dead participants.
    pub fn recover(&self, dead: &mut DeadOwners) {
        let mut freed = 0;
        for hint_word in 0..self.extent().div_ceil(PER_HINT) {
            let first = hint_word * PER_HINT;
            let mut free = 0;
            for slot in first..(first + PER_HINT).min(self.extent()) {
                let word = self.word(slot as u32);
                match word.state() {
                    SlotState::Free => free |= 1 << (slot - first),
                    SlotState::Held | SlotState::Cached => {
                        let Some(dead) = dead.find(word.owner()) else { continue };
                        let next = word.next(SlotState::Free, Owner::NOBODY);
                        let is_free = match self.change(slot as u32, word, next) {
                            Ok(()) => {
                                dead.slots += 1;
                                freed += 1;
                                true
                            }
                            // Another recoverer was faster, but may die before it sets the hint.
                            Err(now) => now.state() == SlotState::Free,
                        };
                        free |= u64::from(is_free) << (slot - first);
                    }
                    SlotState::Sent => {
                        if let Some(dead) = dead.find(word.owner()) {
                            dead.sent = true;
                        }
                    }
                    SlotState::Absent | SlotState::Damaged => {}
                }
            }
            if free != 0 {
                self.hints.add(hint_word, free);
            }
        }
        self.counters.freed.add(freed);
    }

    /// Frees the slots that were sent by participants that are `gone`, if `is_over` is true for
    /// their message.
    pub fn sweep_sent(
        &self,
        mut gone: impl FnMut(Owner) -> bool,
        mut is_over: impl FnMut(Message) -> bool,
    ) {
        for slot in 0..self.extent() as u32 {
            // Acquire pairs with the release by which it was sent: the message belongs to this word,
            // or to a later one.
            let word = self.words.at(slot as usize).load(Ordering::Acquire);
            let word = Word(word);
            let is_lost = word.state() == SlotState::Sent && gone(word.owner());
            if is_lost && is_over(self.message(slot)) {
                // An error means that it was received or revoked just now.
                let _ = self.free(slot, word);
            }
        }
    }

    /// The owner of every slot that has one, by the words as they are when they are reached.
    pub fn owners(&self) -> impl Iterator<Item = Owner> {
        let has_owner = |word: &Word| !matches!(word.state(), SlotState::Absent | SlotState::Free);
        let words = (0..self.extent() as u32).map(|slot| self.word(slot));
        words.filter(has_owner).map(Word::owner)
    }

    /// An upper bound of the slots that were ever present: it may include more of their last
    /// segment.
    pub(super) fn extent(&self) -> usize {
        self.extent.get() as usize
    }

    /// Notes that slots below `end` may be present, because another mapping of the same words grew.
    pub(super) fn extend_to(&self, end: u32) {
        self.extent.raise(end.into());
    }

    /// Makes absent slots free. Their memory must exist.
    pub fn grow(&self, slots: Range<u32>) {
        self.extend_to(slots.end);
        self.store_free(slots, |word| {
            debug_assert_eq!(word.state(), SlotState::Absent);
            Some(word.to(SlotState::Free, Owner::NOBODY))
        });
    }

    /// Makes free slots absent, all of them or none. Returns true if it did.
    pub fn drop_slots(&self, slots: Range<u32>) -> bool {
        for slot in slots.clone() {
            let word = self.word(slot);
            let absent = word.to(SlotState::Absent, Owner::NOBODY);
            if word.state() != SlotState::Free || self.change(slot, word, absent).is_err() {
                self.grow(slots.start..slot);
                return false;
            }
        }
        true
    }

    /// The sum of the slots' generations, if all of them are free. It changes when one of them is
    /// used.
    pub fn idle_mark(&self, slots: Range<u32>) -> Option<u64> {
        slots.map(|slot| self.word(slot)).try_fold(0u64, |sum, word| {
            (word.state() == SlotState::Free).then(|| sum.wrapping_add(word.generation().into()))
        })
    }

    /// Counts the slots by state. They add up to [`SlotTable::max_count`]; exact only while no call
    /// is under way.
    pub fn count_slots(&self) -> SlotCounts {
        let extent = self.extent();
        let mut counts = SlotCounts { absent: self.max_count() - extent, ..SlotCounts::default() };
        for slot in 0..extent as u32 {
            *match self.word(slot).state() {
                SlotState::Absent => &mut counts.absent,
                SlotState::Free => &mut counts.free,
                SlotState::Held => &mut counts.held,
                SlotState::Cached => &mut counts.cached,
                SlotState::Sent => &mut counts.sent,
                SlotState::Damaged => &mut counts.damaged,
            } += 1;
        }
        counts
    }
}

/// As [`SlotTable::change`].
#[inline]
fn change(word: &AtomicU64, from: Word, to: Word) -> Result<(), Word> {
    // Acquire pairs with the release by which the slot became Free or Sent: what its last user
    // wrote there comes before what the next one does.
    word.compare_exchange(from.0, to.0, Ordering::AcqRel, Ordering::Relaxed).map(drop).map_err(Word)
}

/// Writes the word of a slot that only the caller may write (see the table in `word`).
#[inline(always)]
pub(super) fn set_own(words: &Words, slot: u32, word: Word) {
    // Relaxed: no participant acts on a word that names another one.
    words.at(slot as usize).store(word.0, Ordering::Relaxed);
}

#[cfg(all(test, loom))]
mod for_models {
    use super::{SlotTable, Word, set_own};

    impl SlotTable {
        /// As [`Hints::clear_always`].
        pub fn clear_always(&mut self) {
            self.hints.clear_always();
        }

        /// As [`set_own`].
        pub fn set_own(&self, slot: u32, word: Word) {
            set_own(&self.words, slot, word);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod for_tests {
    use super::SlotTable;
    use crate::sync::AtomicU64;

    impl SlotTable {
        /// Exposes the rows of its hints, for tests that write to them.
        pub fn hints_row(&self, write: impl FnMut(&AtomicU64)) {
            self.hints.each_word(write);
        }

        /// Any of its words, by its place among all of them.
        pub fn any_word(&self, at: usize) -> &AtomicU64 {
            let count = self.max_count();
            match at / count {
                0 => self.words.at(at),
                1 => self.messages.at(at - count),
                _ => self.hints.any_word(at - 2 * count),
            }
        }
    }
}
