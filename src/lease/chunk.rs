//! One leased chunk: its state, its spans and its pins.
//!
//! ```text
//!            hold / unhold          last span released, pins left        pins = 0
//!  Leased ───────────────── Held    Leased ───────────────── Limbo ──────────────── Gone
//!     │ quarantine                                             │ re-lease            ▲
//!     ├──────────── Quarantined ── no span leased, pins = 0 ───┼─────────────────────┤
//!     │ steal                                                  ▼                     │
//!     └──────────── Stolen ─────── no span leased, pins = 0 ─────────────────────────┘
//! ```
//! The state follows from the counts, so the two cannot disagree. Finalizers run late, on the
//! isolate's thread or in its teardown, and possibly after the arena is gone. They touch only the
//! chunk and the depot.

#[cfg(all(test, loom))]
mod models;
#[cfg(all(test, not(loom)))]
mod tests;

use super::budget::{Budget, Tally};
use crate::error::{SpanError, names};
use crate::memory::{Depot, Mapping, Pages, page_size};
use crate::sync::{Arc, Mutex};
use std::mem::take;
use std::ops::Range;
use std::ptr::NonNull;

names! {
    /// The state of a chunk, as its arena sees it.
    pub enum ChunkState {
        /// A span of it is leased: its bytes are in use.
        Leased => "leased",
        /// A leased span of it is held: an operation may be in flight.
        Held => "held",
        /// A lease ended while its ArrayBuffer was attached: waits for the finalizers.
        Quarantined => "quarantined",
        /// An ArrayBuffer over it has another owner: never reused, freed after its finalizers.
        Stolen => "stolen",
        /// No span is leased, every ArrayBuffer is detached, some finalizers have not run. May be
        /// leased again by the same arena.
        Limbo => "limbo",
        /// No longer exists as a chunk: in the depot, freed or abandoned. Counts toward nothing.
        Gone => "depot", // part of the texts of errors
    }
    /// The state in lower case, as JavaScript sees it.
    pub fn name;
}

/// How the lease of a span ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseEnd {
    /// The ArrayBuffer was detached: no code can reach the bytes through it.
    Release,
    /// The ArrayBuffer stays attached, but JavaScript has dropped its references.
    Quarantine,
    /// The ArrayBuffer has another owner.
    Steal,
}

/// A chunk leased to JavaScript, shared by its arena and the finalizers of its ArrayBuffers.
///
/// Not public: callers must make sure that ranges lie within the chunk. Safe code outside the crate
/// could zero any memory through [`Chunk::end_lease`].
///
/// ```compile_fail,E0603
/// use ralloc_core::lease::chunk::{Chunk, LeaseEnd};
/// ```
#[derive(Debug)]
pub struct Chunk {
    /// First byte. Invariant: `base .. base + len` is within the mapping, until Gone.
    base: NonNull<u8>,
    /// Usable bytes, charged to `budget` while `Inner::charged`. The mapping may be longer.
    len: usize,
    /// Whether bytes that were handed out are zeroed before the next user gets them.
    wipe: bool,
    budget: Arc<Budget>,
    depot: Arc<Depot>,
    inner: Mutex<Inner>,
}

// SAFETY: `base` is an address, and the bytes behind it are reached by raw pointers only, under the
// chunk's lock (wiping) or by JavaScript; all other fields are Send and Sync.
unsafe impl Send for Chunk {}
// SAFETY: as above.
unsafe impl Sync for Chunk {}

#[derive(Debug, Default)]
struct Inner {
    /// `None` exactly in the state Gone.
    mapping: Option<Mapping>,
    /// Spans whose lease has not ended. 0 in Limbo and Gone.
    leased: u32,
    /// The number of leased spans that are held. Invariant: at most `leased`.
    held: u32,
    /// A span was quarantined. Never cleared.
    quarantined: bool,
    /// A span was stolen: wins over `quarantined`. Never cleared.
    stolen: bool,
    /// A finalizer ran in the teardown of its isolate. Another isolate may still use the memory,
    /// so it is abandoned instead of being recycled or freed. Never cleared.
    abandoned: bool,
    /// External ArrayBuffers over the chunk whose finalizer has not run. Positive in Limbo
    /// (else it would be gone), 0 in Gone.
    pins: u32,
    /// Whether the chunk's bytes count in the budget. False in Gone, and in Limbo once the memory
    /// was given back: then the chunk is only address space.
    charged: bool,
    /// Parts handed out by quarantined spans, which must be wiped. Empty unless `wipe`.
    dirty: Vec<Range<usize>>,
}

