//! macOS: named segments are files of a folder that only this user can reach, and that the system
//! empties when the machine starts.
//!
//! Not `shm_open`: on macOS its objects cannot be read, written, listed, resized twice or locked. A
//! file beside each would have to tell who creates the segment and who is alive, and the name could
//! belong to other memory at any moment. Not `flock`, which locks whole files: each participant
//! would need a file of its own, and nobody could remove it.
//!
//! Linux uses this file too in its tests, in `/dev/shm`, by `--cfg ralloc_files`.

use super::super::SharedPages;
use super::{LOCK, NO_LOCK, SharedFile, aside, failed, file_of, set_lock};
use crate::error::MapError;
use std::os::fd::{OwnedFd, RawFd};
use std::os::unix::fs::FileExt;

/// The most bytes that one call writes.
const WRITTEN_AT_ONCE: usize = 1 << 20;
/// The length of a lock that ends with the last byte that a file can have.
const TO_THE_LAST: i64 = 0;

/// The folder of named segments.
#[cfg(not(target_os = "macos"))]
pub fn folder() -> Result<&'static str, MapError> {
    Ok(super::MEMORY)
}

/// The folder of named segments. Created again if it is gone, because the system removes files that
/// were not used for days.
///
/// Asks the system for the path: `TMPDIR` is not the same for all processes of a user.
#[cfg(target_os = "macos")]
pub fn folder() -> Result<&'static str, MapError> {
    use std::os::unix::fs::DirBuilderExt;
    static FOLDER: crate::sync::OnceLock<Result<String, MapError>> = crate::sync::OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let mut bytes = [0u8; libc::PATH_MAX as usize];
        let (name, place) = (libc::_CS_DARWIN_USER_TEMP_DIR, bytes.as_mut_ptr().cast());
        // SAFETY: writes to the array, and not beyond its length.
        let len = unsafe { libc::confstr(name, place, bytes.len()) };
        let path = bytes.get(..len.saturating_sub(1)).filter(|path| !path.is_empty());
        match path.and_then(|path| std::str::from_utf8(path).ok()) {
            Some(path) => Ok(format!("{}/ralloc-slabs", path.trim_end_matches('/'))),
            None => Err(super::super::last_error("confstr")),
        }
    });
    let folder = folder.as_ref().map_err(|&error| error)?;
    match std::fs::DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(failed("mkdir", &error))
        }
        _ => Ok(folder),
    }
}

/// Files without a name cannot be made.
pub fn unnamed() -> Result<Option<OwnedFd>, MapError> {
    Ok(None)
}

/// Never called: every file has a name.
pub fn link(_fd: RawFd, _path: &str) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

/// The locks of the descriptor's file description. A forked child that does not call `exec` keeps
/// them until it ends.
#[derive(Debug, Default)]
pub struct Locks {}

impl Locks {
    pub fn try_lock(&self, file: &SharedFile, byte: usize) -> Result<bool, MapError> {
        set_lock(file.fd("fcntl")?, LOCK, byte, 1)
    }

    pub fn unlock(&self, fd: Result<RawFd, MapError>, byte: usize) -> Result<(), MapError> {
        set_lock(fd?, NO_LOCK, byte, 1).map(|_| ())
    }

    /// Ends all of them. A child that another thread has just forked may have the file description
    /// until it calls `exec`, and the locks must not last that long.
    pub fn end(&self, fd: RawFd) {
        let _ = set_lock(fd, NO_LOCK, 0, TO_THE_LAST);
    }
}

/// Allocates memory for a part of a file that no other process uses yet, by writing it. The call
/// that allocates without writing works only at a file's end.
pub fn reserve(fd: RawFd, start: usize, len: usize) -> Result<(), MapError> {
    let (file, end) = (file_of(fd), start + len);
    let mut bytes = vec![0; len.min(WRITTEN_AT_ONCE)];
    for offset in (start..end).step_by(WRITTEN_AT_ONCE) {
        let part = &mut bytes[..(end - offset).min(WRITTEN_AT_ONCE)];
        let read = file.read_exact_at(part, offset as u64);
        read.map_err(|error| failed("pread", &error))?;
        let written = file.write_all_at(part, offset as u64);
        written.map_err(|error| failed("pwrite", &error))?;
    }
    Ok(())
}

/// The pages of a file.
pub fn pages(fd: RawFd, _len: usize, _last: usize) -> Result<SharedPages, MapError> {
    file_of(fd).try_clone().map(OwnedFd::from).map(aside).map_err(|error| failed("fcntl", &error))
}

#[cfg(all(test, not(loom), not(target_os = "macos")))]
mod tests {
    use super::super::SharedFile;
    use std::os::unix::fs::FileExt;

    #[test]
    fn what_is_reserved_keeps_its_bytes_and_has_memory() {
        let file = SharedFile::anonymous().unwrap();
        file.resize(3 << 20).unwrap();
        file.file("pwrite").unwrap().write_all_at(b"begun", 0).unwrap();
        file.reserve(0, 3 << 20).unwrap();
        let mut bytes = [1; 6];
        file.read(&mut bytes).unwrap();
        assert_eq!(&bytes, b"begun\0");
    }
}
