//! The byte limit of an arena, shared with chunks that outlive it.

#[cfg(all(test, loom))]
mod models;

use crate::layout;
use crate::sync::{AtomicUsize, Ordering};

/// A limit and what counts toward it.
///
/// All orderings are Relaxed: these are sums that guard no other data; a finalizer on another
/// thread gives back bytes whose mapping it has already moved under the chunk's lock.
#[derive(Debug)]
pub struct Budget {
    limit: usize,
    /// Bytes of all chunks of the arena that are charged. Invariant: at most `limit`.
    used: AtomicUsize,
    /// Those of them whose chunk is Quarantined.
    quarantined: AtomicUsize,
}

impl Budget {
    /// An unused budget of `limit` bytes.
    pub fn new(limit: usize) -> Budget {
        Budget { limit, used: AtomicUsize::new(0), quarantined: AtomicUsize::new(0) }
    }

    /// The limit, in bytes.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Bytes charged now.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Bytes of quarantined chunks now.
    pub fn quarantined(&self) -> usize {
        self.quarantined.load(Ordering::Relaxed)
    }

    /// Charges `want` bytes, or what is left if that is at least `need`: the bytes charged.
    pub fn charge(&self, need: usize, want: usize) -> Option<usize> {
        self.charge_in_units(need, want, 1)
    }

    /// [`Budget::charge`] of a multiple of `unit` bytes, a power of two.
    pub fn charge_in_units(&self, need: usize, want: usize, unit: usize) -> Option<usize> {
        let mut granted = 0;
        let charge = |used: usize| {
            granted = layout::align_down(want.min(self.limit - used), unit);
            (granted >= need).then_some(used + granted)
        };
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, charge).ok().map(|_| granted)
    }

    /// Gives charged bytes back.
    pub fn discharge(&self, bytes: usize) {
        let before = self.used.fetch_sub(bytes, Ordering::Relaxed);
        debug_assert!(before >= bytes, "discharged more than was charged");
    }

    pub(super) fn enter_quarantine(&self, bytes: usize) {
        self.quarantined.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn leave_quarantine(&self, bytes: usize) {
        self.quarantined.fetch_sub(bytes, Ordering::Relaxed);
    }
}
