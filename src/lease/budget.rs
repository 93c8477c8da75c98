//! The byte limit of an arena and the sums over its chunks, shared with chunks that outlive it.

#[cfg(all(test, loom))]
mod models;

use crate::layout;
use crate::sync::{AtomicUsize, Mutex, Ordering};

/// What one chunk is, or the sums over the chunks of a budget that are not gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Bytes that are charged, by the state of their chunk.
    pub leased: usize,
    pub held: usize,
    pub quarantined: usize,
    pub stolen: usize,
    pub limbo: usize,
    /// A number.
    pub chunks: usize,
    /// ArrayBuffers over them whose finalizer has not run (a number).
    pub pins: usize,
    /// Bytes of address space, without guard pages.
    pub reserved: usize,
    /// Bytes of it that may take memory.
    pub committed: usize,
}

impl Tally {
    /// These sums, with one chunk's part as it is `after` a change and no longer as it was `before`.
    fn with(self, before: Tally, after: Tally) -> Tally {
        Tally {
            leased: self.leased + after.leased - before.leased,
            held: self.held + after.held - before.held,
            quarantined: self.quarantined + after.quarantined - before.quarantined,
            stolen: self.stolen + after.stolen - before.stolen,
            limbo: self.limbo + after.limbo - before.limbo,
            chunks: self.chunks + after.chunks - before.chunks,
            pins: self.pins + after.pins - before.pins,
            reserved: self.reserved + after.reserved - before.reserved,
            committed: self.committed + after.committed - before.committed,
        }
    }
}

/// A limit, what counts toward it, and what the chunks are, so that nobody has to walk them to tell.
///
/// All orderings are Relaxed: these are sums that guard no other data; a finalizer on another
/// thread gives back bytes whose mapping it has already moved under the chunk's lock.
#[derive(Debug)]
pub struct Budget {
    limit: AtomicUsize,
    /// Bytes of all chunks of the arena that are charged. At most `limit`, unless that was lowered since.
    used: AtomicUsize,
    /// Taken within a chunk's lock, never the other way round.
    tally: Mutex<Tally>,
}

impl Budget {
    /// An unused budget of `limit` bytes.
    pub fn new(limit: usize) -> Budget {
        let limit = AtomicUsize::new(limit);
        Budget { limit, used: AtomicUsize::new(0), tally: Mutex::new(Tally::default()) }
    }

    /// The limit, in bytes.
    pub fn limit(&self) -> usize {
        self.limit.load(Ordering::Relaxed)
    }

    /// Sets another limit. Where more is charged than that, nothing further is until enough has gone.
    pub fn set_limit(&self, limit: usize) {
        self.limit.swap(limit, Ordering::Relaxed);
    }

    /// Bytes that may still be charged.
    pub fn room(&self) -> usize {
        self.limit().saturating_sub(self.used())
    }

    /// Bytes charged now.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Bytes of quarantined chunks now.
    pub fn quarantined(&self) -> usize {
        self.tally().quarantined
    }

    /// The sums over all chunks that are not gone.
    pub fn tally(&self) -> Tally {
        *self.tally.lock()
    }

    /// Charges `want` bytes, or what is left if that is at least `need`: the bytes charged.
    pub fn charge(&self, need: usize, want: usize) -> Option<usize> {
        self.charge_in_units(need, want, 1)
    }

    /// [`Budget::charge`] of a multiple of `unit` bytes, a power of two.
    pub fn charge_in_units(&self, need: usize, want: usize, unit: usize) -> Option<usize> {
        let (mut granted, limit) = (0, self.limit());
        let charge = |used: usize| {
            granted = layout::align_down(want.min(limit.saturating_sub(used)), unit);
            (granted >= need).then_some(used + granted)
        };
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, charge).ok().map(|_| granted)
    }

    /// Gives charged bytes back.
    pub fn discharge(&self, bytes: usize) {
        let before = self.used.fetch_sub(bytes, Ordering::Relaxed);
        debug_assert!(before >= bytes, "discharged more than was charged");
    }

    /// One chunk has changed. To be called within its lock.
    pub(super) fn recount(&self, before: Tally, after: Tally) {
        if before == after {
            return;
        }
        let mut tally = self.tally.lock();
        *tally = tally.with(before, after);
    }
}
