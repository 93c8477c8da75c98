//! Locks that mappings hold. The lock of a byte belongs to an open file description of its own, of
//! which the process has a mapping and no descriptor. The kernel ends the lock when the mapping is
//! gone: by `unlock`, or when the last thread of the process has left user mode and its memory is
//! given back. No code can close it by mistake, and a forked child does not inherit it
//! (`shared_pages::kept`).
//!
//! While a lock is taken there is a descriptor for some microseconds, and a mapping that a child
//! would inherit. A fork waits that long. (The bare system call does not: its child keeps the lock
//! until it calls `exec` or ends. Then the death of its parent is noticed late, never early.)

use super::{LOCK, SharedFile, identity, memfd, set_lock};
use crate::error::MapError;
use crate::os::shared_pages::kept::keep_pages;
use crate::os::{SharedPages, page_size, system_error};
use crate::sync::{AtomicUsize, Mutex, OnceLock, Ordering};
use std::os::fd::{AsRawFd, RawFd};

/// The locks of a [`SharedFile`](super::SharedFile): bytes, and the mapping that holds each.
#[derive(Debug, Default)]
pub struct Locks(Mutex<Vec<(usize, SharedPages)>>);

impl Locks {
    pub fn try_lock(&self, file: &SharedFile, byte: usize) -> Result<bool, MapError> {
        let _no_fork = without_forks()?;
        let own = memfd::open_again(file.fd("fcntl")?)?;
        // Other code may have laid another file over the number before it was opened.
        if identity(own.as_raw_fd())? != file.id {
            return Err(system_error("fcntl", libc::EBADF));
        }
        let page = keep_pages(page_size(), 0, 0, own.as_raw_fd())?;
        let taken = set_lock(own.as_raw_fd(), LOCK, byte, 1)?;
        if taken {
            self.0.lock().push((byte, page));
        }
        Ok(taken)
    }

    pub fn unlock(&self, _fd: Result<RawFd, MapError>, byte: usize) -> Result<(), MapError> {
        self.0.lock().retain(|(held, _)| *held != byte);
        Ok(())
    }

    /// Ends all of them.
    pub fn end(&self, _fd: RawFd) {
        self.0.lock().clear();
    }
}

/// 1 while a fork has to wait, or is under way.
static GATE: OnceLock<Result<AtomicUsize, MapError>> = OnceLock::new();
/// Far more turns than whoever is inside needs. A child of the bare system call may find the gate
/// shut for ever.
const TURNS: usize = 100_000;

fn shut(gate: &AtomicUsize) {
    for _ in 0..TURNS {
        // Acquire pairs with the release in `open`: a fork copies all that was done inside.
        if gate.compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed).is_ok() {
            return;
        }
        std::thread::yield_now();
    }
}

fn open(gate: &AtomicUsize) {
    gate.swap(0, Ordering::Release);
}

extern "C" fn before_fork() {
    if let Some(Ok(gate)) = GATE.get() {
        shut(gate);
    }
}

extern "C" fn after_fork() {
    if let Some(Ok(gate)) = GATE.get() {
        open(gate);
    }
}

/// No fork begins as long as this value lives.
pub struct WithoutForks(&'static AtomicUsize);

impl Drop for WithoutForks {
    fn drop(&mut self) {
        open(self.0);
    }
}

/// Waits until no fork is under way, and nobody else is here.
pub fn without_forks() -> Result<WithoutForks, MapError> {
    let gate = GATE.get_or_init(|| {
        let (before, after) = (Some(before_fork as _), Some(after_fork as _));
        // SAFETY: the handlers live as long as the program, and touch nothing but the gate.
        match unsafe { libc::pthread_atfork(before, after, after) } {
            0 => Ok(AtomicUsize::new(0)),
            errno => Err(system_error("pthread_atfork", errno)),
        }
    });
    let gate = gate.as_ref().map_err(|&error| error)?;
    shut(gate);
    Ok(WithoutForks(gate))
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::super::named_tests::Named;
    use super::*;
    use std::fs::File;

    /// Whether a descriptor has this number.
    fn is_open(number: RawFd) -> bool {
        // SAFETY: no memory is touched.
        unsafe { libc::fcntl(number, libc::F_GETFD) >= 0 }
    }

    #[test]
    fn locks_outlive_a_descriptor_that_other_code_closed_or_replaced_and_the_name_leads_back_to_the_file()
     {
        let name = Named::new();
        name.make();
        for replaces in [false, true] {
            let (first, second) = (name.open(), name.open());
            assert_eq!([first.share(), first.try_lock(1), second.try_lock(2)], [Ok(true); 3]);
            let _pages = first.pages(page_size(), 0).unwrap();
            let (lost, null) = (first.number(), File::open("/dev/null").unwrap());
            // SAFETY: no memory is touched; the descriptor is the test's to break, and no other
            // test counts on it.
            unsafe {
                match replaces {
                    true => assert_eq!(libc::dup2(null.as_raw_fd(), lost), lost),
                    false => assert_eq!(libc::close(lost), 0),
                }
            }
            assert_eq!([second.try_lock(1), second.take_alone()], [Ok(false); 2]);
            assert_eq!([first.is_locked_by_another(2), first.try_lock(3)], [Ok(true); 2]);
            assert_eq!(second.is_locked_by_another(3), Ok(true));
            drop(first);
            assert_eq!([second.try_lock(1), second.try_lock(3)], [Ok(true); 2]);
            if replaces {
                assert!(is_open(lost), "it is not ours");
                // SAFETY: the copy made above.
                unsafe { libc::close(lost) };
            }
        }
    }

    #[test]
    fn a_lock_of_another_file_that_got_the_number_is_not_taken_for_one_of_this_file() {
        let names = [Named::new(), Named::new()];
        let [asking, holding] = names.each_ref().map(|name| {
            name.make();
            name.open()
        });
        let other = names[1].open();
        assert_eq!(holding.try_lock(1), Ok(true));
        assert_eq!(other.is_locked_by_another(1), Ok(true));
        // SAFETY: as above.
        unsafe { assert_eq!(libc::dup2(other.number(), asking.number()), asking.number()) };
        assert_eq!(asking.is_locked_by_another(1), Ok(false));
    }

    #[test]
    fn a_file_without_a_name_keeps_its_locks_and_cannot_ask_for_those_of_others() {
        let (first, second) = {
            let first = SharedFile::anonymous().unwrap();
            let second = first.again().unwrap();
            (first, second)
        };
        assert_eq!(first.try_lock(1), Ok(true));
        // SAFETY: as above.
        unsafe { libc::close(first.number()) };
        let lost = system_error("fcntl", libc::EBADF);
        assert_eq!(first.is_locked_by_another(2), Err(lost));
        assert_eq!([first.try_lock(2), second.try_lock(1)], [Err(lost), Ok(false)]);
        drop(first);
        assert_eq!(second.try_lock(1), Ok(true));
    }
}
