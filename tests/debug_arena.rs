//! Tests of misuse of an arena's raw pointers, and of the findings (feature `debug`).
#![cfg(all(feature = "debug", not(loom)))]

use ralloc_core::debug::{self, Damage, Finding, How, Kind, Place};
use ralloc_core::error::AllocError;
use ralloc_core::memory::Depot;
use ralloc_core::{Arena, SyncArena};
use std::alloc::Layout;
use std::ptr::NonNull;
use std::sync::Arc;

/// An arena that shares no memory with other tests.
fn arena() -> Arena {
    Arena::builder().depot(Arc::new(Depot::new(8 << 20))).build().unwrap()
}

fn write(block: NonNull<u8>, offset: isize, byte: u8) {
    // SAFETY: the arena's own memory, to which no reference is alive. This is the misuse to be
    // found.
    unsafe { block.as_ptr().wrapping_offset(offset).write(byte) };
}

fn read(block: NonNull<u8>, offset: isize) -> u8 {
    // SAFETY: the arena's own memory.
    unsafe { block.as_ptr().wrapping_offset(offset).read() }
}

fn bytes(len: usize) -> Layout {
    Layout::array::<u8>(len).unwrap()
}

fn damage(finding: &Finding) -> (isize, usize, u8) {
    let Damage { offset, bytes, found, .. } = finding.damage.unwrap();
    (offset, bytes, found)
}

fn line(place: &Option<Place>) -> u32 {
    let location = place.as_ref().unwrap().location();
    assert!(location.file().ends_with("debug_arena.rs"), "{location}");
    location.line()
}

#[test]
fn a_byte_written_behind_or_before_a_block_is_told_at_the_reset_with_both_lines() {
    for (offset, size) in [(100, 100), (-1, 100), (3, 3), (131, 100), (-32, 4096)] {
        let mut arena = arena();
        let (lines, found) = debug::catch(|| {
            let allocated = line!() + 1;
            let block = arena.alloc_layout(bytes(size));
            write(block.cast(), offset, 0x41);
            arena.reset();
            (allocated, allocated + 2)
        });
        let [finding] = &found[..] else { panic!("{offset}: {found:?}") };
        assert_eq!((finding.kind, finding.size, finding.count), (Kind::Overrun, size, 1));
        assert_eq!(damage(finding), (offset, 1, 0x41));
        let ended = finding.ended.as_ref().unwrap();
        assert_eq!((line(&finding.allocated), line(&ended.place)), lines);
        assert_eq!(ended.how, How::Reset);
    }
}

