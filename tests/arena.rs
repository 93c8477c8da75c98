//! Tests of the Rust arena through its public API.
#![cfg(not(loom))]
// Some tests count bytes, so they do not run with the feature `debug`, whose red zones take some
// too.
#![cfg_attr(feature = "debug", allow(dead_code, unused_imports, reason = "of those tests"))]

use ralloc_core::Arena;
use ralloc_core::error::{AllocError, RewindError};
use ralloc_core::memory::Depot;
use std::alloc::Layout;
use std::ptr::NonNull;
use std::sync::Arc;

const KIB: usize = 1024;

fn arena(limit: usize) -> Arena {
    let depot = Arc::new(Depot::new(1 << 20));
    Arena::builder().limit(limit).chunk_cap(64 * KIB).depot(depot).build().unwrap()
}

fn bytes(size: usize) -> Layout {
    Layout::from_size_align(size, 1).unwrap()
}

fn fill(block: NonNull<[u8]>, value: u8) {
    // SAFETY: a live block of the arena of the test.
    unsafe { block.cast::<u8>().write_bytes(value, block.len()) }
}

fn all(block: NonNull<[u8]>, value: u8) -> bool {
    // SAFETY: a live block of the arena of the test, which nobody writes meanwhile.
    (0..block.len()).all(|index| unsafe { block.cast::<u8>().add(index).read() } == value)
}

fn address(block: NonNull<[u8]>) -> usize {
    block.cast::<u8>().addr().get()
}

#[cfg(not(feature = "debug"))]
#[test]
fn allocations_follow_each_other_at_the_least_alignment() {
    let arena = arena(1 << 20);
    let first = arena.try_alloc_layout(bytes(3)).unwrap();
    let second = arena.try_alloc_layout(bytes(3)).unwrap();
    assert_eq!(address(second) - address(first), 8);
    let wide = arena.try_alloc_layout(Layout::from_size_align(1, 4096).unwrap()).unwrap();
    assert_eq!(address(wide) % 4096, 0);
    let huge = arena.try_alloc_layout(Layout::from_size_align(1, 1 << 16).unwrap()).unwrap();
    assert_eq!(address(huge) % (1 << 16), 0, "above a page too, at the cost of slack");
}

#[test]
fn size_zero_takes_nothing_even_at_the_limit() {
    let arena = arena(1);
    let empty = arena.try_alloc_layout(Layout::from_size_align(0, 64).unwrap()).unwrap();
    assert_eq!((empty.len(), address(empty) % 64), (0, 0));
    let empty =
        arena.try_alloc_layout_zeroed(Layout::from_size_align(0, 1 << 20).unwrap()).unwrap();
    assert_eq!(address(empty) % (1 << 20), 0);
    assert_eq!(arena.committed_bytes(), 0);
}

#[cfg(not(feature = "debug"))]
#[test]
fn chunks_double_up_to_the_cap_and_large_blocks_get_their_own() {
    let arena = arena(1 << 20);
    while arena.stats().chunks < 5 {
        arena.try_alloc_layout(bytes(4 * KIB)).unwrap();
    }
    let sizes: Vec<usize> = arena.chunk_usage().iter().map(|chunk| chunk.size).collect();
    assert_eq!(sizes, [16 * KIB, 32 * KIB, 64 * KIB, 64 * KIB, 64 * KIB]);
    let before = arena.try_alloc_layout(bytes(8)).unwrap();
    let large = arena.try_alloc_layout(bytes(100 * KIB)).unwrap();
    fill(large, 1);
    let after = arena.try_alloc_layout(bytes(8)).unwrap();
    assert_eq!(address(after) - address(before), 8, "the current chunk goes on");
    assert_eq!(arena.stats().oversize, 1);
    assert_eq!(arena.chunk_usage().last().unwrap().used, 100 * KIB);
}

#[cfg(not(feature = "debug"))]
#[test]
fn the_limit_counts_whole_chunks_and_an_error_changes_nothing() {
    let arena = arena(40 * KIB);
    arena.try_alloc_layout(bytes(16 * KIB)).unwrap();
    // The next chunk would be 32 KiB; only a smaller one fits.
    arena.try_alloc_layout(bytes(17 * KIB)).unwrap();
    let stats = arena.stats();
    let error = arena.try_alloc_layout(bytes(8 * KIB)).unwrap_err();
    let (used, limit) = (stats.committed, 40 * KIB);
    assert_eq!(error, AllocError::Limit { requested: 8 * KIB, used, limit });
    assert_eq!(arena.stats(), stats);
    assert!(arena.try_alloc_layout(bytes(3 * KIB)).is_ok(), "the tail still serves");
}

#[cfg(not(feature = "debug"))]
#[test]
fn spares_are_given_up_before_the_limit_refuses() {
    let mut arena = arena(128 * KIB);
    (0..7).for_each(|_| fill(arena.try_alloc_layout(bytes(16 * KIB)).unwrap(), 1));
    arena.reset();
    assert!(arena.committed_bytes() > 64 * KIB);
    assert_eq!(arena.try_alloc_layout(bytes(100 * KIB)).unwrap().len(), 100 * KIB);
    assert!(arena.committed_bytes() <= 128 * KIB);
}

