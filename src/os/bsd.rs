//! What macOS and the BSDs do in their own way: no huge pages to ask for, and no NUMA.
#![allow(clippy::disallowed_methods)]

use super::{last_error, touch};
use crate::error::MapError;
use std::ffi::{CString, c_int, c_void};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
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

/// Milliseconds of a clock that only this process has.
pub fn boot_millis() -> u64 {
    super::process_millis()
}

/// Memory that several ranges of addresses show: a file whose name is gone already. It lives as long as this or
/// one of those ranges does.
pub type SharedPages = OwnedFd;

/// `len` zero bytes, a page multiple, that [`map_shared`] maps. They take memory as they are touched.
pub fn shared_pages(len: usize, _last: usize) -> Result<SharedPages, MapError> {
    // Short enough for macOS, which allows 31 bytes.
    let name = format!("/ralloc.{}.{:x}", std::process::id(), crate::sync::unique_id());
    let name = CString::new(name).unwrap_or_default();
    let flags = libc::O_RDWR | libc::O_CREAT | libc::O_EXCL;
    // SAFETY: the name is a C string; the mode is the variadic argument that O_CREAT wants.
    let fd = unsafe { libc::shm_open(name.as_ptr(), flags, 0o600 as libc::c_uint) };
    if fd < 0 {
        return Err(last_error("shm_open"));
    }
    // SAFETY: a descriptor just made, which nobody else has.
    let file = unsafe { OwnedFd::from_raw_fd(fd) };
    // SAFETY: as above; the file lives as long as its descriptors and mappings.
    if unsafe { libc::shm_unlink(name.as_ptr()) } != 0 {
        return Err(last_error("shm_unlink"));
    }
    // SAFETY: a call on our own descriptor.
    match unsafe { libc::ftruncate(fd, len as libc::off_t) } {
        0 => Ok(file),
        _ => Err(last_error("ftruncate")),
    }
}

/// Shows `len` bytes of the memory, from `offset` on, in the range.
///
/// # Safety
/// `ptr..ptr + len` are whole pages within one reservation of the caller, and nobody needs what they
/// show; `offset` is a page multiple, and `offset + len` at most what `shared_pages` was asked for.
pub unsafe fn map_shared(
    pages: &SharedPages,
    offset: usize,
    ptr: *mut u8,
    len: usize,
) -> Result<(), MapError> {
    let access = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_SHARED | libc::MAP_FIXED;
    let offset = offset as libc::off_t;
    // SAFETY: MAP_FIXED over pages that the caller owns, so it can hit no foreign mapping.
    let base = unsafe { libc::mmap(ptr.cast(), len, access, flags, pages.as_raw_fd(), offset) };
    if base == libc::MAP_FAILED { Err(last_error("mmap")) } else { Ok(()) }
}