impl Inner {
    fn state(&self) -> ChunkState {
        match self {
            Inner { mapping: None, .. } => ChunkState::Gone,
            Inner { stolen: true, .. } => ChunkState::Stolen,
            Inner { quarantined: true, .. } => ChunkState::Quarantined,
            Inner { leased: 0, .. } => ChunkState::Limbo,
            Inner { held: 0, .. } => ChunkState::Leased,
            _ => ChunkState::Held,
        }
    }

    /// What a chunk of `len` bytes adds to the sums of its budget.
    fn tally(&self, len: usize) -> Tally {
        let Some(mapping) = &self.mapping else { return Tally::default() };
        let (reserved, charged) = (mapping.len(), if self.charged { len } else { 0 });
        let committed = if self.charged { reserved } else { 0 };
        let pins = self.pins as usize;
        let mut tally = Tally { chunks: 1, pins, reserved, committed, ..Tally::default() };
        tally.by_state[self.state() as usize] = charged;
        tally
    }

    fn refuse(&self, action: &'static str) -> SpanError {
        SpanError::State { action, state: self.state().name() }
    }

    /// Checks the invariants on the fields.
    fn check(&self) -> Result<(), &'static str> {
        let gone = self.mapping.is_none();
        match self {
            _ if self.held > self.leased => Err("more spans held than leased"),
            _ if gone && self.leased > 0 => Err("gone while a span is leased"),
            _ if gone && self.pins > 0 => Err("gone while an ArrayBuffer lives"),
            _ if !gone && self.leased == 0 && self.pins == 0 => Err("complete, but not gone"),
            _ if gone && !self.dirty.is_empty() => Err("gone, but not wiped"),
            _ if gone && self.charged => Err("gone, but still charged"),
            _ if !self.charged && self.leased > 0 => Err("leased, but not charged"),
            _ => Ok(()),
        }
    }
}

/// A consistent view of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkView {
    /// The chunk's state.
    pub state: ChunkState,
    /// Usable bytes.
    pub size: usize,
    /// Spans whose lease has not ended.
    pub spans: u32,
    /// ArrayBuffers whose finalizer has not run.
    pub pins: u32,
    /// Whether `size` counts in the budget.
    pub charged: bool,
    /// Bytes of address space, without guard pages; 0 in Gone.
    pub reserved: usize,
    /// The bytes that may take memory; 0 once they were given back.
    pub committed: usize,
    /// The kind of its pages.
    pub pages: Pages,
}

impl Chunk {
    /// A chunk over the first `len` bytes of `mapping`, with its first span leased. The `len` bytes
    /// must be charged to `budget` already.
    pub fn lease(
        mut mapping: Mapping,
        len: usize,
        wipe: bool,
        budget: Arc<Budget>,
        depot: Arc<Depot>,
    ) -> Chunk {
        assert!(len > 0 && len <= mapping.len(), "a chunk lies within its mapping");
        mapping.mark_seen();
        let base = mapping.base();
        let mapping = Some(mapping);
        let inner = Inner { mapping, leased: 1, charged: true, ..Inner::default() };
        budget.recount(Tally::default(), inner.tally(len));
        Chunk { base, len, wipe, budget, depot, inner: Mutex::new(inner) }
    }

    /// First byte. Mapped until the state is Gone.
    pub fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// Usable bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// State and counts at one moment.
    pub fn view(&self) -> ChunkView {
        let inner = self.inner.lock();
        let (state, size, charged) = (inner.state(), self.len, inner.charged);
        let (spans, pins) = (inner.leased, inner.pins);
        let Tally { reserved, committed, .. } = inner.tally(size);
        let pages = inner.mapping.as_ref().map_or(Pages::Normal, Mapping::pages);
        ChunkView { state, size, spans, pins, charged, reserved, committed, pages }
    }

