//! A chunk of memory that one arena owns.
#![forbid(unsafe_code)]

use crate::memory::Mapping;

/// A chunk. While it is the current one, the window's copies of `used` and `clean_from` are
/// authoritative.
#[derive(Debug)]
pub(super) struct OwnedChunk {
    pub(super) mapping: Mapping,
    /// Bytes handed out since it was last emptied.
    pub(super) used: usize,
    /// Offset from which the bytes are zero: what was ever handed out, or all if recycled.
    pub(super) clean_from: usize,
    /// The version of the store when it became the current one, or, of an oversize one, when it was taken: tells a
    /// scope which chunks came after it began.
    pub(super) since: u64,
    /// How many had come to the store with it, ever.
    pub(super) number: usize,
}
