//! Files of memory that processes share: named ones, which POSIX calls shared memory objects, and Linux's memfds, which
//! have no name.
//!
//! These are opened as files, not by `shm_open`: that follows symbolic links, is in another library before glibc 2.34,
//! and on macOS does not make files (`disk`). Errors name `shm_open` all the same, because that is what people look up.
//!
//! What differs between systems is in `tmpfs` and `disk`, which have the same functions: `folder`, `open` (a file, and
//! the way to file descriptions that are never locked), `reserve`, and `pages`.
#![allow(clippy::disallowed_methods)]

#[cfg(not(target_os = "macos"))]
mod cgroup;
mod descriptors;
#[cfg(any(target_os = "macos", ralloc_files))]
mod disk;
#[cfg(test)]
mod file_name; // for Windows
#[cfg(not(target_os = "macos"))]
mod huge;
#[cfg(not(target_os = "macos"))]
mod memfd;
#[cfg(not(target_os = "macos"))]
mod meminfo;
#[cfg(test)]
mod named_tests;
#[cfg(not(any(target_os = "macos", ralloc_files)))]
mod tmpfs;
#[cfg(target_os = "macos")]
mod unknown;

use super::{SharedPages, last_error, page_size, system_error};
use crate::error::MapError;
#[cfg(not(target_os = "macos"))]
pub use cgroup::headroom;
use descriptors::Descriptor;
#[cfg(any(target_os = "macos", ralloc_files))]
use disk as kind;
#[cfg(not(target_os = "macos"))]
pub use huge::names_can_be_huge;
#[cfg(all(test, not(target_os = "macos")))]
pub use meminfo::tests::Figure;
#[cfg(not(target_os = "macos"))]
pub use meminfo::{available, node_free};
use std::fs::{File, OpenOptions};
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
#[cfg(not(any(target_os = "macos", ralloc_files)))]
use tmpfs as kind;
#[cfg(target_os = "macos")]
pub use unknown::{available, headroom, names_can_be_huge, node_free};

/// Linux's file system in memory.
#[cfg(not(target_os = "macos"))]
const MEMORY: &str = "/dev/shm";
/// The offset of the first byte that can be locked: beyond all data, where a lock means no bytes.
const FIRST_LOCK: i64 = 1 << 62;
const LOCK: i16 = libc::F_WRLCK as _;
const NO_LOCK: i16 = libc::F_UNLCK as _;

/// An open file description of its own for a file of memory. Dropping it ends its locks. A forked child finds it
/// closed: see `descriptors`.
#[derive(Debug)]
pub struct SharedFile {
    locked: Descriptor,
    unlocked: kind::Unlocked,
}

/// What `fstat` says about a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileFacts {
    pub len: u64,
    pub is_regular: bool,
    /// User id.
    pub owner: u32,
    /// Permission bits.
    pub mode: u32,
    /// Device and inode.
    id: (u64, u64),
}

fn failed(syscall: &'static str, error: &io::Error) -> MapError {
    system_error(syscall, error.raw_os_error().unwrap_or(0))
}

/// Turns ENOENT into `Unsupported` if `path`, which exists where the system has `what`, does not exist.
#[cfg(not(target_os = "macos"))]
fn unless_missing(error: MapError, what: &'static str, path: &str) -> MapError {
    let is_missing = matches!(error, MapError::System { errno: libc::ENOENT, .. })
        && !std::path::Path::new(path).exists();
    if is_missing { MapError::Unsupported { what } } else { error }
}

/// The same for the folder of named segments.
fn unless_no_folder(error: MapError) -> MapError {
    #[cfg(not(target_os = "macos"))]
    let error = unless_missing(error, MEMORY, MEMORY);
    error
}

fn path(name: &str) -> Result<String, MapError> {
    Ok(format!("{}{name}", kind::folder()?))
}

fn open(path: &str, create: bool, syscall: &'static str) -> Result<OwnedFd, MapError> {
    // O_NONBLOCK: a FIFO of that name must not block us. std adds O_CLOEXEC.
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true).create(create).mode(0o600).custom_flags(flags);
    options.open(path).map(OwnedFd::from).map_err(|error| failed(syscall, &error))
}

impl SharedFile {
    /// Opens the file of a checked name. Errors: ENOENT, among others, if it does not exist and `create` is
    /// false.
    pub fn open(name: &str, create: bool) -> Result<SharedFile, MapError> {
        let path = path(name)?;
        match kind::open(|| open(&path, create, "shm_open")) {
            Ok((locked, unlocked)) => Ok(SharedFile { locked, unlocked }),
            Err(error) => Err(unless_no_folder(error)),
        }
    }

    /// A descriptor of a file description that is never locked, closed on `exec`: for a child, which would
    /// otherwise share this one's locks.
    pub fn descriptor(&self) -> Result<OwnedFd, MapError> {
        self.unlocked.descriptor(self.fd("open")?)
    }

