//! Checks the invariants of spans, for tests.

use super::{CLEAN, NONE, PART_LOG, Spans, bin_of};
use std::collections::HashSet;

macro_rules! ensure {
    ($holds:expr, $($what:tt)*) => {
        if !$holds {
            return Err(format!($($what)*));
        }
    };
}

impl Spans {
    /// Returns what does not hold. `chunks` has the number, first span and granules of each chunk.
    pub fn check(&self, chunks: &[(u32, u32, u32)]) -> Result<(), String> {
        self.bins.check()?;
        let (mut seen, mut held, mut free, mut clean) = (0, 0, 0u64, 0u64);
        let mut listed = self.check_lists()?;
        for &(chunk, first, granules) in chunks {
            let (mut id, mut at, mut before) = (first, 0, NONE);
            let mut parts = vec![NONE; self.parts[chunk as usize].len()];
            while id != NONE {
                let span = self.get(id).ok_or(format!("{id} is no record"))?;
                ensure!(span.granules > 0, "{id} is empty, in chunk {chunk}");
                ensure!(span.start == at && span.before == before, "a gap before {id}: {span:?}");
                ensure!(span.chunk() == chunk, "{id} is of another chunk: {span:?}");
                let part = &mut parts[(at >> PART_LOG) as usize];
                if *part == NONE {
                    *part = id;
                }
                let after_free = self.get(before).is_some_and(|before| before.is_free());
                ensure!(!(after_free && span.is_free()), "{before} and {id} are free and apart");
                ensure!(listed.remove(&id) == span.is_free(), "{id} is in a wrong list or none");
                if span.is_held() {
                    held += 1;
                    ensure!(span.chunk & CLEAN == 0, "{id} is held and clean");
                } else {
                    free += u64::from(span.granules);
                    clean += if span.is_clean() { self.pages(id) } else { 0 };
                }
                seen += 1;
                (before, at, id) = (id, span.end(), span.after);
            }
            ensure!(at == granules, "chunk {chunk} ends at {at} of {granules}");
            ensure!(parts[..] == self.parts[chunk as usize][..], "parts of chunk {chunk}");
        }
        ensure!(listed.is_empty(), "in lists, and in no chunk: {listed:?}");
        ensure!(seen == self.count(), "{seen} spans in chunks, {} in use", self.count());
        let sums = (self.held, self.free_granules, self.clean_pages);
        ensure!((held, free, clean) == sums, "{held} {free} {clean} are not {sums:?}");
        let unused = std::iter::successors(self.get(self.unused), |span| self.get(span.next));
        ensure!(unused.clone().count() == self.unused_count, "unused: {}", self.unused_count);
        ensure!(unused.clone().all(|span| span.granules == 0), "a record is in use and not");
        Ok(())
    }

    /// All spans that are in lists.
    fn check_lists(&self) -> Result<HashSet<u32>, String> {
        let mut all = HashSet::new();
        let bins = std::iter::successors(self.bins.from(0), |&bin| self.bins.from(bin + 1));
        for bin in bins {
            let mut previous = NONE;
            for id in self.list(bin) {
                let span = self.get(id).ok_or(format!("{id} is no record, in bin {bin}"))?;
                ensure!(all.insert(id), "{id} is in two lists, or in a circle");
                ensure!(span.previous == previous, "{id} has a wrong neighbour in bin {bin}");
                ensure!(span.is_free() && bin_of(span.granules) == bin, "{span:?} in bin {bin}");
                previous = id;
            }
        }
        Ok(all)
    }
}
