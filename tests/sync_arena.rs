//! Tests of the arena for many threads through its public API.
// They count bytes, and with the feature `debug` red zones take some too: there `debug_arena` and
// the programs.
#![cfg(all(not(feature = "debug"), not(loom)))]

use ralloc_core::error::{AllocError, OptionsError};
use ralloc_core::memory::Depot;
use ralloc_core::{ArenaOptions, SyncArena};
use std::alloc::Layout;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::{Arc, Barrier};
use std::thread;

const KIB: usize = 1024;
const THREADS: usize = 4;

fn arena<const MIN_ALIGN: usize>(limit: usize) -> SyncArena<MIN_ALIGN> {
    let options = ArenaOptions { limit, chunk_cap: 64 * KIB, ..ArenaOptions::default() };
    SyncArena::with_depot(options, Arc::new(Depot::new(1 << 20))).unwrap()
}

fn bytes(size: usize) -> Layout {
    aligned(size, 1)
}

fn aligned(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).unwrap()
}

fn address(block: NonNull<[u8]>) -> usize {
    block.addr().get()
}

fn fill(block: NonNull<[u8]>, value: u8) {
    // SAFETY: a live block of the test's arena, which only this thread has.
    unsafe { block.cast::<u8>().write_bytes(value, block.len()) }
}

fn all(block: NonNull<[u8]>, value: u8) -> bool {
    // SAFETY: as above.
    (0..block.len()).all(|index| unsafe { block.cast::<u8>().add(index).read() } == value)
}

/// Runs `f` with its number on each of several threads, which start together. Returns the results.
fn together<T: Send>(f: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let (start, f) = (Barrier::new(THREADS), &f);
    thread::scope(|scope| {
        let start = &start;
        let run = |index| {
            scope.spawn(move || {
                start.wait();
                f(index)
            })
        };
        let running: Vec<_> = (0..THREADS).map(run).collect();
        running.into_iter().map(|one| one.join().unwrap()).collect()
    })
}

/// A sequence of numbers, the same in each run and different for each thread.
fn row(seed: usize) -> impl FnMut() -> usize {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed as u64 + 1);
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) as usize
    }
}

#[test]
fn threads_stamp_their_blocks_and_find_every_stamp_again() {
    let mut arena = arena::<8>(64 << 20);
    for round in 0..3 {
        together(|index| {
            let (mut next, stamp) = (row(index + round * THREADS), index as u8 + 1);
            let mut blocks = Vec::new();
            for count in 0..3000 {
                let size = match next() % 100 {
                    0 => next() % (100 * KIB),
                    1..10 => next() % (8 * KIB),
                    _ => next() % 200,
                };
                let align = if next() % 8 == 0 { 1 << (next() % 14) } else { 8 };
                let layout = aligned(size, align);
                let block = match count % 3 {
                    0 => arena.alloc_layout_zeroed(layout),
                    _ => arena.alloc_layout(layout),
                };
                assert_eq!((address(block) % align, block.len()), (0, size));
                assert!(count % 3 > 0 || all(block, 0), "{layout:?} is not zero");
                fill(block, stamp);
                blocks.push(block);
            }
            assert!(blocks.into_iter().all(|block| all(block, stamp)));
        });
        let stats = arena.stats();
        let usage = arena.chunk_usage();
        assert_eq!(usage.iter().map(|chunk| chunk.size).sum::<usize>(), stats.committed);
        assert_eq!(usage.iter().map(|chunk| chunk.used).sum::<usize>(), stats.allocated);
        arena.reset();
        assert_eq!(arena.stats().allocated, 0);
    }
}

#[test]
fn threads_count_what_they_take_to_the_byte() {
    let arena = arena::<16>(64 << 20);
    let taken = together(|index| {
        let mut next = row(index);
        (0..20_000)
            .map(|_| arena.alloc_layout(bytes(next() % 300 + 1)).len().next_multiple_of(16))
            .sum()
    });
    assert_eq!(arena.stats().allocated, taken.iter().sum::<usize>());
}

