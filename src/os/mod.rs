//! The only system calls of the crate, one file per platform family. Everything here works
//! on whole pages of private anonymous memory:
//!
//! - `reserve(len)`: address space that faults when touched;
//! - `commit`: makes reserved pages readable and writable, zero at first;
//! - `decommit`: gives the pages' memory back. They stay accessible; what they then show is
//!   zero on Linux, and their old bytes or zero elsewhere;
//! - `replace`: fresh pages over the range, whose address stays taken;
//! - `release`: unmaps; `resident`: bytes in RAM; `page_size`; `error_name` of an errno.

#[cfg(any(target_os = "linux", target_os = "android"))]
mod linux;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub use unix::{commit, decommit, page_size, release, replace, reserve, resident};
#[cfg(windows)]
pub use windows::{commit, decommit, page_size, release, replace, reserve, resident};

use crate::error::MapError;

/// The error of the call that just failed on this thread.
pub fn last_error(syscall: &'static str) -> MapError {
    let errno = std::io::Error::last_os_error().raw_os_error().unwrap_or(0);
    MapError { syscall, errno, code: error_name(errno) }
}

#[cfg(unix)]
use unix::error_name;
#[cfg(windows)]
use windows::error_name;

/// The error of a size that no call could serve, named after the call that would have.
pub fn too_large() -> MapError {
    #[cfg(unix)]
    let (syscall, errno) = ("mmap", unix::OUT_OF_MEMORY);
    #[cfg(windows)]
    let (syscall, errno) = ("VirtualAlloc", windows::OUT_OF_MEMORY);
    MapError { syscall, errno, code: error_name(errno) }
}
