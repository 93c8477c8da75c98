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

/// Functions that always fail, each with its error.
macro_rules! unsupported {
    ($($name:ident($($kind:ty),*) -> $result:ty: $error:expr;)+) => {$(
        /// Unsupported.
        ///
        /// # Safety
        /// None is needed.
        pub unsafe fn $name($(_: $kind),*) -> Result<$result, MapError> {
            Err($error)
        }
    )+};
}

unsupported! {
    advise_huge(*mut u8, usize) -> (): MapError::Unsupported { what: "transparent huge pages" };
    bind(*mut u8, usize, u32) -> (): NODES;
    rebind(*mut u8, usize, u32) -> (): NODES;
    unbind(*mut u8, usize) -> (): NODES;
    bound_to(*mut u8) -> Option<u32>: NODES;
    wipe_on_fork(*mut u8, usize) -> (): MapError::Unsupported { what: "memory that a fork wipes" };
}

/// Unsupported.
pub fn map_huge(_len: usize, _node: Option<u32>) -> Result<NonNull<u8>, MapError> {
    Err(MapError::Unsupported { what: "huge pages of 2 MiB" })
}

/// A number that a forked child does not share with its parent.
pub fn process_mark() -> u64 {
    std::process::id().into()
}

/// No.
pub fn shared_can_be_huge() -> bool {
    false
}