#[test]
fn threads_at_the_limit_never_pass_it_and_leave_no_room_unused() {
    let limit = 200 * KIB;
    let arena = arena::<8>(limit);
    let taken: Vec<usize> = together(|index| {
        let (mut next, mut taken, mut refused) = (row(index), 0, 0);
        while refused < 500 {
            let size = next() % (3 * KIB) + 8;
            match arena.try_alloc_layout(bytes(size)) {
                Ok(block) => {
                    fill(block, 0xaa);
                    taken += size.next_multiple_of(8);
                }
                Err(AllocError::Limit { requested, used, limit: most }) => {
                    assert!(requested == size && used <= limit && most == limit);
                    refused += 1;
                }
                Err(error) => panic!("{error}"),
            }
            assert!(arena.committed_bytes() <= limit);
        }
        taken
    });
    let stats = arena.stats();
    assert_eq!(stats.allocated, taken.iter().sum::<usize>());
    assert!(stats.peak <= limit);
    let mut tail = 0;
    while arena.try_alloc(0u64).is_ok() {
        tail += 8;
    }
    let full = arena.chunk_usage().into_iter().any(|chunk| chunk.used == chunk.size);
    assert!(full && tail < 3 * KIB, "{tail} bytes were left to the last");
}

#[test]
fn a_refused_block_changes_nothing_however_often_it_is_asked_for() {
    let arena = arena::<8>(16 * KIB);
    arena.alloc_layout(bytes(13 * KIB));
    let before = arena.stats();
    let error = AllocError::Limit { requested: 4 * KIB, used: 16 * KIB, limit: 16 * KIB };
    for _ in 0..100_000 {
        assert_eq!(arena.try_alloc_layout(bytes(4 * KIB)).unwrap_err(), error);
    }
    assert_eq!(arena.stats(), before);
    assert_eq!(arena.alloc_layout(bytes(3 * KIB)).len(), 3 * KIB, "the tail still serves");
    assert!(arena.try_alloc_layout(bytes(1)).is_err());
}

#[test]
fn the_first_chunk_is_taken_once_however_many_ask_for_it() {
    for _ in 0..50 {
        let arena = arena::<8>(1 << 20);
        together(|_| fill(arena.alloc_layout(bytes(64)), 1));
        let stats = arena.stats();
        assert_eq!((stats.mapped, stats.chunks, stats.allocated), (1, 1, THREADS * 64));
    }
}

#[test]
fn every_block_has_the_least_alignment_and_more_where_it_is_asked_for() {
    let arena = arena::<32>(1 << 20);
    let addresses = [3, 3, 40].map(|size| address(arena.alloc_layout(bytes(size))));
    assert_eq!([addresses[1] - addresses[0], addresses[2] - addresses[1]], [32, 32]);
    assert_eq!(address(arena.alloc_layout(bytes(1))) - addresses[2], 64);
    for align in [64, 4096, 1 << 16] {
        assert_eq!(address(arena.alloc_layout(aligned(1, align))) % align, 0);
    }
    let tight = self::arena::<1>(1 << 20);
    let addresses = [3, 3].map(|size| address(tight.alloc_layout(bytes(size))));
    assert_eq!(addresses[1] - addresses[0], 3);
    assert_eq!(std::ptr::from_ref(tight.alloc(1u64)).addr() % 8, 0);
}

#[test]
fn size_zero_takes_nothing_even_at_the_limit() {
    let arena = arena::<8>(1);
    for align in [1, 64, 1 << 20] {
        let empty = arena.alloc_layout_zeroed(aligned(0, align));
        assert_eq!((empty.len(), address(empty) % align), (0, 0));
    }
    #[derive(Debug, PartialEq)]
    #[repr(align(256))]
    struct Nothing;
    assert_eq!(arena.alloc(Nothing), &Nothing);
    assert_eq!(arena.alloc_str(""), "");
    assert_eq!(arena.alloc_slice_fill_with(1 << 20, |_| ()).len(), 1 << 20);
    assert_eq!(arena.committed_bytes(), 0);
}

