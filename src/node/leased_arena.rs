//! The class `LeasedArena`.

use super::array_buffer;
use super::contained::Contained;
use super::convert::{
    ArrayBuffer, Failure, Float64Array, MemoryArgument, Result, Uint32Array, bytes, corrupted,
    memory_options,
};
use crate::error::{AllocError, SpanError};
use crate::lease::budget::Tally;
use crate::lease::chunk::{ChunkView, LeaseEnd};
use crate::lease::leased_arena::{self, Lease};
use crate::memory::depot;
use napi::Env;
use napi::bindgen_prelude::Either;
use napi_derive::napi;
use std::cell::RefCell;

/// Spans of lib/region are multiples of this many bytes.
const PART_UNIT: usize = 16;

/// The chunks of one ChunkPool of JavaScript, or of one region; see `src/lease/leased_arena.rs`.
#[napi]
pub struct LeasedArena {
    inner: Contained<RefCell<leased_arena::LeasedArena>>,
}

/// A chunk that exists.
#[napi(object, object_from_js = false)]
pub struct ChunkInfo {
    pub size: f64,
    #[napi(ts_type = "'leased' | 'held' | 'quarantined' | 'stolen' | 'limbo'")]
    pub state: &'static str,
    pub spans: u32,
    pub pins: u32,
    pub reserved: f64,
    pub committed: f64,
    pub resident: f64,
    #[napi(ts_type = "'none' | 'transparent' | 'explicit'")]
    pub huge_pages: &'static str,
}

#[napi]
impl LeasedArena {
    #[napi(constructor, catch_unwind)]
    pub fn new(
        max_bytes: f64,
        chunk_size: f64,
        wipe: bool,
        memory: Option<MemoryArgument>,
    ) -> Result<Self> {
        let limit = bytes("maxBytes", max_bytes, 1)?;
        let chunk_size = bytes("chunkSize", chunk_size, 1)?;
        let depot = depot::of(memory_options(memory)?);
        let inner = leased_arena::LeasedArena::new(limit, chunk_size, wipe, depot);
        Ok(LeasedArena { inner: Contained::new(RefCell::new(inner)) })
    }

    /// Checks that the system grants such memory, with a small mapping. Returns null, or why it
    /// refused.
    #[napi(catch_unwind)]
    pub fn probe(&self) -> Option<Failure> {
        let refused = self.with(|arena| arena.probe()).err()?;
        Some(self.failure(refused.into()))
    }

    /// Leases a span of at least `need` and preferably `want` bytes. Registers: id, epoch,
    /// cleanFrom, 0. Returns null at the limit, because making an object would cost each refusal a
    /// microsecond.
    #[napi(catch_unwind)]
    pub fn lease(
        &self,
        env: Env,
        need: f64,
        want: f64,
        is_chunk: bool,
        registers: Float64Array,
    ) -> Result<Option<Either<ArrayBuffer, Failure>>> {
        registers.expect(4)?;
        let (need, want) = (bytes("need", need, 0)?, bytes("want", want, 0)?);
        match self.with(|arena| arena.lease(need, want, is_chunk)) {
            Ok(lease) => self.hand_out(&env, &lease, &registers).map(|made| Some(Either::A(made))),
            Err(AllocError::Limit { .. }) => Ok(None),
            Err(error) => Ok(Some(Either::B(self.failure(error)))),
        }
    }

    /// Detaches the span's ArrayBuffer and returns a new one over the same bytes.
    #[napi(catch_unwind)]
    pub fn renew(&self, env: Env, id: u32, epoch: u32, ab: ArrayBuffer) -> Result<ArrayBuffer> {
        let foreign = || corrupted(SpanError::Foreign { id });
        let (ptr, len) = array_buffer::location(&env, &ab).ok_or_else(foreign)?;
        let lease = self.with(|arena| arena.renew(id, epoch, ptr, len)).map_err(corrupted)?;
        // The new one first: if it cannot be made, the old one still exists.
        let made = array_buffer::create(&env, &lease)?;
        array_buffer::detach(&env, &ab)?;
        Ok(made)
    }

    /// Moves a span from Leased to Held.
    #[napi(catch_unwind)]
    pub fn hold(&self, id: u32, epoch: u32) -> Result<()> {
        self.with(|arena| arena.hold(id, epoch)).map_err(corrupted)
    }

    /// Moves a span from Held to Leased.
    #[napi(catch_unwind)]
    pub fn unhold(&self, id: u32, epoch: u32) -> Result<()> {
        self.with(|arena| arena.unhold(id, epoch)).map_err(corrupted)
    }

    /// Ends a lease whose ArrayBuffer stays attached but is no longer referenced.
    #[napi(catch_unwind)]
    pub fn quarantine(&self, id: u32, epoch: u32, dirty: f64) -> Result<()> {
        self.end(id, epoch, dirty, LeaseEnd::Quarantine)
    }

    /// Ends a lease whose ArrayBuffer has another owner now.
    #[napi(catch_unwind)]
    pub fn steal(&self, id: u32, epoch: u32, dirty: f64) -> Result<()> {
        self.end(id, epoch, dirty, LeaseEnd::Steal)
    }

