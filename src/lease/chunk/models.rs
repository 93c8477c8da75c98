//! Models: every interleaving of an arena's thread and a finalizer on another thread (that of an
//! ArrayBuffer that was transferred to another isolate).

use super::{Chunk, ChunkState, LeaseEnd};
use crate::lease::budget::Budget;
use crate::lease::leased_arena::LeasedArena;
use crate::memory::{Depot, Mapping};
use crate::sync::Arc;

const LEN: usize = 16 * 1024;

struct World {
    chunk: Arc<Chunk>,
    budget: Arc<Budget>,
    depot: Arc<Depot>,
}

/// A chunk with one span leased and `pins` ArrayBuffers over it.
fn world(pins: u32) -> World {
    let (budget, depot) = (Arc::new(Budget::new(2 * LEN)), Arc::new(Depot::new(1 << 20)));
    assert!(budget.limit.charge(LEN));
    let mapping = Mapping::committed(LEN).unwrap();
    let chunk = Chunk::lease(mapping, LEN, true, Arc::clone(&budget), Arc::clone(&depot));
    for _ in 0..pins {
        chunk.pin().unwrap();
    }
    World { chunk: Arc::new(chunk), budget, depot }
}

fn finalizer(world: &World, teardown: bool) -> loom::thread::JoinHandle<()> {
    let chunk = Arc::clone(&world.chunk);
    loom::thread::spawn(move || chunk.unpin(teardown))
}

/// Asserts that a chunk is gone: nothing is charged, and its memory is in one place.
fn gone(world: &World, recycled: usize) {
    assert_eq!(world.chunk.state(), ChunkState::Gone);
    assert_eq!(
        (world.budget.limit.used(), world.budget.tally().of(ChunkState::Quarantined)),
        (0, 0)
    );
    assert_eq!(world.depot.stats().chunks, recycled);
    assert_eq!(world.chunk.check(), Ok(()));
}

#[test]
fn however_a_lease_ends_the_last_one_out_gives_the_memory_on_once() {
    for how in [LeaseEnd::Release, LeaseEnd::Quarantine, LeaseEnd::Steal] {
        loom::model(move || {
            let world = world(1);
            let other = finalizer(&world, false);
            world.chunk.end_lease(how, false, 0..LEN).unwrap();
            other.join().unwrap();
            // The addresses of a stolen chunk are kept elsewhere.
            gone(&world, usize::from(how != LeaseEnd::Steal));
            assert_eq!(world.depot.take(LEN).is_some(), how != LeaseEnd::Steal);
        });
    }
}

#[test]
fn two_finalizers_and_the_end_of_a_quarantine_race() {
    loom::model(|| {
        let world = world(2);
        let (one, two) = (finalizer(&world, false), finalizer(&world, false));
        world.chunk.end_lease(LeaseEnd::Quarantine, false, 0..1).unwrap();
        one.join().unwrap();
        two.join().unwrap();
        gone(&world, 1);
    });
}

#[test]
fn a_finalizer_that_comes_twice_races_with_the_last_one() {
    loom::model(|| {
        let world = world(1);
        world.chunk.end_lease(LeaseEnd::Quarantine, false, 0..1).unwrap();
        let (one, two) = (finalizer(&world, false), finalizer(&world, false));
        one.join().unwrap();
        two.join().unwrap();
        gone(&world, 1);
    });
}

#[test]
fn a_chunk_in_limbo_is_either_leased_again_or_gone() {
    loom::model(|| {
        let world = world(1);
        world.chunk.end_lease(LeaseEnd::Release, false, 0..0).unwrap();
        let other = finalizer(&world, false);
        let again = world.chunk.open();
        if again.is_ok() {
            // SAFETY: the span is leased, so the memory exists.
            unsafe { world.chunk.base().write(1) };
            other.join().unwrap();
            assert_eq!(world.budget.limit.used(), LEN);
            assert_eq!(world.chunk.state(), ChunkState::Leased);
            world.chunk.end_lease(LeaseEnd::Release, false, 0..1).unwrap();
        } else {
            other.join().unwrap();
        }
        gone(&world, 1);
    });
}

#[test]
fn trim_never_touches_memory_that_a_finalizer_gives_on() {
    loom::model(|| {
        let world = world(1);
        world.chunk.end_lease(LeaseEnd::Release, false, 0..0).unwrap();
        let other = finalizer(&world, false);
        world.chunk.trim();
        other.join().unwrap();
        gone(&world, 1);
    });
}

#[test]
fn a_finalizer_in_teardown_keeps_the_memory_from_every_other_user() {
    loom::model(|| {
        let world = world(2);
        let (teardown, usual) = (finalizer(&world, true), finalizer(&world, false));
        world.chunk.end_lease(LeaseEnd::Release, false, 0..0).unwrap();
        teardown.join().unwrap();
        usual.join().unwrap();
        gone(&world, 0);
    });
}

#[test]
fn of_finalizers_on_two_threads_the_last_one_asks_whether_its_isolate_ends() {
    loom::model(|| {
        let world = world(2);
        world.chunk.end_lease(LeaseEnd::Quarantine, false, 0..1).unwrap();
        let chunk = Arc::clone(&world.chunk);
        let other = loom::thread::spawn(move || chunk.finalize(|| true));
        world.chunk.finalize(|| true);
        other.join().unwrap();
        gone(&world, 0);
    });
}

#[test]
fn an_arena_is_dropped_while_a_finalizer_runs() {
    loom::model(|| {
        let depot = Arc::new(Depot::new(1 << 20));
        let mut arena = LeasedArena::new(LEN, LEN, false, Arc::clone(&depot));
        let lease = arena.lease(1, LEN, true).unwrap();
        lease.chunk.pin().unwrap();
        let chunk = Arc::clone(&lease.chunk);
        let other = loom::thread::spawn(move || chunk.unpin(false));
        drop(arena);
        other.join().unwrap();
        assert_eq!(lease.chunk.state(), ChunkState::Gone);
        assert_eq!(depot.stats().chunks, 1);
    });
}

#[test]
fn an_arena_at_its_limit_leases_or_refuses_while_its_memory_comes_back() {
    loom::model(|| {
        let depot = Arc::new(Depot::new(1 << 20));
        let mut arena = LeasedArena::new(LEN, LEN, false, Arc::clone(&depot));
        let lease = arena.lease(1, LEN, true).unwrap();
        lease.chunk.pin().unwrap();
        arena.end(lease.id, lease.epoch, LEN, LeaseEnd::Quarantine).unwrap();
        let chunk = Arc::clone(&lease.chunk);
        let other = loom::thread::spawn(move || chunk.unpin(false));
        let again = arena.lease(LEN, LEN, true);
        assert!(arena.used() <= LEN);
        other.join().unwrap();
        assert_eq!(arena.used(), if again.is_ok() { LEN } else { 0 });
        assert_eq!(arena.check(), Ok(()));
    });
}