#[test]
fn a_block_above_the_cap_gets_a_chunk_of_its_own_and_the_current_one_goes_on() {
    let mut arena = arena::<8>(1 << 20);
    let before = address(arena.alloc_layout(bytes(8)));
    let large = arena.alloc_layout_zeroed(bytes(100 * KIB));
    assert!(all(large, 0));
    fill(large, 1);
    assert_eq!(address(arena.alloc_layout(bytes(8))) - before, 8);
    assert_eq!((arena.stats().oversize, arena.stats().chunks), (1, 2));
    arena.reset();
    assert_eq!((arena.stats().oversize, arena.committed_bytes()), (0, 16 * KIB));
    assert!(all(arena.alloc_layout_zeroed(bytes(100 * KIB)), 0), "recycled, but zeroed");
}

#[test]
fn an_absurd_size_is_a_typed_error() {
    let arena = arena::<8>(usize::MAX);
    for size in [1 << 55, isize::MAX as usize - 4095] {
        let error = arena.try_alloc_layout(bytes(size)).unwrap_err();
        assert!(matches!(error, AllocError::Limit { .. } | AllocError::Map(_)), "{error}");
    }
    let error = arena.try_alloc_slice_fill_with(usize::MAX, |_| 0u64).unwrap_err();
    assert_eq!(error, AllocError::Overflow { len: usize::MAX, size: 8 });
    assert_eq!(arena.committed_bytes(), 0);
}

#[test]
fn the_typed_calls_give_what_was_put_in() {
    let arena = arena::<8>(1 << 20);
    let number = arena.alloc(7u32);
    let text = arena.alloc_str("größer");
    let copy = arena.alloc_slice_copy(&[1u16, 2, 3]);
    let squares = arena.alloc_slice_fill_with(5, |index| index * index);
    let nested = arena.alloc_with(|| (arena.alloc_str("inner"), arena.alloc([0u128; 3])));
    *number += 1;
    text.make_ascii_uppercase();
    copy[0] = 9;
    assert_eq!((*number, &*text, &*copy), (8, "GRößER", &[9, 2, 3][..]));
    assert_eq!(squares, [0, 1, 4, 9, 16]);
    assert_eq!((&*nested.0, nested.1[2]), ("inner", 0));
    assert_eq!(std::ptr::from_ref(nested.1).addr() % align_of::<u128>(), 0);
}

#[test]
fn a_refusal_panics_with_the_errors_text_where_there_is_no_result() {
    let arena = arena::<8>(KIB);
    let refused = |call: &dyn Fn()| {
        let payload = catch_unwind(AssertUnwindSafe(call)).unwrap_err();
        payload.downcast::<String>().unwrap()
    };
    let text = "no room for 4 bytes: 0 of 1024 are in use";
    let calls: [&dyn Fn(); 7] = [
        &|| arena.reserve(4),
        &|| *arena.alloc(1u32) += 1,
        &|| arena.alloc_str("four").make_ascii_lowercase(),
        &|| arena.alloc_slice_copy(&[1u16, 2]).reverse(),
        &|| arena.alloc_slice_fill_with(4, |_| 0u8).reverse(),
        &|| fill(arena.alloc_layout(bytes(4)), 0),
        &|| fill(arena.alloc_layout_zeroed(bytes(4)), 0),
    ];
    assert!(calls.iter().all(|call| *refused(call) == text));
}

#[test]
fn a_value_is_dropped_when_it_is_refused_and_never_once_it_is_in() {
    let value = Rc::new(());
    assert!(arena::<8>(1).try_alloc(Rc::clone(&value)).is_err());
    assert_eq!(Rc::strong_count(&value), 1);
    let called = Cell::new(false);
    assert!(arena::<8>(1).try_alloc_with(|| called.set(true)).is_ok(), "no size, no limit");
    assert!(
        arena::<8>(1)
            .try_alloc_with(|| {
                called.set(false);
                1
            })
            .is_err()
    );
    assert!(called.get());
    let mut arena = arena::<8>(1 << 20);
    arena.alloc(Rc::clone(&value));
    arena.reset();
    drop(arena);
    assert_eq!(Rc::strong_count(&value), 2);
}

