//! The process's depots.

use super::convert::{Registers, Result, millis};
use crate::memory::depot;
use napi_derive::napi;

/// The state of the depots after a trim.
#[napi(object, object_from_js = false)]
pub struct Trimmed {
    /// Bytes still committed in the depots.
    pub bytes: f64,
    /// Chunks in them, with memory or without. Within half a minute they are unmapped or lose their
    /// memory.
    pub chunks: f64,
}

/// Gives back the memory of chunks that have been idle for `idleMs` milliseconds.
#[napi(catch_unwind)]
pub fn trim_depot(idle_ms: f64) -> Result<Trimmed> {
    let left = depot::trim(millis("idleMs", idle_ms)?);
    Ok(Trimmed { bytes: left.committed as f64, chunks: left.chunks as f64 })
}

/// Registers: chunks, bytes reserved, bytes committed, hits, misses, unmapped, hit rate, bytes
/// retained.
#[napi(catch_unwind)]
pub fn depot_stats(#[napi(ts_arg_type = "Float64Array")] registers: Registers) -> Result<()> {
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
