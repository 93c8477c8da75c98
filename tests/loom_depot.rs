//! Every interleaving of threads on one budget and one depot. The queue is the stand-in.
//! `RUSTFLAGS="--cfg loom" cargo test --release --test loom_depot`
#![cfg(loom)]

use ralloc_core::arena::budget::Budget;
use ralloc_core::memory::{Depot, Mapping};
use ralloc_core::sync::Arc;
use std::time::Duration;

const LEN: usize = 16 * 1024;

fn chunk() -> Mapping {
    Mapping::committed(LEN).unwrap()
}

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

#[test]
fn one_parked_chunk_is_taken_by_one_thread() {
    loom::model(|| {
        let depot = Arc::new(Depot::new(LEN));
        depot.park(chunk());
        let other = Arc::clone(&depot);
        let other = loom::thread::spawn(move || other.take(LEN).is_some());
        let own = depot.take(LEN).is_some();
        assert!(own != other.join().unwrap());
        let stats = depot.stats();
        assert_eq!((stats.chunks, stats.committed, stats.hits, stats.misses), (0, 0, 1, 1));
    });
}

#[test]
fn two_park_at_once_and_the_cap_holds() {
    loom::model(|| {
        let depot = Arc::new(Depot::new(LEN));
        let other = Arc::clone(&depot);
        let other = loom::thread::spawn(move || other.park(chunk()));
        depot.park(chunk());
        other.join().unwrap();
        let stats = depot.stats();
        assert_eq!((stats.chunks, stats.committed), (2, LEN));
    });
}

#[test]
fn a_trim_loses_nothing_that_is_parked_or_taken_meanwhile() {
    loom::model(|| {
        let depot = Arc::new(Depot::new(4 * LEN));
        depot.park(chunk());
        let other = Arc::clone(&depot);
        let other = loom::thread::spawn(move || {
            let taken = usize::from(other.take(LEN).is_some());
            other.park(chunk());
            taken
        });
        depot.trim(Duration::ZERO);
        let taken = other.join().unwrap();
        let stats = depot.stats();
        assert_eq!(stats.chunks, 2 - taken);
        assert!(stats.committed <= stats.chunks * LEN);
    });
}
