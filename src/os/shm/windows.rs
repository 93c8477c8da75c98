//! Windows: named segments are files in a folder of this user's temporary files, which only this
//! user can open.
//!
//! Not named sections: these end with the last process that has them open, and nobody can list
//! them.
//!
//! A file that is mapped cannot be deleted there, or not on all file systems. So when a name is
//! removed, the file is renamed first, and deleted then or by a later call.
//!
//! A file is made under a private name, and gets its own by a hard link when its bytes are
//! complete.
//!
//! Errors carry the names of POSIX's calls, because these are what people look up.
#![allow(clippy::disallowed_methods)]

mod draft;
mod file_name;
#[cfg(all(test, not(loom), windows))]
mod named_tests;
mod unknown;

use super::handle::Handle;
use super::shared_pages::section::{SharedPages, section_of};
use super::{FileFacts, done, last_error, page_size, system_error};
use crate::error::MapError;
use crate::sync::{OnceLock, unique_id};
pub use draft::{Draft, is_being_made};
use file_name::{UNLINKED, file_of, name_of};
use std::io::{self, ErrorKind};
use std::ptr;
pub use unknown::{available, headroom, names_can_be_huge, node_free};
use windows_sys::Win32::Foundation::*;
use windows_sys::Win32::Security::TOKEN_QUERY;
use windows_sys::Win32::Storage::FileSystem::*;
use windows_sys::Win32::System::IO::OVERLAPPED;
use windows_sys::Win32::System::Threading::*;
use windows_sys::Win32::UI::Shell::GetUserProfileDirectoryW;

/// The offset of the first byte used for locks: beyond all data, because a locked byte cannot be
/// read or written by others.
const FIRST_LOCK: u64 = 1 << 62;
/// Below the user's folder. Not where an environment variable says, because that may differ between
/// processes.
const FOLDER: &str = r"AppData\Local\Temp\ralloc-slabs\";
/// More characters than a path has.
const LONGEST: usize = 32_768;

/// A file of memory, with an open handle of its own. Dropping it ends its locks. No child inherits
/// it.
#[derive(Debug)]
pub struct SharedFile(Handle);

fn failed(syscall: &'static str, error: &io::Error) -> MapError {
    system_error(syscall, error.raw_os_error().unwrap_or(0))
}

fn wide(path: &str) -> Vec<u16> {
    path.encode_utf16().chain([0]).collect()
}

/// The folder of named segments, with a separator at the end. A verbatim path, which may have any
/// length.
fn folder() -> Result<&'static str, MapError> {
    static PATH: OnceLock<Result<String, MapError>> = OnceLock::new();
    let made = || Ok(format!(r"\\?\{}\{FOLDER}", profile()?.trim_end_matches('\\')));
    PATH.get_or_init(made).as_deref().map_err(|&error| error)
}

/// The folder of the user that this process runs as.
fn profile() -> Result<String, MapError> {
    let mut token: HANDLE = ptr::null_mut();
    // SAFETY: the pseudo-handle of this process; the out pointer is live.
    let told = unsafe { OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &mut token) };
    done("OpenProcessToken", told != 0)?;
    let token = Handle(token);
    let (mut path, mut len) = (vec![0; LONGEST], LONGEST as u32);
    // SAFETY: the token is open; writes to the vector, and not beyond its length.
    let told = unsafe { GetUserProfileDirectoryW(token.0, path.as_mut_ptr(), &mut len) };
    done("GetUserProfileDirectory", told != 0)?;
    path.truncate((len as usize).saturating_sub(1));
    Ok(String::from_utf16_lossy(&path))
}

fn path(name: &str) -> Result<String, MapError> {
    Ok(format!("{}{}", folder()?, file_of(name)))
}

/// Opens a file, or makes a new one. Others may open, rename and delete it meanwhile.
fn open(path: &str, access: u32, new: bool) -> Result<Handle, MapError> {
    let share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
    let how = if new { CREATE_NEW } else { OPEN_EXISTING };
    // Temporary: written to the disk only if its memory is needed for something else.
    let kind = FILE_ATTRIBUTE_TEMPORARY
        | FILE_ATTRIBUTE_NOT_CONTENT_INDEXED
        | FILE_FLAG_OPEN_REPARSE_POINT;
    let (path, none) = (wide(path), ptr::null_mut());
    // SAFETY: the path ends with a null; no attributes, so that no child inherits the handle.
    let file = unsafe { CreateFileW(path.as_ptr(), access, share, ptr::null(), how, kind, none) };
    Handle::new(file).ok_or_else(|| last_error("shm_open"))
}

