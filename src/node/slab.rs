//! The class `LeasedSlab`: an isolate as a participant in a slab.

use super::array_buffer;
use super::contained::Contained;
use super::convert::{
    ArrayBuffer, CLOSED, Failure, Float64Array, INVALID_ARGUMENT, MemoryArgument, Result,
    STALE_TOKEN, UNSUPPORTED, Uint32Array, bytes, coded, memory_options, millis, node,
};
use super::inherited::Descriptor;
use crate::error::SlabError;
use crate::slab::handle::Handle;
use crate::slab::participant::Participant;
use crate::slab::token::{Received, Token};
use crate::slab::word::{Owner, SlotState};
use crate::slab::{PoolOptions, Slab, SlabOptions};
use napi::bindgen_prelude::Either;
use napi::{Env, Error};
use napi_derive::napi;
use std::cell::{Ref, RefCell};

/// Slots that this isolate claims and frees in batches; in between, JavaScript decides about each
/// slot (lib/slab/). See `src/slab/`.
#[napi]
#[derive(Default)]
pub struct LeasedSlab {
    /// `None` before it is opened, and after `close`.
    participant: Contained<RefCell<Option<Participant>>>,
    /// The descriptor for children, once it was requested.
    pub(super) descriptor: Contained<RefCell<Option<Descriptor>>>,
}

/// The handle by which another isolate of the process attaches.
#[napi(object)]
pub struct HandleInfo {
    pub id: f64,
    /// 16 hexadecimal digits.
    pub nonce: String,
}

#[napi]
impl LeasedSlab {
    #[napi(constructor, catch_unwind)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates the slab. `pools`: size, count, most and least slots of each. Returns null, or why
    /// it failed; the kind 'limit' has the bytes that the slab would take as `used`.
    #[napi(catch_unwind)]
    pub fn open(
        &self,
        pools: Vec<f64>,
        max_bytes: f64,
        shared: bool,
        memory: Option<MemoryArgument>,
    ) -> Result<Option<Failure>> {
        let options = slab_options(&pools, max_bytes, memory)?;
        self.set_participant(if shared { Slab::shared(&options) } else { Slab::new(&options) })
    }

    /// Attaches to a slab that another isolate created.
    #[napi(catch_unwind)]
    pub fn attach(&self, id: f64, nonce: String) -> Result<Option<Failure>> {
        let id = bytes("id", id, 1)? as u64;
        let nonce = u64::from_str_radix(&nonce, 16).unwrap_or(0);
        // The slab's memory may outlive its participants, until their ArrayBuffers are collected.
        let found = Handle { id, nonce }.find().filter(|shared| shared.participants() > 0);
        let why = "the handle belongs to another process, or no thread uses the slab any more";
        let shared = found.ok_or_else(|| Error::new(CLOSED, why))?;
        self.set_participant(Slab::attach(&shared))
    }

    /// Claims up to `want` slots of a pool, which may grow. Returns how many it wrote to `slots`.
    #[napi(catch_unwind)]
    pub fn claim(&self, pool: u32, want: u32, slots: Uint32Array) -> Result<Either<u32, Failure>> {
        let want = slots.len().min(want as usize);
        let mut at = 0;
        let mut write = |slot| {
            slots.write(at, slot);
            at += 1;
        };
        let found = self.with(|participant| {
            let (slab, owner) = (participant.slab(), participant.owner());
            slab.claim(pool as usize, owner, SlotState::Held, want, &mut write)
        })?;
        match found {
            Ok(count) => Ok(Either::A(count as u32)),
            Err(error) => Failure::of_slab(error).map(Either::B),
        }
    }

    /// Frees the first `count` of `slots`. Returns how many of them this isolate held.
    #[napi(catch_unwind)]
    pub fn release(&self, pool: u32, slots: Uint32Array, count: u32) -> Result<u32> {
        let count = slots.len().min(count as usize);
        self.with(|participant| {
            let slots = (0..count).map(|at| slots.read(at));
            let pool = &participant.slab().pools()[pool as usize];
            pool.free_held(slots, participant.owner()) as u32
        })
    }

    /// An ArrayBuffer over a segment of a pool's slots. All of the isolate's Buffers in that
    /// segment are over it.
    #[napi(catch_unwind)]
    pub fn segment(&self, env: Env, pool: u32, index: u32) -> Result<ArrayBuffer> {
        let found = self.with(|participant| participant.view(pool as usize, index as usize))?;
        let none = || Error::new(INVALID_ARGUMENT, format!("pool {pool} has no segment {index}"));
        let (view, bytes) = found.ok_or_else(none)?;
        array_buffer::create_over_slab(&env, view, bytes)
    }

