//! Blocks that are not freed, grouped by the places that allocated them.
#![forbid(unsafe_code)]

use super::place::Place;
use std::cmp::Reverse;
use std::fmt;
use std::time::{Duration, Instant};

/// Blocks that are not freed now. Its text has a line for each group.
///
/// ```
/// # #[cfg(feature = "debug")] {
/// use ralloc_core::slab::{Slab, SlabOptions};
///
/// let slab = Slab::new(&SlabOptions::fixed(&[64], 8, 1 << 20))?;
/// let blocks = [slab.allocate(64)?, slab.allocate(64)?];
/// let report = slab.leak_report();
/// assert_eq!((report.count, report.bytes, report.groups.len()), (2, 128, 2)); // two calls, each in a column of its own
/// for block in blocks {
///     // SAFETY: held, and not used afterwards.
///     unsafe { slab.deallocate(block.cast()) }?;
/// }
/// assert_eq!(slab.leak_report().count, 0);
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct LeakReport {
    /// How many blocks are out.
    pub count: usize,
    /// Their bytes.
    pub bytes: usize,
    /// The same by the lines that allocated them, those with the most bytes first.
    pub groups: Vec<LeakGroup>,
}

/// Blocks that one line allocated.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LeakGroup {
    /// How many blocks.
    pub count: usize,
    /// Their bytes.
    pub bytes: usize,
    /// Address of the oldest block.
    pub address: usize,
    /// Age of the oldest block.
    pub age: Duration,
    /// The line, with the backtrace of the oldest one if it was taken.
    pub allocated: Place,
}

impl LeakReport {
    /// The report on blocks in the order of their allocation: address, bytes, time and place.
    pub(super) fn of<'a>(
        blocks: impl Iterator<Item = (usize, usize, Instant, &'a Place)>,
    ) -> LeakReport {
        let mut report = LeakReport::default();
        for (address, size, since, place) in blocks {
            (report.count, report.bytes) = (report.count + 1, report.bytes + size);
            let same = |group: &&mut LeakGroup| group.allocated.location() == place.location();
            if let Some(group) = report.groups.iter_mut().find(same) {
                (group.count, group.bytes) = (group.count + 1, group.bytes + size);
                continue;
            }
            let (age, allocated) = (since.elapsed(), place.clone());
            report.groups.push(LeakGroup { count: 1, bytes: size, address, age, allocated });
        }
        report.groups.sort_by_key(|group| Reverse(group.bytes));
        report
    }
}

impl fmt::Display for LeakReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} blocks are out, {} bytes", self.count, self.bytes)?;
        for LeakGroup { count, bytes, age, allocated, .. } in &self.groups {
            write!(f, "\n  {count}, {bytes} bytes, the oldest {age:.1?} old, ")?;
            match f.alternate() {
                true => write!(f, "allocated at {allocated:#}")?,
                false => write!(f, "allocated at {allocated}")?,
            }
        }
        Ok(())
    }
}
