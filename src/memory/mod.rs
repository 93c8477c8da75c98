//! Memory to allocate from: the options for memory from the system, and the depots that keep free
//! chunks.
//!
//! Arenas and slabs obtain their memory by themselves; this module is for special needs.
//! [`MemoryOptions`] requests huge pages, memory that is locked or prefaulted, or memory of one
//! NUMA node. A [`Depot`] of your own keeps the chunks of some arenas apart from all others.
//! [`depot::trim`] gives idle memory back to the system. Nothing in this crate runs in the
//! background, so a long-lived program should call it now and then.
//!
//! (`mapping` owns pages with the requested `options`, [`depot`] keeps free mappings, and
//! `retained` the addresses that JavaScript has seen. `segment` is memory that processes share.)

pub mod depot;
mod mapping;
#[cfg(all(test, not(loom)))]
mod option_tests;
mod options;
#[cfg(all(test, ralloc_os = "linux", not(loom)))]
mod placed_tests;
mod retained;
pub(crate) mod segment;
mod shared_memory;
mod wiped_on_fork;

pub use depot::Depot;
pub(crate) use mapping::Mapping;
pub(crate) use options::Pages;
pub use options::{HugePages, MemoryOptions};
#[cfg(all(test, not(loom)))]
pub(crate) use retained::tests::late_access;
pub(crate) use shared_memory::{SharedKind, SharedMemory};
pub(crate) use wiped_on_fork::{WipedOnFork, ZeroIsValid};

/// Bytes of a page of the system. Mappings are multiples of [`MemoryOptions::granule`], which is
/// more with huge pages.
///
/// ```
/// assert!(ralloc_core::memory::page_size().is_power_of_two());
/// ```
#[inline]
pub fn page_size() -> usize {
    crate::os::page_size()
}
