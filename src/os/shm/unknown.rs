//! Stand-ins for what macOS and Windows, and systems whose processes share nothing, do not tell or
//! do not have.

use super::SharedFile;
use crate::os::{Answer, lacking};

impl SharedFile {
    stand_ins! {
        /// Whoever knows the number of such a file could resize it.
        anonymous() -> Answer<SharedFile> = lacking("slabs without a name that processes share");
        seal(&self) -> Answer<()> = lacking("sealed files");
    }
}

stand_ins! {
    /// There are no huge pages for named memory.
    names_can_be_huge() -> bool = false;
    node_free(_: u32) -> Option<u64> = None;
    available() -> Option<u64> = None;
    /// There are no control groups.
    headroom() -> Option<u64> = None;
}
