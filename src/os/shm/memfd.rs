//! Files without a name, and files opened by a descriptor. Only Linux has them.

use super::super::done;
use super::{SharedFile, failed, unless_no_proc};
use crate::error::MapError;
use std::fs::OpenOptions;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;

/// The seals with which nobody can resize a file.
const SEALS: i32 = libc::F_SEAL_GROW | libc::F_SEAL_SHRINK | libc::F_SEAL_SEAL;
const MFD_CLOEXEC: u32 = 1;
const MFD_ALLOW_SEALING: u32 = 2;
/// Since Linux 6.3: without it the kernel warns or, depending on its settings, refuses.
const MFD_NOEXEC_SEAL: u32 = 8;

/// A new file description of the file behind a descriptor of this process.
pub fn open_again(fd: RawFd) -> Result<OwnedFd, MapError> {
    // Opened through a link, because the file may have no name any more.
    let path = format!("/proc/self/fd/{fd}");
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true).custom_flags(libc::O_NONBLOCK);
    let opened = options.open(path).map(OwnedFd::from);
    opened.map_err(|error| unless_no_proc(failed("open", &error)))
}

fn memfd() -> Result<OwnedFd, MapError> {
    let make = |flags: u32| {
        // SAFETY: the name is a C string. By number: glibc has the call since 2.27, and we build
        // for 2.17.
        let fd =
            unsafe { libc::syscall(libc::SYS_memfd_create, c"ralloc-segment".as_ptr(), flags) };
        done("memfd_create", fd >= 0).map(|()| fd as RawFd)
    };
    let flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    let fd = make(flags | MFD_NOEXEC_SEAL).or_else(|error| match error {
        MapError::System { errno: libc::EINVAL, .. } => make(flags),
        error => Err(error),
    })?;
    // SAFETY: a descriptor just made, which nobody else has.
    let file = unsafe { OwnedFd::from_raw_fd(fd) };
    // Without this its mode is 0777, and others could open it in /proc if the process is visible to
    // them. SAFETY: no memory is touched.
    done("fchmod", unsafe { libc::fchmod(file.as_raw_fd(), 0o600) } == 0).map(|()| file)
}

impl SharedFile {
    /// A new file without a name, which can be sealed.
    pub fn anonymous() -> Result<SharedFile, MapError> {
        SharedFile::over(memfd()?, None)
    }

    /// The file behind a descriptor of this process. The descriptor stays the caller's.
    pub fn of_fd(fd: BorrowedFd<'_>) -> Result<SharedFile, MapError> {
        SharedFile::over(open_again(fd.as_raw_fd())?, None)
    }

    /// Makes the file impossible to resize. For files without a name.
    pub fn seal(&self) -> Result<(), MapError> {
        let fd = self.fd("fcntl")?;
        // SAFETY: no memory is touched.
        done("fcntl", unsafe { libc::fcntl(fd, libc::F_ADD_SEALS, SEALS) } == 0)
    }

    /// Whether it is sealed against shrinking.
    pub fn is_sealed(&self) -> Result<bool, MapError> {
        let fd = self.fd("fcntl")?;
        // SAFETY: no memory is touched.
        let seals = unsafe { libc::fcntl(fd, libc::F_GET_SEALS) };
        Ok(seals >= 0 && seals & libc::F_SEAL_SHRINK != 0)
    }
}