#[test]
fn a_chunk_without_allocations_is_given_up_before_the_limit_refuses() {
    let mut arena = arena(128 * KIB);
    arena.try_alloc_layout(bytes(40 * KIB)).unwrap();
    arena.reset();
    let checkpoint = arena.checkpoint();
    arena.scope(|scope| {
        let large = scope.alloc_slice_fill_copy(100 * KIB, 1u8);
        let small = scope.try_alloc(1u64).map(|small| *small);
        assert!(large.iter().all(|&byte| byte == 1));
        assert_eq!(small, Ok(1));
    });
    assert_eq!(arena.stats().allocated, 0);
    arena.alloc_slice_fill_copy(100 * KIB, 2u8);
    arena.rewind(checkpoint).unwrap();
    assert_eq!(arena.stats().allocated, 0);
    let kept = arena.alloc(7u64);
    let error = arena.try_alloc_slice_fill_copy(115 * KIB, 3u8).unwrap_err();
    assert!(matches!(error, AllocError::Limit { .. }), "its chunk is in use");
    assert_eq!(*kept, 7);
    arena.reset_and_shrink();
    arena.scope(|scope| {
        scope.reserve(120 * KIB);
        assert_eq!(scope.alloc(8u64), &8);
    });
    assert_eq!((arena.stats().allocated, arena.stats().chunks), (0, 1));
}

#[test]
fn an_absurd_size_is_a_typed_error() {
    let arena = arena(usize::MAX);
    let layout = Layout::from_size_align(isize::MAX as usize - 4095, 1).unwrap();
    assert!(matches!(
        arena.try_alloc_layout(layout),
        Err(AllocError::Limit { .. } | AllocError::Map(_))
    ));
    let layout = Layout::from_size_align(1 << 55, 1).unwrap();
    assert!(matches!(arena.try_alloc_layout(layout), Err(AllocError::Map(_))));
    assert_eq!(arena.committed_bytes(), 0);
}

#[test]
fn rewind_frees_what_came_after_and_keeps_what_came_before() {
    let mut arena = arena(1 << 20);
    let kept = arena.try_alloc_layout(bytes(1000)).unwrap();
    fill(kept, 7);
    let checkpoint = arena.checkpoint();
    let freed = arena.try_alloc_layout(bytes(1000)).unwrap();
    (0..20).for_each(|_| fill(arena.try_alloc_layout(bytes(10 * KIB)).unwrap(), 9));
    fill(arena.try_alloc_layout(bytes(200 * KIB)).unwrap(), 9);
    arena.rewind(checkpoint).unwrap();
    assert!(all(kept, 7));
    assert_eq!(arena.stats().oversize, 0);
    assert_eq!(address(arena.try_alloc_layout(bytes(1000)).unwrap()), address(freed));
}

#[test]
fn a_checkpoint_is_refused_when_stale_foreign_or_out_of_order() {
    let mut one = arena(1 << 20);
    let mut two = arena(1 << 20);
    let (older, younger) = (one.checkpoint(), one.checkpoint());
    let foreign = two.checkpoint();
    assert_eq!(one.rewind(foreign), Err(RewindError::Foreign));
    one.rewind(older).unwrap();
    assert_eq!(one.rewind(younger), Err(RewindError::OutOfOrder));
    let stale = one.checkpoint();
    one.reset();
    assert_eq!(one.rewind(stale), Err(RewindError::Stale));
}

#[test]
fn a_reset_after_a_checkpoint_voids_it_though_nothing_else_happened() {
    let mut arena = arena(1 << 20);
    arena.alloc(1u64);
    arena.reset();
    arena.reset();
    let checkpoint = arena.checkpoint();
    arena.reset();
    assert_eq!(arena.rewind(checkpoint), Err(RewindError::Stale));
}

#[test]
fn zeroed_blocks_are_zero_in_fresh_reused_recycled_and_oversize_memory() {
    let depot = Arc::new(Depot::new(1 << 20));
    for _ in 0..2 {
        let builder = Arena::builder().chunk_cap(64 * KIB).depot(Arc::clone(&depot));
        let mut arena = builder.build().unwrap();
        for round in 0..4 {
            for size in [1, 100, 5000, 16 * KIB, 70 * KIB] {
                let checkpoint = arena.checkpoint();
                fill(arena.try_alloc_layout(bytes(size)).unwrap(), 0xff);
                if round % 2 == 0 {
                    arena.rewind(checkpoint).unwrap();
                }
                let zeroed = arena.try_alloc_layout_zeroed(bytes(size + 40)).unwrap();
                assert!(all(zeroed, 0), "{size} bytes in round {round}");
                fill(zeroed, 0xee);
            }
            arena.reset();
        }
        arena.shrink_to_fit();
        assert!(all(arena.try_alloc_layout_zeroed(bytes(16 * KIB)).unwrap(), 0), "after a shrink");
    }
    assert!(depot.stats().hits > 0);
}

