//! Files of memory that processes share: named ones, which POSIX calls shared memory objects, and
//! Linux's memfds, which have no name.
//!
//! These are opened as files, not by `shm_open`: that follows symbolic links, is in another library
//! before glibc 2.34, and on macOS does not make files (`disk`). Errors name `shm_open` all the
//! same, because that is what people look up.
//!
//! **Names appear whole** (`draft`): a file gets its name when its bytes are complete.
//!
//! **Locks last as long as their process has them mapped** (`held`), whatever happens to its
//! descriptors, and no forked child has them. A [`SharedFile`] has one descriptor, to ask for the
//! locks of others; it carries only the shared lock of [`SharedFile::share`]. If other code closes
//! it or lays another file over its number, the file is opened again by its name.
//!
//! What differs between systems is in `held` and `tmpfs`, and for macOS in `disk`: `folder`,
//! `reserve`, `pages`, and `Locks`.
#![allow(clippy::disallowed_methods)]

#[cfg(not(target_os = "macos"))]
mod cgroup;
#[cfg(any(target_os = "macos", ralloc_files))]
mod disk;
mod draft;
#[cfg(all(test, not(loom)))]
mod file_name; // for Windows
#[cfg(all(test, not(loom), not(target_os = "macos")))]
mod for_tests;
#[cfg(not(any(target_os = "macos", ralloc_files)))]
mod held;
#[cfg(not(target_os = "macos"))]
mod huge;
#[cfg(not(target_os = "macos"))]
mod memfd;
#[cfg(not(target_os = "macos"))]
mod meminfo;
#[cfg(all(test, not(loom)))]
mod named_tests;
#[cfg(not(any(target_os = "macos", ralloc_files)))]
mod tmpfs;
#[cfg(target_os = "macos")]
mod unknown;

use super::{FileFacts, SharedPages, done, page_size, process_mark, system_error};
use crate::error::MapError;
use crate::sync::{AtomicUsize, Ordering};
#[cfg(not(target_os = "macos"))]
pub use cgroup::headroom;
#[cfg(any(target_os = "macos", ralloc_files))]
use disk as kind;
pub use draft::{Draft, is_being_made};
#[cfg(all(test, not(loom), not(target_os = "macos")))]
pub use for_tests::*;
#[cfg(not(target_os = "macos"))]
pub use huge::names_can_be_huge;
#[cfg(all(test, not(loom), not(target_os = "macos")))]
pub use meminfo::tests::Figure;
#[cfg(not(target_os = "macos"))]
pub use meminfo::{available, node_free};
use std::fs::{File, OpenOptions};
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
#[cfg(not(any(target_os = "macos", ralloc_files)))]
use tmpfs as kind;
#[cfg(target_os = "macos")]
pub use unknown::{available, headroom, names_can_be_huge, node_free};

/// Linux's file system in memory.
const MEMORY: &str = "/dev/shm";
/// The offset of the first byte that can be locked: beyond all data, where a lock means no bytes.
const FIRST_LOCK: i64 = 1 << 62;
const LOCK: i16 = libc::F_WRLCK as _;
const NO_LOCK: i16 = libc::F_UNLCK as _;

/// A file of memory, open for as long as this value lives. Dropping it ends its locks. In a forked
/// child every call is an error.
#[derive(Debug)]
pub struct SharedFile {
    /// The number of the descriptor, which may be another file's by now: see `fd`.
    number: AtomicUsize,
    /// Device and inode.
    id: (u64, u64),
    /// The name that leads to the file, if there was one.
    name: Option<String>,
    /// The process that opened it.
    process: u64,
    locks: kind::Locks,
}

fn failed(syscall: &'static str, error: &io::Error) -> MapError {
    system_error(syscall, error.raw_os_error().unwrap_or(0))
}

/// The error of a call that needs what stands at `path`, unless that is missing: then `what` is not
/// supported. macOS has all of it.
fn unless_missing(error: MapError, what: &'static str, path: &str) -> MapError {
    let is_missing = cfg!(not(target_os = "macos"))
        && matches!(error, MapError::System { errno: libc::ENOENT, .. })
        && !std::path::Path::new(path).exists();
    if is_missing { MapError::Unsupported { what } } else { error }
}

fn unless_no_folder(error: MapError) -> MapError {
    unless_missing(error, MEMORY, MEMORY)
}

fn unless_no_proc(error: MapError) -> MapError {
    unless_missing(error, "/proc", "/proc/self/fd")
}

