//! Memory that several ranges of addresses show: through a file, kept by a mapping of its own
//! (Linux), or as a section (Windows).

#[cfg(any(ralloc_os = "macos", ralloc_os = "bsd", ralloc_files))]
mod file;
#[cfg(all(ralloc_os = "linux", not(ralloc_files)))]
pub mod kept;
#[cfg(ralloc_os = "windows")]
pub mod section;

#[cfg(any(ralloc_os = "macos", ralloc_os = "bsd", ralloc_files))]
pub use file::{SharedPages, map_shared, shared_pages};
#[cfg(all(ralloc_os = "linux", not(ralloc_files)))]
pub use kept::{SharedPages, map_shared, shared_pages};
