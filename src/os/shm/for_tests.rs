//! What tests do to processes and files.

use super::{SharedFile, lock_file};
use crate::error::MapError;
use crate::sync::Ordering;
use std::os::fd::RawFd;

impl SharedFile {
    /// The number of its descriptor.
    pub fn number(&self) -> RawFd {
        self.number.load(Ordering::Relaxed) as RawFd
    }

    /// Locks the file for this value alone.
    pub fn take_alone(&self) -> Result<bool, MapError> {
        lock_file(self.fd("flock")?, libc::LOCK_EX)
    }

    /// The same file as another process has it.
    pub fn again(&self) -> Result<SharedFile, MapError> {
        SharedFile::over(self.descriptor()?, self.name.clone())
    }
}

/// Forks without `exec` and returns the child's process id. The child ends after `work`.
pub fn fork(work: &dyn Fn()) -> i32 {
    // SAFETY: only for tests, whose work is safe in the child of a process with several threads.
    in_child(unsafe { libc::fork() }, work)
}

/// The same by the system call itself, which runs no handlers.
pub fn fork_barely(work: &dyn Fn()) -> i32 {
    // SAFETY: as above.
    in_child(unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) } as i32, work)
}

/// Becomes a daemon with the same folder and streams: a child goes on, and its parent ends.
pub fn daemon() {
    // SAFETY: as above.
    assert_eq!(unsafe { libc::daemon(1, 1) }, 0);
}

/// Closes all descriptors but the standard streams.
pub fn close_all() {
    // SAFETY: no memory is touched. What other code of a test has open is its own concern.
    assert_eq!(unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, 0) }, 0);
}

/// Sets the limit on the size of files.
pub fn limit_files(bytes: u64) {
    let limit = libc::rlimit { rlim_cur: bytes, rlim_max: bytes };
    // SAFETY: reads the local.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &limit) }, 0);
}

fn in_child(child: i32, work: &dyn Fn()) -> i32 {
    if child == 0 {
        work();
        end(0);
    }
    child
}

/// Ends a forked child without running anything else.
pub fn end(status: i32) -> ! {
    // SAFETY: ends the process.
    unsafe { libc::_exit(status) }
}

/// Kills this process.
pub fn kill_self() {
    // SAFETY: no memory is touched.
    unsafe { libc::raise(libc::SIGKILL) };
}

/// Stops this process until somebody continues it.
pub fn stop_self() {
    // SAFETY: no memory is touched.
    unsafe { libc::raise(libc::SIGSTOP) };
}

/// Waits for a forked child and returns its status.
pub fn wait(child: i32) -> i32 {
    let mut status = -1;
    // SAFETY: writes to the local.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    status
}
