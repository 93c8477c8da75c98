//! What Linux does in its own way.
#![allow(clippy::disallowed_methods)]

use super::unix::{commit, page_size, release_huge};
use super::{last_error, system_error, touch};
use crate::error::MapError;
use std::ffi::{c_int, c_ulong, c_void};
use std::ptr::{self, NonNull};

/// Address space without a promise of swap: only what is touched counts.
pub const RESERVE_FLAGS: c_int = libc::MAP_NORESERVE;
/// 2 MiB (a binary logarithm) in the place of mmap's flags where the size of huge pages goes.
const HUGE_2MB: c_int = 21 << 26;
/// Linux 5.14; not in every libc that we build with.
const MADV_POPULATE_WRITE: c_int = 23;
/// Linux 6.13: the same.
const MADV_GUARD_INSTALL: c_int = 102;
/// More nodes than any kernel can be built for; the system's own answer is EINVAL.
const MAX_NODES: u32 = 32_000;

/// Frees the pages at once; they read as zero afterwards.
///
/// MADV_FREE would be the cheaper advice, and the wrong one here. For 64 KiB that were touched:
/// 5 µs against 7, and the next touch 4–8 µs against 25, but the process keeps every byte of it
/// (1,000 such chunks: RSS 64 MiB after MADV_FREE, 1.5 MiB after MADV_DONTNEED) until the machine
/// runs short. Trimming runs in idle seconds so that a user, or a container's limit, sees the
/// memory go; and pages that always read as zero afterwards show no old bytes to the next one.
///
/// # Safety
/// `ptr..ptr + len` are whole mapped pages whose content nobody needs.
pub unsafe fn discard(ptr: *mut c_void, len: usize) -> c_int {
    // SAFETY: the caller's promise; the call touches nothing but these pages.
    unsafe { libc::madvise(ptr, len, libc::MADV_DONTNEED) }
}

/// Makes pages inaccessible. By a mark on the page where the kernel can: then the range around stays one, of which a
/// process may have 65,530. Before Linux 6.13 each guard page, or two of neighbours, is a range of its own.
///
/// # Safety
/// `ptr..ptr + len` are whole mapped pages of the caller, whose content nobody needs.
pub unsafe fn guard(ptr: *mut u8, len: usize) -> Result<(), MapError> {
    // SAFETY: the caller's promise.
    let guarded = unsafe {
        libc::madvise(ptr.cast(), len, MADV_GUARD_INSTALL) == 0
            || libc::mprotect(ptr.cast(), len, libc::PROT_NONE) == 0
    };
    if guarded { Ok(()) } else { Err(last_error("mprotect")) }
}

/// Asks for transparent huge pages; the range should begin and end at multiples of their size.
///
/// # Safety
/// `ptr..ptr + len` are whole mapped pages of the caller.
pub unsafe fn advise_huge(ptr: *mut u8, len: usize) -> Result<(), MapError> {
    // SAFETY: the caller's promise; advice changes no bytes.
    match unsafe { libc::madvise(ptr.cast(), len, libc::MADV_HUGEPAGE) } {
        0 => Ok(()),
        // The only meaning that is left of it: a kernel built without them.
        _ => Err(unless(last_error("madvise"), libc::EINVAL, "transparent huge pages")),
    }
}

/// `len` readable and writable bytes, zero, of huge pages of 2 MiB; `len` is a positive multiple
/// of that. Not backed yet: only [`populate`] makes sure that touching them cannot fail.
pub fn map_huge(len: usize, _node: Option<u32>) -> Result<NonNull<u8>, MapError> {
    let access = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_HUGETLB | HUGE_2MB;
    // SAFETY: a new mapping at an address of the kernel's choice; it touches no other.
    let base = unsafe { libc::mmap(ptr::null_mut(), len, access, flags, -1, 0) };
    if base == libc::MAP_FAILED {
        let what = "huge pages of 2 MiB";
        // A kernel without any, or without those of this size.
        let error = unless(last_error("mmap"), libc::EINVAL, what);
        return Err(unless(error, libc::ENOSYS, what));
    }
    NonNull::new(base.cast()).ok_or_else(super::too_large)
}

