//! Models: every interleaving of threads that allocate from one arena while its chunk runs out.
//! `RUSTFLAGS="--cfg loom" cargo test --release --test loom_sync_arena`
#![cfg(loom)]

use loom::sync::Arc;
use loom::thread::{JoinHandle, spawn};
use ralloc_core::error::AllocError;
use ralloc_core::memory::Depot;
use ralloc_core::{ArenaOptions, SyncArena};
use std::alloc::Layout;

const KIB: usize = 1024;
/// The smallest chunk, which all chunks of these models are.
const CHUNK: usize = 16 * KIB;

/// Start and length of a block.
type Range = (usize, usize);
type Outcome = Result<Range, AllocError>;

/// An arena whose first chunk has `room` bytes left.
fn arena(limit: usize, room: usize) -> Arc<SyncArena> {
    let options = ArenaOptions { limit, first_chunk: CHUNK, chunk_cap: CHUNK };
    let arena = SyncArena::with_depot(options, Arc::new(Depot::new(1 << 20))).unwrap();
    arena.alloc_layout(bytes(CHUNK - room));
    Arc::new(arena)
}

fn bytes(size: usize) -> Layout {
    Layout::from_size_align(size, 8).unwrap()
}

fn take(arena: &SyncArena, layout: Layout) -> Outcome {
    arena.try_alloc_layout(layout).map(|block| (block.addr().get(), block.len()))
}

fn taker(arena: &Arc<SyncArena>, layout: Layout) -> JoinHandle<Outcome> {
    let arena = Arc::clone(arena);
    spawn(move || take(&arena, layout))
}

/// Checks that no two blocks overlap, and that the statistics count each of them once.
fn check(arena: &SyncArena, before: usize, outcomes: &[Outcome]) {
    let mut ranges: Vec<Range> = outcomes.iter().copied().flatten().collect();
    ranges.sort_unstable();
    assert!(ranges.windows(2).all(|pair| pair[0].0 + pair[0].1 <= pair[1].0), "{ranges:?}");
    let taken: usize = ranges.iter().map(|range| range.1).sum();
    let stats = arena.stats();
    assert_eq!(stats.allocated, before + taken);
    assert!(stats.committed <= stats.limit && stats.peak <= stats.limit);
}

fn refused(requested: usize, limit: usize) -> Outcome {
    Err(AllocError::Limit { requested, used: limit, limit })
}

#[test]
fn two_threads_overflow_a_chunk_and_it_grows_once() {
    loom::model(|| {
        let arena = arena(4 * CHUNK, 1024);
        let other = taker(&arena, bytes(4096));
        let own = take(&arena, bytes(4096));
        check(&arena, CHUNK - 1024, &[own, other.join().unwrap()]);
        assert!(own.is_ok());
        assert_eq!(arena.stats().mapped, 2);
    });
}

#[test]
fn three_threads_take_the_last_block_and_what_comes_after_it() {
    loom::model(|| {
        let arena = arena(4 * CHUNK, 4096);
        let (one, two) = (taker(&arena, bytes(4096)), taker(&arena, bytes(4096)));
        let own = take(&arena, bytes(4096));
        let all = [own, one.join().unwrap(), two.join().unwrap()];
        assert!(all.iter().all(Result::is_ok));
        check(&arena, CHUNK - 4096, &all);
        assert_eq!(arena.stats().mapped, 2);
    });
}

#[test]
fn a_thread_that_comes_late_to_a_full_chunk_gets_its_tail_or_the_next_one() {
    loom::model(|| {
        let arena = arena(4 * CHUNK, 2048);
        let other = Arc::clone(&arena);
        let other = spawn(move || [0; 2].map(|_| take(&other, bytes(1024))));
        let own = take(&arena, bytes(4096));
        let [one, two] = other.join().unwrap();
        check(&arena, CHUNK - 2048, &[own, one, two]);
        assert!(own.is_ok() && one.is_ok() && two.is_ok());
        assert_eq!(arena.stats().mapped, 2);
    });
}

