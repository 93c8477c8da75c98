//! POSIX memory calls. Linux's own ways are in `linux.rs`.
#![allow(clippy::disallowed_methods)]

use super::last_error;
#[cfg(any(target_os = "linux", target_os = "android"))]
use super::linux::{RESERVE_FLAGS, discard};
use crate::error::MapError;
use std::ffi::c_void;
use std::ptr::{self, NonNull};

pub const OUT_OF_MEMORY: i32 = libc::ENOMEM;

#[cfg(not(any(target_os = "linux", target_os = "android")))]
const RESERVE_FLAGS: i32 = 0;

/// Elsewhere MADV_DONTNEED is only advice; MADV_FREE lets the kernel take the pages.
///
/// # Safety
/// `ptr..ptr + len` are whole mapped pages whose content nobody needs.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
unsafe fn discard(ptr: *mut c_void, len: usize) -> i32 {
    // SAFETY: the caller's promise; the call touches nothing but these pages.
    unsafe { libc::madvise(ptr, len, libc::MADV_FREE) }
}

/// Bytes of a page.
pub fn page_size() -> usize {
    // SAFETY: sysconf has no preconditions.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size).unwrap_or(4096)
}

/// `len` bytes of address space that fault when touched; `len` is a positive page multiple.
pub fn reserve(len: usize) -> Result<NonNull<u8>, MapError> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANON | RESERVE_FLAGS;
    // SAFETY: a new mapping at an address of the kernel's choice; it touches no other.
    let base = unsafe { libc::mmap(ptr::null_mut(), len, libc::PROT_NONE, flags, -1, 0) };
    if base == libc::MAP_FAILED {
        return Err(last_error("mmap"));
    }
    NonNull::new(base.cast()).ok_or_else(super::too_large)
}

/// Makes reserved pages readable and writable.
///
/// # Safety
/// `ptr..ptr + len` are whole pages within one reservation of the caller.
pub unsafe fn commit(ptr: *mut u8, len: usize) -> Result<(), MapError> {
    let access = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: the caller's promise; more access to own pages breaks no one's view.
    match unsafe { libc::mprotect(ptr.cast(), len, access) } {
        0 => Ok(()),
        _ => Err(last_error("mprotect")),
    }
}

/// Gives the memory of committed pages back; they stay accessible.
///
/// # Safety
/// `ptr..ptr + len` are whole committed pages of the caller, whose content nobody needs.
pub unsafe fn decommit(ptr: *mut u8, len: usize) -> Result<(), MapError> {
    // SAFETY: the caller's promise.
    match unsafe { discard(ptr.cast(), len) } {
        0 => Ok(()),
        _ => Err(last_error("madvise")),
    }
}

/// Puts fresh zero pages over the range: its memory is freed, its address stays taken.
///
/// # Safety
/// `ptr..ptr + len` are whole pages within one reservation of the caller; who still looks at
/// them sees zeros from now on.
pub unsafe fn replace(ptr: *mut u8, len: usize) -> Result<(), MapError> {
    let access = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_FIXED | RESERVE_FLAGS;
    // SAFETY: MAP_FIXED over pages that the caller owns, so it can hit no foreign mapping.
    let base = unsafe { libc::mmap(ptr.cast(), len, access, flags, -1, 0) };
    if base == libc::MAP_FAILED { Err(last_error("mmap")) } else { Ok(()) }
}

/// Unmaps a whole reservation.
///
/// # Safety
/// `ptr..ptr + len` is a reservation of the caller, and nobody uses it any more.
pub unsafe fn release(ptr: *mut u8, len: usize) -> Result<(), MapError> {
    // SAFETY: the caller's promise.
    match unsafe { libc::munmap(ptr.cast(), len) } {
        0 => Ok(()),
        _ => Err(last_error("munmap")),
    }
}

/// Bytes of the range that are in RAM now.
///
/// # Safety
/// `ptr..ptr + len` are whole mapped pages of the caller.
pub unsafe fn resident(ptr: *mut u8, len: usize) -> Result<usize, MapError> {
    let page = page_size();
    let mut pages = vec![0u8; len.div_ceil(page)];
    // SAFETY: the caller's promise; the vector has one byte for each page of the range.
    if unsafe { libc::mincore(ptr.cast::<c_void>(), len, pages.as_mut_ptr().cast()) } != 0 {
        return Err(last_error("mincore"));
    }
    Ok(pages.iter().filter(|&&page| page & 1 != 0).count() * page)
}

/// The symbol of an errno that these calls return.
pub fn error_name(errno: i32) -> Option<&'static str> {
    Some(match errno {
        libc::ENOMEM => "ENOMEM",
        libc::EINVAL => "EINVAL",
        libc::EACCES => "EACCES",
        libc::EPERM => "EPERM",
        libc::EAGAIN => "EAGAIN",
        libc::EFAULT => "EFAULT",
        libc::ENOSYS => "ENOSYS",
        libc::EOVERFLOW => "EOVERFLOW",
        _ => return None,
    })
}
