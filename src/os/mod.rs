//! The only system calls of the crate, one file per platform family. Everything here works
//! on whole pages of private anonymous memory:
//!
//! - `reserve(len, align, node)`: address space that faults when touched, an inaccessible page
//!   on either side of it; `release`: unmaps it with those;
//! - `map`: the same with the pages between committed at once;
//! - `commit`: makes reserved pages readable and writable, zero at first;
//! - `decommit`: gives the pages' memory back. They stay accessible; what they then show is
//!   zero on Linux, and their old bytes or zero elsewhere;
//! - `replace`: fresh ordinary pages over the range, whose address stays taken; `abandon`: over a whole
//!   reservation, for ever; `JOINS`: whether calls take ranges that are parts of several reservations;
//! - `map_huge(len, node)` and `release_huge`: pages of the system's pool of huge pages;
//! - `shared_pages(len, last)` and `map_shared`: memory that several ranges of addresses show, from multiples of `view_granule`
//!   on; `reserve_view`: the addresses for it, as `reserve`;
//! - `shared_can_be_huge`: whether transparent huge pages are to be had for it;
//! - `wipe_on_fork`: a forked child finds zeros there;
//! - `advise_huge`, `lock`, `unlock`, `bind`, `rebind`, `unbind`, `bound_to`, `populate`: about pages that are committed;
//! - `resident`: bytes in RAM; `page_size`;
//! - `shm`: files of memory that processes share, with locks that end with their process; how much room there is for them;
//! - `boot_millis`, `epoch_millis`: clocks.
//!
//! What a platform has no call for is [`MapError::Unsupported`]. `ralloc_check_windows` lets
//! a machine without Windows' std type-check the crate over `windows.rs`; it cannot be linked. Under Miri, and with
//! `ralloc_heap` on any Unix, memory is the global allocator's (`heap`), and processes share none.

#[cfg(all(unix, not(any(target_os = "linux", target_os = "android", ralloc_heap, miri))))]
mod bsd;
#[cfg(all(
    any(ralloc_files, all(unix, not(any(target_os = "linux", target_os = "android")))),
    not(any(ralloc_heap, miri))
))]
mod file_pages;
#[cfg(any(windows, ralloc_check_windows))]
mod handle;
#[cfg(any(ralloc_heap, miri))]
mod heap;
#[cfg(all(
    any(target_os = "linux", target_os = "android"),
    not(any(ralloc_check_windows, ralloc_heap, miri))
))]
mod linux;
#[cfg(any(windows, ralloc_check_windows))]
mod section;
#[cfg(all(
    any(target_os = "linux", target_os = "android", target_os = "macos"),
    not(any(ralloc_check_windows, ralloc_heap, miri, loom))
))]
pub mod shm;
#[cfg(all(any(windows, ralloc_check_windows), not(any(ralloc_heap, miri, loom))))]
#[path = "shm/windows.rs"]
pub mod shm;
#[cfg(any(
    all(any(ralloc_heap, miri), not(loom)),
    not(any(
        loom,
        windows,
        ralloc_check_windows,
        target_os = "linux",
        target_os = "android",
        target_os = "macos"
    ))
))]
#[path = "no_shm.rs"]
pub mod shm;
#[cfg(all(unix, not(any(ralloc_check_windows, ralloc_heap, miri))))]
mod unix;
#[cfg(any(windows, ralloc_check_windows))]
mod windows;

#[cfg(all(unix, not(any(target_os = "linux", target_os = "android", ralloc_heap, miri))))]
use bsd as special;
#[cfg(all(
    any(ralloc_files, all(unix, not(any(target_os = "linux", target_os = "android")))),
    not(any(ralloc_heap, miri))
))]
use file_pages as pages;
#[cfg(any(ralloc_heap, miri))]
use heap as family;
#[cfg(any(ralloc_heap, miri))]
use heap as pages;
#[cfg(any(ralloc_heap, miri))]
use heap as special;
#[cfg(all(
    any(target_os = "linux", target_os = "android"),
    not(any(ralloc_check_windows, ralloc_heap, miri))
))]
use linux as special;
#[cfg(any(windows, ralloc_check_windows))]
use section as pages;
#[cfg(all(
    not(any(ralloc_files, ralloc_check_windows, ralloc_heap, miri)),
    any(target_os = "linux", target_os = "android")
))]
use special as pages;
#[cfg(all(unix, not(any(ralloc_check_windows, ralloc_heap, miri))))]
use unix as family;
#[cfg(any(windows, ralloc_check_windows))]
use windows as family;
#[cfg(any(windows, ralloc_check_windows))]
use windows as special;

