//! The crate's only system calls. `pages` has a file for each family of platforms, and works on
//! whole pages of private anonymous memory:
//!
//! - `reserve(len, align, node)`: address space that faults when touched, with an inaccessible page
//!   on either side; `release` unmaps it together with these pages;
//! - `map`: the same, with the pages between them committed;
//! - `commit`: makes reserved pages readable and writable, zero at first;
//! - `decommit`: gives the pages' memory back. They stay accessible; they then read as zero on
//!   Linux, and as their old bytes or zero elsewhere;
//! - `replace`: puts fresh ordinary pages over the range, whose addresses stay taken; `abandon`:
//!   over a whole reservation, for ever; `JOINS`: whether calls take ranges that span several
//!   reservations;
//! - `map_huge(len, node)` and `release_huge`: pages of the system's pool of huge pages;
//! - `shared_pages(len, last)` and `map_shared`: memory that several ranges of addresses show, from
//!   multiples of `view_granule` on; `reserve_view`: addresses for it, as by `reserve`;
//! - `shared_can_be_huge`: whether it can have transparent huge pages;
//! - `wipe_on_fork`: makes a forked child find zeros; `process_mark`: tells it from its parent;
//! - `advise_huge`, `lock`, `unlock`, `bind`, `rebind`, `unbind`, `bound_to`, `populate`: change or
//!   describe committed pages;
//! - `resident`: bytes in RAM; `page_size`;
//! - `shm`: files of memory that processes share, with locks that end with their process, and how
//!   much room there is for them;
//! - `boot_millis`, `epoch_millis`: clocks;
//! - `exec`: replaces the program of the process;
//! - `watch_loop`: a thread that writes to a file while the event loop is blocked; `note_signals`:
//!   the signal by which the process ends, in a file;
//! - `unacknowledged`: what a socket's peer has not taken.
//!
//! If a platform has no call for something, the result is [`MapError::Unsupported`]. `build.rs`
//! sets `ralloc_os`, which selects the files to compile: those of the target; with
//! `--cfg ralloc_check_windows` those of Windows, so that a machine without its std can type-check
//! them; under Miri and with `--cfg ralloc_heap` the heap of the global allocator, which processes
//! cannot share.

/// Functions that stand for what a system does not have or does not tell, each with its answer.
#[allow(unused_macros, reason = "Linux has no stand-ins")]
macro_rules! stand_ins {
    (unsafe: $($name:ident($($arguments:tt)*) -> $result:ty = $answer:expr;)+) => {$(
        /// A stand-in.
        ///
        /// # Safety
        /// None is needed.
        pub unsafe fn $name($($arguments)*) -> $result {
            $answer
        }
    )+};
    ($($(#[$doc:meta])* $name:ident($($arguments:tt)*) -> $result:ty = $answer:expr;)+) => {$(
        $(#[$doc])*
        pub fn $name($($arguments)*) -> $result {
            $answer
        }
    )+};
}

#[cfg(ralloc_os = "windows")]
mod handle;
#[cfg(all(any(feature = "node", test), any(ralloc_os = "linux", ralloc_os = "macos"), not(loom)))]
mod last_word;
#[cfg(all(any(feature = "node", test), any(ralloc_os = "linux", ralloc_os = "macos"), not(loom)))]
mod loop_watch;
mod pages;
#[cfg(all(feature = "node", not(any(ralloc_os = "windows", ralloc_os = "heap"))))]
mod process;
#[cfg(not(ralloc_os = "heap"))]
mod shared_pages;
#[cfg(any(ralloc_os = "linux", ralloc_os = "macos"))]
pub mod shm;
#[cfg(ralloc_os = "windows")]
#[path = "shm/windows.rs"]
pub mod shm;
#[cfg(any(ralloc_os = "bsd", ralloc_os = "heap"))]
#[path = "shm/none.rs"]
pub mod shm;
#[cfg(feature = "node")]
mod socket;

#[cfg(all(feature = "node", any(ralloc_os = "linux", ralloc_os = "macos")))]
pub use last_word::{forget_signals, note_signal, note_signals};
#[cfg(all(feature = "node", any(ralloc_os = "linux", ralloc_os = "macos")))]
pub use loop_watch::{Board, own_file, watch_loop};
pub use pages::*;
#[cfg(all(feature = "node", not(any(ralloc_os = "windows", ralloc_os = "heap"))))]
pub use process::exec;
#[cfg(feature = "node")]
pub use socket::unacknowledged;

use crate::error::MapError;
use crate::sync::{Ordering, Words};
use std::ptr::NonNull;

/// What a system says about a file of shared memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileFacts {
    pub len: u64,
    pub is_regular: bool,
    /// User id. On Windows the same for all files, because no other user can create or open a file
    /// in their folder.
    pub owner: u32,
    /// Permission bits.
    pub mode: u32,
}

/// Milliseconds since this process first asked.
#[allow(dead_code, reason = "Linux has a clock for all processes")]
fn process_millis() -> u64 {
    static FIRST: crate::sync::OnceLock<std::time::Instant> = crate::sync::OnceLock::new();
    FIRST.get_or_init(std::time::Instant::now).elapsed().as_millis() as u64
}

/// Milliseconds since 1970. Only for people to read, because this clock can be set.
pub fn epoch_millis() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as u64)
}

