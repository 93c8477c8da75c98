//! What macOS and the BSDs do in their own way: no huge pages to ask for, and no NUMA.
#![allow(clippy::disallowed_methods)]

use super::{last_error, touch};
use crate::error::MapError;
use std::ffi::{c_int, c_void};
use std::ptr::NonNull;

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
    match unsafe { libc::mprotect(ptr.cast(), len, libc::PROT_NONE) } {
        0 => Ok(()),
        _ => Err(last_error("mprotect")),
    }
}

/// Never.
///
/// # Safety
/// None is needed.
pub unsafe fn advise_huge(_ptr: *mut u8, _len: usize) -> Result<(), MapError> {
    Err(MapError::Unsupported { what: "transparent huge pages" })
}

/// Never.
pub fn map_huge(_len: usize, _node: Option<u32>) -> Result<NonNull<u8>, MapError> {
    Err(MapError::Unsupported { what: "huge pages of 2 MiB" })
}

/// Never.
///
/// # Safety
/// None is needed.
pub unsafe fn bind(_ptr: *mut u8, _len: usize, _node: u32) -> Result<(), MapError> {
    Err(MapError::Unsupported { what: "binding memory to a NUMA node" })
}

/// Never.
///
/// # Safety
/// None is needed.
pub unsafe fn rebind(_ptr: *mut u8, _len: usize, _node: u32) -> Result<(), MapError> {
    Err(MapError::Unsupported { what: "binding memory to a NUMA node" })
}

/// Never.
///
/// # Safety
/// None is needed.
pub unsafe fn unbind(_ptr: *mut u8, _len: usize) -> Result<(), MapError> {
    Err(MapError::Unsupported { what: "binding memory to a NUMA node" })
}

/// Never.
///
/// # Safety
/// None is needed.
pub unsafe fn bound_to(_ptr: *mut u8) -> Result<Option<u32>, MapError> {
    Err(MapError::Unsupported { what: "binding memory to a NUMA node" })
}

/// Never.
///
/// # Safety
/// None is needed.
pub unsafe fn wipe_on_fork(_ptr: *mut u8, _len: usize) -> Result<(), MapError> {
    Err(MapError::Unsupported { what: "memory that a fork wipes" })
}

/// Finds memory for every page.
///
/// # Safety
/// `ptr..ptr + len` are whole committed pages of the caller. Their bytes stay.
pub unsafe fn populate(ptr: *mut u8, len: usize, _huge: bool) -> Result<(), MapError> {
    // SAFETY: the caller's promise.
    unsafe { touch(ptr, len) };
    Ok(())
}

/// Never.
pub fn shared_can_be_huge() -> bool {
    false
}

/// Milliseconds since the machine was started, those of its sleep included: the same clock for all processes.
#[cfg(target_os = "macos")]
pub fn boot_millis() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes to the local. The clock is there since macOS 10.12.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC_RAW, &mut now) };
    now.tv_sec as u64 * 1000 + now.tv_nsec as u64 / 1_000_000
}

/// Milliseconds of a clock that only this process has.
#[cfg(not(target_os = "macos"))]
pub fn boot_millis() -> u64 {
    super::process_millis()
}
