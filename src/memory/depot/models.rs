//! Models: every interleaving of threads on one depot, with a stand-in for the queue.

use super::{Depot, Mapping};
use crate::sync::Arc;
use std::time::Duration;

const LEN: usize = 16 * 1024;

fn chunk() -> Mapping {
    Mapping::committed(LEN).unwrap()
}

#[test]
fn one_recycled_chunk_is_taken_by_one_thread() {
    loom::model(|| {
        let depot = Arc::new(Depot::new(LEN));
        depot.recycle(chunk());
        let other = Arc::clone(&depot);
        let other = loom::thread::spawn(move || other.take(LEN).is_some());
        let own = depot.take(LEN).is_some();
        assert!(own != other.join().unwrap());
        let stats = depot.stats();
        assert_eq!((stats.chunks, stats.committed, stats.hits, stats.misses), (0, 0, 1, 1));
    });
}

#[test]
fn two_recycle_at_once_and_the_cap_holds() {
    loom::model(|| {
        let depot = Arc::new(Depot::new(LEN));
        let other = Arc::clone(&depot);
        let other = loom::thread::spawn(move || other.recycle(chunk()));
        depot.recycle(chunk());
        other.join().unwrap();
        let stats = depot.stats();
        assert_eq!((stats.chunks, stats.committed), (2, LEN));
    });
}

#[test]
fn a_trim_loses_nothing_that_is_recycled_or_taken_meanwhile() {
    loom::model(|| {
        let depot = Arc::new(Depot::new(4 * LEN));
        depot.recycle(chunk());
        let other = Arc::clone(&depot);
        let other = loom::thread::spawn(move || {
            let taken = usize::from(other.take(LEN).is_some());
            other.recycle(chunk());
            taken
        });
        depot.trim(Duration::ZERO);
        let taken = other.join().unwrap();
        let stats = depot.stats();
        assert_eq!(stats.chunks, 2 - taken);
        assert!(stats.committed <= stats.chunks * LEN);
    });
}
