//! How far the peer of a socket has come.

use crate::os;
use napi_derive::napi;

/// Bytes that were written to the socket `fd` and that its peer has not acknowledged yet, or null
/// if the system does not tell.
#[napi(catch_unwind)]
pub fn unacknowledged(fd: i32) -> Option<u32> {
    os::unacknowledged(fd)
}