    /// Throws if the runtime refuses external memory.
    #[napi(catch_unwind)]
    pub fn probe(&self, env: Env) -> Result<()> {
        array_buffer::probe(&env)
    }

    /// Detaches the ArrayBuffer over a segment. Every Buffer over it is then dead, and after
    /// `close` its slots are freed without waiting for its finalizer. No other ArrayBuffer may show
    /// that memory.
    #[napi(catch_unwind)]
    pub fn detach(&self, env: Env, pool: u32, index: u32, ab: ArrayBuffer) -> Result<()> {
        let (pool, index) = (pool as usize, index as usize);
        let bytes = self.with(|participant| participant.slab().pools()[pool].segment(index))?;
        let bytes = bytes.map(|bytes| (bytes.cast().as_ptr(), bytes.len()));
        if bytes.is_none() || array_buffer::location(&env, &ab) != bytes {
            return Err(Error::new(INVALID_ARGUMENT, "the ArrayBuffer is not that of the segment"));
        }
        array_buffer::detach(&env, &ab)?;
        self.with(|participant| participant.note_detached(pool, index))
    }

    /// Slots in each segment of a pool, a power of two.
    #[napi(catch_unwind)]
    pub fn segment_slots(&self, pool: u32) -> Result<u32> {
        self.with(|participant| {
            participant.slab().pools()[pool as usize].slots_per_segment() as u32
        })
    }

    /// Slots of a pool that are present.
    #[napi(catch_unwind)]
    pub fn slot_count(&self, pool: u32) -> Result<u32> {
        self.with(|participant| participant.slab().pools()[pool as usize].slots() as u32)
    }

    /// How many slots of a pool this isolate may cache.
    #[napi(catch_unwind)]
    pub fn room(&self, pool: u32) -> Result<u32> {
        self.with(|participant| participant.slab().cache_share(pool as usize) as u32)
    }

    /// Sends the first `length` bytes of a slot of this isolate. Returns the token, an integer
    /// below 2^53.
    #[napi(catch_unwind)]
    pub fn send(&self, pool: u32, slot: u32, length: f64) -> Result<f64> {
        let length = bytes("length", length, 0)?;
        let sent = self.with(|participant| {
            participant.slab().send_as(pool as usize, slot, length, participant.owner())
        })?;
        let token = sent.map_err(|error| coded(UNSUPPORTED, error))?;
        Ok(token.bits() as f64)
    }

    /// Receives a sent slot. Registers: pool, slot, length.
    #[napi(catch_unwind)]
    pub fn receive(&self, token: f64, registers: Float64Array) -> Result<()> {
        self.take(token, registers, Slab::receive_as)
    }

    /// Takes back a slot that this isolate sent. Registers: pool, slot, length.
    #[napi(catch_unwind)]
    pub fn revoke(&self, token: f64, registers: Float64Array) -> Result<()> {
        self.take(token, registers, Slab::revoke_as)
    }

    /// Registers, for each pool: size, count, most slots, held and cached (by anyone), 0, sent,
    /// free, peak.
    #[napi(catch_unwind)]
    pub fn stats(&self, registers: Float64Array) -> Result<()> {
        let stats = self.with(|participant| participant.slab().stats())?;
        registers.expect(stats.len() * 8)?;
        for (pool, s) in stats.iter().enumerate() {
            let claimed = s.held + s.cached;
            let numbers = [s.size, s.count, s.max_count, claimed, 0, s.sent, s.free, s.peak];
            registers.fill(pool * 8, &numbers.map(|n| n as f64));
        }
        Ok(())
    }

    /// Sets the limit of growth from now on. More than that may be present already.
    #[napi(catch_unwind)]
    pub fn set_limit(&self, max_bytes: f64) -> Result<()> {
        let limit = bytes("maxBytes", max_bytes, 0)?;
        self.with(|participant| participant.slab().set_limit(limit))
    }

    /// Drops segments that were idle for this many milliseconds. Returns the bytes given back.
    #[napi(catch_unwind)]
    pub fn trim(&self, idle_ms: f64) -> Result<f64> {
        let idle = millis("idleMs", idle_ms)?;
        self.with(|participant| participant.slab().trim(idle) as f64)
    }

    /// Binds the memory of the slots to a NUMA node. A failure of the kind 'used': too late.
    #[napi(catch_unwind, js_name = "bind")]
    pub fn bind_to(&self, number: f64) -> Result<Option<Failure>> {
        let number = node("node", number)?;
        self.place(&|slab| slab.bind(number))
    }

