//! Tests of slices from iterators that do not know their length.
#![cfg(not(loom))]
// Some tests count bytes, so they do not run with the feature `debug`, whose red zones take some
// too.
#![cfg_attr(feature = "debug", allow(dead_code, unused_imports, reason = "of those tests"))]

use proptest::prelude::*;
use ralloc_core::error::AllocError;
use ralloc_core::memory::Depot;
use ralloc_core::stats::{ArenaStats, ChunkUsage};
use ralloc_core::{Arena, ArenaBuilder, ArenaEvent};
use std::alloc::Layout;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;

const KIB: usize = 1024;

fn builder(limit: usize) -> ArenaBuilder {
    Arena::builder().limit(limit).chunk_cap(64 * KIB).depot(Arc::new(Depot::new(1 << 20)))
}

fn arena(limit: usize) -> Arena {
    builder(limit).build().unwrap()
}

/// An iterator that claims to have at least this many values left.
struct Says<I>(usize, I);

impl<I: Iterator> Iterator for Says<I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        self.1.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.0, Some(self.0))
    }
}

#[cfg(not(feature = "debug"))]
#[test]
fn an_iterator_that_does_not_know_its_length_fills_a_slice_of_just_its_values() {
    let mut arena = arena(1 << 20);
    let even = arena.alloc_slice_from_iter((0..1000u64).filter(|number| number % 2 == 0));
    assert_eq!((even.len(), even[499]), (500, 998));
    assert_eq!(arena.stats().allocated, 4000, "nothing copied, and the rest given back");
    assert!(arena.alloc_slice_from_iter(None::<u64>).is_empty());
    assert_eq!(arena.stats().allocated, 4000);
    arena.scope(|outer| {
        let kept = outer.alloc_slice_from_iter("a b c".split(' '));
        outer.scope(|inner| assert_eq!(inner.alloc_slice_from_iter("d".chars()), ['d']));
        assert_eq!(kept, ["a", "b", "c"]);
    });
    assert_eq!(arena.stats().allocated, 4000);
}

#[test]
fn a_slice_passes_from_chunk_to_chunk_and_gets_one_of_its_own() {
    let arena = arena(1 << 20);
    arena.alloc(1u8);
    let numbers = arena.alloc_slice_from_iter((0..40_000u32).take_while(|_| true));
    assert!(numbers.iter().copied().eq(0..40_000));
    assert_eq!(arena.stats().oversize, 1, "of 256 KiB, the one of 128 was given back");
}

#[cfg(not(feature = "debug"))]
#[test]
fn what_an_iterator_says_of_its_length_is_no_promise() {
    let arena = arena(64 * KIB);
    for says in [0, 1, 7, 1000, usize::MAX] {
        let before = arena.stats().allocated;
        let slice = arena.alloc_slice_from_iter(Says(says, 0..7u64));
        assert_eq!(slice, [0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(arena.stats().allocated, before + 56);
    }
}

#[test]
fn values_without_a_size_take_no_memory_and_are_counted() {
    let arena = arena(0);
    let units = arena.alloc_slice_from_iter(Says(usize::MAX, std::iter::repeat_n((), 100_000)));
    assert_eq!((units.len(), arena.stats().committed), (100_000, 0));
}

#[test]
fn an_iterator_may_allocate_from_the_same_arena() {
    let arena = arena(1 << 20);
    let texts = arena.alloc_slice_from_iter((0..).map_while(|index| {
        let nested = arena.alloc_slice_from_iter((0..index).filter(|_| true));
        (index < 100).then(|| arena.alloc_str(&nested.len().to_string()))
    }));
    assert_eq!(texts.len(), 100);
    assert!(texts.iter().enumerate().all(|(index, text)| text.parse() == Ok(index)));
}

#[test]
fn what_was_yielded_is_dropped_and_its_place_free_when_the_iterator_panics() {
    let arena = arena(1 << 20);
    let value = Rc::new(());
    let before = arena.stats().allocated;
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        arena.alloc_slice_from_iter((0..).map(|index| {
            assert!(index < 50, "the iterator's own");
            Rc::clone(&value)
        }));
    }));
    assert!(panicked.is_err());
    assert_eq!((Rc::strong_count(&value), arena.stats().allocated), (1, before));
    let kept = arena.alloc_slice_from_iter([Rc::clone(&value)].into_iter().filter(|_| true));
    assert_eq!((Rc::strong_count(&value), kept.len()), (2, 1), "never dropped");
}

