//! How long tests with many rounds are.
#![forbid(unsafe_code)]

use proptest::prelude::ProptestConfig;

/// Runs `count` cases, but two in Miri, which takes a thousand times as long. A failure prints its
/// seed; no file keeps it.
pub fn cases(count: u32) -> ProptestConfig {
    let cases = if cfg!(miri) { 2 } else { count };
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// `count`, but a five-hundredth of it in Miri, where a block that goes from thread to thread takes
/// 20 ms: rounds, slots or chunks, as many as a test needs to be sure without it.
pub fn rounds(count: usize) -> usize {
    if cfg!(miri) { count.div_ceil(500) } else { count }
}
