//! How bytes are cut, freed one by one, in fixed sizes.
//!
//! A [`Slab`] is a row of pools in ascending sizes over one mapping; the words of their slots lie in
//! another one. `pool` claims and frees by one CAS on a slot's word (`word` has the table),
//! [`Local`] is a thread's own cache before it, `registry` knows who is alive.
//!
//! `held + cached + sent + free + absent = count`, for every pool at any quiet moment: `Slab::check`.

#[cfg(not(loom))]
#[cfg_attr(not(feature = "node"), allow(dead_code, reason = "serves the binding alone"))]
pub(crate) mod handle;
#[cfg_attr(not(feature = "node"), allow(dead_code, reason = "serves the binding alone"))]
mod isolate;
mod magazine;
#[cfg(all(test, loom))]
mod models;
mod options;
pub(crate) mod pool;
#[cfg(all(test, not(loom)))]
mod programs;
mod registry;
mod segments;
#[cfg(all(test, not(loom)))]
mod tests;
#[cfg(all(test, not(loom)))]
mod threads;
#[cfg_attr(not(feature = "node"), allow(dead_code, reason = "serves the binding alone"))]
pub(crate) mod token;
pub(crate) mod word;

pub use magazine::Local;
pub use options::{MAX_POOLS, Options, PoolOptions};

use crate::error::{ClaimError, MapError, SlabError, SlotError};
use crate::memory::{self, Mapping, Segment};
use crate::stats::PoolStats;
use crate::sync::{Arc, AtomicUsize, Mutex, Ordering, Words};
#[cfg(test)]
use pool::Census;
use pool::Pool;
use registry::Registry;
use segments::Segments;
use std::ptr::NonNull;
use word::{Owner, State};

/// A pool and where its slots are.
#[derive(Debug)]
pub(crate) struct Place {
    pub pool: Pool,
    /// First byte of the first slot. Invariant: page-aligned; `count << size_log` bytes from it are
    /// within the slab's mapping and no other pool's.
    base: NonNull<u8>,
    size_log: u32,
    /// Number of the pool's first slot among all of the slab's: what tokens carry.
    first: usize,
    segments: Segments,
}

// SAFETY: `base` is an address; the bytes behind it belong to whoever holds their slot.
unsafe impl Send for Place {}
// SAFETY: as above; the pool and the segments are Sync by themselves.
unsafe impl Sync for Place {}

impl Place {
    /// Bytes of a slot.
    pub fn size(&self) -> usize {
        1 << self.size_log
    }

    /// The bytes of a slot. Panics for one that there cannot be.
    #[inline]
    pub fn block(&self, slot: u32) -> NonNull<[u8]> {
        assert!((slot as usize) < self.pool.count(), "beyond the pool");
        // SAFETY: the slot is of this pool by the assertion, so the sum is within the mapping and not null.
        let start = unsafe { self.base.add((slot as usize) << self.size_log) };
        NonNull::slice_from_raw_parts(start, self.size())
    }

    /// Offset of an address in the pool's slots.
    #[inline]
    fn offset_of(&self, address: usize) -> Option<usize> {
        let offset = address.wrapping_sub(self.base.addr().get());
        (offset >> self.size_log < self.pool.count()).then_some(offset)
    }
}

/// Pools of fixed-size slots, for any number of threads.
///
/// A block from [`Slab::allocate`] is valid for reads and writes of its length, aligned to its length
/// or to a page if that is less, and aliases no other, until it is deallocated or the slab dropped.
#[derive(Debug)]
pub struct Slab {
    /// In ascending sizes.
    places: Box<[Place]>,
    /// Index of the smallest pool for sizes up to 2^i, or the number of pools.
    classes: [u8; 65],
    registry: Arc<Registry>,
    /// Locked to grow and to drop segments.
    slots: Mutex<Slots>,
    /// The words. After `places`, so dropped after them.
    records: Mapping,
    max_bytes: usize,
    /// What makes another isolate's slab over the same memory; `None` where it is not shared.
    shared: Option<Arc<Shared>>,
    /// Not 0: an isolate ended that had ArrayBuffers over the slots, which may live on in another one.
    orphaned: AtomicUsize,
}