fn path(name: &str) -> Result<String, MapError> {
    Ok(format!("{}{name}", kind::folder()?))
}

/// Opens a file, or creates it if `how` says so.
fn open(path: &str, how: i32) -> Result<OwnedFd, MapError> {
    // O_NONBLOCK: a FIFO of that name must not block us. std adds O_CLOEXEC.
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | how;
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true).mode(0o600).custom_flags(flags);
    options.open(path).map(OwnedFd::from).map_err(|error| failed("shm_open", &error))
}

/// Numbers below this are reused often, so a bug elsewhere may close one of them a second time.
const LEAST: RawFd = 512;

/// Moves the descriptor to a high number, which others are unlikely to get, if the limit on numbers
/// allows.
fn aside(fd: OwnedFd) -> OwnedFd {
    // SAFETY: no memory is touched.
    match unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_DUPFD_CLOEXEC, LEAST) } {
        // SAFETY: just made, and nobody else's.
        other @ 0.. => unsafe { OwnedFd::from_raw_fd(other) },
        _ => fd,
    }
}

/// The file of a descriptor, which is not closed with this value.
fn file_of(fd: RawFd) -> ManuallyDrop<File> {
    // SAFETY: not closed by this value. If the number is another file's by now, only that file's
    // facts are asked for.
    ManuallyDrop::new(unsafe { File::from_raw_fd(fd) })
}

/// Device and inode.
fn identity(fd: RawFd) -> Result<(u64, u64), MapError> {
    let data = file_of(fd).metadata().map_err(|error| failed("fstat", &error))?;
    Ok((data.dev(), data.ino()))
}

impl SharedFile {
    /// Opens the file of a checked name. Errors: ENOENT, among others, if it does not exist.
    pub fn open(name: &str) -> Result<SharedFile, MapError> {
        let opened = open(&path(name)?, 0).map_err(unless_no_folder)?;
        SharedFile::over(opened, Some(name.to_owned()))
    }

    /// A new file of that name. Errors: EEXIST, among others.
    fn create(name: &str) -> Result<SharedFile, MapError> {
        let made = open(&path(name)?, libc::O_CREAT | libc::O_EXCL)?;
        SharedFile::over(made, Some(name.to_owned()))
    }

    /// A new file without a name; `None` where the folder's file system has no such files.
    fn unnamed() -> Result<Option<SharedFile>, MapError> {
        kind::unnamed()?.map(|file| SharedFile::over(file, None)).transpose()
    }

    /// Gives a new file its name, besides a private one if it has that. Errors: EEXIST, among
    /// others.
    fn link(&mut self, private: Option<&str>, name: &str) -> Result<(), MapError> {
        let linked = match private {
            Some(private) => std::fs::hard_link(path(private)?, path(name)?),
            None => kind::link(self.fd("linkat")?, &path(name)?),
        };
        linked.map_err(|error| unless_no_proc(failed("linkat", &error)))?;
        self.name = Some(name.to_owned());
        Ok(())
    }

    /// The file of a descriptor with a file description of its own.
    fn over(fd: OwnedFd, name: Option<String>) -> Result<SharedFile, MapError> {
        let (id, fd) = (identity(fd.as_raw_fd())?, aside(fd));
        let (number, process) = (AtomicUsize::new(fd.into_raw_fd() as usize), process_mark());
        Ok(SharedFile { number, id, name, process, locks: kind::Locks::default() })
    }

    /// A descriptor of a file description of its own, closed on `exec`: for a child.
    #[cfg(not(target_os = "macos"))]
    pub fn descriptor(&self) -> Result<OwnedFd, MapError> {
        memfd::open_again(self.fd("open")?)
    }

    /// The number of a descriptor of this file. If other code of the process has closed the
    /// descriptor or laid another file over its number, opens the file again by its name; an error
    /// that names `syscall` if it has none, and in a forked child.
    #[inline(never)] // asked by every call
    fn fd(&self, syscall: &'static str) -> Result<RawFd, MapError> {
        let lost = system_error(syscall, libc::EBADF);
        if self.process != process_mark() {
            return Err(lost);
        }
        // Relaxed: the number is checked, wherever it comes from.
        let number = self.number.load(Ordering::Relaxed);
        if identity(number as RawFd) == Ok(self.id) {
            return Ok(number as RawFd);
        }
        let again = open(&path(self.name.as_deref().ok_or(lost)?)?, 0).map_err(|_| lost)?;
        if identity(again.as_raw_fd())? != self.id {
            return Err(lost); // the name is another file's by now
        }
        let again = aside(again).into_raw_fd();
        let (set, unset) = (Ordering::Relaxed, Ordering::Relaxed);
        match self.number.compare_exchange(number, again as usize, set, unset) {
            Ok(_) => Ok(again),
            Err(others) => {
                // SAFETY: just made, and nobody else's.
                drop(unsafe { OwnedFd::from_raw_fd(again) });
                Ok(others as RawFd)
            }
        }
    }

