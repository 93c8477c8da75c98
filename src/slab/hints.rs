//! Hints that say which slots may be free: a bit for each slot, and two rows of summaries above, so
//! that a full pool answers after a look at the index, whatever its size.
//!
//! A set bit may be wrong. A clear bit is wrong only while a call is about to set it, or if that
//! call's thread died before it did. [`Hints::add`] sets every bit above its word that is not set,
//! so the next free there repairs what the dead thread left, or `SlotTable::recover` does.
//!
//! **Summaries.** Set the word, then its summary bit. Clear the summary bit, then re-read the word,
//! by a write if it is zero. A thread that adds a bit to a word that was just found empty either
//! comes before that read, which then sets the summary again; or after it, and then sees that the
//! summary is clear, and sets it.
//!
//! In between, a free slot can be hidden although no call is using it. So the threads that are
//! clearing are counted, and `Hints::is_settled` tells whether there are any.
//!
//! All of these words may lie in memory that others write to at will. So bits beyond the rows are
//! ignored, and a bit that somebody cleared is set again by the next free there, or by
//! `SlotTable::recover`.
//!
//! A pool of up to 64 slots has one word of hints, which is as quick to read as the rows above it.
//! In such a pool nothing above is ever cleared: a pool of one slot is emptied at every claim, and
//! clearing and counting cost 12 % more instructions for a pair of claim and free.

use crate::sync::{Ordering, Words};

/// Slots for each word of hints.
pub(super) const PER_HINT: usize = 64;

#[derive(Debug)]
pub(super) struct Hints {
    /// Bit b of word h: slot 64 h + b may be free.
    words: Words,
    /// Bit b of word s: word 64 s + b of the hints may not be zero.
    summary: Words,
    /// Bit b of word i: word 64 i + b of the summary may not be zero. One word serves 2^18 slots.
    index: Words,
    /// One word: how many calls are clearing bits of the two rows above. If a thread dies meanwhile
    /// it stays too high for ever, and then a claim from a full pool looks at all hints.
    closing: Words,
    /// Whether bits of the summaries are ever cleared. The same in all mappings of a pool.
    clears: bool,
}

impl Hints {
    /// The number of 64-bit words that `count` slots need.
    pub(super) const fn words_for(count: usize) -> usize {
        let words = count.div_ceil(PER_HINT);
        words + words.div_ceil(64) + words.div_ceil(64 * 64) + 1
    }

