//! Linux: shared memory that a mapping of one page keeps, and that needs no descriptor.
#![allow(clippy::disallowed_methods)]

use crate::error::MapError;
use crate::os::pages::{RESERVE_FLAGS, mapped};
use crate::os::{commit, done, page_size, process_mark, release_huge};
use std::ffi::{c_int, c_void};
use std::ptr::{self, NonNull};

/// Memory that several ranges of addresses show. It lives as long as this value or one of those
/// ranges.
///
/// If only one process has it, there is no file: MAP_SHARED needs none. So neither a limit on open
/// files or their size nor a filter of system calls can refuse it, and nobody can resize it. Only a
/// part of the first mapping is kept, since `mremap` with an old size of 0 makes another mapping
/// from a single page.
#[derive(Debug)]
pub struct SharedPages {
    base: NonNull<u8>,
    /// Inaccessible bytes. Invariant: always a positive page multiple, mapped from `base` on.
    len: usize,
    /// The process that has them, if a forked child does not inherit them.
    process: Option<u64>,
}

// SAFETY: nothing can touch the pages, and the kernel's calls may come from any thread.
unsafe impl Send for SharedPages {}
// SAFETY: as above.
unsafe impl Sync for SharedPages {}

impl Drop for SharedPages {
    fn drop(&mut self) {
        if self.process.is_some_and(|process| process != process_mark()) {
            return; // in a forked child, which may have something else there
        }
        // SAFETY: the rest of our own mapping, which nothing can touch.
        let unmapped = unsafe { release_huge(self.base.as_ptr(), self.len) };
        debug_assert!(unmapped.is_ok(), "{unmapped:?}");
    }
}

/// `len` zero bytes for [`map_shared`], from offsets of at most `last`; both are page multiples,
/// and `last` is less than `len`. They take memory when they are touched.
pub fn shared_pages(len: usize, last: usize) -> Result<SharedPages, MapError> {
    keep_pages(len, last, libc::MAP_ANON, -1)
}

/// The same for an open file, which has that many bytes; or for no file, if `kind` says so. The
/// pages of a file keep its description, with its locks. So a forked child inherits neither these
/// pages nor their mappings: it would keep the locks of its parent, and access bytes without having
/// one.
pub fn keep_pages(
    len: usize,
    last: usize,
    kind: c_int,
    fd: c_int,
) -> Result<SharedPages, MapError> {
    let flags = libc::MAP_SHARED | RESERVE_FLAGS | kind;
    // SAFETY: a new mapping at an address of the kernel's choice; it touches no other.
    let base = unsafe { libc::mmap(ptr::null_mut(), len, libc::PROT_NONE, flags, fd, 0) };
    let base = mapped("mmap", base)?;
    let kept = last + page_size();
    // SAFETY: the end of the mapping just made. Cutting it off needs no new range; if it fails all
    // the same, the addresses stay taken until the process ends.
    let _ = unsafe { release_huge(base.as_ptr().wrapping_add(kept), len.saturating_sub(kept)) };
    let process = (fd >= 0).then(process_mark);
    let pages = SharedPages { base, len: kept, process };
    if process.is_none() {
        return Ok(pages);
    }
    // SAFETY: the range just made. Ranges that are made from it inherit this.
    let excluded = unsafe { libc::madvise(base.as_ptr().cast(), kept, libc::MADV_DONTFORK) } == 0;
    done("madvise", excluded).map(|()| pages)
}

/// Shows `len` bytes of the memory, from `offset` on, in the range. The range's pages can be
/// touched at any moment meanwhile.
///
/// # Safety
/// `ptr..ptr + len` are whole pages within one reservation of the caller, and nobody needs what
/// they show; `offset + len` is at most the length of the `shared_pages`, and `offset` at most its
/// `last`.
pub unsafe fn map_shared(
    pages: &SharedPages,
    offset: usize,
    ptr: *mut u8,
    len: usize,
) -> Result<(), MapError> {
    assert!(offset < pages.len, "beyond what was kept");
    let from = pages.base.as_ptr().wrapping_add(offset).cast();
    // SAFETY: the old range is our own and stays, because its size is given as 0; the kernel
    // chooses the new one.
    let base = unsafe { libc::mremap(from, 0, len, libc::MREMAP_MAYMOVE) };
    let base = mapped("mremap", base)?.as_ptr();
    // It is still inaccessible, like the old range. It must not be inaccessible at its final place,
    // where an operation in flight may write at any moment. So it is made accessible first and then
    // moved there in one step. SAFETY: the range just made.
    let moved = unsafe { commit(base, len) }.and_then(|()| {
        let flags = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED;
        // SAFETY: as above; the destination is the caller's pages, so no foreign mapping is hit.
        mapped("mremap", unsafe {
            libc::mremap(base.cast(), len, len, flags, ptr.cast::<c_void>())
        })
    });
    moved.map(drop).inspect_err(|_| {
        // SAFETY: the range just made, which nobody has seen.
        let _ = unsafe { release_huge(base, len) };
    })
}
