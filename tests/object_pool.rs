//! Tests of the object pool through its public API.
#![cfg(not(loom))]
#![allow(clippy::disallowed_types, reason = "of a test, as a user has them")]

use proptest::prelude::*;
use ralloc_core::error::OptionsError;
use ralloc_core::stats::ObjectPoolStats;
use ralloc_core::{ObjectPool, Pooled};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// An object that knows its number and what happened to it.
#[derive(Debug, PartialEq)]
struct Thing {
    id: usize,
    resets: usize,
}

fn numbered() -> impl Fn() -> Thing + Send + Sync + 'static {
    let next = Mutex::new(0);
    move || {
        let mut next = next.lock().unwrap();
        *next += 1;
        Thing { id: *next, resets: 0 }
    }
}

fn balanced(stats: ObjectPoolStats) -> bool {
    let ended = stats.returned + stats.dropped + stats.detached;
    stats.hits + stats.made == stats.in_use + ended
}

fn unwinds<T>(f: impl FnOnce() -> T) -> bool {
    catch_unwind(AssertUnwindSafe(f)).is_err()
}

/// The statistics of a pool of one object after one miss.
fn one_miss() -> ObjectPoolStats {
    let mut stats = ObjectPoolStats::default();
    (stats.capacity, stats.misses) = (1, 1);
    stats
}

#[test]
fn an_object_that_came_back_is_found_again_reset() {
    let pool = ObjectPool::with_reset(2, numbered(), |thing| thing.resets += 1).unwrap();
    assert_eq!(*pool.get(), Thing { id: 1, resets: 0 });
    assert_eq!(*pool.get(), Thing { id: 1, resets: 1 });
    let (one, two) = (pool.get(), pool.get());
    assert_eq!((one.id, one.resets, two.id, two.resets), (1, 2, 2, 0));
    let stats = pool.stats();
    assert_eq!((stats.hits, stats.misses, stats.made, stats.in_use), (2, 2, 2, 2));
    assert!(balanced(stats) && (stats.hit_rate() - 0.5).abs() < f64::EPSILON);
}

#[test]
fn the_object_that_came_back_last_is_given_out_first() {
    let pool = ObjectPool::new(3, numbered()).unwrap();
    let [one, two, three] = [(); 3].map(|()| pool.get());
    drop(two);
    drop(three);
    drop(one);
    let again = [(); 3].map(|()| pool.get());
    assert_eq!(again.map(|thing| Pooled::into_inner(thing).id), [1, 3, 2]);
}

#[test]
fn reset_may_be_a_closure_that_shares_what_it_captured() {
    let (reset, most) = (Arc::new(AtomicUsize::new(0)), 16);
    let counted = Arc::clone(&reset);
    let pool = ObjectPool::with_reset(1, Vec::<u8>::new, move |buffer| {
        counted.fetch_add(1, Ordering::Relaxed);
        buffer.clear();
        buffer.shrink_to(most);
    });
    let pool = pool.unwrap();
    pool.get().resize(1000, 1);
    assert!(pool.get().capacity() < 1000);
    assert_eq!(reset.load(Ordering::Relaxed), 2);
}

#[test]
fn try_get_never_makes_one() {
    let pool = ObjectPool::new(1, || -> u8 { panic!("nobody asked for one") }).unwrap();
    assert!(pool.try_get().is_none());
    assert_eq!(pool.stats(), one_miss());
    assert!(pool.stats().hit_rate().abs() < f64::EPSILON);
}

#[test]
fn what_comes_back_to_a_full_pool_is_dropped_and_counted() {
    let pool = ObjectPool::new(2, || Arc::new(())).unwrap();
    let all: Vec<_> = (0..5).map(|_| pool.get()).collect();
    let watched: Vec<_> = all.iter().map(|one| Arc::clone(one)).collect();
    drop(all);
    let alive = watched.iter().filter(|one| Arc::strong_count(one) == 2).count();
    let stats = pool.stats();
    assert_eq!((alive, stats.idle, stats.returned, stats.dropped), (2, 2, 2, 3));
    assert!(balanced(stats));
}

#[test]
fn an_object_taken_out_never_comes_back() {
    let pool = ObjectPool::with_reset(1, numbered(), |thing| thing.resets += 1).unwrap();
    let mut thing = pool.get();
    thing.resets = 7;
    assert_eq!(Pooled::into_inner(thing), Thing { id: 1, resets: 7 });
    assert_eq!(pool.get().id, 2);
    let stats = pool.stats();
    assert_eq!((stats.detached, stats.returned, stats.in_use), (1, 1, 0));
}

#[test]
fn an_object_comes_back_while_a_panic_unwinds() {
    let pool = ObjectPool::with_reset(1, String::new, String::clear).unwrap();
    assert!(unwinds(|| {
        let mut text = pool.get();
        text.push_str("half done");
        panic!("in the midst of it");
    }));
    assert_eq!((pool.get().len(), pool.stats().hits, pool.stats().made), (0, 1, 1));
}

#[test]
fn a_panic_in_make_loses_nothing_and_the_next_get_makes_one() {
    thread_local!(static BROKEN: Cell<bool> = const { Cell::new(true) });
    let pool = ObjectPool::new(1, || {
        assert!(!BROKEN.get(), "cannot be made");
        1
    });
    let pool = pool.unwrap();
    assert!(unwinds(|| *pool.get()));
    assert_eq!(pool.stats(), one_miss());
    BROKEN.set(false);
    assert_eq!(*pool.get(), 1);
    assert!(balanced(pool.stats()) && pool.stats().in_use == 0);
}

