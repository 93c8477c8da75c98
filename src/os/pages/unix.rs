//! POSIX memory calls. `linux.rs` and `bsd.rs` have those that differ.
#![allow(clippy::disallowed_methods)]

use super::{DISCARD, RESERVE_FLAGS, guard};
use crate::error::MapError;
use crate::os::{done, last_error, too_large};
use crate::sync::OnceLock;
use std::ffi::{c_int, c_void};
use std::ptr::{self, NonNull};

pub const OUT_OF_MEMORY: i32 = libc::ENOMEM;
/// Whether calls take ranges that span several reservations.
pub const JOINS: bool = true;
/// The call that makes a mapping.
pub const MAP_CALL: &str = "mmap";

/// Forks: returns the child's process id, or 0 in the child. For the tests of the binding.
#[cfg(feature = "test-exports")]
pub fn fork() -> i32 {
    // SAFETY: the caller's child does no more than a test asks of it.
    unsafe { libc::fork() }
}

/// Starts a thread that nobody waits for. Returns false if there can be none. Uses the C library's
/// threads, because std's would add 15 kB to the binary.
#[cfg(all(any(feature = "node", test), not(any(ralloc_os = "bsd", loom))))]
pub fn start_thread(work: impl FnOnce() + Send + 'static) -> bool {
    /// Enough for two short files and a line of text; the C library takes its threads' own memory
    /// from it too.
    const STACK: usize = 128 * 1024;
    type Work = Box<dyn FnOnce() + Send>;
    extern "C" fn run(work: *mut c_void) -> *mut c_void {
        // SAFETY: the box that was passed on below, taken back once.
        let work = unsafe { Box::from_raw(work.cast::<Work>()) };
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        ptr::null_mut()
    }
    let work: *mut Work = Box::into_raw(Box::new(Box::new(work)));
    // SAFETY: all arguments are on this frame, and zeros are valid for both types; the thread takes
    // over the box.
    let started = unsafe {
        let (mut thread, mut how) = (std::mem::zeroed(), std::mem::zeroed());
        libc::pthread_attr_init(&mut how);
        libc::pthread_attr_setstacksize(&mut how, STACK);
        libc::pthread_attr_setdetachstate(&mut how, libc::PTHREAD_CREATE_DETACHED);
        let started = libc::pthread_create(&mut thread, &how, run, work.cast()) == 0;
        libc::pthread_attr_destroy(&mut how);
        started
    };
    if !started {
        // SAFETY: no thread has taken it.
        drop(unsafe { Box::from_raw(work) });
    }
    started
}

/// Bytes of a page. Asked once: each new chunk needs it several times, and the C library's answer
/// takes 50 instructions.
pub fn page_size() -> usize {
    static SIZE: OnceLock<usize> = OnceLock::new();
    *SIZE.get_or_init(|| {
        // SAFETY: sysconf has no preconditions.
        let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        usize::try_from(size).unwrap_or(4096)
    })
}

/// `len` bytes of address space that fault when touched, at a multiple of `align`, with an
/// inaccessible page on either side. `len` is a positive page multiple, `align` a power of two of
/// at least a page. `bind` applies the node.
pub fn reserve(len: usize, align: usize, _node: Option<u32>) -> Result<NonNull<u8>, MapError> {
    place(len, align, libc::PROT_NONE)
}

/// Like [`reserve`], with everything but the guard pages committed. If guard pages need no range of
/// their own, the kernel joins adjacent mappings into one range.
pub fn map(len: usize, align: usize, _node: Option<u32>) -> Result<NonNull<u8>, MapError> {
    let base = place(len, align, libc::PROT_READ | libc::PROT_WRITE)?;
    let page = page_size();
    let guards = [base.as_ptr().wrapping_sub(page), base.as_ptr().wrapping_add(len)];
    for ptr in guards {
        // SAFETY: the first or the last page of the mapping just made.
        unsafe { guard(ptr, page) }.inspect_err(|_| {
            // SAFETY: the mapping just made, which nobody has seen.
            let _ = unsafe { release(base.as_ptr(), len) };
        })?;
    }
    Ok(base)
}