    /// The state now. A finalizer may end Quarantined, Stolen and Limbo at any time.
    pub fn state(&self) -> ChunkState {
        self.inner.lock().state()
    }

    /// Leases one more span, in a chunk in use, or the first one in a chunk in Limbo.
    pub fn open(&self) -> Result<ChunkState, SpanError> {
        self.change(|inner| match inner.state() {
            ChunkState::Leased | ChunkState::Held | ChunkState::Limbo => {
                if !inner.charged && !self.budget.limit.charge(self.len) {
                    return Err(inner.refuse("charge"));
                }
                inner.charged = true;
                inner.leased += 1;
                Ok(())
            }
            _ => Err(inner.refuse("lease")),
        })
    }

    /// Moves one span from Leased to Held, or back.
    pub fn set_held(&self, held: bool) -> Result<ChunkState, SpanError> {
        self.change(|inner| {
            let (from, action) = match held {
                true => (inner.leased - inner.held, "hold"),
                false => (inner.held, "unhold"),
            };
            from.checked_sub(1).ok_or_else(|| inner.refuse(action))?;
            inner.held = if held { inner.held + 1 } else { inner.held - 1 };
            Ok(())
        })
    }

    /// Ends the lease of one span, which was held if `held`; `dirty` is the part of the chunk that
    /// it handed out. Returns the new state, which may be Gone already.
    pub fn end_lease(
        &self,
        how: LeaseEnd,
        held: bool,
        dirty: Range<usize>,
    ) -> Result<ChunkState, SpanError> {
        debug_assert!(dirty.end <= self.len);
        self.change(|inner| {
            let of_kind = if held { inner.held } else { inner.leased - inner.held };
            if of_kind == 0 {
                return Err(inner.refuse("end a lease of"));
            }
            inner.leased -= 1;
            inner.held -= u32::from(held);
            match how {
                LeaseEnd::Release if self.wipe => self.zero(&dirty),
                LeaseEnd::Release => {}
                LeaseEnd::Quarantine => {
                    inner.quarantined = true;
                    inner.dirty.extend(self.wipe.then_some(dirty));
                }
                LeaseEnd::Steal => inner.stolen = true,
            }
            Ok(())
        })
    }

    /// Counts an ArrayBuffer over the chunk. Fails if no span of it is leased.
    pub fn pin(&self) -> Result<ChunkState, SpanError> {
        self.change(|inner| {
            if inner.leased == 0 {
                return Err(inner.refuse("pin"));
            }
            inner.pins += 1;
            Ok(())
        })
    }

    /// Called by the finalizer of an ArrayBuffer; `teardown` if it runs because its isolate ends. A
    /// call when no pin is left is ignored.
    pub fn unpin(&self, teardown: bool) {
        let _ = self.change(|inner| {
            inner.abandoned |= teardown && inner.pins > 0;
            inner.pins = inner.pins.saturating_sub(1);
            Ok(())
        });
    }

    /// Like [`Chunk::unpin`], for a finalizer whose isolate may be ending, which `teardown` tells.
    /// Only the last finalizer calls `teardown`, outside the lock, because it takes 400 ns and only
    /// the last one passes memory on. All ArrayBuffers over a chunk belong to one isolate, so if
    /// the last finalizer does not run in its teardown, none did.
    pub fn finalize(&self, teardown: impl FnOnce() -> bool) {
        let mut is_last = true;
        let _ = self.change(|inner| {
            // Checking and removing are one step: otherwise two finalizers could each find another
            // pin left, and none would know that it is the last.
            is_last = inner.pins <= 1;
            inner.pins -= u32::from(!is_last);
            Ok(())
        });
        if is_last {
            self.unpin(teardown());
        }
    }

