//! The slots of one pool: a word for each, and hints where free ones may be.
//!
//! A claim looks into the summary for a word of hints, into that for a slot, takes the hint away,
//! and then tries the slot's word, which alone decides. Hints may lie in both directions: a claim
//! that meets a slot which is not free goes on, and a slot that lost its hint (whoever freed it
//! died in between) is found by the scan that comes before any answer "exhausted".
//!
//! Knows nothing of threads' caches (`thread_cache`) nor of who is alive (`registry`).

use super::word::{Owner, SlotState, Word};
use crate::sync::{AtomicU64, Counter, Ordering, Words};
use std::ops::Range;

/// Slots for which one word of hints stands.
const PER_HINT: usize = 64;

/// Counters of a pool, for people to read.
#[derive(Debug, Default)]
pub struct PoolCounters {
    /// Slots that left Free, and slots that came back to it.
    pub claimed: Counter,
    pub freed: Counter,
    /// The most slots that were claimed at once, as seen at claims.
    pub peak: Counter,
    /// Allocations that a larger pool served.
    pub promotions: Counter,
    /// Allocations that found no slot in any pool that fits.
    pub exhaustions: Counter,
    /// Frees and sends that were refused: interior, or not held.
    pub refused: Counter,
}

/// Slots by state, at a quiet moment.
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
    /// The truth: one for every slot that there can be.
    words: Words,
    /// How many bytes of a slot were sent: true while it is Sent.
    lengths: Words,
    /// Bit b of word h: slot 64 h + b may be free.
    hints: Words,
    /// Bit b of word s: the word of hints 64 s + b may not be zero.
    summary: Words,
    /// One word. 0: slots may be free. 1: somebody scans. 2: a scan found none, and nothing was freed
    /// since.
    exhausted: Words,
    /// Slots from here on were never there, so that nobody looks at their words. Only grows.
    extent: Counter,
    pub counters: PoolCounters,
}

impl SlotTable {
    /// 64-bit words of metadata for `count` slots.
    pub const fn words_for(count: usize) -> usize {
        let hints = count.div_ceil(PER_HINT);
        2 * count + hints + hints.div_ceil(64) + 1
    }

    /// A table of `count` slots over `row`, which makes words at an offset and of a length;
    /// [`SlotTable::words_for`] says how many there must be. All slots are as the words say.
    pub fn new(count: usize, mut row: impl FnMut(usize, usize) -> Words) -> SlotTable {
        let hints = count.div_ceil(PER_HINT);
        let mut start = 0;
        let mut next = |len| {
            start += len;
            row(start - len, len)
        };
        SlotTable {
            words: next(count),
            lengths: next(count),
            hints: next(hints),
            summary: next(hints.div_ceil(64)),
            exhausted: next(1),
            extent: Counter::default(),
            counters: PoolCounters::default(),
        }
    }

    /// Slots that there can be.
    pub fn max_count(&self) -> usize {
        self.words.len()
    }

    /// The words, for who caches slots.
    pub(super) fn words(&self) -> Words {
        self.words.clone()
    }

    /// The word of a slot now.
    #[inline]
    pub fn word(&self, slot: u32) -> Word {
        Word::from_bits(self.words.at(slot as usize).load(Ordering::Relaxed))
    }

    /// As [`set_own`].
    #[cfg(all(test, loom))]
    pub fn set_own(&self, slot: u32, word: Word) {
        set_own(&self.words, slot, word);
    }

    /// Notes how many bytes of a slot, which the caller holds and is about to send, are of use.
    pub(super) fn set_length(&self, slot: u32, length: usize) {
        // Relaxed: the release of the word that says Sent comes after it.
        self.lengths.at(slot as usize).store(length as u64, Ordering::Relaxed);
    }

    /// How many bytes its sender noted, for a slot that the caller has just received.
    pub(super) fn length(&self, slot: u32) -> usize {
        // Relaxed: the acquire by which it was received comes before.
        self.lengths.at(slot as usize).load(Ordering::Relaxed) as usize
    }

    /// One step of the table in `word`, unless the slot is not `from` any more: then what it is.
    pub fn change(&self, slot: u32, from: Word, to: Word) -> Result<(), Word> {
        // Acquire pairs with the release by which the slot became Free or Sent: what its last
        // user wrote there comes before what the next one does.
        let word = self.words.at(slot as usize);
        word.compare_exchange(from.bits(), to.bits(), Ordering::AcqRel, Ordering::Relaxed)
            .map(drop)
            .map_err(Word::from_bits)
    }