/// The first byte that a call has mapped, by its result.
pub fn mapped(syscall: &'static str, base: *mut c_void) -> Result<NonNull<u8>, MapError> {
    done(syscall, base != libc::MAP_FAILED)?;
    NonNull::new(base.cast()).ok_or_else(too_large)
}

/// Maps `len` bytes at a multiple of `align`, and a page on either side.
fn place(len: usize, align: usize, access: c_int) -> Result<NonNull<u8>, MapError> {
    let page = page_size();
    let whole = len + 2 * page + (align - page);
    let flags = libc::MAP_PRIVATE | libc::MAP_ANON | RESERVE_FLAGS;
    // SAFETY: a new mapping at an address of the kernel's choice; it touches no other.
    let start = unsafe { libc::mmap(ptr::null_mut(), whole, access, flags, -1, 0) };
    let start = mapped("mmap", start)?.as_ptr();
    let ahead = (start.addr() + page).next_multiple_of(align) - start.addr() - page;
    let behind = align - page - ahead;
    let front = start.wrapping_add(ahead);
    // SAFETY: the front end of the mapping just made, outside of what is kept.
    if ahead > 0 && unsafe { libc::munmap(start.cast(), ahead) } != 0 {
        return Err(give_up(start, whole));
    }
    let tail = front.wrapping_add(len + 2 * page);
    // SAFETY: the back end of it, outside of what is kept.
    if behind > 0 && unsafe { libc::munmap(tail.cast(), behind) } != 0 {
        return Err(give_up(front, whole - ahead));
    }
    NonNull::new(front.wrapping_add(page)).ok_or_else(too_large)
}

/// Returns the error of the call that just failed, and unmaps what nobody has seen yet.
fn give_up(start: *mut u8, len: usize) -> MapError {
    let error = last_error("munmap");
    // SAFETY: the rest of a mapping that `reserve` made and does not return. This does not split a
    // mapping, which is what the other call could not do.
    unsafe { libc::munmap(start.cast(), len) };
    error
}

/// Makes reserved pages readable and writable.
///
/// # Safety
/// `ptr..ptr + len` are whole pages within one reservation of the caller.
pub unsafe fn commit(ptr: *mut u8, len: usize) -> Result<(), MapError> {
    let access = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: the caller's promise; more access to own pages breaks no one's view.
    done("mprotect", unsafe { libc::mprotect(ptr.cast(), len, access) } == 0)
}

/// Gives the memory of committed pages back; they stay accessible.
///
/// # Safety
/// `ptr..ptr + len` are whole committed pages of the caller, whose content nobody needs.
pub unsafe fn decommit(ptr: *mut u8, len: usize) -> Result<(), MapError> {
    // SAFETY: the caller's promise; the call touches nothing but these pages.
    done("madvise", unsafe { libc::madvise(ptr.cast(), len, DISCARD) } == 0)
}

/// Puts fresh zero pages over the range: its memory is freed, its address stays taken.
///
/// # Safety
/// `ptr..ptr + len` are whole pages within one reservation of the caller; code that still reads
/// them sees zeros from now on.
pub unsafe fn replace(ptr: *mut u8, len: usize) -> Result<(), MapError> {
    let access = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_FIXED | RESERVE_FLAGS;
    // SAFETY: MAP_FIXED over pages that the caller owns, so it can hit no foreign mapping.
    let base = unsafe { libc::mmap(ptr.cast(), len, access, flags, -1, 0) };
    mapped("mmap", base).map(drop)
}

/// The same for a whole reservation, with the pages on either side; returns the range. It then
/// looks the same as abandoned neighbours, and the kernel merges them. On Linux, a process may have
/// 65,530 ranges of memory by default.
///
/// # Safety
/// `ptr` is what [`reserve`] returned; code that still reads the pages sees zeros from now on.
pub unsafe fn abandon(ptr: *mut u8, len: usize) -> Result<(NonNull<u8>, usize), MapError> {
    let (start, len) = (ptr.wrapping_sub(page_size()), len + 2 * page_size());
    // SAFETY: the caller's promise; the reservation has a page before `ptr`, and one after the end.
    unsafe { replace(start, len) }?;
    NonNull::new(start).map(|start| (start, len)).ok_or_else(too_large)
}

