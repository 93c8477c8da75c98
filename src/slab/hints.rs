//! Where free slots may be: a bit for each, and two rows of words above, so that a full pool answers after
//! a look at the index, whatever its size.
//!
//! A bit that is set may lie. One that is not set does so only while a call is under way that is about
//! to set it, or when that call's thread died in its midst: [`Hints::add`] sets all that is not set
//! above it, so what the dead left is mended by the next free there, or by `SlotTable::recover`.
//!
//! **Summaries.** Set the word, then its summary bit. Clear the summary bit, then re-read the word, by a write if it is
//! zero. A thread that adds a bit to a word that was just found empty either comes before that read, which then sets the
//! summary again; or after it, and then sees that the summary is clear, and sets it.
//!
//! In between, a slot that nobody touches can be hidden. So threads that clear are counted meanwhile,
//! and `Hints::is_settled` tells whether any does.
//!
//! All of it may lie in memory that others write to at will. So bits beyond the rows are ignored, and bits
//! that somebody cleared are set again by the next free there, or by `SlotTable::recover`.
//!
//! A pool of up to 64 slots has one word of hints, which is as quick to read as what is above it would be. There
//! nothing above is ever cleared: a pool of one slot is drained at every claim, and to clear, and count it, cost it
//! 12 % more instructions for a pair.

#[cfg(all(test, not(loom)))]
use crate::sync::AtomicU64;
use crate::sync::{Ordering, Words};

/// Slots for which one word of hints stands.
pub(super) const PER_HINT: usize = 64;

#[derive(Debug)]
pub(super) struct Hints {
    /// Bit b of word h: slot 64 h + b may be free.
    words: Words,
    /// Bit b of word s: the word of hints 64 s + b may not be zero.
    summary: Words,
    /// Bit b of word i: the word 64 i + b of the summary may not be zero. One word for 2^18 slots.
    index: Words,
    /// One word: how many calls are clearing bits of the two rows above. Too high for ever if a
    /// thread dies there, which costs others a look at all hints when the pool is full.
    closing: Words,
    /// Whether bits above the words are cleared at all. The same in all mappings of a pool.
    clears: bool,
}

impl Hints {
    /// 64-bit words for so many slots.
    pub(super) const fn words_for(count: usize) -> usize {
        let words = count.div_ceil(PER_HINT);
        words + words.div_ceil(64) + words.div_ceil(64 * 64) + 1
    }

    /// For `count` slots, over rows that `next` makes of a length.
    pub(super) fn new(count: usize, next: &mut impl FnMut(usize) -> Words) -> Hints {
        let words = count.div_ceil(PER_HINT);
        let (words, summary) = (next(words), next(words.div_ceil(64)));
        let index = next(summary.len().div_ceil(64));
        let clears = words.len() > 1;
        Hints { words, summary, index, closing: next(1), clears }
    }

    /// As if there were more words than one, so that models of few slots have it all.
    #[cfg(all(test, loom))]
    pub(super) fn clear_always(&mut self) {
        self.clears = true;
    }

    /// Shows all rows but the count.
    #[cfg(all(test, not(loom)))]
    pub(super) fn each_word(&self, mut write: impl FnMut(&AtomicU64)) {
        for row in [&self.words, &self.summary, &self.index] {
            (0..row.len()).for_each(|at| write(row.at(at)));
        }
    }

    /// Any of its words, by its place among all of them.
    #[cfg(all(test, not(loom)))]
    pub(super) fn any_word(&self, mut at: usize) -> &AtomicU64 {
        for row in [&self.words, &self.summary, &self.index, &self.closing] {
            match at.checked_sub(row.len()) {
                Some(rest) => at = rest,
                None => return row.at(at),
            }
        }
        panic!("beyond the hints");
    }

    /// Words of hints.
    pub(super) fn len(&self) -> usize {
        self.words.len()
    }

    /// Notes that the slots of `bits` may be free.
    #[inline]
    pub(super) fn add(&self, word: usize, bits: u64) {
        // Release pairs with the acquire in `take` and `close`.
        self.words.at(word).fetch_or(bits, Ordering::AcqRel);
        self.open(word);
    }

    /// Shows `visit` the words that may not be zero, from the one of `start` on and around, until it
    /// returns true.
    #[inline]
    pub(super) fn visit_open(&self, start: usize, mut visit: impl FnMut(usize) -> bool) {
        let mut at = start / (64 * 64);
        for _ in 0..self.index.len() {
            // Acquire, here and below, pairs with the release in `close`: a thread that finds a bit
            // cleared also finds it counted.
            let mut groups = Bits::new(self.index.at(at).load(Ordering::Acquire), start / 64);
            while let Some(group) = groups.next().map(|bit| at * 64 + bit) {
                // A bit beyond the rows, here and in `take`, is none of ours: memory that others write to may have any.
                let Some(open) = self.summary.get(group) else { continue };
                let open = open.load(Ordering::Acquire);
                if open == 0 {
                    self.close_group(group);
                }
                let mut words = Bits::new(open, start);
                while let Some(word) = words.next().map(|bit| group * 64 + bit) {
                    if visit(word) {
                        return;
                    }
                }
            }
            at = if at + 1 == self.index.len() { 0 } else { at + 1 };
        }
    }