    /// Keeps the memory of the slots in RAM. Failures: those of `bind`.
    #[napi(catch_unwind)]
    pub fn lock(&self) -> Result<Option<Failure>> {
        self.place(&Slab::lock)
    }

    /// The most bytes that the slab can take: all slots that there can be and their records, within
    /// its limit.
    #[napi(catch_unwind)]
    pub fn footprint(&self) -> Result<f64> {
        self.with(|participant| participant.slab().footprint() as f64)
    }

    /// Bytes of the present slots and of their records.
    #[napi(catch_unwind)]
    pub fn committed(&self) -> Result<f64> {
        self.with(|participant| participant.slab().committed() as f64)
    }

    /// Isolates (and other participants) that have this slab, and have not closed it.
    #[napi(catch_unwind)]
    pub fn participants(&self) -> Result<u32> {
        self.with(|participant| participant.slab().registry().alive() as u32)
    }

    /// The slab's handle; null if the slab is not shared.
    #[napi(catch_unwind)]
    pub fn handle(&self) -> Result<Option<HandleInfo>> {
        let info = |h: Handle| HandleInfo { id: h.id as f64, nonce: format!("{:016x}", h.nonce) };
        self.with(|participant| participant.slab().share().map(Handle::of).map(info))
    }

    /// Leaves the slab and frees all slots that this isolate has claimed. Slots that JavaScript can
    /// still see are freed once it no longer can. A second call does nothing.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        drop(self.participant.borrow_mut().take());
        *self.descriptor.borrow_mut() = None;
    }
}

impl LeasedSlab {
    fn place(
        &self,
        how: &dyn Fn(&Slab) -> std::result::Result<(), SlabError>,
    ) -> Result<Option<Failure>> {
        let placed = self.with(|participant| how(participant.slab()))?;
        placed.err().map(Failure::of_slab).transpose()
    }

    /// `work` must not run JavaScript, so that the borrow ends before any.
    pub(super) fn with<T>(&self, work: impl FnOnce(&Participant) -> T) -> Result<T> {
        self.opened().map(|participant| work(&participant))
    }

    /// A forked child finds the slab closed.
    #[inline(never)] // called by most exports
    fn opened(&self) -> Result<Ref<'_, Participant>> {
        let is_own = |participant: &&Participant| !participant.slab().is_copy();
        let found = Ref::filter_map(self.participant.borrow(), |own| own.as_ref().filter(is_own));
        found.map_err(|_| Error::new(CLOSED, "the slab is closed"))
    }

    pub(super) fn set_participant(
        &self,
        slab: std::result::Result<Slab, SlabError>,
    ) -> Result<Option<Failure>> {
        match slab.and_then(Participant::join) {
            Ok(participant) => {
                *self.participant.borrow_mut() = Some(participant);
                Ok(None)
            }
            Err(error) => Failure::of_slab(error).map(Some),
        }
    }

    fn take(
        &self,
        token: f64,
        registers: Float64Array,
        how: fn(&Slab, Token, Owner) -> std::result::Result<Received, SlabError>,
    ) -> Result<()> {
        registers.expect(3)?;
        let token = Token::from_bits(bytes("token", token, 0)? as u64);
        let taken = self.with(|participant| how(participant.slab(), token, participant.owner()))?;
        let Received { pool, slot, length } = taken.map_err(|error| coded(STALE_TOKEN, error))?;
        registers.fill(0, &[pool as f64, slot.into(), length as f64]);
        Ok(())
    }
}

/// `pools`: size, count, most and least slots of each.
pub(super) fn slab_options(
    pools: &[f64],
    max_bytes: f64,
    memory: Option<MemoryArgument>,
) -> Result<SlabOptions> {
    let pools = pools.chunks_exact(4).map(pool_options).collect::<Result<_>>()?;
    let memory = memory_options(memory)?;
    Ok(SlabOptions { pools, max_bytes: bytes("maxBytes", max_bytes, 1)?, memory })
}

fn pool_options(numbers: &[f64]) -> Result<PoolOptions> {
    let count = |name, value| {
        let count = bytes(name, value, 0)?;
        let too_many = |_| Error::new(INVALID_ARGUMENT, format!("\"{name}\" cannot be {count}"));
        u32::try_from(count).map_err(too_many)
    };
    let size = bytes("size", numbers[0], 0)?;
    Ok(PoolOptions {
        size,
        count: count("count", numbers[1])?,
        max_count: count("maxCount", numbers[2])?,
        min_count: count("minCount", numbers[3])?,
    })
}