    /// Hints for `count` slots. `next` returns a row of the given length.
    pub(super) fn new(count: usize, next: &mut impl FnMut(usize) -> Words) -> Hints {
        let words = count.div_ceil(PER_HINT);
        let (words, summary) = (next(words), next(words.div_ceil(64)));
        let index = next(summary.len().div_ceil(64));
        let clears = words.len() > 1;
        Hints { words, summary, index, closing: next(1), clears }
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

    /// Calls `visit` with each word that may not be zero, beginning at the word of `start` and
    /// wrapping around, until it returns true.
    #[inline]
    pub(super) fn visit_open(&self, start: usize, mut visit: impl FnMut(usize) -> bool) {
        let mut at = start / (64 * 64);
        for _ in 0..self.index.len() {
            // Acquire, here and below, pairs with the release in `close`: a thread that sees a
            // cleared bit also sees that it is being counted.
            let mut groups = Bits::new(self.index.at(at).load(Ordering::Acquire), start / 64);
            while let Some(group) = groups.next().map(|bit| at * 64 + bit) {
                // Here and in `take`, ignore bits beyond the rows: in memory that others write to,
                // any bit may be set.
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

    /// Calls `visit` with every word that is not zero, until it returns true.
    pub(super) fn visit_all(&self, mut visit: impl FnMut(usize) -> bool) {
        let mut words = 0..self.words.len();
        words.any(|word| self.words.at(word).load(Ordering::Acquire) != 0 && visit(word));
    }

    /// Returns true if no thread is clearing bits of the summaries. From then on,
    /// [`Hints::visit_open`] visits all hints that were added before this call.
    pub(super) fn is_settled(&self) -> bool {
        // Usually enough turns. One under loom, where every turn is a branch.
        let turns = if cfg!(loom) { 1 } else { 64 };
        (0..turns).any(|turn| {
            if turn > 0 {
                std::hint::spin_loop();
            }
            // A thread that begins to clear after this write acquires what the caller knows, and so
            // finds every hint that the caller knows of.
            is_zero(&self.closing, 0)
        })
    }

    /// Takes hints of up to `want` slots from a word. Returns their slots, or `None` if the word
    /// has no hint.
    #[inline]
    pub(super) fn take(&self, word: usize, want: usize) -> Option<impl Iterator<Item = u32>> {
        let hints = self.words.get(word)?;
        let bits = hints.load(Ordering::Relaxed);
        let wanted = lowest(bits, want);
        // Acquire pairs with the release in `add`: this thread sees that the slots' words are free.
        let taken = hints.fetch_and(!wanted, Ordering::AcqRel);
        if self.clears && taken & !wanted == 0 {
            self.close(word);
        }
        (bits != 0).then(|| slots_of(word, taken & wanted))
    }

    /// Sets the bits above a word that is not zero.
    #[inline]
    fn open(&self, word: usize) {
        set(&self.summary, word);
        set(&self.index, word / 64);
    }

    /// Clears the bits above a word that was zero.
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

    /// Runs `clear`, which clears bits of the summaries, and counts it meanwhile.
    #[inline]
    fn counted(&self, clear: impl FnOnce()) {
        let closing = self.closing.at(0);
        closing.fetch_add(1, Ordering::AcqRel);
        clear();
        closing.fetch_add(1u64.wrapping_neg(), Ordering::AcqRel);
    }
}

/// Returns true if a word is zero. It then writes the zero again: a thread that changes the word
/// later acquires everything the caller knows, such as the bits above. After a mere load, each
/// thread could miss what the other did.
fn is_zero(row: &Words, at: usize) -> bool {
    // Not fetch_or(0) or fetch_add(0), which LLVM turns into a fence and a load.
    row.at(at).compare_exchange(0, 0, Ordering::AcqRel, Ordering::Acquire).is_ok()
}

/// Sets bit `at` of a row, unless it is set.
#[inline]
fn set(row: &Words, at: usize) {
    let (word, bit) = (row.at(at / 64), 1 << (at % 64));
    // The load saves a write to the cache line at every free. A stale value does no harm: the
    // thread that has cleared the bit since reads the word below afterwards, and sets the bit
    // again.
    if word.load(Ordering::Relaxed) & bit == 0 {
        word.fetch_or(bit, Ordering::AcqRel);
    }
}

/// The places of the set bits of a word, beginning at `start` and wrapping around.
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

/// The lowest `count` of the set bits.
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

#[cfg(all(test, loom))]
mod for_models {
    use super::Hints;

    impl Hints {
        /// As if there were more than one word, so that models with few slots clear summaries too.
        pub(in crate::slab) fn clear_always(&mut self) {
            self.clears = true;
        }
    }
}

#[cfg(all(test, not(loom)))]
mod for_tests {
    use super::Hints;
    use crate::sync::AtomicU64;

    impl Hints {
        /// Shows all rows but the count.
        pub(in crate::slab) fn each_word(&self, mut write: impl FnMut(&AtomicU64)) {
            for row in [&self.words, &self.summary, &self.index] {
                (0..row.len()).for_each(|at| write(row.at(at)));
            }
        }

        /// Any of its words, by its place among all of them.
        pub(in crate::slab) fn any_word(&self, mut at: usize) -> &AtomicU64 {
            for row in [&self.words, &self.summary, &self.index, &self.closing] {
                match at.checked_sub(row.len()) {
                    Some(rest) => at = rest,
                    None => return row.at(at),
                }
            }
            panic!("beyond the hints");
        }
    }
}
