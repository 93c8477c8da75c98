//! macOS and the BSDs: calls that differ from Linux.
#![allow(clippy::disallowed_methods)]

pub use super::ordinary::*;
pub use super::unix::*;
pub use super::unix::{page_size as view_granule, reserve as reserve_view};
pub use crate::os::shared_pages::{SharedPages, map_shared, shared_pages};

use crate::error::MapError;
use crate::os::{done, last_error, touch};
use std::ffi::{c_int, c_void};

pub const RESERVE_FLAGS: c_int = 0;

/// MADV_DONTNEED is only advice here; MADV_FREE lets the kernel take the pages.
///
/// # Safety
/// `ptr..ptr + len` are whole mapped pages whose content nobody needs.
pub unsafe fn discard(ptr: *mut c_void, len: usize) -> c_int {
    // SAFETY: the caller's promise; the call touches nothing but these pages.
    unsafe { libc::madvise(ptr, len, libc::MADV_FREE) }
}

/// Makes pages inaccessible.
///
/// # Safety
/// `ptr..ptr + len` are whole mapped pages of the caller, whose content nobody needs.
pub unsafe fn guard(ptr: *mut u8, len: usize) -> Result<(), MapError> {
    // SAFETY: the caller's promise.
    done("mprotect", unsafe { libc::mprotect(ptr.cast(), len, libc::PROT_NONE) } == 0)
}

/// Allocates memory for every page.
///
/// # Safety
/// `ptr..ptr + len` are whole committed pages of the caller. Their bytes stay.
pub unsafe fn populate(ptr: *mut u8, len: usize, _huge: bool) -> Result<(), MapError> {
    // SAFETY: the caller's promise.
    unsafe { touch(ptr, len) };
    Ok(())
}

/// Milliseconds since the machine was started, including its sleep. The clock is the same for all
/// processes.
#[cfg(target_os = "macos")]
pub fn boot_millis() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes to the local. The clock exists since macOS 10.12.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC_RAW, &mut now) };
    now.tv_sec as u64 * 1000 + now.tv_nsec as u64 / 1_000_000
}

/// Milliseconds of a clock that is this process's own.
#[cfg(not(target_os = "macos"))]
pub fn boot_millis() -> u64 {
    crate::os::process_millis()
}