    /// Claims up to `want` free slots as `state` of `owner`: how many. None only if, at some
    /// moment of the call, none was free.
    pub fn claim(
        &self,
        owner: Owner,
        state: SlotState,
        want: usize,
        out: &mut impl FnMut(u32),
    ) -> usize {
        let mut found = self.claim_by_summary(owner, state, want, out);
        if found == 0 {
            found = self.scan(owner, state, want, out);
        }
        if found > 0 {
            self.counters.claimed.add(found as u64);
            let claimed = self.counters.claimed.get().saturating_sub(self.counters.freed.get());
            self.counters.peak.raise(claimed);
        }
        found
    }

    fn claim_by_summary(
        &self,
        owner: Owner,
        state: SlotState,
        want: usize,
        out: &mut impl FnMut(u32),
    ) -> usize {
        // Participants begin at different places, so that they do not meet at one word.
        let spread = (owner.index().saturating_sub(1) as u32).wrapping_mul(0x9E37_79B9);
        let start = ((u64::from(spread) * self.hints.len() as u64) >> 32) as usize;
        let turn = (start % 64) as u32;
        let mut found = 0;
        for step in 0..self.summary.len() {
            let index = (start / 64 + step) % self.summary.len();
            let mut open = self.summary.at(index).load(Ordering::Relaxed).rotate_right(turn);
            while open != 0 {
                let hint_word = index * 64 + ((open.trailing_zeros() + turn) % 64) as usize;
                open &= open - 1;
                found += self.claim_by_hint(hint_word, owner, state, want - found, out);
                if found == want {
                    return found;
                }
            }
        }
        found
    }

    fn claim_by_hint(
        &self,
        hint_word: usize,
        owner: Owner,
        state: SlotState,
        want: usize,
        out: &mut impl FnMut(u32),
    ) -> usize {
        let mut found = 0;
        while found < want {
            let bits = self.hints.at(hint_word).load(Ordering::Relaxed);
            let wanted = lowest(bits, want - found);
            let taken = self.hints.at(hint_word).fetch_and(!wanted, Ordering::AcqRel);
            if taken & !wanted == 0 {
                self.clear_summary(hint_word);
            }
            if bits == 0 {
                break;
            }
            for slot in slots_of(hint_word, taken & wanted) {
                if self.claim_slot(slot, owner, state) {
                    out(slot);
                    found += 1;
                }
            }
        }
        found
    }

    fn claim_slot(&self, slot: u32, owner: Owner, state: SlotState) -> bool {
        let word = self.word(slot);
        word.state() == SlotState::Free && self.change(slot, word, word.to(state, owner)).is_ok()
    }

    /// Takes the word of hints out of the summary, for it was zero.
    fn clear_summary(&self, hint_word: usize) {
        let (summary, bit) = (self.summary.at(hint_word / 64), 1 << (hint_word % 64));
        // Acquire pairs with the release in `add_hints`: if that came before, its hints are seen below.
        summary.fetch_and(!bit, Ordering::AcqRel);
        if self.hints.at(hint_word).load(Ordering::Acquire) != 0 {
            summary.fetch_or(bit, Ordering::AcqRel);
        }
    }

    /// Notes that the slots of `bits` may be free.
    fn add_hints(&self, hint_word: usize, bits: u64) {
        // Whoever made the word other than zero opens it in the summary.
        if self.hints.at(hint_word).fetch_or(bits, Ordering::AcqRel) == 0 {
            self.summary.at(hint_word / 64).fetch_or(1 << (hint_word % 64), Ordering::AcqRel);
        }
        if self.exhausted().load(Ordering::Relaxed) != 0 {
            self.exhausted().store(0, Ordering::Relaxed);
        }
    }

    /// Looks at every word, mends the hints of the first 64 slots with a free one, and claims there.
    /// After one that found none, not again until a slot was freed: an exhausted pool must not
    /// cost a scan of all its words at every allocation.
    fn scan(
        &self,
        owner: Owner,
        state: SlotState,
        want: usize,
        out: &mut impl FnMut(u32),
    ) -> usize {
        // Relaxed: who frees a slot unseen by this scan leaves a hint, and hints are asked first.
        if self.exhausted().load(Ordering::Relaxed) == 2 {
            return 0;
        }
        self.exhausted().store(1, Ordering::Relaxed);
        for hint_word in 0..self.extent().div_ceil(PER_HINT) {
            let free = self.free_in(hint_word);
            if free == 0 {
                continue;
            }
            self.add_hints(hint_word, free);
            let found = self.claim_by_hint(hint_word, owner, state, want, out);
            if found > 0 {
                return found;
            }
        }
        let _ = self.exhausted().compare_exchange(1, 2, Ordering::Relaxed, Ordering::Relaxed);
        0
    }

    fn exhausted(&self) -> &AtomicU64 {
        self.exhausted.at(0)
    }

