//! Tests of `&Arena` as an allocator of allocator-api2: blocks that grow, shrink and are freed.
// They count bytes, and with the feature `debug` red zones take some too: there `debug_arena` and
// the collections.
#![cfg(all(feature = "allocator-api2", not(feature = "debug"), not(loom)))]

use allocator_api2::alloc::{AllocError, Allocator, Layout};
use allocator_api2::vec::Vec as ArenaVec;
use ralloc_core::memory::Depot;
use ralloc_core::{Arena, ArenaBuilder};
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Instant;

fn builder(limit: usize) -> ArenaBuilder {
    let depot = Arc::new(Depot::new(1 << 20));
    Arena::builder().limit(limit).chunk_cap(64 * 1024).depot(depot)
}

fn arena() -> Arena {
    builder(4 << 20).build().unwrap()
}

fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).unwrap()
}

fn allocate(arena: &Arena, layout: Layout) -> NonNull<u8> {
    let block = arena.allocate(layout).unwrap();
    assert_eq!(block.len(), layout.size());
    assert!(block.cast::<u8>().addr().get().is_multiple_of(layout.align()));
    block.cast()
}

/// Writes `mark` over all of the block and reads it back.
fn fill(start: NonNull<u8>, len: usize, mark: u8) {
    // SAFETY: a block of the test's.
    unsafe { start.write_bytes(mark, len) }
}

fn bytes(start: NonNull<u8>, len: usize) -> Vec<u8> {
    // SAFETY: a block of the test's, all of which was written.
    (0..len).map(|at| unsafe { start.add(at).read() }).collect()
}

// The tests pass the layout that the block has at that time, and only blocks that are not freed.

type Resized = Result<NonNull<[u8]>, AllocError>;

fn grow(arena: &Arena, block: NonNull<u8>, old: Layout, new: Layout) -> Resized {
    // SAFETY: as above.
    unsafe { arena.grow(block, old, new) }
}

fn grow_zeroed(arena: &Arena, block: NonNull<u8>, old: Layout, new: Layout) -> Resized {
    // SAFETY: as above.
    unsafe { arena.grow_zeroed(block, old, new) }
}

fn shrink(arena: &Arena, block: NonNull<u8>, old: Layout, new: Layout) -> Resized {
    // SAFETY: as above.
    unsafe { arena.shrink(block, old, new) }
}

fn free(arena: &Arena, block: NonNull<u8>, layout: Layout) {
    // SAFETY: as above.
    unsafe { arena.deallocate(block, layout) }
}

fn allocated(arena: &Arena) -> usize {
    arena.stats().allocated
}

#[test]
fn the_last_block_grows_and_shrinks_where_it_is_and_its_bytes_are_free_after_it() {
    let arena = &arena();
    let first = allocate(arena, layout(24, 8));
    fill(first, 24, 1);
    let grown = grow(arena, first, layout(24, 8), layout(100, 8)).unwrap();
    assert_eq!((grown.cast(), grown.len(), allocated(arena)), (first, 100, 104));
    assert_eq!(bytes(first, 24), [1; 24]);
    let shrunk = shrink(arena, first, layout(100, 8), layout(10, 8)).unwrap();
    assert_eq!((shrunk.cast(), shrunk.len(), allocated(arena)), (first, 10, 16));
    assert_eq!(bytes(first, 10), [1; 10]);
    free(arena, first, layout(10, 8));
    assert_eq!(allocated(arena), 0);
    assert_eq!(allocate(arena, layout(8, 8)), first);
}

#[test]
fn a_block_that_is_not_the_last_is_copied_and_its_bytes_stay_taken() {
    let arena = &arena();
    let first = allocate(arena, layout(16, 8));
    fill(first, 16, 1);
    let second = allocate(arena, layout(16, 8));
    fill(second, 16, 2);
    let moved = grow(arena, first, layout(16, 8), layout(32, 8)).unwrap().cast();
    assert_ne!(moved, first);
    assert_eq!((bytes(moved, 16), bytes(second, 16)), (vec![1; 16], vec![2; 16]));
    let shrunk = shrink(arena, second, layout(16, 8), layout(8, 8)).unwrap();
    free(arena, second, layout(8, 8));
    assert_eq!((shrunk.cast(), allocated(arena)), (second, 64));
}