#[test]
fn what_stays_within_its_block_is_no_finding() {
    let (_, found) = debug::catch(|| {
        let mut arena = arena();
        for round in 0..3 {
            for size in (0..300).chain([5000, 20_000, 2 << 20]) {
                let block =
                    arena.alloc_layout(Layout::from_size_align(size, 1 << (size % 9)).unwrap());
                assert_eq!(block.addr().get() % (1 << (size % 9)), 0);
                (0..size as isize).for_each(|offset| write(block.cast(), offset, round));
            }
            arena.alloc_slice_from_iter((0..100u64).filter(|n| n % 3 == 0));
            assert!(arena.alloc_try_with(|| "x".parse::<u8>()).is_err());
            arena.scope(|scope| scope.alloc_str("scoped").len());
            let checkpoint = arena.checkpoint();
            arena.alloc([7u64; 9]);
            arena.rewind(checkpoint).unwrap();
            arena.verify().unwrap();
            if round == 1 {
                arena.shrink_to_fit();
                arena.reset_and_shrink();
            }
            arena.reset();
        }
    });
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn uninitialised_bytes_are_ad_and_those_of_the_dead_de() {
    let mut arena = arena();
    let block: NonNull<u8> = arena.alloc_layout(bytes(50)).cast();
    assert_eq!([0, 49].map(|offset| read(block, offset)), [0xAD; 2]);
    assert_eq!([-1, 50].map(|offset| read(block, offset)), [0xFB; 2]);
    arena.reset();
    assert_eq!([-1, 0, 49, 50].map(|offset| read(block, offset)), [0xDE; 4]);
    let zero: NonNull<u8> = arena.alloc_layout_zeroed(bytes(50)).cast();
    assert_eq!((zero, [0, 49].map(|offset| read(zero, offset))), (block, [0; 2]));
}

#[test]
fn a_write_after_the_end_is_told_when_the_memory_is_used_again() {
    type End = fn(&mut Arena) -> NonNull<u8>;
    let ends: [(How, End); 3] = [
        (How::Reset, |arena| {
            let block = arena.alloc_layout(bytes(64)).cast();
            arena.reset();
            block
        }),
        (How::Rewound, |arena| {
            let checkpoint = arena.checkpoint();
            let block = arena.alloc_layout(bytes(64)).cast();
            arena.rewind(checkpoint).unwrap();
            block
        }),
        (How::ScopeEnded, |arena| arena.scope(|scope| scope.alloc_layout(bytes(64)).cast())),
    ];
    for (how, end) in ends {
        let mut arena = arena();
        let (_, found) = debug::catch(|| {
            let stale = end(&mut arena);
            (5..8).for_each(|offset| write(stale, offset, 0x42));
            arena.alloc_layout(bytes(64));
            arena.verify().unwrap(); // reported already
            arena.reset();
        });
        let [finding] = &found[..] else { panic!("{how:?}: {found:?}") };
        assert_eq!((finding.kind, damage(finding)), (Kind::WriteAfterFree, (5, 3, 0x42)));
        let ended = finding.ended.as_ref().unwrap();
        assert_eq!(ended.how, how);
        assert!(line(&finding.allocated) <= line(&ended.place) || how == How::ScopeEnded);
    }
}

#[test]
fn verify_tells_each_damage_once_and_the_sink_does_not_hear_of_it() {
    let mut arena = arena();
    let (_, found) = debug::catch(|| {
        let stale = arena.alloc_layout(bytes(64)).cast();
        arena.reset();
        let block = arena.alloc_layout(bytes(8)).cast();
        write(block, 8, 1);
        write(stale, 63, 2);
        let found = arena.verify().unwrap_err();
        let kinds: Vec<_> = found.iter().map(|finding| (finding.kind, damage(finding))).collect();
        assert_eq!(kinds, [(Kind::Overrun, (8, 1, 1)), (Kind::WriteAfterFree, (63, 1, 2))]);
        assert!(found[0].ended.is_none());
        arena.verify().unwrap();
        arena.reset();
    });
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn what_a_dropped_arena_finds_is_told() {
    let (_, found) = debug::catch(|| {
        let arena = arena();
        write(arena.alloc_layout(bytes(8)).cast(), -1, 1);
    });
    let [finding] = &found[..] else { panic!("{found:?}") };
    let ended = finding.ended.as_ref().unwrap();
    assert_eq!((ended.how, ended.place.is_none()), (How::Dropped, true));
}

#[test]
fn a_handle_knows_its_block_by_generation_also_when_another_lies_there() {
    let mut arena = arena();
    let handle = arena.handle_of(arena.alloc_layout(bytes(16)).cast()).unwrap();
    let place = handle.get().unwrap();
    assert_eq!(place.len(), 16);
    arena.reset();
    let next = arena.alloc_layout(bytes(16));
    assert_eq!(next, place);
    assert!(!handle.is_alive() && arena.handle_of(next.cast()).unwrap().is_alive());
    let (used, found) = debug::catch(|| {
        let used = line!() + 1;
        let refused = [handle.get(), handle.clone().get()].map(Result::unwrap_err);
        assert!(refused.iter().all(|stale| stale.finding().kind == Kind::UseAfterFree));
        used
    });
    let [finding] = &found[..] else { panic!("told once: {found:?}") };
    assert_eq!((finding.size, line(&finding.used)), (16, used));
    assert_eq!(finding.ended.as_ref().unwrap().how, How::Reset);
}

#[test]
fn a_handle_outlives_its_arena_which_tells_that_it_is_kept() {
    let (handles, found) = debug::catch(|| {
        let mut arena = arena();
        let early = arena.handle_of(arena.alloc_layout(bytes(8)).cast());
        arena.reset();
        let handles =
            [0; 3].map(|_| arena.handle_of(arena.alloc_layout(bytes(10)).cast()).unwrap());
        arena.handle_of(arena.alloc_layout(bytes(8)).cast());
        (early, handles)
    });
    let [finding] = &found[..] else { panic!("{found:?}") };
    assert_eq!((finding.kind, finding.count, finding.size), (Kind::Kept, 3, 30));
    let (stale, _) = debug::catch(|| handles.1[0].get().unwrap_err());
    assert_eq!(stale.finding().ended.as_ref().unwrap().how, How::Dropped);
}

#[test]
fn what_has_no_bytes_takes_none_for_zones() {
    let arena = arena();
    arena.reserve(0);
    arena.alloc_layout(bytes(0));
    assert_eq!(arena.committed_bytes(), 0);
    let refused = arena.try_alloc_layout(bytes(isize::MAX as usize)).unwrap_err();
    assert!(matches!(refused, AllocError::Overflow { size: 1, .. }), "no room for zones");
}

#[test]
fn no_handle_is_given_of_an_address_where_no_block_begins() {
    let mut arena = arena();
    let block: NonNull<u8> = arena.alloc_layout(bytes(16)).cast();
    assert!(arena.handle_of(block).is_some());
    let within = NonNull::new(block.as_ptr().wrapping_add(1)).unwrap();
    assert!(arena.handle_of(within).is_none());
    arena.reset();
    assert!(arena.handle_of(block).is_none());
    assert!(arena.handle_of(arena.alloc_layout(bytes(0)).cast()).is_none());
}

#[test]
fn a_handle_of_long_ago_is_refused_without_the_places() {
    let mut arena = arena();
    let handle = arena.handle_of(arena.alloc_layout(bytes(8)).cast()).unwrap();
    for _ in 0..2000 {
        arena.reset();
        arena.alloc(1u8);
    }
    let (stale, found) = debug::catch(|| handle.get().unwrap_err());
    assert!(stale.finding().allocated.is_none() && stale.finding().used.is_some());
    assert_eq!(found.len(), 1);
}

#[test]
fn an_arena_of_many_threads_has_the_same_guards() {
    let mut arena: SyncArena =
        Arena::builder().depot(Arc::new(Depot::new(8 << 20))).build_sync().unwrap();
    let (_, found) = debug::catch(|| {
        std::thread::scope(|threads| {
            for _ in 0..4 {
                threads.spawn(|| {
                    let local = arena.local();
                    (0..500u64).for_each(|number| {
                        assert_eq!(
                            (*arena.alloc(number), local.alloc_str("text").len()),
                            (number, 4)
                        );
                    });
                });
            }
        });
        arena.verify().unwrap();
        let block: NonNull<u8> = arena.local().alloc_layout(bytes(16)).cast();
        let handle = arena.handle_of(block).unwrap();
        write(block, 16, 9);
        arena.reset();
        write(block, 0, 9);
        assert_eq!(arena.verify().unwrap_err()[0].kind, Kind::WriteAfterFree);
        assert!(!handle.is_alive());
    });
    assert_eq!(found.iter().map(|finding| finding.kind).collect::<Vec<_>>(), [Kind::Overrun]);
}

#[cfg(feature = "allocator-api2")]
#[test]
fn collections_grow_shrink_and_are_freed_between_their_zones() {
    use allocator_api2::vec::Vec;

    let mut arena = arena();
    let (_, found) = debug::catch(|| {
        let mut numbers = Vec::new_in(&arena);
        (0..1000u64).for_each(|number| numbers.push(number));
        let mut others = Vec::new_in(&arena);
        (0..1000u64).for_each(|number| others.push(number));
        numbers.truncate(10);
        numbers.shrink_to_fit();
        others.truncate(10);
        others.shrink_to_fit();
        assert_eq!((numbers[9], others[9]), (9, 9));
        let stale: *mut u64 = others.as_mut_ptr();
        drop(others);
        drop(numbers);
        arena.verify().unwrap();
        // SAFETY: the arena's memory, which is free. This is the misuse.
        unsafe { stale.write(1) };
        arena.reset();
        assert_eq!(arena.verify().unwrap_err()[0].ended.as_ref().unwrap().how, How::Freed);
    });
    assert!(found.is_empty(), "{found:?}");
}

#[cfg(feature = "allocator-api2")]
#[test]
fn a_block_that_grew_in_a_scope_or_after_a_checkpoint_ends_with_it_and_its_neighbours_stay_whole() {
    use allocator_api2::alloc::Allocator;

    type Within = fn(&mut Arena, &mut dyn FnMut(&Arena));
    let ways: [(How, Within); 2] = [
        (How::ScopeEnded, |arena, f| arena.scope(|scope| f(scope))),
        (How::Rewound, |arena, f| {
            let checkpoint = arena.checkpoint();
            f(arena);
            arena.rewind(checkpoint).unwrap();
        }),
    ];
    for (how, within) in ways {
        let mut arena = arena();
        let (_, found) = debug::catch(|| {
            arena.alloc([1u64; 4]);
            let block: NonNull<u8> = arena.alloc_layout(bytes(61)).cast();
            let handle = arena.handle_of(block).unwrap();
            within(&mut arena, &mut |arena| {
                // SAFETY: the block is held, of this layout.
                let grown = unsafe { arena.grow(block, bytes(61), bytes(3000)) }.unwrap();
                assert_eq!(grown.cast(), block, "where it was");
                (0..3000).for_each(|offset| write(block, offset, 7));
            });
            assert!(!handle.is_alive());
            arena.verify().unwrap();
            let next: NonNull<u8> = arena.alloc_layout(bytes(2000)).cast();
            (0..2000).for_each(|offset| write(next, offset, 8));
            arena.verify().unwrap();
            write(block, 60, 7);
            let found = arena.verify().unwrap_err();
            let kinds: Vec<_> = found.iter().map(|finding| (finding.kind, finding.size)).collect();
            assert_eq!(kinds, [(Kind::WriteAfterFree, 3000)]);
            assert_eq!(found[0].ended.as_ref().unwrap().how, how);
            arena.reset();
        });
        assert!(found.is_empty(), "{how:?}: {found:?}");
    }
}

#[cfg(feature = "allocator-api2")]
#[test]
fn a_block_that_grew_in_a_scope_over_bytes_of_its_own_stays() {
    use allocator_api2::alloc::Allocator;

    let mut arena = arena();
    let (_, found) = debug::catch(|| {
        let block: NonNull<u8> = arena.alloc_layout(bytes(100)).cast();
        arena.scope(|scope| {
            // SAFETY: the block is held, of these layouts.
            unsafe {
                (&**scope).shrink(block, bytes(100), bytes(50)).unwrap();
                (&**scope).grow(block, bytes(50), bytes(90)).unwrap();
            }
            scope.alloc([1u64; 9]);
        });
        (0..90).for_each(|offset| write(block, offset, 7));
        arena.alloc([2u64; 9]);
        arena.verify().unwrap();
        arena.reset();
    });
    assert!(found.is_empty(), "{found:?}");
}
