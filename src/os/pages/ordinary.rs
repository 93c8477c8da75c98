//! Stand-ins for what a system lacks of huge pages and NUMA nodes: macOS, the BSDs and the heap
//! have neither, and Windows binds memory to a node only when it reserves it.

use crate::error::MapError;
use std::ptr::NonNull;

const NODES: MapError = MapError::Unsupported {
    what: if cfg!(ralloc_os = "windows") {
        "binding memory that is there to a NUMA node"
    } else {
        "binding memory to a NUMA node"
    },
};

/// Unsupported.
///
/// # Safety
/// None is needed.
pub unsafe fn advise_huge(_ptr: *mut u8, _len: usize) -> Result<(), MapError> {
    Err(MapError::Unsupported { what: "transparent huge pages" })
}

/// Unsupported.
pub fn map_huge(_len: usize, _node: Option<u32>) -> Result<NonNull<u8>, MapError> {
    Err(MapError::Unsupported { what: "huge pages of 2 MiB" })
}

/// Unsupported.
///
/// # Safety
/// None is needed.
pub unsafe fn bind(_ptr: *mut u8, _len: usize, _node: u32) -> Result<(), MapError> {
    Err(NODES)
}

/// Unsupported.
///
/// # Safety
/// None is needed.
pub unsafe fn rebind(_ptr: *mut u8, _len: usize, _node: u32) -> Result<(), MapError> {
    Err(NODES)
}

/// Unsupported.
///
/// # Safety
/// None is needed.
pub unsafe fn unbind(_ptr: *mut u8, _len: usize) -> Result<(), MapError> {
    Err(NODES)
}

/// Unsupported.
///
/// # Safety
/// None is needed.
pub unsafe fn bound_to(_ptr: *mut u8) -> Result<Option<u32>, MapError> {
    Err(NODES)
}

/// Unsupported.
///
/// # Safety
/// None is needed.
pub unsafe fn wipe_on_fork(_ptr: *mut u8, _len: usize) -> Result<(), MapError> {
    Err(MapError::Unsupported { what: "memory that a fork wipes" })
}

/// A number that a forked child does not share with its parent.
pub fn process_mark() -> u64 {
    std::process::id().into()
}

/// No.
pub fn shared_can_be_huge() -> bool {
    false
}
