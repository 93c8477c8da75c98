//! Stand-ins for what macOS and Windows, and systems whose processes share nothing, do not tell or
//! do not have.

use super::SharedFile;
use crate::error::MapError;

impl SharedFile {
    /// Unsupported: whoever knows the number of such a file could resize it.
    pub fn anonymous() -> Result<SharedFile, MapError> {
        Err(MapError::Unsupported { what: "slabs without a name that processes share" })
    }

    /// Never called, as there are no files without a name.
    pub fn seal(&self) -> Result<(), MapError> {
        Err(MapError::Unsupported { what: "sealed files" })
    }
}

/// No: there are no huge pages for named memory.
pub fn names_can_be_huge() -> bool {
    false
}

/// Unknown.
pub fn node_free(_node: u32) -> Option<u64> {
    None
}

/// Unknown.
pub fn available() -> Option<u64> {
    None
}

/// None: there are no control groups.
pub fn headroom() -> Option<u64> {
    None
}
