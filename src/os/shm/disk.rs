//! macOS: named segments are files of a folder that only this user can reach, and that the system empties when the
//! machine starts.
//!
//! Not `shm_open`: on macOS its objects cannot be read, written, listed, resized twice or locked. A file beside each
//! would have to tell who creates the segment and who is alive, and the name could belong to other memory at any
//! moment. Not `flock`, which locks whole files: each participant would need a file of its own, and nobody could remove
//! it.
//!
//! Linux uses this file too in its tests, in `/dev/shm`, by `--cfg ralloc_files`.

use super::super::SharedPages;
use super::descriptors::{Descriptor, aside};
use super::failed;
use crate::error::MapError;
use std::fs::File;
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::{FileExt, MetadataExt};

/// The most bytes that one call writes.
const WRITTEN_AT_ONCE: usize = 1 << 20;

/// The folder of named segments.
#[cfg(not(target_os = "macos"))]
pub fn folder() -> Result<&'static str, MapError> {
    Ok(super::MEMORY)
}

/// The folder of named segments. Created again if it is gone, because the system removes files that were not used for
/// days.
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

/// A file description that is never locked. It is opened together with the locked one, because `/dev/fd` of macOS
/// returns the same description and not a second one.
#[derive(Debug)]
pub struct Unlocked(OwnedFd);

/// Opens a file description for locks, and a second one that is never locked.
pub fn open(
    open: impl Fn() -> Result<OwnedFd, MapError>,
) -> Result<(Descriptor, Unlocked), MapError> {
    loop {
        let unlocked = aside(open()?);
        let locked = Descriptor::new(&open)?;
        // Else the name was given to another file in between.
        if identity(locked.fd("fstat")?)? == identity(unlocked.as_raw_fd())? {
            return Ok((locked, Unlocked(unlocked)));
        }
    }
}

/// The file of a descriptor, which is not closed with this value.
fn file(fd: RawFd) -> ManuallyDrop<File> {
    // SAFETY: the callers keep the descriptor open as long as they use the file, and this value does not close it.
    ManuallyDrop::new(unsafe { File::from_raw_fd(fd) })
}

/// Device and inode.
fn identity(fd: RawFd) -> Result<(u64, u64), MapError> {
    let data = file(fd).metadata().map_err(|error| failed("fstat", &error))?;
    Ok((data.dev(), data.ino()))
}

impl Unlocked {
    /// A descriptor of the file.
    pub fn descriptor(&self, _locked: RawFd) -> Result<OwnedFd, MapError> {
        self.0.try_clone().map_err(|error| failed("fcntl", &error))
    }
}

/// Allocates memory for a part of a file that no other process uses yet, by writing it. The call that allocates without
/// writing works only at a file's end.
pub fn reserve(fd: RawFd, start: usize, len: usize) -> Result<(), MapError> {
    let (file, end) = (file(fd), start + len);
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

/// The pages of a file description that is never locked.
pub fn pages(unlocked: OwnedFd, _len: usize, _last: usize) -> Result<SharedPages, MapError> {
    Ok(aside(unlocked))
}

#[cfg(all(test, not(target_os = "macos")))]
mod tests {
    use super::super::{SharedFile, open as open_path};
    use super::*;
    use std::cell::Cell;

    #[test]
    fn a_name_that_is_given_to_another_file_between_the_two_openings_is_opened_anew() {
        let id = crate::sync::unique_id();
        let path = format!("{}/ralloc-disk-test-{}-{id}", super::super::MEMORY, std::process::id());
        let opened = Cell::new(0);
        let (locked, unlocked) = open(|| {
            let file = open_path(&path, true, "shm_open")?;
            opened.set(opened.get() + 1);
            if opened.get() == 1 {
                std::fs::remove_file(&path).unwrap();
            }
            Ok(file)
        })
        .unwrap();
        std::fs::remove_file(&path).unwrap();
        let ids = [locked.fd("fstat").unwrap(), unlocked.0.as_raw_fd()].map(identity);
        assert!(ids[0] == ids[1] && opened.get() >= 4, "{ids:?}, {}", opened.get());
    }

    #[test]
    fn what_is_reserved_keeps_its_bytes_and_has_memory() {
        let file = SharedFile::anonymous().unwrap();
        file.resize(3 << 20).unwrap();
        file.write(b"begun").unwrap();
        file.reserve(0, 3 << 20).unwrap();
        let mut bytes = [1; 6];
        file.read(&mut bytes).unwrap();
        assert_eq!(&bytes, b"begun\0");
    }
}