    fn file(&self, syscall: &'static str) -> Result<ManuallyDrop<File>, MapError> {
        self.fd(syscall).map(file_of)
    }

    pub fn facts(&self) -> Result<FileFacts, MapError> {
        let data = self.file("fstat")?.metadata().map_err(|error| failed("fstat", &error))?;
        Ok(FileFacts {
            len: data.len(),
            is_regular: data.is_file(),
            owner: data.uid(),
            mode: data.mode() & 0o777,
        })
    }

    /// Whether `name` is still the name of this file.
    fn is_named(&self, name: &str) -> Result<bool, MapError> {
        let named = std::fs::symlink_metadata(path(name)?);
        Ok(named.is_ok_and(|named| (named.dev(), named.ino()) == self.id))
    }

    /// Reads from the start. Returns the number of bytes, which is less at the end of the file.
    pub fn read(&self, bytes: &mut [u8]) -> Result<usize, MapError> {
        self.file("pread")?.read_at(bytes, 0).map_err(|error| failed("pread", &error))
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

    /// Allocates memory for a part of it. Without that, touching a page raises SIGBUS if the file
    /// system is full.
    pub fn reserve(&self, start: usize, len: usize) -> Result<(), MapError> {
        kind::reserve(self.fd("fallocate")?, start, len)
    }

    /// Its first `len` bytes, to be mapped from offsets of at most `last`. The file must have that
    /// many, and this value its [shared lock](SharedFile::share), which lasts as long as the pages
    /// or one of their mappings.
    pub fn pages(&self, len: usize, last: usize) -> Result<SharedPages, MapError> {
        kind::pages(self.fd("mmap")?, len, last)
    }

    /// Takes a shared lock on the file, as everybody does who maps it. Returns false if it is
    /// locked for one alone. A forked child may keep it; it only tells that the file is in use.
    /// (Not on a byte: the kernel's list of those is walked for each question about one.)
    pub fn share(&self) -> Result<bool, MapError> {
        lock_file(self.fd("flock")?, libc::LOCK_SH)
    }

    /// Locks a byte, which this value has not locked yet, unless another one has. Returns true if
    /// this one has the lock now. It keeps it until `unlock`, until it is dropped, or until its
    /// process ends.
    pub fn try_lock(&self, byte: usize) -> Result<bool, MapError> {
        self.locks.try_lock(self, byte)
    }

    /// Ends the lock on a byte, if there is one.
    pub fn unlock(&self, byte: usize) -> Result<(), MapError> {
        self.locks.unlock(self.fd("fcntl"), byte)
    }

    /// Whether a byte, which this value has not locked, is locked through another one, in this
    /// process or in others.
    pub fn is_locked_by_another(&self, byte: usize) -> Result<bool, MapError> {
        let found = locking(self.fd("fcntl")?, libc::F_OFD_GETLK, LOCK, byte, 1)?;
        Ok(found.l_type != NO_LOCK)
    }
}

/// The right to make a file: a lock of the whole folder. It only saves memory, which several
/// processes would take at once for files of one name, of which one is used. So whoever has no
/// patience left does without it.
#[derive(Debug)]
pub struct Turn(OwnedFd);

impl Turn {
    /// `None` if others have it.
    fn take(exclusive: bool) -> Result<Option<Turn>, MapError> {
        let folder = std::fs::File::open(kind::folder()?);
        let folder = OwnedFd::from(folder.map_err(|error| failed("open", &error))?);
        let how = if exclusive { libc::LOCK_EX } else { libc::LOCK_SH };
        Ok(lock_file(folder.as_raw_fd(), how)?.then(|| Turn(folder)))
    }
}

impl Drop for Turn {
    /// Not only by closing: a forked child may have the descriptor too.
    fn drop(&mut self) {
        // SAFETY: no memory is touched.
        unsafe { libc::flock(self.0.as_raw_fd(), libc::LOCK_UN) };
    }
}

/// Locks a whole file or folder. Returns false if others have it.
fn lock_file(fd: RawFd, how: i32) -> Result<bool, MapError> {
    // SAFETY: no memory is touched.
    match done("flock", unsafe { libc::flock(fd, how | libc::LOCK_NB) } == 0) {
        Err(MapError::System { errno: libc::EWOULDBLOCK, .. }) => Ok(false),
        told => told.map(|()| true),
    }
}

/// A call about the locks of `len` bytes.
fn locking(
    fd: RawFd,
    command: i32,
    kind: i16,
    byte: usize,
    len: i64,
) -> Result<libc::flock, MapError> {
    // SAFETY: all zeros is a valid value; some C libraries pad the struct.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    (lock.l_type, lock.l_whence) = (kind, libc::SEEK_SET as _);
    (lock.l_start, lock.l_len) = (FIRST_LOCK + byte as i64, len);
    // SAFETY: reads and writes the local.
    done("fcntl", unsafe { libc::fcntl(fd, command, &mut lock) } != -1).map(|()| lock)
}

/// Gives a file description locks, or ends them. Returns false if another one has a byte of them.
fn set_lock(fd: RawFd, kind: i16, byte: usize, len: i64) -> Result<bool, MapError> {
    match locking(fd, libc::F_OFD_SETLK, kind, byte, len) {
        Err(MapError::System { errno: libc::EAGAIN | libc::EACCES, .. }) => Ok(false),
        told => told.map(|_| true),
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
    done("fcntl", unsafe { libc::fcntl(fd, libc::F_GETFD) } >= 0)?;
    // SAFETY: it is open, so the number is not -1; the caller promises that it stays open.
    Ok(unsafe { BorrowedFd::borrow_raw(fd) })
}

impl Drop for SharedFile {
    fn drop(&mut self) {
        let number = self.number.load(Ordering::Relaxed) as RawFd;
        if identity(number) != Ok(self.id) {
            return; // closed by others, and perhaps another file's by now
        }
        if self.process == process_mark() {
            self.locks.end(number);
        }
        // SAFETY: a descriptor of this file, which nothing uses from now on.
        drop(unsafe { OwnedFd::from_raw_fd(number) });
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

/// Calls `found` with the name and the first bytes of each of this user's files that has at least
/// as many bytes as `prefix`.
pub fn names(prefix: &mut [u8], mut found: impl FnMut(&str, &[u8])) -> Result<(), MapError> {
    let folder = std::fs::read_dir(kind::folder()?);
    let folder = folder.map_err(|error| unless_no_folder(failed("opendir", &error)))?;
    for file in folder {
        let file = file.map_err(|error| failed("readdir", &error))?;
        let Ok(name) = file.file_name().into_string() else { continue };
        let name = format!("/{name}");
        let mine = file.metadata().is_ok_and(|data| data.is_file() && data.uid() == user());
        if !mine || draft::is_private(&name) {
            continue;
        }
        match SharedFile::open(&name) {
            Ok(file) if file.read(prefix)? == prefix.len() => found(&name, prefix),
            Ok(_) => {}
            Err(error) if is_of_file(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Whether the error is due to the file: it is gone, was replaced, or must not be opened. Otherwise
/// it may be due to the process, which may have no descriptor left.
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

#[cfg(all(test, not(loom), not(target_os = "macos")))]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;

    #[test]
    fn a_descriptor_that_is_passed_on_or_left_in_a_child_has_no_locks() {
        let first = SharedFile::anonymous().unwrap();
        let second = first.again().unwrap();
        assert_eq!([second.try_lock(0), second.try_lock(1)], [Ok(true); 2]);
        let passed = second.descriptor().unwrap();
        // SAFETY: no memory is touched.
        let copy = unsafe { OwnedFd::from_raw_fd(libc::dup(second.number())) };
        assert!(second.number() >= LEAST && !first.try_lock(0).unwrap());
        drop(second);
        assert_eq!([first.try_lock(0), first.try_lock(1)], [Ok(true); 2]);
        drop((passed, copy));
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
        assert_eq!(SharedFile::of_fd(borrowed).unwrap().id, file.id);
    }

    #[test]
    fn a_descriptor_is_closed_on_exec() {
        let file = SharedFile::anonymous().unwrap();
        let passed = file.descriptor().unwrap();
        for fd in [file.number(), passed.as_raw_fd()] {
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
