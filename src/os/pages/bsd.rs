//! macOS and the BSDs: calls that differ from Linux.
#![allow(clippy::disallowed_methods)]

pub use super::ordinary::*;
pub use super::unix::*;
pub use super::unix::{page_size as view_granule, reserve as reserve_view};
pub use crate::os::shared_pages::{SharedPages, map_shared, shared_pages};

use crate::error::MapError;
use crate::os::{done, touch};
use std::ffi::c_int;

pub const RESERVE_FLAGS: c_int = 0;

/// MADV_DONTNEED is only advice here; MADV_FREE lets the kernel take the pages.
pub const DISCARD: c_int = libc::MADV_FREE;

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

/// Bytes of this process in RAM.
#[cfg(all(target_os = "macos", any(feature = "node", test), not(loom)))]
#[allow(deprecated, reason = "libc names a crate of bindings, of which this is the one call")]
pub fn process_resident() -> Option<usize> {
    let mut info = std::mem::MaybeUninit::<libc::mach_task_basic_info>::zeroed();
    let mut words = libc::MACH_TASK_BASIC_INFO_COUNT;
    let (kind, words) = (libc::MACH_TASK_BASIC_INFO, &raw mut words);
    // SAFETY: writes to the two locals, of the first at most as many words as the second says.
    let told =
        unsafe { libc::task_info(libc::mach_task_self(), kind, info.as_mut_ptr().cast(), words) };
    // SAFETY: zeros are valid for it, and the kernel has written the rest.
    let info = (told == libc::KERN_SUCCESS).then(|| unsafe { info.assume_init() })?;
    usize::try_from(info.resident_size).ok()
}

/// Milliseconds since the machine was started, including its sleep. The clock is the same for all
/// processes.
#[cfg(target_os = "macos")]
pub fn boot_millis() -> u64 {
    // The clock exists since macOS 10.12.
    millis_of(libc::CLOCK_MONOTONIC_RAW)
}

/// Milliseconds of a clock that is this process's own.
#[cfg(not(target_os = "macos"))]
pub fn boot_millis() -> u64 {
    crate::os::process_millis()
}
