//! Tests of building a Rust arena, and of the events that its diagnostics sink gets.
#![cfg(not(loom))]
// Some tests count bytes, so they do not run with the feature `debug`, whose red zones take some
// too.
#![cfg_attr(feature = "debug", allow(dead_code, unused_imports, reason = "of those tests"))]
#![allow(clippy::disallowed_types, reason = "of a test, as a user has them")]

use ralloc_core::error::{AllocError, OptionsError};
use ralloc_core::memory::{Depot, HugePages, MemoryOptions};
use ralloc_core::{Arena, ArenaBuilder, ArenaEvent, ArenaOptions};
use std::alloc::Layout;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

const KIB: usize = 1024;

type Log = Arc<Mutex<Vec<ArenaEvent>>>;

fn builder() -> ArenaBuilder {
    Arena::builder().depot(Arc::new(Depot::new(1 << 20))).chunk_cap(64 * KIB)
}

/// A sink that records its events, and the record.
fn recorder() -> (impl Fn(ArenaEvent) + Send + Sync + 'static, Log) {
    let log = Log::default();
    let sink = Arc::clone(&log);
    (move |event| sink.lock().unwrap().push(event), log)
}

fn bytes(size: usize) -> Layout {
    Layout::from_size_align(size, 1).unwrap()
}

fn drain(log: &Log) -> Vec<ArenaEvent> {
    std::mem::take(&mut log.lock().unwrap())
}

#[test]
fn options_are_defaults_until_set() {
    let arena = Arena::builder().build().unwrap();
    assert_eq!(arena.stats().limit, 64 << 20);
    assert_eq!(arena.committed_bytes(), 0, "no memory before the first allocation");
    let options = ArenaOptions { limit: 100 * KIB, first_chunk: 32 * KIB, chunk_cap: 32 * KIB };
    let arena = Arena::builder().options(options).build().unwrap();
    arena.alloc(1u8);
    assert_eq!((arena.stats().limit, arena.committed_bytes()), (100 * KIB, 32 * KIB));
    let arena = Arena::builder().limit(1 << 20).first_chunk(40 * KIB).reserve(100 * KIB);
    let arena = arena.build().unwrap();
    let reserved = arena.committed_bytes();
    assert!(reserved >= 100 * KIB);
    arena.alloc_uninit_slice::<u8>(100 * KIB);
    assert_eq!(arena.committed_bytes(), reserved);
}

#[cfg(not(feature = "debug"))]
#[test]
fn options_that_cannot_be_are_refused_by_name_and_value() {
    let chunks = |first, cap| {
        let error = Arena::builder().first_chunk(first).chunk_cap(cap).build().unwrap_err();
        assert_eq!(error, OptionsError::ChunkSize { first, cap });
        error.to_string()
    };
    let most = ralloc_core::MAX_BYTES;
    let text = |first, cap| {
        format!("chunks of {first} to {cap} bytes: must be 1 <= first <= cap <= {most}")
    };
    assert_eq!(chunks(16 * KIB, 1), text(16 * KIB, 1));
    assert_eq!(chunks(0, 0), text(0, 0));
    assert_eq!(chunks(1, usize::MAX), text(1, usize::MAX));
    let error = Arena::builder().limit(KIB).reserve(8 * KIB).build().unwrap_err();
    let limit = AllocError::Limit { requested: 8 * KIB, used: 0, limit: KIB };
    assert_eq!(error, OptionsError::Reserve(limit));
    assert_eq!(error.to_string(), "cannot reserve: no room for 8192 bytes: 0 of 1024 are in use");
}

#[cfg(not(feature = "debug"))]
#[test]
fn the_sink_hears_of_every_chunk_that_comes_and_goes() {
    let (sink, log) = recorder();
    let mut arena = builder().limit(256 * KIB).diagnostics(sink).build().unwrap();
    assert!(drain(&log).is_empty());
    let bytes = |kib: usize| kib * KIB;
    arena.alloc(1u8);
    assert_eq!(drain(&log), [ArenaEvent::Mapped { bytes: bytes(16) }]);
    arena.alloc_uninit_slice::<u8>(bytes(100));
    let oversize = ArenaEvent::Oversize { requested: bytes(100), bytes: bytes(112) };
    assert_eq!(drain(&log), [ArenaEvent::Mapped { bytes: bytes(112) }, oversize]);
    let used = bytes(16 + 112);
    let refused = ArenaEvent::LimitRefused { requested: bytes(200), used, limit: bytes(256) };
    arena.try_alloc_uninit_slice::<u8>(bytes(200)).unwrap_err();
    assert_eq!(drain(&log), [refused]);
    arena.reset();
    assert_eq!(drain(&log), [ArenaEvent::GivenBack { bytes: bytes(112) }]);
    arena.alloc(1u8);
    arena.alloc_uninit_slice::<u8>(bytes(100));
    assert_eq!(drain(&log), [ArenaEvent::Recycled { bytes: bytes(112) }, oversize]);
    arena.shrink_to_fit();
    assert_eq!(drain(&log), [ArenaEvent::Decommitted { bytes: bytes(12) }]);
    arena.reset_and_shrink();
    assert_eq!(drain(&log), [ArenaEvent::GivenBack { bytes: bytes(112) }]);
    drop(arena);
    assert_eq!(drain(&log), [ArenaEvent::GivenBack { bytes: bytes(16) }]);
}