#[test]
fn a_large_block_that_was_shrunk_to_nothing_is_freed_once() {
    let arena = &arena();
    let large = layout(100_000, 8);
    let first = allocate(arena, large);
    let nothing = shrink(arena, first, large, layout(0, 8)).unwrap().cast();
    assert_eq!(arena.stats().oversize, 0);
    let second = allocate(arena, large);
    assert_eq!(second, first, "the same chunk, by way of the depot");
    free(arena, nothing, layout(0, 8));
    assert_eq!(arena.stats().oversize, 1);
    fill(second, 100_000, 3);
    free(arena, second, large);
    assert_eq!(arena.stats().oversize, 0);
}

#[test]
fn growing_past_the_end_of_a_chunk_goes_on_in_another_one() {
    let arena = &arena();
    let first = allocate(arena, layout(1024, 8));
    fill(first, 1024, 7);
    let mut block = (first, 1024);
    for size in [10_000, 40_000, 70_000, 200_000] {
        let [old, new] = [block.1, size].map(|size| layout(size, 8));
        block = (grow(arena, block.0, old, new).unwrap().cast(), size);
        assert_eq!(bytes(block.0, 1024), [7; 1024]);
        fill(block.0, size, 7);
    }
    assert_eq!(arena.stats().oversize, 1, "the one of 70,000 was given back");
}

#[test]
fn a_larger_alignment_moves_a_block_that_does_not_have_it() {
    let arena = &arena();
    allocate(arena, layout(8, 8));
    let block = allocate(arena, layout(8, 8));
    fill(block, 8, 3);
    let grown = grow(arena, block, layout(8, 8), layout(8, 4096)).unwrap().cast();
    let shrunk = shrink(arena, grown, layout(8, 4096), layout(4, 8192)).unwrap().cast();
    for (block, align, len) in [(grown, 4096, 8), (shrunk, 8192, 4)] {
        assert!(block.addr().get().is_multiple_of(align));
        assert_eq!(bytes(block, len), vec![3; len]);
    }
}

#[test]
fn what_is_to_be_zero_is_zero_also_over_bytes_used_before() {
    let mut arena = arena();
    for used in [0, 3000] {
        fill(arena.alloc_layout(layout(used, 1)).cast(), used, 9);
        arena.reset();
        let allocator = &arena;
        let block = allocator.allocate_zeroed(layout(13, 1)).unwrap().cast();
        assert_eq!(bytes(block, 13), [0; 13]);
        fill(block, 13, 5);
        let [old, new, last] = [13, 2000, 200_000].map(|size| layout(size, 1));
        let grown = grow_zeroed(allocator, block, old, new).unwrap().cast();
        assert_eq!(grown, block, "in place");
        assert_eq!(
            (bytes(grown, 13), bytes(grown, 2000).split_off(13)),
            (vec![5; 13], vec![0; 1987])
        );
        let moved = grow_zeroed(allocator, grown, new, last).unwrap().cast::<u8>();
        assert_ne!(moved, grown, "in a chunk of its own");
        assert_eq!(bytes(moved, 200_000).split_off(13), vec![0; 199_987]);
        assert_eq!(bytes(moved, 13), [5; 13]);
    }
}

#[test]
fn nothing_is_taken_by_a_block_of_no_bytes() {
    let arena = &arena();
    for align in [1, 8, 4096, 1 << 16] {
        let block = allocate(arena, layout(0, align));
        let grown = grow(arena, block, layout(0, align), layout(64, align)).unwrap();
        let none = layout(0, align);
        let shrunk = shrink(arena, grown.cast(), layout(64, align), none).unwrap();
        assert!(shrunk.is_empty() && shrunk.cast::<u8>().addr().get().is_multiple_of(align));
        free(arena, shrunk.cast(), none);
    }
    let empty = ArenaVec::<u64, _>::new_in(arena);
    let units: ArenaVec<(), _> = (0..1000).fold(ArenaVec::new_in(arena), |mut units, _| {
        units.push(());
        units
    });
    assert_eq!((empty.len(), units.len()), (0, 1000));
}

