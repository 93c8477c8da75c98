//! The descriptor of a slab without a name, which children inherit. Only Linux has such slabs.

use crate::error::{MapError, SlabError};
use crate::memory::MemoryOptions;
use crate::slab::Slab;

/// A descriptor's number, and what keeps it open.
pub type Descriptor = (i32, Box<dyn std::any::Any>);

#[cfg(ralloc_os = "linux")]
pub fn of(slab: &Slab) -> Result<Descriptor, MapError> {
    use std::os::fd::AsRawFd;
    slab.descriptor().map(|own| (own.as_raw_fd(), Box::new(own) as _))
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
const NONE: MapError = MapError::Unsupported { what: "slabs that processes share" };

#[cfg(not(ralloc_os = "linux"))]
pub fn of(_slab: &Slab) -> Result<Descriptor, MapError> {
    Err(NONE)
}

#[cfg(not(ralloc_os = "linux"))]
pub fn slab_of(_fd: i32, _memory: MemoryOptions) -> Result<Slab, SlabError> {
    Err(NONE.into())
}