#[test]
fn every_chunk_that_came_is_given_back_in_the_end() {
    let (sink, log) = recorder();
    let mut arena = builder().diagnostics(sink).build().unwrap();
    for round in 0..20 {
        arena.scope(|scope| {
            for step in 0..round {
                scope.alloc_uninit_slice::<u64>(step * 700);
            }
        });
        arena.alloc_uninit_slice::<u8>(round * 5 * KIB);
        if round % 5 == 0 {
            arena.reset_and_shrink();
        }
    }
    drop(arena);
    let (mut came, mut gone) = (0, 0);
    for event in drain(&log) {
        match event {
            ArenaEvent::Mapped { bytes } | ArenaEvent::Recycled { bytes } => came += bytes,
            ArenaEvent::GivenBack { bytes } => gone += bytes,
            ArenaEvent::Oversize { requested, bytes } => assert!(requested <= bytes),
            other => panic!("unexpected: {other:?}"),
        }
    }
    assert!(came > 0);
    assert_eq!(came, gone);
}

#[cfg(not(feature = "debug"))]
#[test]
fn the_system_s_refusal_is_told_with_its_error() {
    let (sink, log) = recorder();
    let arena = builder().limit(usize::MAX).diagnostics(sink).build().unwrap();
    let Err(AllocError::Map(error)) = arena.try_alloc_uninit_slice::<u8>(1 << 55) else {
        panic!("no machine has that much")
    };
    assert_eq!(drain(&log), [ArenaEvent::MapRefused { requested: 1 << 55, error }]);
}

thread_local! {
    static SHARED: RefCell<Option<&'static Arena>> = const { RefCell::new(None) };
}

/// Uses the arena from within the sink that it calls.
fn use_the_arena(event: ArenaEvent, log: &Log) {
    SHARED.with_borrow(|arena| {
        let Some(arena) = arena else { return };
        log.lock().unwrap().push(event);
        // Each allocation needs a chunk of its own, which is not reported; otherwise this would
        // never end.
        arena.try_alloc_uninit_slice::<u8>(70 * KIB).ok();
        let text = arena.try_alloc_str("from the sink").unwrap();
        assert_eq!(text, "from the sink");
        assert!(arena.stats().committed > 0 && !arena.chunk_usage().is_empty());
    });
}

#[test]
fn a_sink_uses_the_arena_that_calls_it() {
    let log = Log::default();
    let sink = Arc::clone(&log);
    let builder = builder().limit(512 * KIB).diagnostics(move |event| use_the_arena(event, &sink));
    // Leaked, because a thread-local can have no shorter lifetime.
    let arena: &'static Arena = Box::leak(Box::new(builder.build().unwrap()));
    SHARED.set(Some(arena));
    let first = arena.alloc_slice_fill_copy(100, 1u8);
    let second = arena.alloc_slice_fill_copy(50 * KIB, 2u8);
    assert!(arena.try_alloc_uninit_slice::<u8>(500 * KIB).is_err());
    SHARED.set(None);
    assert!(first.iter().all(|&byte| byte == 1) && second.iter().all(|&byte| byte == 2));
    let events = drain(&log);
    assert!(matches!(
        events[..],
        [ArenaEvent::Mapped { .. }, ArenaEvent::Mapped { .. }, ArenaEvent::LimitRefused { .. }]
    ));
    assert_eq!(arena.stats().oversize, 3, "one for each event");
}

/// Panics again when its payload is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("the payload panics too");
    }
}

#[test]
fn a_sink_that_panics_breaks_nothing_and_is_not_called_again() {
    let calls = Log::default();
    let sink = Arc::clone(&calls);
    let explode = move |event| {
        sink.lock().unwrap().push(event);
        std::panic::panic_any(Bomb);
    };
    let mut arena = builder().diagnostics(explode).build().unwrap();
    let value = arena.alloc(7u64);
    assert_eq!(*value, 7, "the allocation is made all the same");
    let numbers = arena.alloc_slice_fill_with(10_000, |index| index);
    assert!(numbers.iter().enumerate().all(|(index, &number)| index == number));
    arena.reset();
    assert_eq!(Arc::strong_count(&calls), 2, "kept: its own drop may be foreign code, too");
    drop(arena);
    assert_eq!((calls.lock().unwrap().len(), Arc::strong_count(&calls)), (1, 1));
}

#[test]
fn a_sink_that_panics_while_a_scope_unwinds_does_not_abort() {
    let explode = |event| {
        if let ArenaEvent::GivenBack { .. } = event {
            std::panic::panic_any(Bomb);
        }
    };
    let mut arena = builder().diagnostics(explode).build().unwrap();
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        arena.scope(|scope| {
            scope.alloc_uninit_slice::<u8>(100 * KIB);
            panic!("within the scope");
        })
    }));
    assert_eq!(unwound.unwrap_err().downcast_ref(), Some(&"within the scope"));
    assert_eq!((arena.stats().allocated, arena.stats().oversize), (0, 0));
}

