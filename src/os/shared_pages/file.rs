//! macOS and the BSDs: memory that is mapped several times, through a file. Linux uses this in its
//! tests, by `--cfg ralloc_files`.
#![allow(clippy::disallowed_methods)]

use crate::error::MapError;
use crate::os::done;
use crate::os::pages::mapped;
use std::ffi::CString;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// Memory that several ranges of addresses show: a file whose name is already removed. It lives as
/// long as this value or one of those ranges.
pub type SharedPages = OwnedFd;

/// `len` zero bytes (a page multiple) for [`map_shared`]. They take memory when they are touched.
pub fn shared_pages(len: usize, _last: usize) -> Result<SharedPages, MapError> {
    // Short enough for macOS, which allows 31 bytes.
    let name = format!("/ralloc.{}.{:x}", std::process::id(), crate::sync::unique_id());
    let name = CString::new(name).unwrap_or_default();
    let flags = libc::O_RDWR | libc::O_CREAT | libc::O_EXCL;
    // SAFETY: the name is a C string; the mode is the variadic argument that O_CREAT wants.
    let fd = unsafe { libc::shm_open(name.as_ptr(), flags, 0o600 as libc::c_uint) };
    done("shm_open", fd >= 0)?;
    // SAFETY: a descriptor just made, which nobody else has.
    let file = unsafe { OwnedFd::from_raw_fd(fd) };
    // SAFETY: as above; the file lives as long as its descriptors and mappings.
    done("shm_unlink", unsafe { libc::shm_unlink(name.as_ptr()) } == 0)?;
    // SAFETY: a call on our own descriptor.
    done("ftruncate", unsafe { libc::ftruncate(fd, len as libc::off_t) } == 0).map(|()| file)
}

/// Shows `len` bytes of the memory, from `offset` on, in the range.
///
/// # Safety
/// `ptr..ptr + len` are whole pages within one reservation of the caller, and nobody needs what
/// they show; `offset` is a page multiple, and `offset + len` is at most the length of the
/// `shared_pages`.
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
    mapped("mmap", base).map(drop)
}