#[cfg(all(unix, feature = "test-exports", not(any(ralloc_check_windows, ralloc_heap, miri))))]
pub use family::fork;
#[cfg(all(windows, feature = "test-exports"))]
pub use family::press_ctrl_c;
pub use family::{
    JOINS, abandon, commit, decommit, lock, map, page_size, release, release_huge, replace,
    reserve, resident, unlock,
};
#[cfg(all(unix, not(ralloc_check_windows)))]
pub use family::{page_size as view_granule, reserve as reserve_view};
#[cfg(all(
    feature = "node",
    target_os = "linux",
    target_env = "gnu",
    not(any(ralloc_check_windows, ralloc_heap, miri))
))]
pub use linux::trim_malloc;
pub use pages::{SharedPages, map_shared, shared_pages};
#[cfg(any(windows, ralloc_check_windows))]
pub use section::{reserve_view, view_granule};
pub use special::{
    advise_huge, bind, boot_millis, bound_to, map_huge, populate, rebind, shared_can_be_huge,
    unbind, wipe_on_fork,
};

use crate::error::MapError;
use crate::sync::{Ordering, Words};
use std::ptr::NonNull;

/// Milliseconds since this process asked first.
#[allow(dead_code, reason = "Linux has a clock for all processes")]
fn process_millis() -> u64 {
    static FIRST: crate::sync::OnceLock<std::time::Instant> = crate::sync::OnceLock::new();
    FIRST.get_or_init(std::time::Instant::now).elapsed().as_millis() as u64
}

/// Milliseconds since 1970: for people, since it can be set.
pub fn epoch_millis() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as u64)
}

/// The error of the call that just failed on this thread.
#[cfg_attr(any(ralloc_heap, miri), allow(dead_code, reason = "no call is made"))]
pub fn last_error(syscall: &'static str) -> MapError {
    let errno = std::io::Error::last_os_error().raw_os_error().unwrap_or(0);
    system_error(syscall, errno)
}

fn system_error(syscall: &'static str, errno: i32) -> MapError {
    MapError::System { syscall, errno }
}

/// The error of a size that no call could serve, named after the call that would have.
pub fn too_large() -> MapError {
    system_error(family::MAP_CALL, family::OUT_OF_MEMORY)
}

/// Whether a call had too little memory, or too few addresses or ranges. Not what could not be locked: that limit is
/// one of its own.
pub fn is_out_of_memory(error: &MapError) -> bool {
    const COMMITMENT_LIMIT: i32 = 1455;
    let MapError::System { syscall, errno, .. } = *error else { return false };
    let no_memory = errno == family::OUT_OF_MEMORY || cfg!(windows) && errno == COMMITMENT_LIMIT;
    no_memory && syscall != "mlock"
}

/// Writes to each page what is there, which makes the system find memory for it. Where there is none
/// it does not return: `populate` uses it only where no call can say so. By an atomic operation: the pages may be
/// shared, and others may write at that moment.
///
/// # Safety
/// As for `populate`.
#[allow(dead_code, reason = "newer Linux has a call for it, and a heap needs none")]
unsafe fn touch(ptr: *mut u8, len: usize) {
    for page in (0..len).step_by(page_size()).filter_map(|at| NonNull::new(ptr.wrapping_add(at))) {
        // SAFETY: the first word of one of the caller's committed pages.
        let words = unsafe { Words::over(page, 1) };
        // A write of what is there: fetch_or(0) would be compiled to nothing, or to a fence and a load. Where it fails, somebody else has written.
        let now = words.at(0).load(Ordering::Relaxed);
        let _ = words.at(0).compare_exchange(now, now, Ordering::Relaxed, Ordering::Relaxed);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::sync::AtomicUsize;
    use std::ptr;

    #[test]
    fn pages_that_are_touched_are_there_and_keep_their_bytes() {
        let len = 4 * page_size();
        let base = map(len, page_size(), None).unwrap().as_ptr();
        let third = base.wrapping_add(2 * page_size());
        // SAFETY: committed pages of this test, here and below.
        unsafe {
            third.write(7);
            touch(base, len);
        }
        // SAFETY: as above.
        assert_eq!(unsafe { (third.read(), resident(base, len)) }, (7, Ok(len)));
        // SAFETY: nobody uses them any more.
        unsafe { release(base, len) }.unwrap();
    }

    #[test]
    fn an_operation_in_flight_may_write_at_any_moment_of_a_new_mapping() {
        let (page, done) = (view_granule(), AtomicUsize::new(0));
        let pages = shared_pages(page, 0).unwrap();
        let base = reserve_view(page, page, None).unwrap();
        // SAFETY: the range just made, and pages that there are.
        unsafe { map_shared(&pages, 0, base.as_ptr(), page) }.unwrap();
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
