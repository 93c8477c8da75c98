//! How memory is to be had from the system, where the usual way will not do.
#![forbid(unsafe_code)]

use crate::layout::HUGE_PAGE;
use crate::os::page_size;

/// Whether memory is to lie in huge pages (of 2 MiB), which save misses of the TLB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum HugePages {
    /// Ordinary pages.
    #[default]
    No,
    /// Transparent huge pages: the kernel is advised and does as it can.
    Advise,
    /// Pages of the system's pool of huge pages; as `Advise` where it has none to give.
    Prefer,
    /// Pages of the pool, or an error.
    Require,
}

/// What a mapping asks of the system. The default asks nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct MemoryOptions {
    pub huge_pages: HugePages,
    /// Kept in RAM, never swapped out (mlock).
    pub lock: bool,
    /// From the memory of this NUMA node only (mbind; on Windows a preference).
    pub numa_node: Option<u32>,
    /// Backed by RAM from the start, so that no first touch takes a page fault.
    pub prefault: bool,
}

impl MemoryOptions {
    /// Whether nothing is asked for.
    pub fn is_plain(&self) -> bool {
        *self == MemoryOptions::default()
    }

    /// Mappings are multiples of so many bytes, and begin at a multiple.
    pub fn granule(&self) -> usize {
        match self.huge_pages {
            HugePages::No => page_size(),
            _ => HUGE_PAGE.max(page_size()),
        }
    }

    /// Whether the memory was asked to be in RAM before it is used.
    pub fn keeps_memory(&self) -> bool {
        self.lock || self.prefault
    }
}

/// What the pages of a mapping are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Pages {
    /// Ordinary ones.
    Normal,
    /// Those that the kernel was advised to make huge; how many of them are huge is up to the kernel.
    Transparent,
    /// Of the system's pool of huge pages.
    Explicit,
}