    /// Changes the chunk and returns its new state. Keeps the budget's sums equal to the states. If
    /// the change is the chunk's last, takes its memory out in the same critical section, and
    /// passes it on afterwards.
    fn change(
        &self,
        transition: impl FnOnce(&mut Inner) -> Result<(), SpanError>,
    ) -> Result<ChunkState, SpanError> {
        let mut inner = self.inner.lock();
        let before = inner.tally(self.len);
        transition(&mut inner)?;
        let is_over = inner.leased == 0 && inner.pins == 0;
        let last = inner.mapping.take_if(|_| is_over);
        let (stolen, abandoned, charged) = (inner.stolen, inner.abandoned, inner.charged);
        if last.is_some() {
            let dirty = take(&mut inner.dirty);
            if !stolen && !abandoned {
                dirty.iter().for_each(|dirty| self.zero(dirty));
            }
            inner.charged = false;
        }
        let after = inner.state();
        self.budget.recount(before, inner.tally(self.len));
        debug_assert_eq!(inner.check(), Ok(()));
        drop(inner);
        let Some(mapping) = last else { return Ok(after) };
        match (abandoned, stolen) {
            (true, _) => mapping.abandon(),
            (_, true) => self.depot.discard(mapping),
            _ => self.depot.recycle(mapping),
        }
        if charged {
            self.budget.limit.discharge(self.len);
        }
        Ok(after)
    }

    /// Gives the memory of a chunk in Limbo back to the system and its bytes to the budget, without
    /// ending the chunk. Returns the bytes that were in RAM; 0 in any other state, the second time,
    /// and for memory that [stays](Mapping::keeps_memory). Such memory is given back only when the
    /// chunk ends, because getting it again could fail or cause page faults.
    pub fn trim(&self) -> usize {
        let mut freed = 0;
        let _ = self.change(|inner| {
            let is_due = inner.state() == ChunkState::Limbo && inner.charged;
            let mapping = inner.mapping.as_mut().filter(|one| is_due && !one.keeps_memory());
            let Some(mapping) = mapping else { return Ok(()) };
            let (resident, len) = (mapping.resident().unwrap_or(0), mapping.len());
            if mapping.decommit(0, len).is_ok() {
                inner.charged = false;
                self.budget.limit.discharge(self.len);
                freed = resident;
            }
            Ok(())
        });
        freed
    }

    /// Bytes of the chunk that are in RAM now; 0 in Gone.
    pub fn resident(&self) -> usize {
        let inner = self.inner.lock();
        inner.mapping.as_ref().map_or(0, |mapping| mapping.resident().unwrap_or(0))
    }

    /// Gives back to the system the whole pages in each part (offset and bytes) of a chunk in use.
    /// Returns the bytes of these pages, which then read as zero or unchanged. The caller promises
    /// that nobody needs their content. Returns 0 if the memory options ask for memory that stays.
    /// Parts beyond the end are skipped.
    pub fn decommit(
        &self,
        parts: impl Iterator<Item = (usize, usize)>,
    ) -> Result<usize, SpanError> {
        let mut inner = self.inner.lock();
        if inner.leased == 0 {
            return Err(inner.refuse("decommit a part of"));
        }
        let Some(mapping) = &mut inner.mapping else { return Ok(0) };
        let page = page_size();
        let mut bytes = 0;
        for (offset, len) in parts {
            let Some(end) = offset.checked_add(len).filter(|&end| end <= self.len) else {
                continue;
            };
            if mapping.decommit(offset, len).is_ok() {
                bytes += (end & !(page - 1)).saturating_sub(offset.next_multiple_of(page));
            }
        }
        Ok(bytes)
    }

    /// Zeroes a part of the chunk. The caller has the chunk's lock and has not yet passed the
    /// mapping on.
    fn zero(&self, part: &Range<usize>) {
        debug_assert!(part.start <= part.end && part.end <= self.len);
        let start = self.base.as_ptr().wrapping_add(part.start);
        // SAFETY: within the mapping, which `change` passes on only after this; no reference to
        // these bytes exists, and JavaScript has no ArrayBuffer over them any more.
        unsafe { start.write_bytes(0, part.end - part.start) }
    }
}

#[cfg(test)]
mod for_tests {
    use super::Chunk;

    impl Chunk {
        /// The number of leased spans that are held.
        pub fn held(&self) -> u32 {
            self.inner.lock().held
        }

        /// Checks the invariants. Returns the first one that does not hold.
        pub fn check(&self) -> Result<(), &'static str> {
            self.inner.lock().check()
        }
    }
}
