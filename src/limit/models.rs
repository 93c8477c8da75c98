//! Models: every interleaving of threads on one limit.

use super::SharedLimit;
use crate::sync::Arc;

#[test]
fn what_two_threads_charge_at_once_stays_within_the_limit() {
    loom::model(|| {
        let limit = Arc::new(SharedLimit::new(3));
        let other = Arc::clone(&limit);
        let other = loom::thread::spawn(move || other.charge_between(1, 2, 1).unwrap());
        let own = limit.charge_between(1, 2, 1).unwrap();
        let sum = own + other.join().unwrap();
        assert_eq!((sum, limit.used()), (3, 3), "the second gets what is left");
    });
}

#[test]
fn a_charge_and_a_discharge_add_up() {
    loom::model(|| {
        let limit = Arc::new(SharedLimit::new(3));
        assert!(limit.charge(3));
        let other = Arc::clone(&limit);
        let other = loom::thread::spawn(move || other.discharge(2));
        let granted = limit.charge_between(1, 3, 1).unwrap_or(0);
        other.join().unwrap();
        assert!(granted == 0 || granted == 2);
        assert_eq!(limit.used(), 1 + granted);
    });
}
