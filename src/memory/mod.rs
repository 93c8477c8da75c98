//! Where bytes come from: `mapping` owns pages as `options` ask for them, [`depot`] keeps
//! those that are between users.

pub mod depot;
mod mapping;
#[cfg(all(test, not(loom)))]
mod option_tests;
mod options;
mod shared_memory;

pub use crate::os::page_size;
pub use depot::Depot;
pub(crate) use mapping::Mapping;
pub(crate) use options::Pages;
pub use options::{HugePages, MemoryOptions};
pub(crate) use shared_memory::SharedMemory;