/// A file offset in the form that calls take.
fn place(offset: u64) -> OVERLAPPED {
    let mut place = OVERLAPPED::default();
    (place.Anonymous.Anonymous.Offset, place.Anonymous.Anonymous.OffsetHigh) =
        (offset as u32, (offset >> 32) as u32);
    place
}

/// What the system says about a file, and its volume and number.
fn about(file: &Handle) -> Result<(FileFacts, (u32, u64)), MapError> {
    let mut found = BY_HANDLE_FILE_INFORMATION::default();
    // SAFETY: an open file, and writes to the local.
    done("fstat", unsafe { GetFileInformationByHandle(file.0, &mut found) } != 0)?;
    let long = |high: u32, low: u32| u64::from(high) << 32 | u64::from(low);
    let len = long(found.nFileSizeHigh, found.nFileSizeLow);
    let others = FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_REPARSE_POINT;
    let is_regular = found.dwFileAttributes & others == 0;
    let id = (found.dwVolumeSerialNumber, long(found.nFileIndexHigh, found.nFileIndexLow));
    Ok((FileFacts { len, is_regular, owner: user(), mode: 0o600 }, id))
}

impl SharedFile {
    /// Opens the file of a checked name. Errors: ENOENT, among others, if it does not exist.
    pub fn open(name: &str) -> Result<SharedFile, MapError> {
        SharedFile::at(&path(name)?, false)
    }

    /// A new file of that name. Its folder is created again if it is gone, because users empty the
    /// folder of temporary files.
    fn create(name: &str) -> Result<SharedFile, MapError> {
        std::fs::create_dir_all(folder()?).map_err(|error| failed("mkdir", &error))?;
        SharedFile::at(&path(name)?, true)
    }

    /// Files without a name cannot be made.
    fn unnamed() -> Result<Option<SharedFile>, MapError> {
        Ok(None)
    }

    /// Gives a new file its name, besides its private one.
    fn link(&mut self, private: Option<&str>, name: &str) -> Result<(), MapError> {
        let linked = std::fs::hard_link(path(private.unwrap_or_default())?, path(name)?);
        linked.map_err(|error| failed("linkat", &error))
    }

    fn at(path: &str, new: bool) -> Result<SharedFile, MapError> {
        open(path, GENERIC_READ | GENERIC_WRITE, new).map(SharedFile)
    }

    pub fn facts(&self) -> Result<FileFacts, MapError> {
        about(&self.0).map(|(facts, _)| facts)
    }

    /// Whether this is still the file of that name.
    fn is_named(&self, name: &str) -> Result<bool, MapError> {
        let ((_, id), there) = (about(&self.0)?, open(&path(name)?, 0, false));
        Ok(there.and_then(|there| about(&there)).is_ok_and(|(_, there)| there == id))
    }

    /// Reads from the start. Returns the number of bytes, which is less at the end of the file.
    pub fn read(&self, bytes: &mut [u8]) -> Result<usize, MapError> {
        let (mut at, mut read) = (place(0), 0);
        let (start, len) = (bytes.as_mut_ptr(), bytes.len() as u32);
        // SAFETY: an open file, and live places, which have that many bytes.
        let told = unsafe { ReadFile(self.0.0, start, len, &mut read, &mut at) };
        match done("pread", told != 0) {
            Err(MapError::System { errno, .. }) if errno as u32 == ERROR_HANDLE_EOF => Ok(0),
            told => told.map(|()| read as usize),
        }
    }

    /// Cuts the file, or extends it by zeros.
    pub fn resize(&self, len: usize) -> Result<(), MapError> {
        let end = FILE_END_OF_FILE_INFO { EndOfFile: len as i64 };
        let (what, size) = (ptr::from_ref(&end).cast(), size_of_val(&end) as u32);
        // SAFETY: an open file, and a live value of that many bytes.
        let told = unsafe { SetFileInformationByHandle(self.0.0, FileEndOfFileInfo, what, size) };
        done("ftruncate", told != 0)
    }

    /// Does nothing: the file got its place on the disk when it got its length.
    pub fn reserve(&self, _start: usize, _len: usize) -> Result<(), MapError> {
        Ok(())
    }

    /// Its first `len` bytes. A shorter file is extended.
    pub fn pages(&self, len: usize, _last: usize) -> Result<SharedPages, MapError> {
        section_of(self.0.0, len)
    }

