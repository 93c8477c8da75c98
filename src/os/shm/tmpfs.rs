//! Linux: named segments are files of `/dev/shm`, which is memory. `/proc` opens any of them a second time, even those
//! without a name.

use super::super::linux::keep_pages;
use super::super::{SharedPages, last_error};
use super::descriptors::Descriptor;
use super::memfd;
use crate::error::MapError;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

/// Bytes that one call reserves. If a signal arrives during the call, it gives everything back and starts again: a call
/// for a GiB would never finish in a process with a sampling profiler.
const RESERVED_AT_ONCE: usize = 4 << 20;

/// The folder of named segments.
pub fn folder() -> Result<&'static str, MapError> {
    Ok(super::MEMORY)
}

/// How to get file descriptions of a file that are never locked.
#[derive(Debug)]
pub struct Unlocked;

/// Opens a file description for locks, and the way to others.
pub fn open(
    open: impl Fn() -> Result<OwnedFd, MapError>,
) -> Result<(Descriptor, Unlocked), MapError> {
    Descriptor::new(open).map(|locked| (locked, Unlocked))
}

impl Unlocked {
    /// A new descriptor of the file of a locked one.
    pub fn descriptor(&self, locked: RawFd) -> Result<OwnedFd, MapError> {
        memfd::open_again(locked)
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

/// The pages of a file description that is never locked.
pub fn pages(unlocked: OwnedFd, len: usize, last: usize) -> Result<SharedPages, MapError> {
    keep_pages(len, last, 0, unlocked.as_raw_fd())
}
