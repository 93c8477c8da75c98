//! What a slab takes and has.

use super::{Pool, Slab};
use crate::memory::Mapping;
use crate::stats::PoolStats;

impl Slab {
    /// Bytes of the largest slots: the most that can be allocated at once.
    ///
    /// ```
    /// use ralloc_core::slab::{Slab, SlabOptions};
    ///
    /// let slab = Slab::new(&SlabOptions::fixed(&[64, 1024], 16, 1 << 20))?;
    /// assert_eq!(slab.largest(), 1024);
    /// assert!(slab.allocate(1025).is_err());
    /// # Ok::<(), ralloc_core::error::SlabError>(())
    /// ```
    pub fn largest(&self) -> usize {
        self.pools.last().map_or(0, Pool::size)
    }

    /// Bytes that the slab takes at most: all slots that there can be and their records, within its limit.
    ///
    /// ```
    /// use ralloc_core::slab::{Slab, SlabOptions};
    ///
    /// let slab = Slab::new(&SlabOptions::fixed(&[4096], 64, 1 << 20))?;
    /// assert!(slab.committed() >= 64 * 4096);
    /// assert!(slab.committed() <= slab.footprint() && slab.footprint() <= 1 << 20);
    /// # Ok::<(), ralloc_core::error::SlabError>(())
    /// ```
    pub fn footprint(&self) -> usize {
        let slots = self.slots.lock();
        let all = slots.mapping.as_ref().map_or(0, Mapping::len) + self.records.len();
        all.min(self.max_bytes.max(slots.committed))
    }

    /// Bytes of the slots that are there, and of their records: at most the limit. All of them in a slab
    /// that is shared.
    ///
    /// ```
    /// use ralloc_core::slab::{Slab, SlabOptions};
    ///
    /// let slab = Slab::new(&SlabOptions::fixed(&[4096], 64, 1 << 20))?;
    /// let bytes = slab.committed();
    /// assert!((64 * 4096..1 << 20).contains(&bytes));
    /// # Ok::<(), ralloc_core::error::SlabError>(())
    /// ```
    pub fn committed(&self) -> usize {
        match self.shared {
            Some(_) => self.footprint(),
            None => self.slots.lock().committed,
        }
    }

    /// Gauges and counters of every pool, in the order of the options. Walks over the words of all slots.
    ///
    /// ```
    /// use ralloc_core::slab::{Slab, SlabOptions};
    ///
    /// let slab = Slab::new(&SlabOptions::fixed(&[64, 1024], 16, 1 << 20))?;
    /// slab.allocate(100)?;
    /// assert_eq!(slab.stats().iter().map(|pool| pool.held).sum::<usize>(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn stats(&self) -> Vec<PoolStats> {
        self.pools.iter().map(Pool::stats).collect()
    }
}