    /// Locks a byte unless another file has locked it. Returns true if this one has the lock now.
    fn lock(&self, byte: usize, kind: u32) -> Result<bool, MapError> {
        let (mut at, kind) = (place(FIRST_LOCK + byte as u64), kind | LOCKFILE_FAIL_IMMEDIATELY);
        // SAFETY: an open file, and a live place.
        let told = unsafe { LockFileEx(self.0.0, kind, 0, 1, 0, &mut at) };
        match done("fcntl", told != 0) {
            Err(MapError::System { errno, .. }) if errno as u32 == ERROR_LOCK_VIOLATION => {
                Ok(false)
            }
            told => told.map(|()| true),
        }
    }

    /// Takes a shared lock on byte 0, as everybody does who maps the file. Returns false if it is
    /// locked for one alone.
    pub fn share(&self) -> Result<bool, MapError> {
        self.lock(0, 0)
    }

    /// Locks a byte, which this file has not locked yet, unless another one has. Returns true if
    /// this one has the lock now. It keeps it until `unlock`, or until the file is closed, as when
    /// its process ends.
    pub fn try_lock(&self, byte: usize) -> Result<bool, MapError> {
        self.lock(byte, LOCKFILE_EXCLUSIVE_LOCK)
    }

    /// Ends the lock on a byte.
    pub fn unlock(&self, byte: usize) -> Result<(), MapError> {
        let mut at = place(FIRST_LOCK + byte as u64);
        // SAFETY: an open file, and a live place.
        done("fcntl", unsafe { UnlockFileEx(self.0.0, 0, 1, 0, &mut at) } != 0)
    }

    /// Whether a byte, which this file has not locked, is locked through another one, in this
    /// process or in others. Takes a shared lock for a moment; an exclusive lock on the byte fails
    /// meanwhile.
    pub fn is_locked_by_another(&self, byte: usize) -> Result<bool, MapError> {
        let is_free = self.lock(byte, 0)?;
        if is_free {
            self.unlock(byte)?;
        }
        Ok(!is_free)
    }
}

/// The right to make a file: everybody has it.
#[derive(Debug)]
pub struct Turn;

impl Turn {
    fn take(_exclusive: bool) -> Result<Option<Turn>, MapError> {
        Ok(Some(Turn))
    }
}

/// The user that these files belong to: anyone who can open them.
pub fn user() -> u32 {
    0
}

/// The error of a call that should create what already exists.
pub fn already_there() -> MapError {
    system_error("shm_open", ERROR_ALREADY_EXISTS as i32)
}

/// Removes a name. Processes that have the file keep it.
pub fn unlink(name: &str) -> Result<(), MapError> {
    remove(&path(name)?)
}

fn remove(path: &str) -> Result<(), MapError> {
    let unlinked = format!("{}{UNLINKED}{}-{}", folder()?, std::process::id(), unique_id());
    let renamed = std::fs::rename(path, unlinked);
    renamed.map_err(|error| failed("shm_unlink", &error))?;
    // Deletes this file too, if that is possible now.
    let _ = files();
    Ok(())
}

/// The names of the folder's files. Deletes the files of segments whose name was removed, if that
/// is possible by now.
fn files() -> Result<Vec<String>, MapError> {
    let folder = folder()?;
    let files = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        files => files.map_err(|error| failed("opendir", &error))?,
    };
    let mut names = Vec::new();
    for file in files {
        let file = file.map_err(|error| failed("readdir", &error))?;
        match file.file_name().into_string() {
            Ok(file) if file.starts_with(UNLINKED) => {
                let _ = std::fs::remove_file(format!("{folder}{file}"));
            }
            Ok(file) => names.push(file),
            Err(_) => {}
        }
    }
    Ok(names)
}

/// Calls `found` with the name and the first bytes of each segment's file that has at least as many
/// bytes as `prefix`.
pub fn names(prefix: &mut [u8], mut found: impl FnMut(&str, &[u8])) -> Result<(), MapError> {
    for name in
        files()?.iter().filter_map(|file| name_of(file)).filter(|name| !draft::is_private(name))
    {
        match SharedFile::open(&name) {
            Ok(file) if file.read(prefix)? == prefix.len() => found(&name, prefix),
            Ok(_) => {}
            // The file is gone, or is a folder. This process has not run out of anything.
            Err(error)
                if matches!(error.io_kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied) => {
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Bytes that the disk of named files has left for this user, in whole pages.
pub fn free_bytes() -> Option<u64> {
    let (path, mut free, none) = (wide(folder().ok()?), 0, ptr::null_mut());
    // SAFETY: the path ends with a null; writes to the local.
    let known = unsafe { GetDiskFreeSpaceExW(path.as_ptr(), &mut free, none, none) } != 0;
    known.then(|| free / page_size() as u64 * page_size() as u64)
}
