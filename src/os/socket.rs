//! What the kernel knows of a connected socket. Other systems than Linux and macOS have no such
//! call.
#![allow(clippy::disallowed_methods)]

use std::ffi::c_int;

/// Bytes that were written to the socket `fd` and that its peer has not acknowledged yet; `None` if
/// `fd` is none.
#[cfg(ralloc_os = "linux")]
pub fn unacknowledged(fd: c_int) -> Option<u32> {
    let mut bytes: c_int = 0;
    // SAFETY: the call, which is SIOCOUTQ for a socket, writes one `c_int` to the local. Any number
    // may be asked.
    let status = unsafe { libc::ioctl(fd, libc::TIOCOUTQ, &mut bytes) };
    (status == 0).then_some(bytes as u32)
}

/// Bytes that were written to the socket `fd` and that its peer has not acknowledged yet; `None` if
/// `fd` is none.
#[cfg(ralloc_os = "macos")]
pub fn unacknowledged(fd: c_int) -> Option<u32> {
    let mut bytes: c_int = 0;
    let mut len = size_of::<c_int>() as libc::socklen_t;
    // SAFETY: the call writes at most `len` bytes to the local. Any number may be asked.
    let status = unsafe {
        libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_NWRITE, (&raw mut bytes).cast(), &mut len)
    };
    (status == 0).then_some(bytes as u32)
}

#[cfg(not(any(ralloc_os = "linux", ralloc_os = "macos")))]
pub fn unacknowledged(_fd: c_int) -> Option<u32> {
    None
}