/// Lets a forked child find zeros there. Since Linux 4.14.
///
/// # Safety
/// `ptr..ptr + len` are whole mapped pages of the caller, private and not of a file.
pub unsafe fn wipe_on_fork(ptr: *mut u8, len: usize) -> Result<(), MapError> {
    // SAFETY: the caller's promise; the call changes no bytes of this process.
    match unsafe { libc::madvise(ptr.cast(), len, libc::MADV_WIPEONFORK) } {
        0 => Ok(()),
        _ => Err(last_error("madvise")),
    }
}

/// Lets the pages that are not there yet come from the node `node` only.
///
/// # Safety
/// `ptr..ptr + len` are whole mapped pages of the caller.
pub unsafe fn bind(ptr: *mut u8, len: usize, node: u32) -> Result<(), MapError> {
    if node >= MAX_NODES {
        return Err(system_error("mbind", libc::EINVAL));
    }
    let bits = c_ulong::BITS;
    let mut nodes = vec![0 as c_ulong; (node / bits + 1) as usize];
    nodes[(node / bits) as usize] = 1 << (node % bits);
    // The kernel reads one bit less than it is told.
    let count = nodes.len() as c_ulong * c_ulong::from(bits) + 1;
    // SAFETY: the caller's promise; the mask is live and holds all the bits but the last, which
    // is not read. All arguments are as wide as a register.
    let status = unsafe {
        libc::syscall(
            libc::SYS_mbind,
            ptr,
            len,
            libc::MPOL_BIND as c_ulong,
            nodes.as_ptr(),
            count,
            0 as c_ulong,
        )
    };
    match status {
        0 => Ok(()),
        _ => Err(unless(last_error("mbind"), libc::ENOSYS, "binding memory to a NUMA node")),
    }
}

/// Finds memory for every page. An error where there is none: EFAULT of huge pages, which to
/// touch would end the process. Before Linux 5.14 others are touched instead.
///
/// # Safety
/// `ptr..ptr + len` are whole committed pages of the caller, whose bytes nobody needs.
pub unsafe fn populate(ptr: *mut u8, len: usize, huge: bool) -> Result<(), MapError> {
    // SAFETY: the caller's promise; the call changes no bytes.
    if unsafe { libc::madvise(ptr.cast(), len, MADV_POPULATE_WRITE) } == 0 {
        return Ok(());
    }
    match unless(last_error("madvise"), libc::EINVAL, "huge pages before Linux 5.14") {
        MapError::Unsupported { .. } if !huge => {
            // SAFETY: the caller's promise.
            unsafe { touch(ptr, len) };
            Ok(())
        }
        error => Err(error),
    }
}

/// The error, or that `what` is not supported where it is this errno.
fn unless(error: MapError, unsupported: i32, what: &'static str) -> MapError {
    match error {
        MapError::System { errno, .. } if errno == unsupported => MapError::Unsupported { what },
        error => error,
    }
}

/// Memory that several ranges of addresses show. It lives as long as this or one of those ranges does.
///
/// No file: what is made by MAP_SHARED needs none, so that neither a limit on open files or on their size nor a
/// filter of system calls can refuse it, and nobody can resize it. What is left of the first mapping of it is all that
/// is kept: `mremap` with an old size of 0 makes another one from a single page.
#[derive(Debug)]
pub struct SharedPages {
    base: NonNull<u8>,
    /// Inaccessible, for ever. Invariant: a positive page multiple, mapped from `base` on.
    len: usize,
}

// SAFETY: nobody can touch the pages, and the kernel's calls may come from any thread.
unsafe impl Send for SharedPages {}
// SAFETY: as above.
unsafe impl Sync for SharedPages {}

