//! What Linux does in its own way.
#![allow(clippy::disallowed_methods)]

use std::ffi::c_void;

/// Address space without a promise of swap: only what is touched counts.
pub const RESERVE_FLAGS: i32 = libc::MAP_NORESERVE;

/// Frees the pages at once; they read as zero afterwards.
///
/// # Safety
/// `ptr..ptr + len` are whole mapped pages whose content nobody needs.
pub unsafe fn discard(ptr: *mut c_void, len: usize) -> i32 {
    // SAFETY: the caller's promise; the call touches nothing but these pages.
    unsafe { libc::madvise(ptr, len, libc::MADV_DONTNEED) }
}