    fn free_in(&self, hint_word: usize) -> u64 {
        let first = hint_word * PER_HINT;
        let slots = first..(first + PER_HINT).min(self.max_count());
        let free = |slot: &usize| self.word(*slot as u32).state() == SlotState::Free;
        slots.filter(free).fold(0, |bits, slot| bits | 1 << (slot - first))
    }

    /// Frees one slot that is `from`, into the next generation; an error says what it is instead.
    pub fn free(&self, slot: u32, from: Word) -> Result<(), Word> {
        self.change(slot, from, from.next(SlotState::Free, Owner::NOBODY))?;
        self.counters.freed.add(1);
        self.add_hints(slot as usize / PER_HINT, 1 << (slot as usize % PER_HINT));
        Ok(())
    }

    /// Frees slots that are Cached by the caller.
    pub fn flush(&self, slots: &[u32]) {
        self.free_own(slots.iter().copied(), |word| Some(word.to(SlotState::Free, Owner::NOBODY)));
    }

    /// Frees slots whose words only the caller may write, one hint for all neighbours that follow each
    /// other. `free` makes the new word, or none.
    pub(super) fn free_own(
        &self,
        slots: impl Iterator<Item = u32>,
        free: impl Fn(Word) -> Option<Word>,
    ) -> usize {
        let (mut count, mut at, mut bits) = (0, 0, 0);
        for slot in slots {
            let Some(word) = free(self.word(slot)) else { continue };
            // Release pairs with the acquire in `change`, by which the next participant claims it.
            self.words.at(slot as usize).store(word.bits(), Ordering::Release);
            count += 1;
            let hint_word = slot as usize / PER_HINT;
            if hint_word != at && bits != 0 {
                self.add_hints(at, std::mem::take(&mut bits));
            }
            at = hint_word;
            bits |= 1 << (slot as usize % PER_HINT);
        }
        if bits != 0 {
            self.add_hints(at, bits);
        }
        self.counters.freed.add(count as u64);
        count
    }

    /// Frees the slots in one of `states` whose participant is `dead`: how many.
    pub fn recover(&self, states: &[SlotState], dead: impl Fn(Owner) -> bool) -> usize {
        let mut freed = 0;
        for slot in 0..self.extent() as u32 {
            let word = self.word(slot);
            let lost = states.contains(&word.state()) && dead(word.owner());
            freed += usize::from(lost && self.free(slot, word).is_ok());
        }
        // It may have died between a slot's word and its hint.
        self.exhausted().store(0, Ordering::Relaxed);
        freed
    }

    fn extent(&self) -> usize {
        self.extent.get() as usize
    }

    /// Notes that slots below `end` may be there: another mapping of the same words grew.
    pub(super) fn extend_to(&self, end: u32) {
        self.extent.raise(end.into());
    }

    /// Makes absent slots free: their memory is there.
    pub fn grow(&self, slots: Range<u32>) {
        self.extend_to(slots.end);
        for slot in slots {
            let word = self.word(slot);
            debug_assert_eq!(word.state(), SlotState::Absent);
            // Release pairs with the acquire in `change`: the memory is there before it is claimed.
            let free = word.to(SlotState::Free, Owner::NOBODY);
            self.words.at(slot as usize).store(free.bits(), Ordering::Release);
            self.add_hints(slot as usize / PER_HINT, 1 << (slot as usize % PER_HINT));
        }
    }

    /// Makes free slots absent, all or none of them: whether it did.
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

    /// The generations of the slots added up, if all of them are free: what changes when one is used.
    pub fn idle_mark(&self, slots: Range<u32>) -> Option<u64> {
        slots.map(|slot| self.word(slot)).try_fold(0u64, |sum, word| {
            (word.state() == SlotState::Free).then(|| sum.wrapping_add(word.generation().into()))
        })
    }

    /// Counts the slots by state. Adds up to [`SlotTable::max_count`]; true of one moment if it is quiet.
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

/// Writes the word of a slot of which only the caller may write it (see the table in `word`).
#[inline(always)]
pub(super) fn set_own(words: &Words, slot: u32, word: Word) {
    // Relaxed: nobody else acts on a word that names another participant.
    words.at(slot as usize).store(word.bits(), Ordering::Relaxed);
}

/// The lowest `count` of the bits that are set.
fn lowest(bits: u64, count: usize) -> u64 {
    let above = (0..count.min(64)).fold(bits, |rest, _| rest & rest.wrapping_sub(1));
    bits & !above
}

fn slots_of(hint_word: usize, mut bits: u64) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let slot = (bits != 0).then(|| hint_word * PER_HINT + bits.trailing_zeros() as usize)?;
        bits &= bits - 1;
        Some(slot as u32)
    })
}