/// Unmaps a whole reservation, with the pages on either side.
///
/// # Safety
/// `ptr..ptr + len` is what [`reserve`] returned, and nobody uses it any more.
pub unsafe fn release(ptr: *mut u8, len: usize) -> Result<(), MapError> {
    let page = page_size();
    // SAFETY: the caller's promise; both pages belong to the reservation.
    unsafe { release_huge(ptr.wrapping_sub(page), len + 2 * page) }
}

/// Unmaps what `map_huge` made.
///
/// # Safety
/// `ptr..ptr + len` is all of it, and nobody uses it any more.
pub unsafe fn release_huge(ptr: *mut u8, len: usize) -> Result<(), MapError> {
    // SAFETY: the caller's promise.
    done("munmap", unsafe { libc::munmap(ptr.cast(), len) } == 0)
}

/// Keeps the pages in RAM, all of them from now on.
///
/// # Safety
/// `ptr..ptr + len` are whole committed pages of the caller.
pub unsafe fn lock(ptr: *mut u8, len: usize) -> Result<(), MapError> {
    // SAFETY: the caller's promise; the call changes no bytes.
    done("mlock", unsafe { libc::mlock(ptr.cast(), len) } == 0)
}

/// Undoes [`lock`], including one that failed halfway.
///
/// # Safety
/// As for [`lock`].
pub unsafe fn unlock(ptr: *mut u8, len: usize) -> Result<(), MapError> {
    // SAFETY: the caller's promise; the call changes no bytes.
    done("munlock", unsafe { libc::munlock(ptr.cast(), len) } == 0)
}

/// Bytes of the range that are in RAM now.
///
/// # Safety
/// `ptr..ptr + len` are whole mapped pages of the caller.
pub unsafe fn resident(ptr: *mut u8, len: usize) -> Result<usize, MapError> {
    let page = page_size();
    let mut pages = vec![0u8; len.div_ceil(page)];
    // SAFETY: the caller's promise; the vector has one byte for each page of the range.
    let told = unsafe { libc::mincore(ptr.cast::<c_void>(), len, pages.as_mut_ptr().cast()) };
    done("mincore", told == 0)?;
    Ok(pages.iter().filter(|&&page| page & 1 != 0).count() * page)
}

/// Milliseconds of a clock that the system has.
#[cfg(not(ralloc_os = "bsd"))]
pub fn millis_of(clock: libc::clockid_t) -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes to the local.
    unsafe { libc::clock_gettime(clock, &mut now) };
    now.tv_sec as u64 * 1000 + now.tv_nsec as u64 / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;

    /// Whether a system call can read the byte. If it cannot, a load would end the process.
    fn readable(byte: *const u8) -> bool {
        let (_reader, writer) = std::io::pipe().unwrap();
        // SAFETY: the kernel checks the address.
        unsafe { libc::write(writer.as_raw_fd(), byte.cast(), 1) == 1 }
    }

    #[test]
    fn a_page_on_either_side_faults_until_the_reservation_is_abandoned() {
        let page = page_size();
        for (make, inside) in [(reserve as fn(_, _, _) -> _, false), (map, true)] {
            for align in [page, 16 * page] {
                let base: NonNull<u8> = make(2 * page, align, None).unwrap();
                let (first, end) = (base.as_ptr(), base.as_ptr().wrapping_add(2 * page));
                assert!(first.addr().is_multiple_of(align));
                let edges = [first.wrapping_sub(1), first, end.wrapping_sub(1), end];
                assert_eq!(edges.map(|byte| readable(byte)), [false, inside, inside, false]);
                // SAFETY: the reservation just made.
                let (start, len) = unsafe { abandon(first, 2 * page) }.unwrap();
                assert_eq!((start.as_ptr(), len), (first.wrapping_sub(page), 4 * page));
                assert_eq!(edges.map(|byte| readable(byte)), [true; 4]);
            }
        }
    }
}