/// The memory of slabs that several isolates have, each at addresses of its own: records, then slots.
/// Lives as long as one of them.
#[derive(Debug)]
pub struct Shared {
    segment: Segment,
    options: Options,
    registry: Arc<Registry>,
}

#[derive(Debug)]
struct Slots {
    /// `Some` until the slab is dropped.
    mapping: Option<Mapping>,
    /// Bytes of the segments that are there. Invariant: with the records at most `max_bytes`.
    committed: usize,
}

impl Slab {
    /// A slab whose pools have their first slots at once; takes memory as slots are touched.
    pub fn new(options: &Options) -> Result<Slab, SlabError> {
        let plan = options.plan()?;
        let slots = match options.memory.is_plain() {
            true => Mapping::reserve(plan.slot_bytes)?,
            false => Mapping::with(plan.slot_bytes, options.memory)?,
        };
        let records = Mapping::committed(plan.record_bytes)?;
        let slab = Slab::over(options, records, slots, Arc::default(), None);
        slab.grow_to_counts()?;
        Ok(slab)
    }

    /// A slab that cannot grow, over memory that [`Slab::attach`] can map again.
    pub fn shared(options: &Options) -> Result<Slab, SlabError> {
        let plan = options.plan()?;
        if !options.is_fixed() {
            return Err(MapError::Unsupported { what: "sharing of a slab that can grow" }.into());
        }
        let segment = Segment::anonymous(plan.record_bytes + plan.slot_bytes)?;
        let shared = Shared { segment, options: options.clone(), registry: Arc::default() };
        let slab = Slab::attach(&Arc::new(shared))?;
        slab.grow_to_counts()?;
        Ok(slab)
    }

    /// The same slab, mapped once more: for another isolate.
    pub fn attach(shared: &Arc<Shared>) -> Result<Slab, SlabError> {
        let Shared { segment, options, registry } = &**shared;
        let plan = options.plan()?;
        let records = segment.map(0, plan.record_bytes, memory::Options::default())?;
        let slots = segment.map(plan.record_bytes, plan.slot_bytes, options.memory)?;
        let owner = Some(Arc::clone(shared));
        Ok(Slab::over(options, records, slots, Arc::clone(registry), owner))
    }

    /// What [`Slab::attach`] takes; `None` for a slab that is not shared.
    pub fn share(&self) -> Option<&Arc<Shared>> {
        self.shared.as_ref()
    }

    fn over(
        options: &Options,
        records: Mapping,
        slots: Mapping,
        registry: Arc<Registry>,
        shared: Option<Arc<Shared>>,
    ) -> Slab {
        let (mut words, mut offset, mut first) = (0, 0, 0);
        let place = |options: &PoolOptions| {
            let count = options.max_count as usize;
            let start = words;
            let pool = Pool::over(count, |at, len| {
                // SAFETY: within the records by the plan, page-aligned plus whole words; the
                // mapping lives as long as the slab, longer than its pools.
                unsafe { Words::over(records.base().add((start + at) * 8), len) }
            });
            // SAFETY: within the mapping by the plan.
            let base = unsafe { slots.base().add(offset) };
            let size_log = options.size.ilog2();
            // What is there already is another isolate's doing: a shared slab cannot grow.
            let segments = Segments::new(options, shared.is_some());
            if shared.is_some() {
                pool.reach(options.max_count);
            }
            let place = Place { pool, base, size_log, first, segments };
            words += Pool::words_for(count);
            offset += options::slot_bytes(options);
            first += count;
            place
        };
        let places: Box<[Place]> = options.pools.iter().map(place).collect();
        let mut classes = [places.len() as u8; 65];
        for (log, class) in classes.iter_mut().enumerate() {
            let fits = places.iter().position(|place| place.size_log as usize >= log);
            *class = fits.unwrap_or(places.len()) as u8;
        }
        let slots = Mutex::new(Slots { mapping: Some(slots), committed: 0 });
        let (max_bytes, orphaned) = (options.max_bytes, AtomicUsize::new(0));
        Slab { places, classes, registry, slots, records, max_bytes, shared, orphaned }
    }

