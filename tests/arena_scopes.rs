//! Tests of scopes of the Rust arena.
#![cfg(not(loom))]
// Some tests count bytes, so they do not run with the feature `debug`, whose red zones take some
// too.
#![cfg_attr(feature = "debug", allow(dead_code, unused_imports, reason = "of those tests"))]

use ralloc_core::Arena;
use ralloc_core::memory::Depot;
use std::alloc::Layout;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

const KIB: usize = 1024;

fn arena(limit: usize) -> Arena {
    let depot = Arc::new(Depot::new(1 << 20));
    Arena::builder().limit(limit).chunk_cap(64 * KIB).depot(depot).build().unwrap()
}

fn address<T: ?Sized>(value: &T) -> usize {
    (&raw const *value).addr()
}

#[test]
fn a_scope_frees_its_own_on_return_and_on_unwind() {
    let mut arena = arena(1 << 20);
    let kept = arena.alloc_layout(Layout::new::<u64>()).cast::<u64>();
    // SAFETY: the bytes just handed out.
    unsafe { kept.write(3) };
    let allocated = arena.stats().allocated;
    let sum = arena.scope(|scope| {
        let numbers = scope.alloc_slice_copy(&[1u64, 2, 3]);
        numbers[0] = 5;
        scope.scope(|inner| assert_eq!(inner.alloc_str("inner"), "inner"));
        numbers.iter().sum::<u64>()
    });
    assert_eq!((sum, arena.stats().allocated), (10, allocated));
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        arena.scope(|scope| {
            scope.alloc_slice_fill_copy(100 * KIB, 1u8);
            scope.scope(|inner| {
                inner.alloc_slice_fill_copy(30 * KIB, 1u8);
                panic!("within the scopes");
            })
        })
    }));
    assert!(unwound.is_err());
    assert_eq!((arena.stats().allocated, arena.stats().oversize), (allocated, 0));
    // SAFETY: allocated before the scopes, which freed only their own.
    assert_eq!(unsafe { kept.read() }, 3);
}

#[test]
fn what_an_outer_scope_holds_is_used_while_inner_ones_come_and_go() {
    let mut arena = arena(1 << 20);
    let outside = arena.stats().allocated;
    let words = arena.scope(|outer| {
        let list = outer.alloc_slice_fill_copy(3, "");
        for (index, slot) in list.iter_mut().enumerate() {
            *slot = outer.alloc_str(&"ab"[..index.min(2)]);
            let before = outer.stats().allocated;
            outer.scope(|inner| {
                // Fills several chunks, and one of its own.
                inner.alloc_slice_fill_copy(40 * KIB, *slot);
                (0..40).for_each(|_| assert_eq!(inner.alloc([7u8; KIB])[0], 7));
            });
            assert_eq!((outer.stats().allocated, outer.stats().oversize), (before, 0));
        }
        list.concat()
    });
    assert_eq!((words.as_str(), arena.stats().allocated), ("aab", outside));
}

#[cfg(not(feature = "debug"))]
#[test]
fn a_scope_that_began_before_the_first_chunk_ends_at_its_front() {
    let mut arena = arena(1 << 20);
    arena.scope(|scope| assert_eq!(scope.alloc(1u64), &1));
    let first = address(arena.alloc(1u8));
    assert_eq!(arena.stats().allocated, 8);
    arena.reset();
    assert_eq!(address(arena.alloc(1u8)), first);
    let mut arena = self::arena(1 << 20);
    arena.scope(|scope| {
        scope.reserve(100);
        scope.scope(|inner| inner.alloc(2u64) == &2);
        scope.alloc(3u64);
    });
    assert_eq!((arena.stats().allocated, arena.stats().chunks), (0, 1));
}

#[test]
fn a_scope_serves_functions_that_take_an_arena() {
    fn join<'a>(arena: &'a Arena, words: &[&str]) -> &'a str {
        let mut text = arena.alloc_str_uninit(words.iter().map(|word| word.len()).sum());
        words.iter().for_each(|word| assert!(text.push_str(word)));
        text.finish()
    }
    let mut arena = Arena::new();
    assert_eq!(arena.scope(|scope| join(scope, &["a", "bc"]).len()), 3);
    assert_eq!(arena.stats().allocated, 0);
}
