//! Finds free spans by their size, with two levels of bitmaps over lists, as in TLSF (Masmano,
//! Ripoll, Crespo and Real: "TLSF: a New Dynamic Memory Allocator for Real-Time Systems", ECRTS
//! 2004). Sizes are in granules.
//!
//! A bin holds spans of one of 32 steps between two powers of two; below 32 granules each size has
//! a bin of its own. Bins are numbered in order of their sizes. Finding a bin that has a span takes
//! two looks at a bitmap, however many bins there are.
#![forbid(unsafe_code)]

/// No span.
pub const NONE: u32 = u32::MAX;
/// The logarithm of the steps between two powers of two. A search asks for at most 1/32 more than
/// is needed.
const STEPS_LOG: u32 = 5;
const STEPS: u32 = 1 << STEPS_LOG;
/// A row for the sizes below [`STEPS`], and one for each power of two from there to 2^31.
const ROWS: usize = (u32::BITS - STEPS_LOG + 1) as usize;
const BINS: usize = ROWS << STEPS_LOG;

/// The heads of the lists.
#[derive(Debug)]
pub struct Bins {
    /// A bit for each row whose `columns` are not 0.
    rows: u32,
    /// A bit for each bin of a row that has a span.
    columns: [u32; ROWS],
    /// The first span of each bin. Invariant: [`NONE`] exactly if the bin's bit is 0.
    heads: [u32; BINS],
}

/// The bin of spans with exactly this many granules.
#[inline]
pub const fn bin_of(granules: u32) -> usize {
    if granules < STEPS {
        return granules as usize;
    }
    let shift = granules.ilog2() - STEPS_LOG;
    // The highest bit of the step is 1, so together with the shift it counts the row.
    ((shift << STEPS_LOG) + (granules >> shift)) as usize
}

/// The first bin whose spans all have at least this many granules; `None` above the largest.
#[inline]
const fn bin_from(granules: u32) -> Option<usize> {
    if granules < STEPS {
        return Some(granules as usize);
    }
    let shift = granules.ilog2() - STEPS_LOG;
    match granules.checked_add((1 << shift) - 1) {
        Some(rounded) => Some(bin_of(rounded)),
        None => None,
    }
}

impl Bins {
    pub fn new() -> Bins {
        Bins { rows: 0, columns: [0; ROWS], heads: [NONE; BINS] }
    }

    #[inline]
    pub fn head(&self, bin: usize) -> u32 {
        self.heads[bin]
    }

    /// Makes `span` the first of the bin, or empties the bin with [`NONE`].
    #[inline]
    pub fn set_head(&mut self, bin: usize, span: u32) {
        self.heads[bin] = span;
        let (row, bit) = (bin >> STEPS_LOG, 1 << (bin as u32 % STEPS));
        if span != NONE {
            self.columns[row] |= bit;
            self.rows |= 1 << row;
            return;
        }
        self.columns[row] &= !bit;
        if self.columns[row] == 0 {
            self.rows &= !(1 << row);
        }
    }

    /// A span of at least this many granules, if a bin has one whose spans are all large enough.
    #[inline]
    pub fn find(&self, granules: u32) -> Option<u32> {
        let bin = bin_from(granules)?;
        self.from(bin).map(|bin| self.heads[bin])
    }

    /// The first bin with a span, from this bin on.
    #[inline]
    pub fn from(&self, bin: usize) -> Option<usize> {
        let row = bin >> STEPS_LOG;
        let columns = self.columns[row] & (u32::MAX << (bin as u32 % STEPS));
        if columns != 0 {
            return Some((row << STEPS_LOG) + columns.trailing_zeros() as usize);
        }
        // Two shifts, because one shift by 32 would shift nothing.
        let rows = self.rows & ((u32::MAX << row) << 1);
        if rows == 0 {
            return None;
        }
        let row = rows.trailing_zeros() as usize;
        Some((row << STEPS_LOG) + self.columns[row].trailing_zeros() as usize)
    }

    /// The last bin that has a span.
    pub fn last(&self) -> Option<usize> {
        let row = self.rows.checked_ilog2()? as usize;
        Some((row << STEPS_LOG) + self.columns[row].ilog2() as usize)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// All small sizes, and those around each step and power of two.
    fn sizes() -> impl Iterator<Item = u32> {
        let around = |log: u32| {
            (0..32u32).flat_map(move |step| {
                let at = (1u32 << log) + (step << (log - STEPS_LOG));
                [at - 1, at, at + 1]
            })
        };
        (1..5000).chain((6..32).flat_map(around))
    }

    #[test]
    fn bins_are_in_order_of_sizes_and_lose_at_most_a_step() {
        let mut sizes: Vec<u32> = sizes().collect();
        sizes.sort_unstable();
        assert!(sizes.is_sorted_by_key(|&size| bin_of(size)));
        for size in sizes {
            let Some(bin) = bin_from(size) else {
                assert!(size > u32::MAX - (1 << 26));
                continue;
            };
            assert!(bin == bin_of(size) || bin == bin_of(size) + 1, "{size}");
            // The smallest size of that bin is at least this one.
            assert_eq!(bin_of(size) == bin, bin_of(size - 1) < bin_of(size), "{size}");
        }
        assert!(bin_of(u32::MAX) < BINS);
        assert_eq!(bin_from(u32::MAX), None);
    }

    #[test]
    fn the_smallest_bin_that_is_large_enough_is_found_over_any_gap() {
        for (has, asks, finds) in [
            (1, 1, true),
            (1, 2, false),
            (31, 1, true),
            (32, 32, true),
            (u32::MAX, 1, true),
            (64, 65, false),
            (65, 65, false), // the bin has 64 and 65, so not all of it is large enough
            (66, 65, true),
            (1 << 31, 1 << 31, true),
        ] {
            let mut bins = Bins::new();
            bins.set_head(bin_of(has), 7);
            assert_eq!(bins.find(asks).is_some(), finds, "{asks} of {has}");
            assert_eq!(bins.last(), Some(bin_of(has)));
            bins.check().unwrap();
            bins.set_head(bin_of(has), NONE);
            assert_eq!((bins.find(1), bins.last()), (None, None));
            bins.check().unwrap();
        }
    }

    #[test]
    fn of_two_bins_the_nearer_is_taken() {
        let mut bins = Bins::new();
        let near = |bins: &Bins, asks| bins.find(asks);
        bins.set_head(bin_of(100), 1);
        bins.set_head(bin_of(5000), 2);
        assert_eq!(
            (near(&bins, 90), near(&bins, 200), near(&bins, 6000)),
            (Some(1), Some(2), None)
        );
    }
}

#[cfg(all(test, not(loom)))]
mod for_tests {
    use super::{BINS, Bins, NONE, ROWS, STEPS, STEPS_LOG};

    impl Bins {
        /// Returns what is wrong with the bitmaps.
        pub fn check(&self) -> Result<(), String> {
            for bin in 0..BINS {
                let bit = self.columns[bin >> STEPS_LOG] >> (bin as u32 % STEPS) & 1;
                if (bit == 1) != (self.heads[bin] != NONE) {
                    return Err(format!(
                        "bin {bin}: its bit is {bit}, its head {}",
                        self.heads[bin]
                    ));
                }
            }
            let rows = (0..ROWS)
                .filter(|&row| self.columns[row] != 0)
                .fold(0, |bits, row| bits | 1 << row);
            if rows != self.rows {
                return Err(format!("rows are {:b}, not {rows:b}", self.rows));
            }
            Ok(())
        }
    }
}