#[test]
fn a_value_that_may_not_travel_stays_with_the_thread_that_made_it() {
    let arena = arena::<8>(1 << 20);
    let sums = together(|index| {
        let shared = Rc::new(Cell::new(index));
        let inside: Vec<_> = (0..100).map(|_| arena.alloc(Rc::clone(&shared))).collect();
        inside.iter().for_each(|one| one.set(one.get() + 1));
        (shared.get(), Rc::strong_count(&shared))
    });
    assert!(sums.into_iter().enumerate().all(|(index, sum)| sum == (index + 100, 101)));
}

#[test]
fn a_panic_while_a_value_is_made_leaves_the_arena_to_the_others() {
    let arena = arena::<8>(1 << 20);
    let kept = arena.alloc(5u64);
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        arena.alloc_with(|| -> [u8; 100] { panic!("in the making") });
    }));
    assert!(unwound.is_err());
    let made = Cell::new(0);
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        arena.alloc_slice_fill_with(10, |index| {
            assert!(index < 3, "in the making");
            made.set(index + 1);
        });
    }));
    assert_eq!((unwound.is_err(), made.get()), (true, 3));
    let allocated = arena.stats().allocated;
    assert_eq!(*arena.alloc(6u64), 6);
    assert_eq!((*kept, arena.stats().allocated), (5, allocated + 8));
}

#[test]
fn zeroed_blocks_are_zero_in_fresh_reused_and_recycled_memory() {
    let depot = Arc::new(Depot::new(1 << 20));
    for _ in 0..2 {
        let options = ArenaOptions { chunk_cap: 64 * KIB, ..ArenaOptions::default() };
        let mut arena = SyncArena::<8>::with_depot(options, Arc::clone(&depot)).unwrap();
        for _ in 0..3 {
            for size in [1, 100, 5000, 16 * KIB, 70 * KIB] {
                fill(arena.alloc_layout(bytes(size)), 0xff);
                let zeroed = arena.alloc_layout_zeroed(bytes(size));
                assert!(all(zeroed, 0), "{size} bytes");
                fill(zeroed, 0xee);
            }
            arena.reset();
        }
    }
    assert!(depot.stats().hits > 0);
}

#[test]
fn reset_keeps_the_chunks_and_reset_and_shrink_the_smallest_only() {
    let mut arena = arena::<8>(1 << 20);
    (0..50).for_each(|_| fill(arena.alloc_layout(bytes(5 * KIB)), 1));
    let committed = arena.committed_bytes();
    arena.reset();
    assert_eq!((arena.committed_bytes(), arena.stats().allocated), (committed, 0));
    let mapped = arena.stats().mapped;
    (0..50).for_each(|_| fill(arena.alloc_layout(bytes(5 * KIB)), 1));
    assert_eq!(arena.stats().mapped, mapped, "the same chunks serve again");
    arena.reset_and_shrink();
    assert_eq!((arena.committed_bytes(), arena.chunk_usage().len()), (16 * KIB, 1));
    arena.alloc(1);
    self::arena::<8>(1).reset();
}

#[test]
fn reserve_takes_the_memory_beforehand() {
    for reserved in [1, 16 * KIB, 60 * KIB, 200 * KIB] {
        let arena = arena::<8>(1 << 20);
        for _ in 0..2 {
            arena.reserve(reserved);
            let mapped = arena.stats().mapped;
            fill(arena.alloc_layout(bytes(reserved)), 1);
            assert_eq!(arena.stats().mapped, mapped, "{reserved}");
        }
    }
    assert!(matches!(arena::<8>(KIB).try_reserve(1 << 30), Err(AllocError::Limit { .. })));
}