#[test]
fn at_the_limit_what_was_taken_is_dropped_and_the_arena_goes_on() {
    let arena = arena(64 * KIB);
    let taken = Cell::new(0);
    let value = Rc::new([0u64; 8]);
    let endless = std::iter::repeat_with(|| {
        taken.set(taken.get() + 1);
        (Rc::clone(&value), [0u8; 120])
    });
    let error = arena.try_alloc_slice_from_iter(endless).unwrap_err();
    assert!(matches!(error, AllocError::Limit { limit, .. } if limit == 64 * KIB));
    assert!(taken.get() > 100 && Rc::strong_count(&value) == 1, "{} taken", taken.get());
    assert_eq!(*arena.alloc(7u64), 7);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        arena.alloc_slice_from_iter(std::iter::repeat(0u64)).len()
    }));
    let text = *panicked.unwrap_err().downcast::<String>().unwrap();
    assert!(text.starts_with("no room for "), "{text}");
}

/// The arena's chunks and how much of each is in use.
fn what_is_there(arena: &Arena) -> (ArenaStats, Vec<ChunkUsage>) {
    let mut stats = arena.stats();
    (stats.peak, stats.mapped, stats.recycled) = (0, 0, 0);
    (stats, arena.chunk_usage())
}

#[test]
fn a_refused_slice_leaves_the_arena_as_it_was_wherever_that_stood() {
    type Prepare = fn(&mut Arena);
    let prepared: [Prepare; 6] = [
        |_| {},
        |arena| assert_eq!(*arena.alloc(1u64), 1),
        |arena| assert!(arena.try_alloc_slice_fill_copy(16 * KIB - 4, 1u8).is_ok()),
        |arena| assert!(arena.try_alloc_slice_fill_copy(100 * KIB, 1u8).is_ok()),
        |arena| arena.reserve(40 * KIB),
        |arena| {
            arena.alloc_slice_fill_copy(5 * KIB, 1u8);
            arena.scope(|scope| (0..9).for_each(|_| scope.alloc([0u8; 10 * KIB])[0] = 1));
        },
    ];
    for (index, prepare) in prepared.into_iter().enumerate() {
        let mut arena = arena(512 * KIB);
        prepare(&mut arena);
        let before = what_is_there(&arena);
        for round in 0..3 {
            assert!(arena.try_alloc_slice_from_iter(0u64..).is_err());
            assert_eq!(what_is_there(&arena), before, "{index}, {round}");
        }
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            arena.alloc_slice_from_iter((0..9000u64).map(|index| 1 / (8999 - index))).len()
        }));
        assert!(panicked.is_err());
        assert_eq!(what_is_there(&arena), before, "{index}");
        let zeros = arena.alloc_layout_zeroed(Layout::new::<[u64; 4000]>());
        // SAFETY: the block just allocated, all zero.
        assert!(unsafe { zeros.cast::<[u64; 4000]>().as_ref() }.iter().all(|word| *word == 0));
    }
}

#[test]
fn what_the_iterator_of_a_refused_slice_allocated_stays() {
    let mut arena = arena(512 * KIB);
    for every in [20_000, 1000, 7, 1] {
        let kept = RefCell::new(Vec::new());
        let values = (0..).inspect(|index| {
            if index % every == 0
                && let Ok(slice) = arena.try_alloc_slice_fill_copy(9, *index)
            {
                kept.borrow_mut().push(slice);
            }
        });
        assert!(arena.try_alloc_slice_from_iter(values).is_err());
        while arena.try_alloc_slice_fill_copy(64, 0xffff_ffffu32).is_ok() {}
        for (index, slice) in (0u32..).zip(kept.into_inner()) {
            assert_eq!(slice, [index * every; 9]);
        }
        arena.reset();
    }
}

#[test]
fn what_an_iterator_allocated_before_it_panicked_stays() {
    let arena = arena(64 * KIB);
    let kept = Cell::new(None);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        arena.alloc_slice_from_iter((0..).inspect(|&index| {
            if index == 40 {
                kept.set(Some(arena.alloc(40u64)));
            }
            assert!(index < 50, "the iterator's own");
        }));
    }));
    assert!(panicked.is_err());
    while arena.try_alloc(u64::MAX).is_ok() {}
    assert_eq!(kept.take(), Some(&mut 40));
}