    /// A slot of at least `size` bytes: of the smallest pool that fits, or, when it is exhausted,
    /// of the next larger one. Its content is whatever was there before.
    pub fn allocate(&self, size: usize) -> Result<NonNull<[u8]>, ClaimError> {
        let first = self.class_of(size)?;
        for pool in first..self.places.len() {
            if let Some(block) = self.claim_one(pool)? {
                self.note_promotion(first, pool);
                return Ok(block);
            }
        }
        Err(self.exhausted(first, size))
    }

    /// A slot of exactly the smallest pool that fits; `None` when it is exhausted.
    pub fn try_allocate(&self, size: usize) -> Result<Option<NonNull<[u8]>>, ClaimError> {
        self.claim_one(self.class_of(size)?)
    }

    /// Frees a block by its first byte. Any thread may, whoever allocated it.
    ///
    /// # Safety
    /// If the block is one of this slab's, nobody uses it any more. (Anything else is an error.)
    pub unsafe fn deallocate(&self, block: NonNull<u8>) -> Result<(), SlotError> {
        let (pool, slot) = self.locate(block)?;
        self.free_slot(pool, slot)
    }

    /// The pools, in ascending sizes.
    pub(crate) fn places(&self) -> &[Place] {
        &self.places
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Bytes of the largest slots.
    pub fn largest(&self) -> usize {
        self.places.last().map_or(0, Place::size)
    }

    /// Bytes that the slab takes at most: all slots that there can be and their records, within its limit.
    pub fn footprint(&self) -> usize {
        let slots = self.slots.lock();
        let all = slots.mapping.as_ref().map_or(0, Mapping::len) + self.records.len();
        all.min(self.max_bytes.max(slots.committed))
    }

    /// Bytes of the slots that are there, and of their records: at most the limit. All of them in a slab
    /// that is shared.
    pub fn committed(&self) -> usize {
        match self.shared {
            Some(_) => self.footprint(),
            None => self.slots.lock().committed,
        }
    }

    /// Gauges and counters of every pool.
    pub fn stats(&self) -> Vec<PoolStats> {
        self.places.iter().map(Place::stats).collect()
    }

    /// The executable form of the equation above, for quiet moments; names what does not hold.
    #[cfg(test)]
    pub(crate) fn check(&self) -> Result<Vec<Census>, String> {
        self.places.iter().map(|place| place.check(self.shared.is_some())).collect()
    }

    /// Index of the smallest pool for `size` bytes; the number of pools where there is none.
    #[inline]
    pub(crate) fn class(&self, size: usize) -> usize {
        let log = usize::BITS - size.saturating_sub(1).leading_zeros();
        self.classes[log as usize].into()
    }

    /// Index of the smallest pool for `size` bytes.
    pub(crate) fn class_of(&self, size: usize) -> Result<usize, ClaimError> {
        let pool = self.class(size);
        if pool < self.places.len() {
            return Ok(pool);
        }
        Err(ClaimError::TooLarge { requested: size, largest: self.largest() })
    }

    /// Pool and slot of a block by its first byte.
    #[inline]
    pub(crate) fn locate(&self, block: NonNull<u8>) -> Result<(usize, u32), SlotError> {
        let address = block.addr().get();
        for (pool, place) in self.places.iter().enumerate() {
            if let Some(offset) = place.offset_of(address) {
                if offset & (place.size() - 1) != 0 {
                    return Err(self.refuse(pool, SlotError::Interior));
                }
                return Ok((pool, (offset >> place.size_log) as u32));
            }
        }
        Err(SlotError::Foreign)
    }

    pub(crate) fn free_slot(&self, pool: usize, slot: u32) -> Result<(), SlotError> {
        let place = &self.places[pool].pool;
        let word = place.word(slot);
        if word.state() != State::Held || place.free(slot, word).is_err() {
            return Err(self.refuse(pool, SlotError::NotHeld));
        }
        Ok(())
    }

    #[cold]
    pub(crate) fn refuse(&self, pool: usize, error: SlotError) -> SlotError {
        self.places[pool].pool.tallies.refused.add(1);
        error
    }

    fn claim_one(&self, pool: usize) -> Result<Option<NonNull<[u8]>>, ClaimError> {
        let mut found = None;
        self.claim(pool, Owner::NOBODY, State::Held, 1, &mut |slot| found = Some(slot))?;
        Ok(found.map(|slot| self.places[pool].block(slot)))
    }

    /// Up to `want` slots of one pool, which grows if it has none and may: how many. As the last
    /// resort those that were sent by the dead and never received.
    pub(crate) fn claim(
        &self,
        pool: usize,
        owner: Owner,
        state: State,
        want: usize,
        out: &mut impl FnMut(u32),
    ) -> Result<usize, ClaimError> {
        let place = &self.places[pool];
        loop {
            let found = place.pool.claim(owner, state, want, out);
            if found > 0 {
                return Ok(found);
            }
            let lost = |owner| !self.registry.is_alive(owner);
            if !self.grow(pool)? && place.pool.recover(&[State::Sent], lost) == 0 {
                return Ok(0);
            }
        }
    }

    /// How many slots one participant may cache.
    pub(crate) fn room(&self, pool: usize) -> usize {
        let share = self.places[pool].pool.count() / (4 * self.registry.alive().max(1));
        share.min(magazine::MAX_ROOM)
    }

    pub(crate) fn note_promotion(&self, first: usize, pool: usize) {
        if pool != first {
            self.places[first].pool.tallies.promotions.add(1);
        }
    }

    pub(crate) fn exhausted(&self, first: usize, requested: usize) -> ClaimError {
        self.places[first].pool.tallies.exhaustions.add(1);
        ClaimError::Exhausted { requested, size: self.largest() }
    }
}

impl Drop for Slab {
    fn drop(&mut self) {
        let Some(slots) = self.slots.lock().mapping.take() else { return };
        // Relaxed: the last count on the slab was given back after it.
        if self.orphaned.load(Ordering::Relaxed) > 0 {
            return slots.abandon();
        }
        // An operation in flight may still touch a slot, so it is unmapped only after a while.
        #[cfg(not(loom))]
        memory::depot::global().retire(slots);
    }
}

impl Place {
    fn stats(&self) -> PoolStats {
        let (census, tallies) = (self.pool.census(), &self.pool.tallies);
        PoolStats {
            size: self.size(),
            count: self.pool.count() - census.absent,
            max_count: self.pool.count(),
            held: census.held,
            cached: census.cached,
            sent: census.sent,
            free: census.free,
            peak: tallies.peak.get() as usize,
            promotions: tallies.promotions.get() as usize,
            exhaustions: tallies.exhaustions.get() as usize,
            refused: tallies.refused.get() as usize,
        }
    }

    /// `shared`: other isolates have claimed and freed too, and counted for themselves.
    #[cfg(test)]
    fn check(&self, shared: bool) -> Result<Census, String> {
        let census = self.pool.census();
        let Census { absent, free, held, cached, sent, damaged } = census;
        let tallies = &self.pool.tallies;
        let claimed = tallies.claimed.get().wrapping_sub(tallies.freed.get());
        let there = self.segments.slots();
        match () {
            _ if damaged > 0 => Err(format!("{damaged} damaged words")),
            _ if absent + there != self.pool.count() => {
                Err(format!("{absent} slots absent, {there} there, of {}", self.pool.count()))
            }
            _ if held + cached + sent + free != there => Err(format!("{census:?} of {there}")),
            _ if !shared && claimed as usize != held + cached + sent => {
                Err(format!("{claimed} claimed and not freed, but {census:?}"))
            }
            _ => Ok(census),
        }
    }
}