impl Drop for SharedPages {
    fn drop(&mut self) {
        // SAFETY: all that is left of our own mapping, which nobody can touch.
        let unmapped = unsafe { release_huge(self.base.as_ptr(), self.len) };
        debug_assert!(unmapped.is_ok(), "{unmapped:?}");
    }
}

/// `len` zero bytes that [`map_shared`] maps, from offsets of at most `last`; both are page multiples, and
/// `last` is less than `len`. They take memory as they are touched.
pub fn shared_pages(len: usize, last: usize) -> Result<SharedPages, MapError> {
    let flags = libc::MAP_SHARED | libc::MAP_ANON | RESERVE_FLAGS;
    // SAFETY: a new mapping at an address of the kernel's choice; it touches no other.
    let base = unsafe { libc::mmap(ptr::null_mut(), len, libc::PROT_NONE, flags, -1, 0) };
    if base == libc::MAP_FAILED {
        return Err(last_error("mmap"));
    }
    let base = NonNull::new(base.cast::<u8>()).ok_or_else(super::too_large)?;
    let kept = last + page_size();
    // SAFETY: the end of the mapping just made. To cut it off needs no other range; should it fail all the same,
    // the addresses stay taken until the process ends.
    let _ = unsafe { release_huge(base.as_ptr().wrapping_add(kept), len - kept) };
    Ok(SharedPages { base, len: kept })
}

/// Shows `len` bytes of the memory, from `offset` on, in the range, whose pages can be touched at any moment of it.
///
/// # Safety
/// `ptr..ptr + len` are whole pages within one reservation of the caller, and nobody needs what they
/// show; `offset + len` is at most what `shared_pages` was asked for, and `offset` at most its `last`.
pub unsafe fn map_shared(
    pages: &SharedPages,
    offset: usize,
    ptr: *mut u8,
    len: usize,
) -> Result<(), MapError> {
    assert!(offset < pages.len, "beyond what was kept");
    let from = pages.base.as_ptr().wrapping_add(offset).cast();
    // SAFETY: the old range is our own and stays, for its size is 0; the new one is of the kernel's choice.
    let base = unsafe { libc::mremap(from, 0, len, libc::MREMAP_MAYMOVE) };
    if base == libc::MAP_FAILED {
        return Err(last_error("mremap"));
    }
    // As inaccessible as the old one, until now. That it must not be where it is going to lie: an operation in flight may
    // write there at any moment. So it is moved there as it shall be, which is one step.
    // SAFETY: the range just made.
    let mut mapped = unsafe { commit(base.cast(), len) };
    if mapped.is_ok() {
        let flags = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED;
        // SAFETY: as above; where it goes are the caller's pages, so that no foreign mapping is hit.
        let moved = unsafe { libc::mremap(base, len, len, flags, ptr.cast::<c_void>()) };
        if moved == libc::MAP_FAILED {
            mapped = Err(last_error("mremap"));
        }
    }
    if mapped.is_err() {
        // SAFETY: the range just made, which nobody has seen.
        let _ = unsafe { release_huge(base.cast(), len) };
    }
    mapped
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::super::{map, replace};
    use super::*;
    use crate::sync::{AtomicUsize, Ordering};

    #[test]
    fn an_operation_in_flight_may_write_at_any_moment_of_a_new_mapping() {
        let (page, done) = (page_size(), AtomicUsize::new(0));
        let pages = shared_pages(page, 0).unwrap();
        let base = map(page, page, None).unwrap();
        let address = base.as_ptr().expose_provenance();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let byte = ptr::with_exposed_provenance_mut::<u8>(address);
                while done.load(Ordering::Relaxed) == 0 {
                    // SAFETY: pages that this test never unmaps.
                    unsafe { byte.write_volatile(1) };
                }
            });
            for _ in 0..3000 {
                // SAFETY: the page of our own mapping, whose bytes nobody needs.
                unsafe {
                    map_shared(&pages, 0, base.as_ptr(), page).unwrap();
                    replace(base.as_ptr(), page).unwrap();
                }
            }
            done.fetch_add(1, Ordering::Relaxed);
        });
    }
}