#[test]
fn at_the_limit_a_block_stays_as_it_is() {
    let arena = builder(64 * 1024).build().unwrap();
    let arena = &arena;
    let block = allocate(arena, layout(8, 8));
    fill(block, 8, 4);
    let large = layout(1 << 20, 8);
    assert!(grow(arena, block, layout(8, 8), large).is_err());
    assert!(grow_zeroed(arena, block, layout(8, 8), large).is_err());
    assert!(arena.allocate(large).is_err() && arena.allocate_zeroed(large).is_err());
    assert_eq!((bytes(block, 8), allocated(arena)), (vec![4; 8], 8));
    let mut list = ArenaVec::<u8, _>::new_in(arena);
    assert!(list.try_reserve(1 << 20).is_err());
}

#[test]
fn a_block_freed_after_a_checkpoint_or_in_a_scope_that_it_is_older_than_frees_nothing_else() {
    let mut arena = arena();
    let old = allocate(&arena, layout(64, 8));
    fill(old, 64, 1);
    let checkpoint = arena.checkpoint();
    arena.scope(|scope| {
        free(scope, old, layout(64, 8));
        scope.alloc_slice_fill_copy(8, 2u8);
    });
    let kept = allocate(&arena, layout(16, 8));
    assert!(kept >= old);
    arena.rewind(checkpoint).unwrap();
    assert_eq!(allocated(&arena), 64, "as at the checkpoint");
    let zeroed = arena.alloc_layout_zeroed(layout(4096, 8)).cast();
    assert_eq!(bytes(zeroed, 4096), [0; 4096]);
}

#[test]
fn a_function_that_fails_may_have_used_collections_in_the_same_arena() {
    let arena = &arena();
    let before = arena.alloc_layout(layout(8, 8));
    let failed: Result<&mut [u64; 4], ()> = arena.alloc_try_with(|| {
        let list: ArenaVec<u8, _> = ArenaVec::with_capacity_in(100, arena);
        drop(list);
        Err(())
    });
    assert_eq!((failed, allocated(arena)), (Err(()), before.len()));
}

#[test]
fn blocks_with_a_chunk_of_their_own_are_freed_at_once() {
    let arena = builder(16 << 20).build().unwrap();
    let arena = &arena;
    for round in 0..50 {
        let list: ArenaVec<u8, _> = ArenaVec::with_capacity_in(5 << 20, arena);
        let other: ArenaVec<u8, _> = ArenaVec::with_capacity_in(3 << 20, arena);
        assert!(list.is_empty() && other.is_empty(), "round {round}");
        drop(list); // it is not the last block
        let failed: Result<&mut [u8; 128 * 1024], ()> = arena.alloc_try_with(|| Err(()));
        assert!(failed.is_err());
    }
    assert_eq!(allocated(arena), 0);
    let mut grown: ArenaVec<u8, _> = ArenaVec::new_in(arena);
    grown.resize(5 << 20, 7);
    grown.reserve_exact(1 << 20);
    assert_eq!(allocated(arena), 6 << 20, "what it outgrew is given back");
    assert!(grown.iter().all(|&byte| byte == 7));
}

#[test]
fn a_scope_frees_its_own_large_blocks_and_keeps_older_ones() {
    let mut arena = builder(32 << 20).build().unwrap();
    let [older, freed] = [2 << 20, 3 << 20].map(|size| allocate(&arena, layout(size, 8)));
    fill(older, 2 << 20, 1);
    arena.scope(|scope| {
        free(scope, freed, layout(3 << 20, 8));
        scope.alloc_slice_fill_copy(4 << 20, 2u8);
        scope.alloc_slice_fill_copy(5 << 20, 3u8);
    });
    assert_eq!(allocated(&arena), 2 << 20);
    assert_eq!(bytes(older, 2 << 20), vec![1; 2 << 20]);
}

/// Blocks of 17 KiB, each with its own chunk, because a chunk has 16 KiB at most.
fn oversize_blocks(arena: &Arena, count: usize) -> Vec<ArenaVec<u8, &Arena>> {
    (0..count).map(|_| ArenaVec::with_capacity_in(17 << 10, arena)).collect()
}

fn small_chunks() -> Arena {
    let depot = Arc::new(Depot::new(usize::MAX));
    Arena::builder().limit(1 << 40).chunk_cap(16 << 10).depot(depot).build().unwrap()
}