    fn fd(&self, syscall: &'static str) -> Result<RawFd, MapError> {
        self.locked.fd(syscall)
    }

    fn file(&self, syscall: &'static str) -> Result<ManuallyDrop<File>, MapError> {
        let fd = self.fd(syscall)?;
        // SAFETY: open as long as `self` is borrowed, and not closed by this value.
        Ok(ManuallyDrop::new(unsafe { File::from_raw_fd(fd) }))
    }

    pub fn facts(&self) -> Result<FileFacts, MapError> {
        let data = self.file("fstat")?.metadata().map_err(|error| failed("fstat", &error))?;
        Ok(FileFacts {
            len: data.len(),
            is_regular: data.is_file(),
            owner: data.uid(),
            mode: data.mode() & 0o777,
            id: (data.dev(), data.ino()),
        })
    }

    /// Whether `name` is still the name of this file.
    pub fn is_named(&self, name: &str) -> Result<bool, MapError> {
        let id = self.facts()?.id;
        let named = std::fs::symlink_metadata(path(name)?);
        Ok(named.is_ok_and(|named| (named.dev(), named.ino()) == id))
    }

    /// Reads from the start. Returns the number of bytes, which is less at the end of the file.
    pub fn read(&self, bytes: &mut [u8]) -> Result<usize, MapError> {
        self.file("pread")?.read_at(bytes, 0).map_err(|error| failed("pread", &error))
    }

    /// Writes all of `bytes` to the start.
    pub fn write(&self, bytes: &[u8]) -> Result<(), MapError> {
        self.file("pwrite")?.write_all_at(bytes, 0).map_err(|error| failed("pwrite", &error))
    }

    /// Cuts the file, or extends it by zeros that take no memory yet.
    pub fn resize(&self, len: usize) -> Result<(), MapError> {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: writes to the local.
        let limited = unsafe { libc::getrlimit(libc::RLIMIT_FSIZE, &mut limit) } == 0;
        // The call itself would send SIGXFSZ, which ends the process.
        if limited && len as u64 > limit.rlim_cur {
            return Err(system_error("ftruncate", libc::EFBIG));
        }
        self.file("ftruncate")?.set_len(len as u64).map_err(|error| failed("ftruncate", &error))
    }

    /// Allocates memory for a part of it. Without that, touching a page raises SIGBUS if the file system is full.
    pub fn reserve(&self, start: usize, len: usize) -> Result<(), MapError> {
        kind::reserve(self.fd("fallocate")?, start, len)
    }

    /// Its first `len` bytes, to be mapped from offsets of at most `last`. The file must have that many.
    ///
    /// They get a file description of their own: a mapping keeps the description it was made from, with its locks, and
    /// a forked child inherits all mappings. (A killed process's child was seen to keep the locks that way, though it
    /// had closed the descriptor.)
    pub fn pages(&self, len: usize, last: usize) -> Result<SharedPages, MapError> {
        kind::pages(self.descriptor()?, len, last)
    }

    fn locking(
        &self,
        command: i32,
        kind: i16,
        byte: usize,
        len: i64,
    ) -> Result<libc::flock, MapError> {
        let fd = self.fd("fcntl")?;
        // SAFETY: all zeros is a valid value; some C libraries pad the struct.
        let mut lock: libc::flock = unsafe { std::mem::zeroed() };
        (lock.l_type, lock.l_whence) = (kind, libc::SEEK_SET as _);
        (lock.l_start, lock.l_len) = (FIRST_LOCK + byte as i64, len);
        // SAFETY: reads and writes the local.
        match unsafe { libc::fcntl(fd, command, &mut lock) } {
            -1 => Err(last_error("fcntl")),
            _ => Ok(lock),
        }
    }

