//! Options of memory: huge pages, locking, prefault, NUMA node.
#![forbid(unsafe_code)]

use crate::error::names;
use crate::layout::HUGE_PAGE;
use crate::os::page_size;

/// Whether memory should lie in huge pages (of 2 MiB), which save TLB misses. Systems without such
/// pages refuse everything but `No`:
/// [`MapError::Unsupported`](crate::error::MapError::Unsupported).
///
/// ```
/// use ralloc_core::Arena;
/// use ralloc_core::memory::{HugePages, MemoryOptions};
///
/// let options = MemoryOptions { huge_pages: HugePages::Advise, ..MemoryOptions::default() };
/// assert!(options.granule() >= 2 << 20); // chunks are larger than others
/// let arena = Arena::builder().memory(options).build()?;
/// assert_eq!(arena.committed_bytes(), 0); // asked for with the first chunk
/// # Ok::<(), ralloc_core::error::OptionsError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum HugePages {
    /// Ordinary pages.
    #[default]
    No,
    /// Transparent huge pages: the kernel is advised to use them, and decides.
    Advise,
    /// Pages of the system's pool of huge pages; like `Advise` if the pool has none left.
    Prefer,
    /// Pages of the pool, or [`MapError::System`](crate::error::MapError::System) if it has none
    /// left.
    Require,
}

/// How to obtain memory from the system. The default is ordinary memory. If an option cannot be
/// granted, the allocation that needs the memory, or [`Slab::new`](crate::Slab::new), returns a
/// [`MapError`](crate::error::MapError).
///
/// ```
/// use ralloc_core::Slab;
/// use ralloc_core::memory::MemoryOptions;
/// use ralloc_core::slab::SlabOptions;
///
/// let memory = MemoryOptions { prefault: true, ..MemoryOptions::default() };
/// assert!(!memory.is_plain() && memory.keeps_memory());
/// let slab = Slab::new(&SlabOptions { memory, ..SlabOptions::fixed(&[64], 256, 1 << 20) })?;
/// assert_eq!(slab.allocate(64)?.len(), 64); // takes no page fault
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct MemoryOptions {
    /// Whether it lies in huge pages. Default: no.
    pub huge_pages: HugePages,
    /// Kept in RAM, never swapped out (mlock). Counts toward the process's limit on locked memory.
    pub lock: bool,
    /// From the memory of this NUMA node only (mbind; on Windows a preference).
    pub numa_node: Option<u32>,
    /// Backed by RAM from the start, so that no first touch takes a page fault.
    pub prefault: bool,
}

impl MemoryOptions {
    /// The default, which requests nothing special.
    ///
    /// ```
    /// use ralloc_core::memory::{HugePages, MemoryOptions};
    ///
    /// let memory = MemoryOptions::new().huge_pages(HugePages::Advise).prefault(true);
    /// assert!(memory.keeps_memory() && !memory.lock);
    /// ```
    pub fn new() -> MemoryOptions {
        MemoryOptions::default()
    }

    setters! { huge_pages: HugePages, lock: bool, numa_node: Option<u32>, prefault: bool }

    /// Whether nothing special is requested, as in the default.
    pub fn is_plain(&self) -> bool {
        *self == MemoryOptions::default()
    }

    /// The unit of sizes and addresses of mappings: a page, or 2 MiB with huge pages.
    ///
    /// ```
    /// use ralloc_core::memory::{MemoryOptions, page_size};
    ///
    /// assert_eq!(MemoryOptions::default().granule(), page_size());
    /// ```
    pub fn granule(&self) -> usize {
        match self.huge_pages {
            HugePages::No => page_size(),
            _ => HUGE_PAGE.max(page_size()),
        }
    }

    /// Whether the memory should be in RAM before it is used: it is locked or prefaulted.
    pub fn keeps_memory(&self) -> bool {
        self.lock || self.prefault
    }
}

names! {
    /// The kind of a mapping's pages.
    pub(crate) enum Pages {
        /// Ordinary ones.
        Normal => "none",
        /// Pages that the kernel was advised to make huge. The kernel decides how many are.
        Transparent => "transparent",
        /// Pages of the system's pool of huge pages.
        Explicit => "explicit",
    }
    /// The kind of huge pages, as JavaScript sees it.
    pub fn name;
}