#[test]
fn reset_keeps_the_chunks_and_reset_and_shrink_the_smallest_only() {
    let mut arena = arena(1 << 20);
    (0..50).for_each(|_| fill(arena.try_alloc_layout(bytes(5 * KIB)).unwrap(), 1));
    let committed = arena.committed_bytes();
    arena.reset();
    assert_eq!((arena.committed_bytes(), arena.stats().allocated), (committed, 0));
    let mapped = arena.stats().mapped;
    (0..50).for_each(|_| fill(arena.try_alloc_layout(bytes(5 * KIB)).unwrap(), 1));
    assert_eq!(arena.stats().mapped, mapped, "the same chunks serve again");
    arena.reset_and_shrink();
    assert_eq!(arena.committed_bytes(), 16 * KIB);
}

#[test]
fn reserve_takes_the_memory_beforehand() {
    for reserved in [1, 16 * KIB, 60 * KIB, 200 * KIB] {
        let arena = arena(1 << 20);
        arena.reserve(reserved);
        let mapped = arena.stats().mapped;
        fill(arena.try_alloc_layout(bytes(reserved)).unwrap(), 1);
        assert_eq!(arena.stats().mapped, mapped, "{reserved}");
        let used = arena.try_alloc_layout(bytes(8 * KIB)).unwrap();
        fill(used, 2);
        arena.reserve(reserved);
        let mapped = arena.stats().mapped;
        fill(arena.try_alloc_layout(bytes(reserved)).unwrap(), 1);
        assert_eq!(arena.stats().mapped, mapped, "{reserved} behind other blocks");
        assert!(all(used, 2));
    }
    assert!(matches!(arena(KIB).try_reserve(1 << 30), Err(AllocError::Limit { .. })));
}

#[test]
fn shrink_to_fit_gives_spares_and_free_pages_back_and_keeps_every_block() {
    let mut arena = arena(1 << 20);
    (0..30).for_each(|_| fill(arena.try_alloc_layout(bytes(5 * KIB)).unwrap(), 1));
    arena.reset();
    let kept = arena.try_alloc_layout(bytes(100)).unwrap();
    fill(kept, 4);
    let before = arena.committed_bytes();
    let given = arena.shrink_to_fit();
    assert_eq!(arena.committed_bytes(), 64 * KIB, "the current chunk");
    assert_eq!(given, before - 64 * KIB + 60 * KIB, "and of it the page in use");
    assert!(all(kept, 4));
    fill(arena.try_alloc_layout(bytes(15 * KIB)).unwrap(), 5);
}

#[test]
fn what_went_over_several_chunks_stays_in_one_after_a_reset_if_one_is_large_enough() {
    let mut arena = arena(1 << 20);
    let round = |arena: &Arena| (0..50).for_each(|_| fill(arena.alloc_layout(bytes(KIB)), 1));
    round(&arena);
    let used = |arena: &Arena| arena.chunk_usage().iter().filter(|chunk| chunk.used > 0).count();
    assert_eq!(used(&arena), 3);
    let (committed, mapped) = (arena.committed_bytes(), arena.stats().mapped);
    for _ in 0..3 {
        arena.reset();
        round(&arena);
        assert_eq!(used(&arena), 1);
    }
    assert_eq!((arena.committed_bytes(), arena.stats().mapped), (committed, mapped));
}

#[test]
fn an_arena_moves_between_threads_with_its_blocks() {
    let arena = arena(1 << 20);
    let text = arena.alloc_str("moved").as_ptr().addr();
    let arena = std::thread::spawn(move || arena).join().unwrap();
    assert_ne!(arena.alloc_str("again").as_ptr().addr(), text);
}

#[test]
fn a_dropped_arena_leaves_its_chunks_to_the_next() {
    let depot = Arc::new(Depot::new(1 << 20));
    for round in 0..3 {
        let arena = Arena::builder().depot(Arc::clone(&depot)).build().unwrap();
        arena.try_alloc_layout(bytes(1)).unwrap();
        assert_eq!(arena.stats().recycled, usize::from(round > 0));
    }
    assert_eq!(depot.stats().chunks, 1);
}

#[test]
fn a_refusal_that_nothing_could_have_helped_keeps_what_is_warm() {
    let mut arena = Arena::builder().limit(1 << 20).build().unwrap();
    for _ in 0..20 {
        arena.alloc([1u8; 32 * 1024]);
    }
    arena.reset();
    let warm = arena.stats();
    assert!(warm.chunks > 2);
    arena.try_alloc_uninit_slice::<u8>(1 << 40).unwrap_err();
    arena.try_alloc_uninit_slice::<u8>((1 << 20) + 1).unwrap_err();
    assert_eq!((arena.stats().chunks, arena.stats().committed), (warm.chunks, warm.committed));
    arena.try_alloc_uninit_slice::<u8>((1 << 20) - 4096).unwrap();
}
