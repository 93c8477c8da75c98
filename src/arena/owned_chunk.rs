//! A chunk of memory that one arena owns.
#![forbid(unsafe_code)]

use crate::memory::Mapping;

/// A chunk. While it is the current one, the window has newer copies of `used` and `clean_from`,
/// which count.
#[derive(Debug)]
pub(super) struct OwnedChunk {
    pub(super) mapping: Mapping,
    /// Bytes handed out since it was last emptied.
    pub(super) used: usize,
    /// The bytes from this offset on are zero: the end of all bytes ever handed out; the chunk's
    /// end if it was recycled.
    pub(super) clean_from: usize,
    /// The version of the store when this chunk became the current one or, for an oversize one,
    /// when it was taken. It tells a scope which chunks came after it began.
    pub(super) since: u64,
    /// How many chunks the store had ever got, this one included.
    pub(super) number: usize,
}
