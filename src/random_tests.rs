//! The number of cases of random tests.
#![forbid(unsafe_code)]

use proptest::prelude::ProptestConfig;

/// Runs `count` cases, but two in Miri, which takes a thousand times as long. A failure prints its seed; no file keeps
/// it.
pub fn cases(count: u32) -> ProptestConfig {
    let cases = if cfg!(miri) { 2 } else { count };
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}
