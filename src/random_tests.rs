//! How long random tests run.
#![forbid(unsafe_code)]

use proptest::prelude::ProptestConfig;

/// So many cases, and two in Miri, which takes a thousand times as long. What failed is told by its seed, and kept in no file.
pub fn cases(count: u32) -> ProptestConfig {
    let cases = if cfg!(miri) { 2 } else { count };
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}