#[test]
fn arenas_with_a_sink_move_between_threads_and_share_it() {
    let (sink, log) = recorder();
    let builder = builder().diagnostics(sink);
    let arenas: Vec<_> = (0..2).map(|_| builder.clone().build().unwrap()).collect();
    let threads = arenas.into_iter().map(|arena| {
        std::thread::spawn(move || {
            arena.alloc(1u8);
            arena
        })
    });
    let arenas: Vec<_> = threads.map(|thread| thread.join().unwrap()).collect();
    drop(arenas);
    assert_eq!(drain(&log).len(), 4, "two came, two went");
}

#[cfg(not(feature = "debug"))]
#[test]
fn a_builder_makes_an_arena_for_many_threads_that_reports_from_each_of_them() {
    let (sink, log) = recorder();
    let arena = builder().limit(128 * KIB).reserve(1).diagnostics(sink).build_sync().unwrap();
    assert_eq!(drain(&log), [ArenaEvent::Mapped { bytes: 16 * KIB }]);
    let error = builder().limit(KIB).reserve(8 * KIB).build_sync().unwrap_err();
    assert!(matches!(error, OptionsError::Reserve(AllocError::Limit { .. })), "{error}");
    std::thread::scope(|threads| {
        threads.spawn(|| arena.alloc_layout(bytes(100 * KIB)).len());
    });
    let [mapped, ArenaEvent::Oversize { requested, bytes: size }] = drain(&log)[..] else {
        panic!()
    };
    assert_eq!((mapped, requested), (ArenaEvent::Mapped { bytes: size }, 100 * KIB));
    assert!(arena.try_alloc_layout(bytes(100 * KIB)).is_err());
    assert!(matches!(drain(&log)[..], [ArenaEvent::LimitRefused { .. }]));
}

#[test]
fn a_sink_may_allocate_from_the_arena_for_many_threads_that_calls_it() {
    let slot: Arc<Mutex<Option<Arc<ralloc_core::SyncArena>>>> = Arc::default();
    let (own, seen) = (Arc::clone(&slot), Arc::new(Mutex::new(0)));
    let count = Arc::clone(&seen);
    let sink = move |_| {
        *count.lock().unwrap() += 1;
        own.lock().unwrap().as_ref().unwrap().alloc_layout(bytes(40 * KIB));
    };
    let arena = Arc::new(builder().diagnostics(sink).build_sync().unwrap());
    *slot.lock().unwrap() = Some(Arc::clone(&arena));
    arena.alloc(1u64);
    assert_eq!(*seen.lock().unwrap(), 1, "what the sink itself causes is not reported");
    assert!(arena.committed_bytes() >= 48 * KIB);
    slot.lock().unwrap().take();
}

#[cfg(not(feature = "debug"))]
#[test]
fn memory_options_hold_for_every_chunk_or_fail_by_the_system_s_own_error() {
    let prefault = MemoryOptions { prefault: true, ..MemoryOptions::default() };
    let arena = Arena::builder().memory(prefault).build().unwrap();
    let block = arena.alloc_uninit_slice::<u8>(10 * KIB);
    assert_eq!((block.len(), arena.committed_bytes()), (10 * KIB, 16 * KIB));
    let nowhere = MemoryOptions { numa_node: Some(1023), ..MemoryOptions::default() };
    let arena = Arena::builder().memory(nowhere).build().unwrap();
    let error = arena.try_alloc(1u8).unwrap_err();
    assert!(matches!(error, AllocError::Map(_)), "{error}");
    assert_eq!(arena.committed_bytes(), 0);
    let huge = MemoryOptions { huge_pages: HugePages::Advise, ..MemoryOptions::default() };
    let arena = Arena::builder().memory(huge).limit(5 << 20).build_sync().unwrap();
    if let Ok(one) = arena.try_alloc(1u8) {
        assert!((&raw const *one).addr().is_multiple_of(2 << 20));
        assert_eq!(arena.committed_bytes(), 2 << 20);
        arena.alloc_layout(bytes((2 << 20) - 8));
        let error = arena.try_alloc_layout(bytes(3 << 20)).unwrap_err();
        assert!(
            matches!(error, AllocError::Limit { used, .. } if used % (2 << 20) == 0),
            "{error}"
        );
    }
}

#[cfg(not(feature = "debug"))]
#[test]
fn a_refusal_never_gives_up_the_empty_chunk_from_which_other_threads_may_allocate_at_any_time() {
    let arena = builder().limit(64 * KIB).build_sync().unwrap();
    arena.reserve(1);
    assert_eq!(arena.committed_bytes(), 16 * KIB);
    let error = AllocError::Limit { requested: 60 * KIB, used: 16 * KIB, limit: 64 * KIB };
    assert_eq!(arena.try_alloc_layout(bytes(60 * KIB)), Err(error));
    assert_eq!((arena.committed_bytes(), arena.stats().chunks), (16 * KIB, 1));
    arena.alloc_layout(bytes(16 * KIB));
    assert_eq!(arena.committed_bytes(), 16 * KIB);
}
