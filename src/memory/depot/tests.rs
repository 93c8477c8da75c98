//! Tests of the depot through its public API, with the clock passed in.

use super::{Depot, Mapping, MemoryOptions, RETIREMENT, map_new};
use crate::error::MapError;
use crate::os;
use crate::random_tests::rounds;
use std::cell::Cell;
use std::time::{Duration, Instant};

const CLASS: usize = 64 * 1024;

fn chunk(size: usize) -> Mapping {
    let mapping = Mapping::committed(size).unwrap();
    // SAFETY: the first byte of a live, committed mapping.
    unsafe { mapping.base().write(1) };
    mapping
}

fn later(by: Duration) -> Instant {
    // One second more, for the time that the test itself takes.
    Instant::now() + by + Duration::from_secs(1)
}

#[test]
fn what_is_recycled_is_taken_again_by_its_class_only() {
    let depot = Depot::new(1 << 20);
    let mapping = chunk(CLASS);
    let base = mapping.base();
    depot.recycle(mapping);
    assert!(depot.take(2 * CLASS).is_none());
    assert!(depot.take(CLASS - 1).is_none(), "no class at all");
    let again = depot.take(CLASS).unwrap();
    assert_eq!(again.base(), base);
    assert!(depot.take(CLASS).is_none());
    let stats = depot.stats();
    assert_eq!((stats.hits, stats.misses, stats.chunks, stats.committed), (1, 3, 0, 0));
}

#[test]
fn an_idle_chunk_loses_its_memory_first_and_its_address_half_a_minute_later() {
    let depot = Depot::new(1 << 20);
    depot.recycle(chunk(CLASS));
    assert_eq!(depot.trim(Duration::from_secs(5)), CLASS, "not idle yet");
    let idle = Duration::from_secs(5);
    assert_eq!(depot.trim_at(later(idle), idle), 0);
    assert_eq!((depot.stats().chunks, depot.stats().unmapped), (1, 0), "retired, mapped");
    depot.trim_at(later(idle + RETIREMENT - Duration::from_secs(2)), idle);
    assert_eq!((depot.stats().chunks, depot.stats().unmapped), (1, 0), "30 s there are not over");
    depot.trim_at(later(idle + RETIREMENT), idle);
    assert_eq!((depot.stats().chunks, depot.stats().unmapped), (0, 1));
}

#[test]
fn a_chunk_is_retired_after_half_a_minute_however_long_it_may_be_idle() {
    let depot = Depot::new(1 << 20);
    depot.recycle(chunk(CLASS));
    assert_eq!(depot.trim_at(later(RETIREMENT), Duration::MAX), 0);
}

#[test]
fn what_javascript_has_seen_is_never_unmapped_however_it_leaves() {
    let depot = Depot::new(CLASS);
    let seen = |size| {
        let mut mapping = chunk(size);
        mapping.mark_seen();
        mapping
    };
    let all = [seen(CLASS), seen(CLASS), seen(CLASS), seen(5 * CLASS + 4096)];
    let bytes = all.each_ref().map(|mapping| mapping.base());
    // In this order: recycled, above the cap, stolen, and without a class.
    let [one, two, three, four] = all;
    depot.recycle(one);
    depot.recycle(two);
    depot.discard(three);
    depot.recycle(four);
    assert_eq!(depot.stats().chunks, 2);
    depot.trim_at(later(RETIREMENT), Duration::ZERO);
    depot.trim_at(later(3 * RETIREMENT), Duration::ZERO);
    assert_eq!((depot.stats().chunks, depot.stats().unmapped), (0, 0));
    for byte in bytes {
        // SAFETY: it is never unmapped, which this read checks: otherwise it would end the process.
        unsafe { byte.as_ptr().read_volatile() };
    }
}

#[test]
fn the_processs_depot_uses_addresses_again_for_whatever_size() {
    let depot = Depot::of_process(MemoryOptions::default(), 0);
    let mut mapping = chunk(4 * CLASS);
    mapping.mark_seen();
    depot.recycle(mapping);
    assert_eq!(depot.stats().chunks, 1, "retired: of its class");
    let len = if os::JOINS { CLASS } else { 4 * CLASS };
    let (again, fresh) = depot.obtain(len).unwrap();
    assert!(!fresh && again.is_seen() && again.len() == len);
    assert_eq!((depot.stats().hits, depot.stats().misses), (1, 0));
    // SAFETY: the last byte of a live, committed mapping.
    unsafe { again.base().add(len - 1).write(1) };
    depot.recycle(again);
}

