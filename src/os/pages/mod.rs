//! The pages of a process, with a file for each family of platforms. Those of the target are
//! re-exported: `os` lists what those do that others call.

#[cfg(any(ralloc_os = "macos", ralloc_os = "bsd"))]
mod bsd;
#[cfg(ralloc_os = "heap")]
mod heap;
#[cfg(ralloc_os = "linux")]
mod linux;
#[cfg(not(ralloc_os = "linux"))]
#[cfg_attr(ralloc_os = "windows", allow(dead_code, reason = "Windows has some of this"))]
mod ordinary;
#[cfg(not(any(ralloc_os = "windows", ralloc_os = "heap")))]
mod unix;
#[cfg(ralloc_os = "windows")]
mod windows;

#[cfg(any(ralloc_os = "macos", ralloc_os = "bsd"))]
pub use bsd::*;
#[cfg(ralloc_os = "heap")]
pub use heap::*;
#[cfg(ralloc_os = "linux")]
pub use linux::*;
#[cfg(ralloc_os = "windows")]
pub use windows::*;
