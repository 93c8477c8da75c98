//! Linux: named segments are files of `/dev/shm`, which is memory.

pub use super::held::Locks;
use super::{failed, held};
use crate::error::MapError;
use crate::os::shared_pages::kept::keep_pages;
use crate::os::{SharedPages, last_error};
use std::fs::OpenOptions;
use std::io;
use std::os::fd::{OwnedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;

/// Bytes that one call reserves. If a signal arrives during the call, it gives everything back and
/// starts again: a call for a GiB would never finish in a process with a sampling profiler.
const RESERVED_AT_ONCE: usize = 4 << 20;

/// The folder of named segments.
pub fn folder() -> Result<&'static str, MapError> {
    Ok(super::MEMORY)
}

/// A new file without a name; `None` where the folder's file system has no such files.
pub fn unnamed() -> Result<Option<OwnedFd>, MapError> {
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true).mode(0o600).custom_flags(libc::O_TMPFILE);
    match options.open(super::MEMORY) {
        Ok(file) => Ok(Some(file.into())),
        Err(error) => match error.raw_os_error() {
            // EISDIR: Linux before 3.11.
            Some(libc::EOPNOTSUPP | libc::EISDIR | libc::EINVAL) => Ok(None),
            _ => Err(super::unless_no_folder(failed("shm_open", &error))),
        },
    }
}

/// Gives it a name.
pub fn link(fd: RawFd, path: &str) -> io::Result<()> {
    let from = std::ffi::CString::new(format!("/proc/self/fd/{fd}"))?;
    let to = std::ffi::CString::new(path)?;
    let (here, follow) = (libc::AT_FDCWD, libc::AT_SYMLINK_FOLLOW);
    // SAFETY: two C strings.
    match unsafe { libc::linkat(here, from.as_ptr(), here, to.as_ptr(), follow) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Allocates memory for a part of a file.
pub fn reserve(fd: RawFd, start: usize, len: usize) -> Result<(), MapError> {
    let end = start + len;
    for offset in (start..end).step_by(RESERVED_AT_ONCE) {
        let part = (end - offset).min(RESERVED_AT_ONCE);
        // SAFETY: no memory of ours is touched.
        while unsafe { libc::fallocate(fd, 0, offset as i64, part as i64) } != 0 {
            match last_error("fallocate") {
                MapError::System { errno: libc::EINTR, .. } => {}
                error => return Err(error),
            }
        }
    }
    Ok(())
}

/// The pages of a file description, which live as long as its locks.
pub fn pages(fd: RawFd, len: usize, last: usize) -> Result<SharedPages, MapError> {
    let _no_fork = held::without_forks()?;
    keep_pages(len, last, 0, fd)
}