#[test]
fn oversize_blocks_freed_in_any_order_leave_the_others_and_a_rewind_frees_what_came_after() {
    let mut arena = small_chunks();
    drop(oversize_blocks(&arena, 1));
    let mut older = oversize_blocks(&arena, 60);
    for (mark, block) in older.iter_mut().enumerate() {
        block.resize(17 << 10, mark as u8);
    }
    // One from the middle, the oldest, the youngest, and more between them.
    for (index, mark) in [(30, 30), (0, 0), (57, 59), (50, 52), (10, 11)] {
        assert_eq!(older.remove(index)[0], mark);
    }
    let marks = |blocks: &[ArenaVec<u8, &Arena>]| -> Vec<u8> {
        assert!(blocks.iter().all(|block| block.iter().all(|&byte| byte == block[0])));
        blocks.iter().map(|block| block[0]).collect()
    };
    let rest = (1..59).filter(|mark| ![11, 30, 52].contains(mark)).collect();
    assert_eq!((marks(&older), arena.stats().oversize), (rest, 55));
    drop(older);
    assert_eq!(arena.stats().oversize, 0);

    let kept = arena.alloc_layout(layout(17 << 10, 8));
    arena.alloc_layout(layout(17 << 10, 8));
    let checkpoint = arena.checkpoint();
    arena.alloc_layout(layout(17 << 10, 8));
    // SAFETY: allocated above with this layout, and not used afterwards.
    unsafe { Allocator::deallocate(&&arena, kept.cast(), layout(17 << 10, 8)) };
    assert_eq!(arena.stats().oversize, 2);
    arena.rewind(checkpoint).unwrap();
    assert_eq!(arena.stats().oversize, 1, "the one from before it");
    arena.reset();
    assert_eq!(arena.stats().oversize, 0);
}

#[test]
fn oversize_blocks_are_freed_oldest_first_about_as_fast_as_youngest_first() {
    let arena = small_chunks();
    let fastest = |oldest_first: bool| {
        let free = |_| {
            let mut blocks = oversize_blocks(&arena, 20_000);
            if !oldest_first {
                blocks.reverse();
            }
            let start = Instant::now();
            drop(blocks);
            start.elapsed()
        };
        (0..3).map(free).min().unwrap()
    };
    let (youngest, oldest) = (fastest(false), fastest(true));
    assert!(oldest < 8 * youngest, "{youngest:?} youngest first, {oldest:?} oldest first");
}

#[test]
fn a_collection_with_a_chunk_of_its_own_gives_it_back_however_small_it_has_become() {
    for kept in [1, 100, 5000] {
        let arena = Arena::new();
        for _ in 0..64 {
            let mut list: ArenaVec<u8, &Arena> = ArenaVec::new_in(&arena);
            list.reserve(2 << 20);
            list.extend_from_slice(&vec![1; kept]);
            list.shrink_to_fit();
            drop(list);
            assert_eq!(arena.stats().oversize, 0);
        }
    }
}

#[test]
fn a_rewind_does_not_go_past_the_end_of_a_chunk_that_came_since() {
    for (first, then) in [(100_000, 4000), (20_000, 4000), (50_000, 4000)] {
        let builder = Arena::builder().first_chunk(128 << 10).chunk_cap(128 << 10);
        let mut arena = builder.limit(140 << 10).build().unwrap();
        let before = layout(first, 1);
        let block = arena.alloc_layout(before);
        let checkpoint = arena.checkpoint();
        // SAFETY: only the test holds the block, which is not used afterwards.
        unsafe { (&arena).deallocate(block.cast(), before) };
        // Fits the limit only once the chunk, which is empty now, is given up.
        assert!(arena.try_alloc_layout(layout(135 << 10, 1)).is_ok());
        let _ = arena.try_alloc_layout(layout(then, 1));
        arena.rewind(checkpoint).unwrap();
        assert!(arena.chunk_usage().iter().all(|chunk| chunk.used <= chunk.size));
        assert_eq!(arena.stats().allocated, 0);
        assert!(arena.try_reserve(1 << 30).is_err());
        assert_eq!(arena.alloc(7_u64), &7);
    }
}