#[test]
fn a_decommitted_chunk_can_still_be_taken_and_written() {
    let depot = Depot::new(1 << 20);
    depot.recycle(chunk(CLASS));
    depot.trim_at(later(Duration::ZERO), Duration::ZERO);
    let again = depot.take(CLASS).unwrap();
    // SAFETY: the last byte of a live, committed mapping.
    unsafe { again.base().add(CLASS - 1).write(2) };
    assert_eq!(depot.stats().committed, 0);
}

#[test]
fn above_the_cap_chunks_are_kept_without_their_memory() {
    let depot = Depot::new(2 * CLASS);
    (0..5).for_each(|_| depot.recycle(chunk(CLASS)));
    let stats = depot.stats();
    assert_eq!((stats.chunks, stats.reserved, stats.committed), (5, 5 * CLASS, 2 * CLASS));
    let taken: Vec<_> = (0..5).map(|_| depot.take(CLASS).unwrap()).collect();
    let resident = |mapping: &&Mapping| mapping.resident().unwrap() > 0;
    assert_eq!(taken.iter().filter(resident).count(), 2);
    assert!(depot.take(CLASS).is_none());
}

#[test]
fn what_has_no_class_or_no_room_is_unmapped_at_once_unless_javascript_has_seen_it() {
    let depot = Depot::new(0);
    depot.recycle(chunk(5 * CLASS + 4096));
    depot.discard(chunk(CLASS));
    assert_eq!((depot.stats().chunks, depot.stats().unmapped), (0, 2));
    (0..20).for_each(|_| depot.recycle(chunk(CLASS)));
    assert_eq!((depot.stats().chunks, depot.stats().unmapped), (16, 6));
    let mut seen = chunk(CLASS);
    seen.mark_seen();
    depot.recycle(seen);
    assert_eq!((depot.stats().chunks, depot.stats().unmapped), (17, 6));
}

#[test]
fn where_the_system_has_nothing_left_what_waits_is_given_up_and_the_call_made_once_more() {
    let depot = Depot::new(CLASS);
    let calls = Cell::new(0);
    let refuse = |error: MapError| {
        calls.set(0);
        let call = || {
            calls.set(calls.get() + 1);
            if calls.get() == 1 { Err(error) } else { Ok(calls.get()) }
        };
        map_new(Some(&depot), call)
    };
    (0..3).for_each(|_| depot.recycle(chunk(CLASS)));
    let unsupported = MapError::Unsupported { what: "that" };
    assert_eq!((refuse(unsupported), depot.stats().chunks), (Err(unsupported), 3));
    assert_eq!(refuse(os::too_large()), Ok(2));
    let stats = depot.stats();
    assert_eq!((stats.chunks, stats.committed, stats.unmapped), (0, 0, 3));
}

#[test]
fn a_full_class_overflows_into_the_retired_list() {
    let depot = Depot::new(usize::MAX);
    (0..1030).for_each(|_| depot.recycle(chunk(CLASS)));
    assert_eq!(depot.stats().chunks, 1030);
    assert_eq!(depot.stats().committed, 1024 * CLASS);
}

#[test]
fn threads_may_recycle_take_and_trim_at_once() {
    let depot = Depot::new(8 * CLASS);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for round in 0..rounds(300) {
                    let mapping = depot.take(CLASS).unwrap_or_else(|| chunk(CLASS));
                    // SAFETY: the first byte of a live, committed mapping of this thread.
                    unsafe { mapping.base().write(round as u8) };
                    depot.recycle(mapping);
                    depot.trim(Duration::ZERO);
                }
            });
        }
    });
    let stats = depot.stats();
    assert!(stats.committed <= 8 * CLASS);
    assert_eq!(stats.hits + stats.misses, 3 * rounds(300));
    assert_eq!(stats.chunks, stats.misses, "every chunk ever mapped is back");
}
