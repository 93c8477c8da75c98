//! Sums of bytes that stay within a limit, for one thread and for many.
#![forbid(unsafe_code)]

#[cfg(all(test, loom))]
mod models;

use crate::layout;
use crate::sync::{AtomicUsize, Ordering};

/// Invariant: `used ≤ most`, unless `most` was lowered since.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    most: usize,
    used: usize,
}

impl Limit {
    /// A limit with `used` bytes already charged.
    pub fn new(most: usize, used: usize) -> Limit {
        Limit { most, used }
    }

    pub fn most(&self) -> usize {
        self.most
    }

    /// Sets the limit. If more is already charged, further charges fail until enough was
    /// discharged.
    pub fn set_most(&mut self, most: usize) {
        self.most = most;
    }

    pub fn used(&self) -> usize {
        self.used
    }

    /// Bytes that may still be charged.
    pub fn room(&self) -> usize {
        self.most.saturating_sub(self.used)
    }

    /// Charges bytes. There must be room for them.
    pub fn charge(&mut self, bytes: usize) {
        debug_assert!(bytes <= self.room(), "charged more than the limit allows");
        self.used += bytes;
    }

    /// Gives charged bytes back.
    pub fn discharge(&mut self, bytes: usize) {
        debug_assert!(bytes <= self.used, "discharged more than was charged");
        self.used -= bytes;
    }
}

/// A [`Limit`] that many threads charge.
///
/// All orderings are Relaxed: these are sums that guard no other data.
#[derive(Debug)]
pub struct SharedLimit {
    most: AtomicUsize,
    used: AtomicUsize,
}

impl SharedLimit {
    pub fn new(most: usize) -> SharedLimit {
        SharedLimit { most: AtomicUsize::new(most), used: AtomicUsize::new(0) }
    }

    pub fn most(&self) -> usize {
        self.most.load(Ordering::Relaxed)
    }

    /// See [`Limit::set_most`].
    pub fn set_most(&self, most: usize) {
        self.most.swap(most, Ordering::Relaxed);
    }

    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Bytes that may still be charged.
    pub fn room(&self) -> usize {
        Limit::new(self.most(), self.used()).room()
    }

    /// Charges `bytes` if there is room for all of them. Returns true if there was.
    pub fn charge(&self, bytes: usize) -> bool {
        self.charge_between(bytes, bytes, 1).is_some()
    }

    /// Charges `want` bytes. If less is left, charges that, rounded down to a multiple of `unit`, a
    /// power of two, provided it is at least `need`. Returns the charged bytes.
    pub fn charge_between(&self, need: usize, want: usize, unit: usize) -> Option<usize> {
        let (mut granted, most) = (0, self.most());
        let charge = |used: usize| {
            granted = layout::align_down(want.min(Limit::new(most, used).room()), unit);
            (granted >= need).then_some(used + granted)
        };
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, charge).ok().map(|_| granted)
    }

    /// Gives charged bytes back.
    pub fn discharge(&self, bytes: usize) {
        let before = self.used.fetch_sub(bytes, Ordering::Relaxed);
        debug_assert!(before >= bytes, "discharged more than was charged");
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_is_lowered_below_what_is_charged_has_no_room_until_enough_is_given_back() {
        let mut limit = Limit::new(100, 40);
        limit.charge(60);
        limit.set_most(50);
        assert_eq!((limit.used(), limit.room()), (100, 0));
        limit.discharge(60);
        assert_eq!((limit.used(), limit.room()), (40, 10));
    }

    #[test]
    fn a_shared_limit_grants_what_is_wanted_or_whole_units_of_what_is_left() {
        let limit = SharedLimit::new(100);
        assert!(limit.charge(30) && !limit.charge(71));
        assert_eq!(limit.charge_between(1, 40, 1), Some(40));
        assert_eq!(limit.charge_between(17, 64, 16), None, "a unit of 16 is left, and no more");
        assert_eq!(limit.charge_between(16, 64, 16), Some(16));
        limit.set_most(50);
        assert_eq!((limit.used(), limit.room(), limit.charge_between(1, 1, 1)), (86, 0, None));
        limit.discharge(86);
        assert_eq!(limit.room(), 50);
    }
}