    /// Shows `visit` all words that are not zero, until it returns true.
    pub(super) fn visit_all(&self, mut visit: impl FnMut(usize) -> bool) {
        let mut words = 0..self.words.len();
        words.any(|word| self.words.at(word).load(Ordering::Acquire) != 0 && visit(word));
    }

    /// Whether no thread is clearing bits of the summaries at this moment. Then [`Hints::visit_open`] visits, from now on,
    /// all hints that were added before this call.
    pub(super) fn is_settled(&self) -> bool {
        // Enough turns in most cases. Under loom one, because every turn is a branch.
        let turns = if cfg!(loom) { 1 } else { 64 };
        (0..turns).any(|turn| {
            if turn > 0 {
                std::hint::spin_loop();
            }
            // Whoever begins to clear after this write acquires what the caller knows, and so finds the hints that it
            // knows of.
            is_zero(&self.closing, 0)
        })
    }

    /// Takes the hints of up to `want` slots of a word: theirs, or `None` if it has no hint.
    #[inline]
    pub(super) fn take(&self, word: usize, want: usize) -> Option<impl Iterator<Item = u32>> {
        let hints = self.words.get(word)?;
        let bits = hints.load(Ordering::Relaxed);
        let wanted = lowest(bits, want);
        // Acquire pairs with the release in `add`: the slots' words are seen to be free.
        let taken = hints.fetch_and(!wanted, Ordering::AcqRel);
        if self.clears && taken & !wanted == 0 {
            self.close(word);
        }
        (bits != 0).then(|| slots_of(word, taken & wanted))
    }

    /// Sets what is above a word that is not zero.
    #[inline]
    fn open(&self, word: usize) {
        set(&self.summary, word);
        set(&self.index, word / 64);
    }

    /// Clears what is above a word that was zero.
    #[inline(never)]
    fn close(&self, word: usize) {
        self.counted(|| {
            if !is_zero(&self.words, word) {
                return;
            }
            let bit = 1 << (word % 64);
            let left = self.summary.at(word / 64).fetch_and(!bit, Ordering::AcqRel) & !bit;
            if !is_zero(&self.words, word) {
                self.open(word);
            } else if left == 0 {
                self.clear_index(word / 64);
            }
        });
    }

    /// Clears the bit of the index over a word of the summary that was zero.
    #[cold]
    fn close_group(&self, group: usize) {
        self.counted(|| {
            if is_zero(&self.summary, group) {
                self.clear_index(group);
            }
        });
    }

    fn clear_index(&self, group: usize) {
        self.index.at(group / 64).fetch_and(!(1 << (group % 64)), Ordering::AcqRel);
        if !is_zero(&self.summary, group) {
            set(&self.index, group);
        }
    }

    /// Does what clears bits above.
    #[inline]
    fn counted(&self, clear: impl FnOnce()) {
        let closing = self.closing.at(0);
        closing.fetch_add(1, Ordering::AcqRel);
        clear();
        closing.fetch_add(1u64.wrapping_neg(), Ordering::AcqRel);
    }
}

/// Whether a word is zero: then by a write, though that changes nothing. Whoever changes the word after it acquires what the
/// caller knows, such as what is above it. After a mere load both could miss what the other did.
fn is_zero(row: &Words, at: usize) -> bool {
    // Not fetch_or(0) or fetch_add(0), which LLVM turns into a fence and a load.
    row.at(at).compare_exchange(0, 0, Ordering::AcqRel, Ordering::Acquire).is_ok()
}

/// Sets bit `at` of a row, unless it is set.
#[inline]
fn set(row: &Words, at: usize) {
    let (word, bit) = (row.at(at / 64), 1 << (at % 64));
    // The load saves a write to the cache line at every free. A stale value does no harm: the thread that has cleared
    // the bit since reads the word below afterwards, and sets the bit again.
    if word.load(Ordering::Relaxed) & bit == 0 {
        word.fetch_or(bit, Ordering::AcqRel);
    }
}

/// The places of the bits that are set in a word, from that of `start` on and around.
struct Bits {
    rotated: u64,
    turn: u32,
}

impl Bits {
    #[inline(always)]
    fn new(word: u64, start: usize) -> Bits {
        let turn = (start % 64) as u32;
        Bits { rotated: word.rotate_right(turn), turn }
    }

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        let bit = (self.rotated != 0).then(|| (self.rotated.trailing_zeros() + self.turn) % 64)?;
        self.rotated &= self.rotated - 1;
        Some(bit as usize)
    }
}

/// The lowest `count` of the bits that are set.
fn lowest(bits: u64, count: usize) -> u64 {
    let above = (0..count.min(64)).fold(bits, |rest, _| rest & rest.wrapping_sub(1));
    bits & !above
}

fn slots_of(word: usize, mut bits: u64) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let slot = (bits != 0).then(|| word * PER_HINT + bits.trailing_zeros() as usize)?;
        bits &= bits - 1;
        Some(slot as u32)
    })
}