#[test]
fn options_that_cannot_be_are_refused() {
    for (first, cap) in [(0, 1), (2, 1)] {
        let options =
            ArenaOptions { first_chunk: first, chunk_cap: cap, ..ArenaOptions::default() };
        let error = SyncArena::<8>::new(options).err();
        assert_eq!(error, Some(OptionsError::ChunkSize { first, cap }));
    }
}

#[test]
fn threads_cut_windows_of_their_own_and_find_every_stamp_again() {
    let mut arena = arena::<8>(64 << 20);
    let counted = together(|index| {
        let (local, mut next, stamp) = (arena.local(), row(index), index as u8 + 1);
        let mut blocks = Vec::new();
        for count in 0..5000 {
            let size = if next() % 50 == 0 { next() % (9 * KIB) } else { next() % 100 };
            let align = if next() % 16 == 0 { 1 << (next() % 10) } else { 8 };
            let block = match count % 2 {
                0 => local.alloc_layout_zeroed(aligned(size, align)),
                _ => local.alloc_layout(aligned(size, align)),
            };
            assert_eq!(address(block) % align, 0);
            assert!(count % 2 > 0 || all(block, 0));
            fill(block, stamp);
            blocks.push(block);
        }
        assert!(blocks.iter().all(|&block| all(block, stamp)));
        blocks.iter().map(|block| block.len()).sum::<usize>()
    });
    assert!(arena.stats().allocated >= counted.iter().sum());
    arena.reset();
    assert!(all(arena.alloc_layout_zeroed(bytes(16 * KIB)), 0));
}

#[test]
fn a_handle_gives_back_what_is_free_of_its_window_and_its_blocks_outlive_it() {
    let arena = arena::<8>(1 << 20);
    let (text, list) = {
        let local = arena.local();
        assert_eq!(local.alloc_slice_copy::<u8>(&[]).len(), 0);
        assert_eq!(arena.stats().allocated, 0, "nothing before the first byte");
        (local.alloc_str("kept"), local.alloc_slice_fill_with(3, |index| index))
    };
    assert_eq!(arena.stats().allocated, 8 + 24);
    let behind = arena.alloc(1u64);
    assert_eq!((&*text, &*list, *behind), ("kept", &[0, 1, 2][..], 1));
    let local = arena.local();
    *local.alloc(2u64) += 1;
    arena.alloc(3u64);
    drop(local);
    assert_eq!(arena.stats().allocated, 40 + 4 * KIB + 8, "another block came behind");
}

#[test]
fn a_handle_goes_on_block_by_block_where_no_window_fits_the_limit() {
    let arena = arena::<8>(16 * KIB);
    let local = arena.local();
    arena.alloc_layout(bytes(13 * KIB));
    for _ in 0..3 * KIB / 8 {
        local.try_alloc(0u64).unwrap();
    }
    let error = AllocError::Limit { requested: 8, used: 16 * KIB, limit: 16 * KIB };
    assert_eq!(local.try_alloc(0u64), Err(error));
    assert!(local.try_alloc_slice_fill_with(usize::MAX, |_| 0u64).is_err());
}

#[test]
fn a_handle_keeps_its_window_in_a_chunk_of_its_own_when_its_first_block_is_given_up() {
    let options = ArenaOptions { first_chunk: KIB, chunk_cap: KIB, ..ArenaOptions::default() };
    let arena = SyncArena::<8>::with_depot(options, Arc::new(Depot::new(1 << 20))).unwrap();
    let (failed, grown) = (arena.local(), arena.local());
    assert_eq!(failed.alloc_try_with(|| Err::<u64, _>("no")), Err("no"));
    let numbers = grown.alloc_slice_from_iter((0..100u64).filter(|_| true));
    let kept = (failed.alloc(7u64), grown.alloc(8u64));
    // In a chunk of that size, which the window's would be if it were free.
    arena.alloc_slice_fill_copy(4 * KIB, 0xFFu8);
    arena.alloc_slice_fill_copy(4 * KIB, 0xFFu8);
    assert_eq!((*kept.0, *kept.1, numbers.iter().sum()), (7, 8, 99 * 50));
    assert_eq!(arena.stats().oversize, 4);
}