/// The error of the call that just failed on this thread.
#[cfg_attr(ralloc_os = "heap", allow(dead_code, reason = "no call is made"))]
pub fn last_error(syscall: &'static str) -> MapError {
    let errno = std::io::Error::last_os_error().raw_os_error().unwrap_or(0);
    system_error(syscall, errno)
}

/// The result of a call that tells success or failure, and then has set the thread's last error.
#[cfg_attr(ralloc_os = "heap", allow(dead_code, reason = "no call is made"))]
fn done(syscall: &'static str, succeeded: bool) -> Result<(), MapError> {
    if succeeded { Ok(()) } else { Err(last_error(syscall)) }
}

#[allow(dead_code, reason = "Linux has no stand-ins")]
type Answer<T> = Result<T, MapError>;

/// The answer of a call that the system does not have.
#[allow(dead_code, reason = "Linux has no stand-ins")]
fn lacking<T>(what: &'static str) -> Answer<T> {
    Err(MapError::Unsupported { what })
}

fn system_error(syscall: &'static str, errno: i32) -> MapError {
    MapError::System { syscall, errno }
}

/// The error for a size that no call could serve. It names the call that would have been made.
pub fn too_large() -> MapError {
    system_error(pages::MAP_CALL, pages::OUT_OF_MEMORY)
}

/// Whether a call had too little memory, or too few addresses or ranges. False for memory that
/// could not be locked, which has a limit of its own.
pub fn is_out_of_memory(error: &MapError) -> bool {
    const COMMITMENT_LIMIT: i32 = 1455;
    let MapError::System { syscall, errno, .. } = *error else { return false };
    let no_memory = errno == pages::OUT_OF_MEMORY || cfg!(windows) && errno == COMMITMENT_LIMIT;
    no_memory && syscall != "mlock"
}

/// Writes to each page what it already has, which makes the system allocate memory for it. If there
/// is none, this does not return: `populate` uses it only if no call can report that. The write is
/// an atomic operation, because the pages may be shared, and others may write at that moment.
///
/// # Safety
/// As for `populate`.
#[allow(dead_code, reason = "newer Linux has a call for it, and a heap needs none")]
unsafe fn touch(ptr: *mut u8, len: usize) {
    for page in (0..len).step_by(page_size()).filter_map(|at| NonNull::new(ptr.wrapping_add(at))) {
        // SAFETY: the first word of one of the caller's committed pages.
        let words = unsafe { Words::over(page, 1) };
        // Writes the present value: fetch_or(0) would be compiled to nothing, or to a fence and a
        // load. If it fails, somebody else has written.
        let now = words.at(0).load(Ordering::Relaxed);
        let _ = words.at(0).compare_exchange(now, now, Ordering::Relaxed, Ordering::Relaxed);
    }
}

// The heap has no missing pages, and none that are mapped several times.
#[cfg(all(test, not(any(loom, ralloc_os = "heap"))))]
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
        // SAFETY: the range just made, and existing pages.
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