    /// Ends a lease whose ArrayBuffer was detached.
    #[napi(catch_unwind)]
    pub fn release(&self, id: u32, epoch: u32, dirty: f64) -> Result<()> {
        self.end(id, epoch, dirty, LeaseEnd::Release)
    }

    /// Charges bytes that are not the arena's. Returns null, or why it failed.
    #[napi(catch_unwind)]
    pub fn adopt(&self, size: f64) -> Result<Option<Failure>> {
        let size = bytes("size", size, 0)?;
        Ok(self.with(|arena| arena.adopt(size)).err().map(|error| self.failure(error)))
    }

    /// Discharges them.
    #[napi(catch_unwind)]
    pub fn disown(&self, size: f64) -> Result<()> {
        let size = bytes("size", size, 0)?;
        self.with(|arena| arena.disown(size)).map_err(corrupted)
    }

    /// Sets another limit. More than that may be in use already.
    #[napi(catch_unwind)]
    pub fn set_limit(&self, max_bytes: f64) -> Result<()> {
        let limit = bytes("maxBytes", max_bytes, 0)?;
        self.with(|arena| arena.set_limit(limit));
        Ok(())
    }

    /// Gives the memory of chunks in limbo back; returns the bytes that were in RAM.
    #[napi(catch_unwind)]
    pub fn trim(&self) -> f64 {
        self.with(|arena| arena.trim()) as f64
    }

    /// Gives back whole pages of a chunk in use. Returns their bytes. `parts`: offset and size of
    /// each, in units of 16 bytes.
    #[napi(catch_unwind)]
    pub fn decommit(&self, id: u32, epoch: u32, parts: Uint32Array, count: u32) -> Result<f64> {
        let unit = |at: usize| parts.read(at) as usize * PART_UNIT;
        let count = (parts.len() / 2).min(count as usize);
        let ranges = (0..count).map(|part| (unit(2 * part), unit(2 * part + 1)));
        let given = self.with(|arena| arena.decommit(id, epoch, ranges));
        given.map(|bytes| bytes as f64).map_err(corrupted)
    }

    /// Resets the peak and the counters.
    #[napi(catch_unwind)]
    pub fn restart(&self) {
        self.with(|arena| arena.restart());
    }

    /// Bytes of all chunks that are charged, and of adopted memory.
    #[napi(catch_unwind)]
    pub fn used(&self) -> f64 {
        self.with(|arena| arena.used()) as f64
    }

    /// Bytes of quarantined chunks.
    #[napi(catch_unwind)]
    pub fn quarantined(&self) -> f64 {
        self.with(|arena| arena.quarantined()) as f64
    }

    /// Registers: limit, used, peak, leased, held, quarantined, stolen, limbo (bytes), chunks,
    /// pins, spans (numbers), reserved, committed (bytes), recycled, mapped.
    #[napi(catch_unwind)]
    pub fn stats(&self, registers: Float64Array) -> Result<()> {
        registers.expect(15)?;
        let s = self.with(|arena| arena.stats());
        let [leased, held, quarantined, stolen, limbo, _gone] = s.sums.by_state;
        let Tally { chunks, pins, reserved, committed, .. } = s.sums;
        let spaces = [s.limit, s.used, s.peak, leased, held, quarantined, stolen, limbo];
        let rest = [chunks, pins, s.spans, reserved, committed, s.recycled, s.mapped];
        registers.fill(0, &spaces.map(|n| n as f64));
        registers.fill(spaces.len(), &rest.map(|n| n as f64));
        Ok(())
    }

    /// Every chunk that exists.
    #[napi(catch_unwind)]
    pub fn chunks(&self) -> Vec<ChunkInfo> {
        let views = self.with(|arena| arena.chunks_in_ram());
        let info = |(v, resident): (ChunkView, usize)| ChunkInfo {
            size: v.size as f64,
            state: v.state.name(),
            spans: v.spans,
            pins: v.pins,
            reserved: v.reserved as f64,
            committed: v.committed as f64,
            resident: resident as f64,
            huge_pages: v.pages.name(),
        };
        views.into_iter().map(info).collect()
    }
}

impl LeasedArena {
    /// The borrow ends with `work`, which must not call into Node: a finalizer could run there.
    fn with<T>(&self, work: impl FnOnce(&mut leased_arena::LeasedArena) -> T) -> T {
        work(&mut self.inner.borrow_mut())
    }

    fn end(&self, id: u32, epoch: u32, dirty: f64, how: LeaseEnd) -> Result<()> {
        let dirty = bytes("dirty", dirty, 0)?;
        self.with(|arena| arena.end(id, epoch, dirty, how)).map_err(corrupted)
    }

    /// An ArrayBuffer over a lease; if it cannot be made, the lease is undone.
    fn hand_out(&self, env: &Env, lease: &Lease, registers: &Float64Array) -> Result<ArrayBuffer> {
        let made = array_buffer::create(env, lease);
        let made = made.inspect_err(|_| self.with(|arena| arena.cancel(lease)))?;
        registers.fill(0, &[lease.id.into(), lease.epoch.into(), lease.clean_from as f64, 0.0]);
        Ok(made)
    }

    fn failure(&self, error: AllocError) -> Failure {
        self.with(|arena| Failure::new(error, arena.used(), arena.limit()))
    }
}
