//! What macOS and the BSDs do in their own way: no huge pages to ask for, and no NUMA.
#![allow(clippy::disallowed_methods)]

use super::touch;
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

/// Finds memory for every page.
///
/// # Safety
/// `ptr..ptr + len` are whole committed pages of the caller, whose bytes nobody needs.
pub unsafe fn populate(ptr: *mut u8, len: usize, _huge: bool) -> Result<(), MapError> {
    // SAFETY: the caller's promise.
    unsafe { touch(ptr, len) };
    Ok(())
}