#[test]
fn the_limit_gives_the_last_block_to_one_thread() {
    loom::model(|| {
        let arena = arena(CHUNK, 4096);
        let (one, two) = (taker(&arena, bytes(4096)), taker(&arena, bytes(4096)));
        let own = take(&arena, bytes(4096));
        let all = [own, one.join().unwrap(), two.join().unwrap()];
        assert_eq!(all.iter().filter(|one| one.is_ok()).count(), 1);
        assert_eq!(all.iter().filter(|&&one| one == refused(4096, CHUNK)).count(), 2);
        check(&arena, CHUNK - 4096, &all);
    });
}

#[test]
fn a_refused_block_never_costs_another_thread_the_tail_that_fits() {
    loom::model(|| {
        let arena = arena(CHUNK, 2048);
        let other = taker(&arena, bytes(4096));
        let own = take(&arena, bytes(2048));
        let other = other.join().unwrap();
        assert!(own.is_ok(), "{own:?}");
        assert_eq!(other, refused(4096, CHUNK));
        check(&arena, CHUNK - 2048, &[own, other]);
    });
}

#[test]
fn two_refused_blocks_leave_the_tail_to_a_third_thread() {
    loom::model(|| {
        let arena = arena(CHUNK, 2048);
        let (one, two) = (taker(&arena, bytes(4096)), taker(&arena, bytes(3072)));
        let own = take(&arena, bytes(2048));
        let all = [own, one.join().unwrap(), two.join().unwrap()];
        assert!(own.is_ok(), "{own:?}");
        assert_eq!(all[1..], [refused(4096, CHUNK), refused(3072, CHUNK)]);
        check(&arena, CHUNK - 2048, &all);
    });
}

#[test]
fn over_aligned_large_and_small_blocks_race_for_a_chunk() {
    loom::model(|| {
        let arena = arena(3 * CHUNK, 8192);
        let other = taker(&arena, Layout::from_size_align(64, 256).unwrap());
        let large = taker(&arena, bytes(8000));
        let own = take(&arena, bytes(40));
        let all = [own, other.join().unwrap(), large.join().unwrap()];
        assert!(all.iter().all(Result::is_ok));
        assert_eq!(all[1].unwrap().0 % 256, 0);
        let mut ranges: Vec<Range> = all.iter().copied().flatten().collect();
        ranges.sort_unstable();
        assert!(ranges.windows(2).all(|pair| pair[0].0 + pair[0].1 <= pair[1].0), "{ranges:?}");
    });
}

#[test]
fn a_handle_gives_its_window_back_while_another_thread_allocates() {
    loom::model(|| {
        let arena = arena(2 * CHUNK, 4096 + 64);
        let other = taker(&arena, bytes(64));
        let own = {
            let local = arena.local();
            let block = local.alloc_layout(bytes(64));
            (block.addr().get(), block.len())
        };
        let after = take(&arena, bytes(4096));
        let all = [Ok(own), after, other.join().unwrap()];
        let mut ranges: Vec<Range> = all.iter().copied().map(Result::unwrap).collect();
        ranges.sort_unstable();
        assert!(ranges.windows(2).all(|pair| pair[0].0 + pair[0].1 <= pair[1].0), "{ranges:?}");
    });
}

#[test]
fn a_reset_after_the_threads_have_ended_starts_over_with_the_same_chunks() {
    loom::model(|| {
        let mut arena = arena(2 * CHUNK, 1024);
        let other = Arc::clone(&arena);
        let other = spawn(move || {
            let block = other.alloc_layout(bytes(4096)).cast::<u8>();
            // SAFETY: the block just handed out.
            unsafe { block.write_bytes(0xff, 4096) };
        });
        let own = take(&arena, bytes(4096));
        other.join().unwrap();
        let arena = Arc::get_mut(&mut arena).unwrap();
        arena.reset();
        assert_eq!((arena.stats().allocated, arena.stats().chunks), (0, 2));
        assert!(own.is_ok());
        for _ in 0..2 {
            let block = arena.alloc_layout_zeroed(bytes(CHUNK)).cast::<u8>();
            // SAFETY: the block just handed out, all of which was written.
            assert!((0..CHUNK).all(|at| unsafe { block.add(at).read() } == 0));
        }
        assert_eq!((arena.stats().mapped, arena.committed_bytes()), (2, 2 * CHUNK));
    });
}