    /// Locks a byte unless it is locked through another file description. Returns true if this one has the lock now. It
    /// keeps it until `unlock`, or until the file description is closed, as when its process ends. Locking twice is the
    /// same as once.
    pub fn try_lock(&self, byte: usize) -> Result<bool, MapError> {
        match self.locking(libc::F_OFD_SETLK, LOCK, byte, 1) {
            Ok(_) => Ok(true),
            Err(MapError::System { errno: libc::EAGAIN | libc::EACCES, .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Ends the lock on a byte, if there is one.
    pub fn unlock(&self, byte: usize) -> Result<(), MapError> {
        self.locking(libc::F_OFD_SETLK, NO_LOCK, byte, 1).map(|_| ())
    }

    /// Whether a byte is locked through another file description, in this process or another one.
    pub fn is_locked_by_another(&self, byte: usize) -> Result<bool, MapError> {
        let found = self.locking(libc::F_OFD_GETLK, LOCK, byte, 1)?;
        Ok(found.l_type != NO_LOCK)
    }

    /// The same for every byte from `first` on.
    pub fn is_any_locked_by_another(&self, first: usize) -> Result<bool, MapError> {
        let all = 0; // 0 means up to the last byte
        let found = self.locking(libc::F_OFD_GETLK, LOCK, first, all)?;
        Ok(found.l_type != NO_LOCK)
    }
}

/// A descriptor of this process, by its number. Errors: EBADF if no descriptor has that number.
///
/// # Safety
/// If there is such a descriptor, it stays open as long as the result is used.
#[cfg_attr(
    any(not(feature = "node"), target_os = "macos"),
    allow(dead_code, reason = "serves the binding alone, for slabs without a name")
)]
pub unsafe fn borrow<'a>(fd: RawFd) -> Result<BorrowedFd<'a>, MapError> {
    // SAFETY: no memory is touched.
    if unsafe { libc::fcntl(fd, libc::F_GETFD) } < 0 {
        return Err(last_error("fcntl"));
    }
    // SAFETY: it is open, so the number is not -1; the caller promises that it stays open.
    Ok(unsafe { BorrowedFd::borrow_raw(fd) })
}

impl Drop for SharedFile {
    /// Unlocks everything. A child that another thread has just forked may have a descriptor of the same file
    /// description until it calls `exec`, and the locks must not outlive this value that long.
    fn drop(&mut self) {
        let Ok(fd) = self.fd("fcntl") else { return };
        // SAFETY: all zeros is a valid value, and means all bytes.
        let mut all: libc::flock = unsafe { std::mem::zeroed() };
        (all.l_type, all.l_whence) = (NO_LOCK, libc::SEEK_SET as _);
        // SAFETY: reads the local.
        unsafe { libc::fcntl(fd, libc::F_OFD_SETLK, &mut all) };
    }
}

/// The user that these files belong to.
pub fn user() -> u32 {
    // SAFETY: no preconditions.
    unsafe { libc::geteuid() }
}

/// The error of a call that should create what already exists.
pub fn already_there() -> MapError {
    system_error("shm_open", libc::EEXIST)
}

/// Removes a name. Processes that have the file keep it.
pub fn unlink(name: &str) -> Result<(), MapError> {
    std::fs::remove_file(path(name)?).map_err(|error| failed("shm_unlink", &error))
}

/// Calls `found` with the name and the first bytes of each of this user's files that has at least as many bytes as
/// `prefix`.
pub fn names(prefix: &mut [u8], mut found: impl FnMut(&str, &[u8])) -> Result<(), MapError> {
    let folder = std::fs::read_dir(kind::folder()?);
    let folder = folder.map_err(|error| unless_no_folder(failed("opendir", &error)))?;
    for file in folder {
        let file = file.map_err(|error| failed("readdir", &error))?;
        let Ok(name) = file.file_name().into_string() else { continue };
        let name = format!("/{name}");
        let mine = file.metadata().is_ok_and(|data| data.is_file() && data.uid() == user());
        if !mine {
            continue;
        }
        match SharedFile::open(&name, false) {
            Ok(file) if file.read(prefix)? == prefix.len() => found(&name, prefix),
            Ok(_) => {}
            Err(error) if is_of_file(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Whether the error is due to the file: it is gone, was replaced, or must not be opened. Otherwise it may be due to
/// the process, which may have no descriptor left.
fn is_of_file(error: &MapError) -> bool {
    let MapError::System { errno, .. } = *error else { return false };
    [libc::ENOENT, libc::EACCES, libc::EPERM, libc::EISDIR, libc::ELOOP, libc::ENXIO]
        .contains(&errno)
}

/// Bytes that the file system of named files has left, in whole pages. `None` if it does not tell.
pub fn free_bytes() -> Option<u64> {
    let folder = std::ffi::CString::new(kind::folder().ok()?).ok()?;
    // SAFETY: all zeros is a valid value.
    let mut facts: libc::statvfs = unsafe { std::mem::zeroed() };
    // SAFETY: the path is a C string, and the call writes to the local.
    let known = unsafe { libc::statvfs(folder.as_ptr(), &mut facts) } == 0;
    // A tmpfs without a limit reports 0 of 0.
    if !known || facts.f_blocks == 0 {
        return None;
    }
    let block = (facts.f_frsize as u64).max(1);
    Some((facts.f_bavail as u64).saturating_mul(block) / page_size() as u64 * page_size() as u64)
}

/// Forks without `exec` and returns the child's process id. The child ends after `work`.
#[cfg(all(test, not(target_os = "macos")))]
pub fn fork(work: impl FnOnce()) -> i32 {
    // SAFETY: only for tests, whose work is safe in the child of a process with several threads.
    let child = unsafe { libc::fork() };
    if child == 0 {
        work();
        end(0);
    }
    child
}

/// Ends a forked child without running anything else.
#[cfg(all(test, not(target_os = "macos")))]
pub fn end(status: i32) -> ! {
    // SAFETY: ends the process.
    unsafe { libc::_exit(status) }
}

/// Kills this process.
#[cfg(all(test, not(target_os = "macos")))]
pub fn kill_self() {
    // SAFETY: no memory is touched.
    unsafe { libc::raise(libc::SIGKILL) };
}

/// Stops this process until somebody continues it.
#[cfg(all(test, not(target_os = "macos")))]
pub fn stop_self() {
    // SAFETY: no memory is touched.
    unsafe { libc::raise(libc::SIGSTOP) };
}

/// Waits for a forked child and returns its status.
#[cfg(all(test, not(target_os = "macos")))]
pub fn wait(child: i32) -> i32 {
    let mut status = -1;
    // SAFETY: writes to the local.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    status
}

#[cfg(all(test, not(target_os = "macos")))]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;

    #[test]
    fn locks_are_of_a_file_description_and_end_with_it() {
        let first = SharedFile::anonymous().unwrap();
        let second = first.again().unwrap();
        assert_eq!([first.try_lock(0), first.try_lock(0), second.try_lock(1)], [Ok(true); 3]);
        assert_eq!([second.try_lock(0), second.is_locked_by_another(1)], [Ok(false); 2]);
        assert_eq!([second.is_locked_by_another(0), first.is_locked_by_another(1)], [Ok(true); 2]);
        let any = [first.is_any_locked_by_another(1), second.is_any_locked_by_another(1)];
        assert_eq!(any, [Ok(true), Ok(false)], "its own, and one before them, are not asked for");
        first.unlock(0).unwrap();
        assert_eq!(second.try_lock(0), Ok(true));
        // A descriptor that is passed on does not share the locks.
        let passed = second.descriptor().unwrap();
        drop(second);
        assert_eq!([first.try_lock(0), first.try_lock(1)], [Ok(true); 2]);
        drop(passed);
    }

    #[test]
    fn locks_end_with_the_value_though_a_child_that_is_being_started_has_the_descriptor() {
        let first = SharedFile::anonymous().unwrap();
        let other = first.again().unwrap();
        assert_eq!(first.try_lock(5), Ok(true));
        // SAFETY: no memory is touched.
        let copy = unsafe { libc::dup(first.fd("dup").unwrap()) };
        drop(first);
        assert_eq!(other.try_lock(5), Ok(true));
        // SAFETY: the copy just made.
        unsafe { libc::close(copy) };
    }

    #[test]
    fn a_number_that_no_descriptor_has_is_none() {
        for number in [-1, i32::MAX] {
            // SAFETY: no descriptor has this number.
            let error = unsafe { borrow(number) }.unwrap_err();
            assert!(matches!(error, MapError::System { errno: libc::EBADF, .. }), "{error}");
        }
        let file = SharedFile::anonymous().unwrap();
        let own = file.descriptor().unwrap();
        // SAFETY: it stays open.
        let borrowed = unsafe { borrow(own.as_raw_fd()) }.unwrap();
        assert_eq!(SharedFile::of_fd(borrowed).unwrap().facts(), file.facts());
    }

    #[test]
    fn a_descriptor_is_closed_on_exec() {
        let file = SharedFile::anonymous().unwrap();
        let passed = file.descriptor().unwrap();
        for fd in [file.fd("fcntl").unwrap(), passed.as_raw_fd()] {
            // SAFETY: no memory is touched.
            assert_eq!(unsafe { libc::fcntl(fd, libc::F_GETFD) }, libc::FD_CLOEXEC);
        }
    }

    #[test]
    fn memory_is_found_at_once_and_a_sealed_file_has_its_size_for_ever() {
        let file = SharedFile::anonymous().unwrap();
        file.resize(3 << 20).unwrap();
        file.reserve(0, 3 << 20).unwrap();
        assert!(file.file("fstat").unwrap().metadata().unwrap().blocks() * 512 >= 3 << 20);
        assert_eq!(file.is_sealed(), Ok(false));
        file.seal().unwrap();
        assert_eq!(file.is_sealed(), Ok(true));
        for len in [1 << 20, 4 << 20] {
            let error = file.resize(len).unwrap_err();
            assert!(matches!(error, MapError::System { errno: libc::EPERM, .. }), "{error}");
        }
    }

    #[test]
    fn more_than_there_can_be_is_an_error_and_no_signal() {
        let file = SharedFile::anonymous().unwrap();
        let error = file.resize(usize::MAX).unwrap_err();
        assert!(matches!(error, MapError::System { syscall: "ftruncate", .. }), "{error}");
        let free = free_bytes().unwrap();
        assert!(free > 0 && free.is_multiple_of(page_size() as u64));
    }
}
