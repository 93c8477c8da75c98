//! The descriptor of a slab without a name, which children inherit. Only Linux has such slabs.

use crate::error::{MapError, SlabError};
use crate::memory::MemoryOptions;
use crate::slab::Slab;
#[cfg(ralloc_os = "linux")]
use std::os::fd::{AsRawFd, OwnedFd};

/// A descriptor that stays open as long as this value.
#[cfg(ralloc_os = "linux")]
pub type Descriptor = OwnedFd;

#[cfg(not(ralloc_os = "linux"))]
pub type Descriptor = std::convert::Infallible;

#[cfg(ralloc_os = "linux")]
pub fn of(slab: &Slab) -> Result<Descriptor, MapError> {
    slab.descriptor()
}

#[cfg(not(ralloc_os = "linux"))]
pub fn of(_slab: &Slab) -> Result<Descriptor, MapError> {
    Err(MapError::Unsupported { what: "slabs that processes share" })
}

#[cfg(ralloc_os = "linux")]
pub fn number(descriptor: &Descriptor) -> i32 {
    descriptor.as_raw_fd()
}

#[cfg(not(ralloc_os = "linux"))]
pub fn number(descriptor: &Descriptor) -> i32 {
    match *descriptor {}
}

/// The slab of an inherited descriptor, by its number.
#[cfg(ralloc_os = "linux")]
pub fn slab_of(fd: i32, memory: MemoryOptions) -> Result<Slab, SlabError> {
    // SAFETY: the caller in JavaScript keeps the descriptor open for the call: no other JavaScript
    // runs meanwhile.
    let fd = unsafe { crate::os::shm::borrow(fd) }?;
    Slab::from_fd_with(fd, memory)
}

#[cfg(not(ralloc_os = "linux"))]
pub fn slab_of(_fd: i32, _memory: MemoryOptions) -> Result<Slab, SlabError> {
    Err(MapError::Unsupported { what: "slabs that processes share" }.into())
}