thread_local! {
    static SINKS: RefCell<(Option<Rc<Arena>>, Vec<&'static mut u32>)> = const { RefCell::new((None, Vec::new())) };
}

#[test]
fn what_a_sink_allocated_amid_a_refused_slice_stays() {
    let sink = |event| {
        let ArenaEvent::Mapped { .. } = event else { return };
        let arena = SINKS.with_borrow(|(arena, _)| arena.clone());
        let Some(arena) = arena else { return };
        SINKS.with_borrow_mut(|(_, kept)| {
            let number = kept.len() as u32;
            let Ok(value) = arena.try_alloc(number) else { return };
            // SAFETY: `arena` below outlives the kept references.
            kept.push(unsafe { std::ptr::from_mut(value).as_mut() }.unwrap());
        });
    };
    let arena = Rc::new(builder(512 * KIB).diagnostics(sink).build().unwrap());
    SINKS.with_borrow_mut(|(own, _)| *own = Some(Rc::clone(&arena)));
    assert!(arena.try_alloc_slice_from_iter(0u64..).is_err());
    SINKS.with_borrow_mut(|(own, _)| *own = None);
    while arena.try_alloc_slice_fill_copy(64, 0xffff_ffffu32).is_ok() {}
    SINKS.with_borrow_mut(|(_, kept)| {
        assert!(kept.len() > 3);
        assert!(kept.drain(..).enumerate().all(|(index, value)| *value == index as u32));
    });
}

#[cfg(not(feature = "debug"))]
#[test]
fn of_a_slice_that_an_arena_for_threads_refuses_no_chunk_of_its_own_stays() {
    let arena = builder(1 << 20).build_sync().unwrap();
    let local = arena.local();
    for _ in 0..2 {
        assert!(arena.try_alloc_slice_from_iter(0u64..).is_err());
        assert!(local.try_alloc_slice_from_iter(0u64..).is_err());
        assert_eq!(arena.stats().oversize, 0);
    }
    assert!(arena.try_alloc_uninit_slice::<u8>(256 * KIB).is_ok());
}

#[test]
fn the_last_room_under_the_limit_is_used() {
    let arena = builder(16 * KIB).build().unwrap();
    arena.alloc_slice_fill_copy(10 * KIB, 0u8);
    // 4 KiB first; then, because no 8 KiB are left, an eighth more at a time.
    let slice = arena.alloc_slice_from_iter((0..600u64).filter(|_| true));
    assert!(slice.iter().copied().eq(0..600));
}

#[test]
fn the_arena_for_threads_and_its_handles_have_them_too() {
    let arena = builder(1 << 20).build_sync().unwrap();
    let local = arena.local();
    let numbers = || (0..3000u32).filter(|number| number % 3 == 0);
    let (shared, own) =
        (arena.alloc_slice_from_iter(numbers()), local.alloc_slice_from_iter(numbers()));
    drop(local);
    assert!(shared == own && shared.iter().copied().eq(numbers()));
    let value = Rc::new(());
    let endless = std::iter::repeat_with(|| Rc::clone(&value));
    assert!(arena.try_alloc_slice_from_iter(endless).is_err());
    assert_eq!(Rc::strong_count(&value), 1);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..Default::default() })]

    /// For each slice: its values, the number that the iterator claims, and after which values it
    /// allocates.
    #[test]
    fn slices_are_as_vecs_are(
        slices in prop::collection::vec((prop::collection::vec(any::<u32>(), 0..3000), 0usize..5000, 1u32..200), 1..8),
    ) {
        let arena = arena(4 << 20);
        let mut made = Vec::new();
        for (values, says, every) in &slices {
            let values = || values.iter().copied();
            let allocating = values().inspect(|value| {
                if value % every == 0 {
                    arena.alloc_slice_fill_copy(9, 0xffu8);
                }
            });
            made.push((arena.alloc_slice_from_iter(Says(*says, allocating)), values()));
        }
        for (slice, values) in made {
            prop_assert!(slice.iter().copied().eq(values));
        }
    }
    /// For each slice: its values, whether the iterator then never ends, and after how many values
    /// it allocates.
    #[test]
    fn slices_that_are_refused_harm_no_other_and_change_nothing_unless_their_iterator_does(
        slices in prop::collection::vec((0usize..4000, any::<bool>(), prop::option::of(1usize..500)), 1..12),
    ) {
        let mut arena = arena(256 * KIB);
        arena.scope(|scope| {
            let nested = RefCell::new(Vec::new());
            let mut made = Vec::new();
            for (number, (len, endless, every)) in (0u64..).zip(slices) {
                let before = what_is_there(scope);
                let values = (0..).take_while(|index| endless || *index < len).map(|index| {
                    if every.is_some_and(|every| index % every == every - 1)
                        && let Ok(block) = scope.try_alloc_slice_fill_copy(9, number)
                    {
                        nested.borrow_mut().push((block, number));
                    }
                    number
                });
                match scope.try_alloc_slice_from_iter(values) {
                    Ok(slice) => made.push((slice, number)),
                    Err(_) if every.is_none() => prop_assert_eq!(what_is_there(scope), before),
                    Err(_) => {}
                }
            }
            for (slice, number) in made.into_iter().chain(nested.into_inner()) {
                prop_assert!(slice.iter().all(|value| *value == number));
            }
            Ok(())
        })?;
        prop_assert_eq!(arena.stats().allocated, 0);
    }
}