#[test]
fn a_panic_in_reset_drops_that_object_alone() {
    let reset: fn(&mut i32) = |value| assert!(*value >= 0, "cannot be reset");
    let pool = ObjectPool::with_reset(2, || 0, reset).unwrap();
    let kept = pool.get();
    assert!(unwinds(|| *pool.get() = -1));
    drop(kept);
    let stats = pool.stats();
    assert_eq!((stats.dropped, stats.returned, stats.idle, stats.in_use), (1, 1, 1, 0));
    assert_eq!(*pool.get(), 0);
}

#[test]
fn a_panic_in_reset_during_another_panic_aborts_nothing() {
    let reset: fn(&mut i32) = |_| panic!("cannot be reset");
    let pool = ObjectPool::with_reset(1, || 0, reset).unwrap();
    let payload = catch_unwind(AssertUnwindSafe(|| {
        let _held = pool.get();
        resume_unwind(Box::new("the first"));
    }));
    assert_eq!(payload.unwrap_err().downcast_ref(), Some(&"the first"));
    assert_eq!((pool.stats().dropped, pool.stats().in_use), (1, 0));
}

#[test]
fn a_panic_in_reset_whose_payload_panics_when_it_is_dropped_aborts_nothing() {
    struct Payload;
    impl Drop for Payload {
        fn drop(&mut self) {
            resume_unwind(Box::new("the payload"));
        }
    }
    struct Fails(bool);
    impl Drop for Fails {
        fn drop(&mut self) {
            if self.0 {
                resume_unwind(Box::new("the destructor"));
            }
        }
    }
    let reset: fn(&mut Fails) = |_| resume_unwind(Box::new(Payload));
    let pool = ObjectPool::with_reset(1, || Fails(false), reset).unwrap();
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        let _held = pool.get();
        resume_unwind(Box::new("the first"));
    }));
    assert_eq!(unwound.unwrap_err().downcast_ref(), Some(&"the first"));
    let unwound = catch_unwind(AssertUnwindSafe(|| pool.get().0 = true));
    assert_eq!(unwound.unwrap_err().downcast_ref(), Some(&"the destructor"));
    assert_eq!((pool.stats().dropped, pool.stats().in_use), (2, 0));
}

#[test]
fn a_panic_in_a_destructor_leaves_the_counts_right() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            assert!(thread::panicking(), "a destructor that fails");
        }
    }
    let pool = ObjectPool::new(1, || Bomb).unwrap();
    let two = (pool.get(), pool.get());
    assert!(unwinds(|| drop(two)));
    let stats = pool.stats();
    assert_eq!((stats.returned, stats.dropped, stats.in_use), (1, 1, 0));
    assert!(unwinds(|| drop(pool)));
}

#[test]
fn a_pool_without_places_or_of_more_than_memory_has_is_refused() {
    for capacity in [0, 1 << 58, usize::MAX] {
        let error = ObjectPool::new(capacity, || [0u8; 64]).err();
        assert_eq!(error, Some(OptionsError::Capacity { capacity }));
    }
    assert!(ObjectPool::new(0, || ()).is_err());
    assert_eq!(ObjectPool::new(1, || ()).unwrap().capacity(), 1);
}

#[test]
fn threads_never_hold_the_same_object_and_the_counts_add_up() {
    let pool = ObjectPool::with_reset(3, numbered(), |thing| thing.resets += 1).unwrap();
    let users: Vec<_> = (0..=20_000).map(|_| AtomicUsize::new(0)).collect();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for turn in 0..5000 {
                    let thing = pool.get();
                    let users = &users[thing.id];
                    assert_eq!(users.fetch_add(1, Ordering::Relaxed), 0, "alone with it");
                    users.fetch_sub(1, Ordering::Relaxed);
                    if turn % 97 == 0 {
                        Pooled::into_inner(thing);
                    }
                    assert!(pool.stats().idle <= 3);
                }
            });
        }
    });
    let stats = pool.stats();
    assert!(balanced(stats), "{stats:?}");
    assert_eq!((stats.in_use, stats.detached, stats.hits + stats.misses), (0, 4 * 52, 20_000));
    assert_eq!(stats.idle, stats.made - stats.dropped - stats.detached);
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Get,
    TryGet,
    /// Returns one of the guards that are held.
    Return(usize),
    Detach(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Get),
        2 => Just(Step::TryGet),
        3 => (0usize..8).prop_map(Step::Return),
        1 => (0usize..8).prop_map(Step::Detach),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_program_gives_out_what_a_stack_would(
        capacity in 1usize..5,
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let pool = ObjectPool::new(capacity, numbered()).unwrap();
        let (mut idle, mut held, mut made) = (Vec::new(), Vec::new(), 0);
        for step in steps {
            match step {
                Step::Get => {
                    let expected = idle.pop().unwrap_or_else(|| { made += 1; made });
                    held.push(pool.get());
                    prop_assert_eq!(held.last().unwrap().id, expected);
                }
                Step::TryGet => {
                    let found = pool.try_get();
                    prop_assert_eq!(found.as_ref().map(|thing| thing.id), idle.pop());
                    held.extend(found);
                }
                Step::Return(index) if index < held.len() => {
                    let thing = held.swap_remove(index);
                    if idle.len() < capacity {
                        idle.push(thing.id);
                    }
                    drop(thing);
                }
                Step::Detach(index) if index < held.len() => {
                    Pooled::into_inner(held.swap_remove(index));
                }
                Step::Return(_) | Step::Detach(_) => {}
            }
            let stats = pool.stats();
            prop_assert!(balanced(stats));
            prop_assert_eq!((stats.idle, stats.in_use, stats.made), (idle.len(), held.len(), made));
        }
    }
}
