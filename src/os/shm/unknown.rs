//! What a system does not say before memory is asked for, and does not have: that of macOS and Windows, and of those where
//! processes share nothing.

use super::SharedFile;
use crate::error::MapError;

impl SharedFile {
    /// There is none: whoever knows the number of such a file could resize it.
    pub fn anonymous() -> Result<SharedFile, MapError> {
        Err(MapError::Unsupported { what: "slabs without a name that processes share" })
    }

    /// Never called.
    pub fn seal(&self) -> Result<(), MapError> {
        Err(MapError::Unsupported { what: "sealed files" })
    }
}

/// None.
pub fn names_can_be_huge() -> bool {
    false
}

/// Not known.
pub fn node_free(_node: u32) -> Option<u64> {
    None
}

/// Not known.
pub fn available() -> Option<u64> {
    None
}

/// There are no control groups.
pub fn headroom() -> Option<u64> {
    None
}
