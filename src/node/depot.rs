//! The process's depots.

use super::convert::{Float64Array, Result, millis};
use crate::memory::depot;
use napi_derive::napi;

/// Gives back the memory of chunks that have been idle for `idleMs` milliseconds. Returns how many
/// chunks are in the depots, with memory or without. Within half a minute they are unmapped or lose
/// their memory.
#[napi(catch_unwind)]
pub fn trim_depot(idle_ms: f64) -> Result<f64> {
    Ok(depot::trim(millis("idleMs", idle_ms)?).chunks as f64)
}

/// Registers: chunks, bytes reserved, bytes committed, hits, misses, unmapped, hit rate, bytes
/// retained.
#[napi(catch_unwind)]
pub fn depot_stats(registers: Float64Array) -> Result<()> {
    registers.expect(8)?;
    let s = depot::stats();
    let values = [s.chunks, s.reserved, s.committed, s.hits, s.misses, s.unmapped];
    registers.fill(0, &values.map(|n| n as f64));
    registers.fill(values.len(), &[s.hit_rate(), s.retained as f64]);
    Ok(())
}

/// Bytes of a page: memory is given back in whole pages.
#[napi(catch_unwind)]
pub fn page_size() -> f64 {
    crate::memory::page_size() as f64
}
