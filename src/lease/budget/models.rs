//! Every interleaving of threads on one budget.

use super::Budget;
use crate::sync::Arc;

#[test]
fn a_budget_never_grants_more_than_its_limit() {
    loom::model(|| {
        let budget = Arc::new(Budget::new(3));
        let other = Arc::clone(&budget);
        let other = loom::thread::spawn(move || other.charge(1, 2).unwrap());
        let own = budget.charge(1, 2).unwrap();
        let sum = own + other.join().unwrap();
        assert_eq!((sum, budget.used()), (3, 3), "the second gets what is left");
    });
}

#[test]
fn a_charge_and_a_discharge_add_up() {
    loom::model(|| {
        let budget = Arc::new(Budget::new(3));
        budget.charge(3, 3).unwrap();
        let other = Arc::clone(&budget);
        let other = loom::thread::spawn(move || other.discharge(2));
        let granted = budget.charge(1, 3).unwrap_or(0);
        other.join().unwrap();
        assert!(granted == 0 || granted == 2);
        assert_eq!(budget.used(), 1 + granted);
    });
}
