//! Slices of iterators that do not know their length.
#![cfg(not(loom))]
// Some tests count bytes: not with the feature `debug`, whose red zones take some too.
#![cfg_attr(feature = "debug", allow(dead_code, unused_imports, reason = "of those tests"))]
#![forbid(unsafe_code)]

use proptest::prelude::*;
use ralloc_core::error::AllocError;
use ralloc_core::memory::Depot;
use ralloc_core::{Arena, ArenaBuilder};
use std::cell::Cell;
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

/// Says that at least so many are left, whatever there is.
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
    assert!(text.starts_with("no chunk for "), "{text}");
}

#[test]
fn the_last_room_under_the_limit_is_used() {
    let arena = builder(16 * KIB).build().unwrap();
    arena.alloc_slice_fill_copy(10 * KIB, 0u8);
    // 4 KiB, and where no 8 KiB are left, an eighth more at a time.
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

    /// Each slice: values, what the iterator says, and after which values it allocates.
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
}
