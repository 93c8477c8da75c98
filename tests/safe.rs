//! Uses every public item of the crate in a program that may not say `unsafe`: whatever it does,
//! there is no undefined behaviour. Only the `unsafe fn`s are missing here; the last test looks for
//! other items that are.
#![cfg(not(loom))]
#![forbid(unsafe_code)]

use ralloc_core::error::{
    AllocError, ClusterError, FreeError, InitError, MapError, OptionsError, RewindError,
    SegmentError, SegmentField, SegmentPlace, SlabError,
};
use ralloc_core::lifetime::{
    self, BUCKETS, Borders, Certainty, Clusters, Decision, Entry, Evidence, Histogram,
    MOST_CLUSTERS, Point, Reason, Site, Strategy, Table,
};
use ralloc_core::memory::{self, Depot, HugePages, MemoryOptions, depot};
use ralloc_core::object_pool::{ObjectPool, Pooled};
use ralloc_core::region::{self, Block, Collected, RegionOptions};
use ralloc_core::slab::{
    MAX_POOLS, PoolOptions, Recovered, SegmentOptions, SharedSlab, SlabBox, SlabOptions,
    ThreadCache, Token,
};
use ralloc_core::stats::{
    ArenaStats, ChunkUsage, DepotStats, ObjectPoolStats, PoolStats, RegionStats,
};
use ralloc_core::{
    Arena, ArenaBuilder, ArenaEvent, ArenaOptions, Checkpoint, Local, MAX_BYTES, Scope,
};
use ralloc_core::{Region, Slab, SyncArena, UninitStr};
use std::alloc::Layout;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const MIB: usize = 1 << 20;

#[test]
fn an_arena_gives_values_slices_and_strings() {
    let arena = Arena::new();
    assert_eq!((*arena.alloc(1), *arena.try_alloc(2).unwrap()), (1, 2));
    assert_eq!((*arena.alloc_with(|| 3), *arena.try_alloc_with(|| 4).unwrap()), (3, 4));
    assert_eq!(arena.alloc_try_with(|| Err::<u8, _>("no")), Err("no"));
    let failed = arena.try_alloc_try_with(|| Err::<u8, _>("no")).unwrap_err();
    assert_eq!(failed, InitError::Init("no"));
    assert_eq!((&*arena.alloc_str("a"), &*arena.try_alloc_str("b").unwrap()), ("a", "b"));
    let mut text: UninitStr = arena.alloc_str_uninit(8);
    assert!(text.push_str("12345") && !text.push_str("6789"));
    assert_eq!((text.room(), text.as_str()), (3, "12345"));
    assert_eq!(text.finish(), "12345");
    assert_eq!(arena.try_alloc_str_uninit(1).unwrap().room(), 1);
    arena.alloc_uninit_slice::<u64>(3)[2].write(1);
    arena.try_alloc_uninit_slice::<u64>(3).unwrap()[0].write(1);
    assert_eq!(arena.alloc_slice_copy(&[1, 2]), arena.try_alloc_slice_copy(&[1, 2]).unwrap());
    assert_eq!(arena.alloc_slice_clone(&["a"]), arena.try_alloc_slice_clone(&["a"]).unwrap());
    assert_eq!(arena.alloc_slice_fill_with(3, |index| index), [0, 1, 2]);
    assert_eq!(arena.try_alloc_slice_fill_with(2, |index| index).unwrap(), [0, 1]);
    assert_eq!(arena.alloc_slice_fill_copy(2, 7), arena.try_alloc_slice_fill_copy(2, 7).unwrap());
    assert_eq!(arena.alloc_slice_fill_default::<u8>(2), [0, 0]);
    assert_eq!(arena.try_alloc_slice_fill_default::<u8>(1).unwrap(), [0]);
    assert_eq!(arena.alloc_slice_fill_iter([1, 2].into_iter()), [1, 2]);
    assert_eq!(arena.try_alloc_slice_fill_iter([1, 2].into_iter()).unwrap(), [1, 2]);
    assert_eq!(arena.alloc_slice_from_iter("abc".chars()), ['a', 'b', 'c']);
    assert_eq!(arena.try_alloc_slice_from_iter("abc".chars()).unwrap(), ['a', 'b', 'c']);
    let layout = Layout::new::<[u64; 4]>();
    assert_eq!(arena.alloc_layout(layout).len(), 32);
    assert_eq!(arena.try_alloc_layout(layout).unwrap().len(), 32);
    assert_eq!(arena.alloc_layout_zeroed(layout).len(), 32);
    assert_eq!(arena.try_alloc_layout_zeroed(layout).unwrap().len(), 32);
    let large = arena.try_alloc_uninit_slice::<u64>(MAX_BYTES).unwrap_err();
    assert_eq!(large, AllocError::Overflow { len: MAX_BYTES, size: 8 });
}

#[test]
fn an_arena_goes_back_in_order_and_reports_what_it_uses() {
    let mut arena = Arena::builder().limit(MIB).build().unwrap();
    arena.reserve(100);
    arena.try_reserve(100).unwrap();
    let (first, second): (Checkpoint, Checkpoint) = (arena.checkpoint(), arena.checkpoint());
    arena.rewind(first).unwrap();
    assert_eq!(arena.rewind(second), Err(RewindError::OutOfOrder));
    let outer = arena.scope(|scope: &mut Scope| {
        scope.alloc(1);
        scope.scope(|inner| *inner.alloc(2))
    });
    assert_eq!(outer, 2);
    arena.alloc(1);
    let usage: Vec<ChunkUsage> = arena.chunk_usage();
    let stats: ArenaStats = arena.stats();
    assert_eq!((usage.len(), stats.committed), (1, arena.committed_bytes()));
    arena.shrink_to_fit();
    arena.reset();
    arena.reset_and_shrink();
    assert_eq!(arena.stats().allocated, 0);
}

#[test]
fn a_builder_takes_every_option() {
    let options = ArenaOptions { limit: MIB, ..ArenaOptions::default() };
    let own = Arc::new(Depot::new(MIB));
    let builder: ArenaBuilder = Arena::builder().options(options).first_chunk(4096).chunk_cap(MIB);
    let builder = builder.memory(MemoryOptions::default()).depot(own).reserve(1);
    let arena = builder
        .diagnostics(|event: ArenaEvent| assert_ne!(event, ArenaEvent::GivenBack { bytes: 0 }))
        .min_align::<16>()
        .build()
        .unwrap();
    arena.alloc(1u8);
    let refused = Arena::builder().first_chunk(0).build_sync().unwrap_err();
    assert!(matches!(refused, OptionsError::ChunkSize { first: 0, .. }));
}

#[test]
fn a_sync_arena_serves_threads() {
    let mut arena = SyncArena::<8>::new(ArenaOptions::default()).unwrap();
    std::thread::scope(|threads| {
        let arena = &arena;
        for _ in 0..2 {
            threads.spawn(move || {
                let local: Local = arena.local();
                assert_eq!(*local.alloc(1) + *arena.alloc(2), 3);
                assert_eq!(*local.try_alloc_with(|| 1).unwrap(), 1);
            });
        }
    });
    arena.reserve(100);
    arena.try_reserve(100).unwrap();
    assert!(arena.stats().allocated > 0 && arena.committed_bytes() > 0);
    assert!(!arena.chunk_usage().is_empty());
    arena.reset();
    arena.reset_and_shrink();
    let depot = Arc::new(Depot::new(0));
    SyncArena::<8>::with_depot(ArenaOptions::default(), depot).unwrap().alloc_str("text");
}

#[test]
fn a_slab_hands_every_block_out_once() {
    let slab = Arc::new(Slab::new(&SlabOptions::fixed(&[64, 256], 64, MIB)).unwrap());
    let mut cache = ThreadCache::new(&slab).unwrap();
    let mut blocks: Vec<_> = (0..30).map(|_| cache.allocate(64).unwrap()).collect();
    blocks.extend((0..30).filter_map(|_| slab.try_allocate(64).unwrap()));
    let other = ThreadCache::new(&slab).unwrap();
    drop(cache);
    let mut cache = ThreadCache::new(&slab).unwrap();
    blocks.extend(std::iter::from_fn(|| cache.try_allocate(64).unwrap()));
    assert!(cache.cached(0) <= 64);
    cache.flush();
    blocks.extend(std::iter::from_fn(|| slab.try_allocate(64).unwrap()));
    drop(other);
    assert_eq!(slab.trim(Duration::ZERO), 0);
    let mut addresses: Vec<_> = blocks.iter().map(|block| block.cast::<u8>()).collect();
    addresses.sort();
    addresses.dedup();
    assert_eq!(addresses.len(), 64);
    let stats: Vec<PoolStats> = slab.stats();
    assert_eq!((stats[0].held, stats[0].free), (64, 0));
    let large = slab.allocate(257).unwrap_err();
    assert_eq!(large, SlabError::TooLarge { requested: 257, largest: slab.largest() });
    assert!(slab.committed() <= slab.footprint());
}

#[test]
fn a_slab_has_so_many_participants_and_threads_leave_nothing_to_recover() {
    let slab = Arc::new(Slab::new(&SlabOptions::fixed(&[64], 8, MIB)).unwrap());
    let caches: Vec<_> = (0..).map_while(|_| ThreadCache::new(&slab).ok()).collect();
    let most = caches.len();
    assert_eq!(ThreadCache::new(&slab).map(drop), Err(SlabError::TooMany { most }));
    assert!(SlabError::UsedUp.to_string().contains("used up"));
    drop(caches);
    assert!(slab.recovers());
    let recovered: Vec<Recovered> = slab.recover();
    assert!(recovered.is_empty());
}

#[test]
fn a_token_that_nobody_was_given_is_stale() {
    let slab = Slab::new(&SlabOptions::fixed(&[64], 8, MIB)).unwrap();
    slab.allocate(64).unwrap();
    for bits in [0, 1, (1 << 53) - 1, u64::MAX] {
        let token = Token::from_bits(bits);
        assert_eq!(token.bits(), bits);
        assert_eq!([slab.receive(token), slab.revoke(token)], [Err(SlabError::Stale); 2]);
    }
    let refused = SlabError::Length { length: 65, longest: 64 };
    assert_eq!(refused.to_string(), "cannot send 65 bytes of a slot: it must be 1 to 64");
}

#[test]
fn a_slab_is_bound_and_locked_before_its_first_slot_and_not_after() {
    let slab = Slab::new(&SlabOptions::fixed(&[64], 8, MIB)).unwrap();
    for granted in [slab.bind(0), slab.lock()] {
        assert!(!matches!(granted, Err(SlabError::Used { .. })), "{granted:?}");
    }
    slab.allocate(64).unwrap();
    let late = SlabError::Used { slots: 1 };
    assert_eq!([slab.bind(0), slab.lock()], [Err(late); 2]);
}

#[test]
fn an_error_about_a_segment_says_what_differs_or_is_missing() {
    let (field, place) = (SegmentField::Length, SegmentPlace::ControlGroup);
    let differs = SegmentError::Invalid { field, found: 1, expected: 4096 };
    assert!(differs.to_string().contains("4096"), "{differs}");
    let room = SegmentError::Room { place, needed: 8, free: 7 };
    assert!(room.to_string().contains('7'), "{room}");
}

#[test]
#[cfg(ralloc_os = "linux")]
fn a_slab_that_processes_share_has_a_name_or_a_descriptor() {
    let (options, how) = (SlabOptions::fixed(&[64], 8, MIB), SegmentOptions::default());
    let name = format!("/ralloc-safe-{}", std::process::id());
    let first = Slab::create(&name, &options, &how).unwrap();
    let second = Slab::open_or_create(&name, &options, &how).unwrap();
    let third = Slab::open(&name, Duration::ZERO).unwrap();
    assert!(Slab::list().unwrap().contains(&name));
    Slab::unlink(&name).unwrap();
    assert_eq!(first.allocate(64).unwrap().len(), 64);
    assert_eq!([second.stats()[0].held, third.stats()[0].held], [1, 1]);
    let unnamed = Slab::anonymous(&options, &how).unwrap();
    let descriptor = unnamed.descriptor().unwrap();
    assert_eq!(Slab::from_fd(&descriptor).unwrap().stats()[0].held, 0);
    let plain = MemoryOptions::default();
    assert!(Slab::from_fd_with(&descriptor, plain).is_ok());
    assert!(Slab::open_with(&name, Duration::ZERO, plain).is_err(), "it has no name now");
    let null = std::fs::File::open("/dev/null").unwrap();
    assert!(matches!(Slab::from_fd(null), Err(SlabError::Segment(_))));
}

#[test]
fn a_slab_is_refused_by_name_or_shared() {
    let pool = PoolOptions { size: 64, count: 8, max_count: 16, min_count: 0 };
    let options = |pools| SlabOptions { pools, max_bytes: MIB, memory: MemoryOptions::default() };
    assert!(!options(vec![pool]).is_fixed());
    let growing = Slab::new(&options(vec![pool])).unwrap();
    growing.set_limit(0);
    assert_eq!(std::iter::from_fn(|| growing.allocate(64).ok()).count(), 8, "it does not grow");
    growing.set_limit(MIB);
    assert_eq!(std::iter::from_fn(|| growing.allocate(64).ok()).count(), 8, "up to its most");
    let refused = Slab::shared(&options(vec![pool])).map(drop).unwrap_err();
    assert!(matches!(refused, SlabError::Map(MapError::Unsupported { .. })));
    let refused = Slab::new(&options(vec![pool; MAX_POOLS + 1])).map(drop).unwrap_err();
    assert_eq!(refused, SlabError::Pools { given: MAX_POOLS + 1, most: MAX_POOLS });
    let first = Slab::shared(&SlabOptions::fixed(&[64], 8, MIB)).unwrap();
    let memory: &Arc<SharedSlab> = first.share().unwrap();
    let second = Slab::attach(memory).unwrap();
    let found = (0..9).filter(|_| first.allocate(1).is_ok() || second.allocate(1).is_ok());
    assert_eq!(found.count(), 8, "one pool for both");
    assert!(!FreeError::NotHeld.to_string().is_empty());
}

/// Whatever other mappings and processes of a slab do by safe calls, nobody loses memory that is in
/// use.
mod slab_api {
    use super::*;

    #[test]
    fn a_mapping_that_is_dropped_leaves_its_slots_to_the_others_and_no_block_of_theirs() {
        let first = Arc::new(Slab::shared(&SlabOptions::fixed(&[64], 8, MIB)).unwrap());
        let mut cache = ThreadCache::new(&first).unwrap();
        let own = [cache.allocate(64).unwrap(), first.allocate(64).unwrap()];
        cache.flush();
        let second = Slab::attach(first.share().unwrap()).unwrap();
        assert_eq!(std::iter::from_fn(|| second.allocate(64).ok()).count(), 6);
        drop(second);
        let more: Vec<_> = std::iter::from_fn(|| first.allocate(64).ok()).collect();
        assert!(more.len() == 6 && own.iter().all(|block| !more.contains(block)));
    }

    #[test]
    #[cfg(ralloc_os = "linux")]
    fn a_slab_in_use_keeps_its_bytes_when_its_header_says_that_it_is_unfinished() {
        use std::os::unix::fs::FileExt;

        let name = format!("/ralloc-safe-state-{}", std::process::id());
        let (options, how) = (SlabOptions::fixed(&[64], 4096, MIB), SegmentOptions::default());
        let slab = Slab::create(&name, &options, &how).unwrap();
        slab.allocate(64).unwrap();
        let path = format!("/dev/shm{name}");
        let file = fs::OpenOptions::new().write(true).open(path).unwrap();
        file.write_at(&1u64.to_ne_bytes(), 24).unwrap();
        let len = file.metadata().unwrap().len();
        for options in [&options, &SlabOptions::fixed(&[64], 8, MIB)] {
            for make in [Slab::create, Slab::open_or_create] {
                let refused = make(&name, options, &how).unwrap_err();
                let SlabError::Segment(SegmentError::Invalid { field, .. }) = refused else {
                    panic!("{refused}")
                };
                assert_eq!(field, SegmentField::State);
            }
        }
        assert_eq!((file.metadata().unwrap().len(), slab.stats()[0].held), (len, 1));
        Slab::unlink(&name).unwrap();
    }
}

/// What an arena lends belongs to nobody else and keeps its bytes, whatever safe code does beside
/// it.
mod arena_api {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

    /// Chunks of 16 KiB, so that blocks often come from the next chunk or have one of their own.
    fn small_chunks<const ALIGN: usize>() -> Arena<ALIGN> {
        let builder = Arena::builder().first_chunk(16 << 10).chunk_cap(16 << 10);
        builder.depot(Arc::new(Depot::new(MIB))).min_align::<ALIGN>().build().unwrap()
    }

    fn check(slices: &[&mut [u8]]) {
        for (number, slice) in slices.iter().enumerate() {
            assert!(slice.iter().all(|&byte| byte == number as u8), "{number}");
        }
    }

    fn fill_in_every_way<const ALIGN: usize>() {
        let mut arena = small_chunks::<ALIGN>();
        for _ in 0..3 {
            let mut slices: Vec<&mut [u8]> = Vec::new();
            for number in 0..=255u8 {
                let len = usize::from(number) * 97 % 1500 + usize::from(number % 50 == 49) * 20_000;
                // A call that fails, panics, or returns no bytes takes nothing from others.
                assert!(arena.alloc_try_with(|| Err::<[u8; 3000], _>(())).is_err());
                assert!(arena.alloc_try_with(|| Err::<(), _>(())).is_err());
                let made = arena.alloc_try_with(|| Err::<[u64; 9], _>(arena.alloc_str("kept")));
                assert_eq!(made.unwrap_err(), "kept");
                if number % 16 == 0 {
                    let numbers = (0..5000)
                        .map(|at| if at < 4000 { at } else { resume_unwind(Box::new(())) });
                    let panicked =
                        catch_unwind(AssertUnwindSafe(|| arena.alloc_slice_from_iter(numbers)));
                    assert!(panicked.is_err());
                }
                slices.push(match number % 5 {
                    0 => arena.alloc_slice_fill_copy(len, number),
                    1 => arena.alloc_slice_fill_with(len, |_| number),
                    2 => {
                        arena.alloc_slice_from_iter((0..2 * len).filter(|n| n % 2 == 0).map(|n| {
                            assert!(n % 200 > 0 || *arena.alloc(n) == n); // so that it moves
                            number
                        }))
                    }
                    3 => arena.alloc_slice_copy(&vec![number; len]),
                    _ => {
                        let places = arena.alloc_uninit_slice::<u8>(len);
                        places.iter_mut().for_each(|place| _ = place.write(number));
                        arena.alloc_slice_from_iter((0..len).map(|_| number))
                    }
                });
            }
            check(&slices);
            arena.reset();
        }
    }

    #[test]
    fn slices_made_in_every_way_keep_their_bytes() {
        fill_in_every_way::<1>();
        fill_in_every_way::<8>();
        fill_in_every_way::<4096>();
    }

    #[test]
    fn what_an_outer_scope_lends_outlives_inner_ones_that_are_left_by_any_way() {
        let mut arena = small_chunks::<8>();
        for _ in 0..3 {
            arena.scope(|outer| {
                let mut slices: Vec<&mut [u8]> = Vec::new();
                let mut texts = Vec::new();
                for number in 0..100u8 {
                    slices.push(outer.alloc_slice_fill_copy(usize::from(number) * 400, number));
                    let mut text = outer.alloc_str_uninit(100);
                    let left = catch_unwind(AssertUnwindSafe(|| {
                        outer.scope(|inner| {
                            inner.alloc_slice_fill_copy(usize::from(number) * 700, 0xFFu8);
                            assert!(text.push_str("written in another scope"));
                            inner.scope(|last| last.alloc_str("last").len());
                            if number % 2 == 1 {
                                resume_unwind(Box::new(()));
                            }
                        });
                    }));
                    assert_eq!(left.is_ok(), number % 2 == 0);
                    texts.push(text.finish());
                }
                check(&slices);
                assert!(texts.iter().all(|text| *text == "written in another scope"));
            });
            assert_eq!(arena.stats().allocated, 0);
        }
    }

    #[test]
    fn a_checkpoint_of_another_arena_or_of_before_a_reset_frees_nothing() {
        let (mut arena, mut other) = (small_chunks::<8>(), small_chunks::<8>());
        let before = arena.checkpoint();
        arena.reset();
        arena.alloc_slice_fill_copy(5000, 1u8);
        let allocated = arena.stats().allocated;
        assert_eq!(arena.rewind(before), Err(RewindError::Stale));
        assert_eq!(arena.rewind(other.checkpoint()), Err(RewindError::Foreign));
        let (first, second) = (arena.checkpoint(), arena.checkpoint());
        arena.rewind(first).unwrap();
        assert_eq!(arena.rewind(second), Err(RewindError::OutOfOrder));
        assert_eq!(arena.stats().allocated, allocated);
    }

    #[test]
    fn slices_that_threads_take_of_one_arena_keep_their_bytes() {
        let builder = Arena::builder().first_chunk(16 << 10).chunk_cap(64 << 10);
        let mut arena: SyncArena = builder.depot(Arc::new(Depot::new(MIB))).build_sync().unwrap();
        for _ in 0..3 {
            std::thread::scope(|threads| {
                for offset in 0..4usize {
                    let arena = &arena;
                    threads.spawn(move || {
                        let mut slices: Vec<&mut [u8]> = Vec::new();
                        for number in 0..=255u8 {
                            let len = (usize::from(number) * 97 + offset * 131) % 3000;
                            let local = arena.local(); // dropped, with the rest of its window
                            slices.push(match number % 2 {
                                0 => local.alloc_slice_fill_copy(len, number),
                                _ => arena.alloc_slice_fill_copy(len, number),
                            });
                            local.alloc(number);
                        }
                        check(&slices);
                    });
                }
            });
            arena.reset();
        }
    }

    #[cfg(feature = "allocator-api2")]
    #[test]
    fn collections_that_grow_shrink_and_are_dropped_in_any_order_keep_their_values() {
        use allocator_api2::boxed::Box as ArenaBox;
        use allocator_api2::{vec, vec::Vec as ArenaVec};

        let mut arena = small_chunks::<8>();
        for _ in 0..3 {
            let mut lists: Vec<ArenaVec<u8, &Arena>> = Vec::new();
            let mut last: Option<ArenaBox<(), &Arena>> = None;
            for number in 0..200usize {
                let byte = number as u8;
                let mut list = ArenaVec::new_in(&arena);
                list.resize(number * 331 % 40_000, byte);
                match number % 4 {
                    0 => list.clear(),
                    1 => list.truncate(list.len() / 100),
                    2 => list.extend_from_slice(&[byte; 30_000]),
                    _ => {}
                }
                list.shrink_to_fit();
                lists.push(list);
                let zeros = vec![in &arena; 0u8; number * 173 % 30_000];
                assert!(zeros.iter().all(|&byte| byte == 0), "{number}");
                last = Some(ArenaBox::new_in((), &arena));
                if number % 3 == 2 {
                    lists.swap_remove(number * 7 % lists.len());
                }
                if number % 20 == 0 {
                    for list in &lists {
                        assert!(list.iter().all(|byte| *byte == list[0]));
                    }
                }
            }
            drop((lists, last));
            arena.reset();
        }
    }
}

/// A region tells safe code where its blocks are, but nothing about their bytes.
mod region_api {
    use super::*;
    use std::ptr::NonNull;

    #[test]
    fn no_public_function_lends_a_reference_to_bytes() {
        let sources = public_sources();
        let of_regions = sources.iter().filter(|(file, _)| {
            file.starts_with("region") && !["tests", "programs"].iter().any(|t| file.ends_with(t))
        });
        let mut functions = 0;
        for (file, source) in of_regions {
            let public = source.lines().filter(|line| line.trim_start().starts_with("pub fn"));
            for line in public {
                functions += 1;
                let returned = line.split_once("->").map_or("", |(_, returned)| returned);
                assert!(!returned.contains('&'), "{file}: {line}");
            }
        }
        assert!(functions > 10);
    }

    #[test]
    fn a_handle_is_good_for_its_own_block_alone_and_until_that_is_freed() {
        let (mut region, mut other) = (Region::new(), Region::new());
        let mut stale: Vec<Block> = Vec::new();
        for round in 1..20usize {
            let sizes = (0..50usize).map(|at| at * round * 61 % 20_000);
            let layouts = sizes.map(|size| Layout::array::<u8>(size).unwrap());
            let blocks: Vec<Block> = layouts.map(|layout| region.alloc(layout).unwrap()).collect();
            let mut ends: Vec<(usize, usize)> = blocks
                .iter()
                .map(|&block| region.pointer(block).unwrap())
                .map(|bytes| (bytes.addr().get(), bytes.addr().get() + bytes.len()))
                .collect();
            ends.sort_unstable();
            assert!(ends.windows(2).all(|two| two[0].1 <= two[1].0), "two overlap");
            for &block in &stale {
                assert_eq!(region.pointer(block), Err(FreeError::NotHeld));
                assert_eq!(region.free(block), Err(FreeError::NotHeld));
            }
            for block in blocks {
                assert_eq!(other.pointer(block), Err(FreeError::Foreign));
                assert_eq!(other.free(block), Err(FreeError::Foreign));
                region.free(block).unwrap();
                stale.push(block);
            }
            region.collect();
        }
        assert_eq!((region.stats().blocks, region.stats().reserved), (0, 0));
    }

    #[test]
    fn an_address_where_no_block_begins_is_refused() {
        let mut region = Region::new();
        let block = region.alloc(Layout::new::<[u8; 5000]>()).unwrap();
        let first = region.pointer(block).unwrap().cast::<u8>();
        let at = |by: usize| first.map_addr(|address| address.saturating_add(by));
        assert_eq!(region.find(at(16)), Err(FreeError::Interior));
        assert_eq!(region.find(at(1)), Err(FreeError::Interior));
        for nowhere in [NonNull::dangling(), at(usize::MAX), at(1 << 40)] {
            assert_eq!(region.find(nowhere), Err(FreeError::Foreign));
        }
        region.free(block).unwrap();
        assert!(region.find(first).is_err());
    }
}

#[test]
fn depots_are_of_one_kind_of_memory_each() {
    let options = MemoryOptions { prefault: true, ..MemoryOptions::default() };
    assert!(!options.is_plain() && options.keeps_memory());
    assert_eq!(options.granule(), memory::page_size());
    assert_eq!(options.huge_pages, HugePages::No);
    let own = Depot::with(options, depot::DEFAULT_COMMITTED_CAP);
    assert_eq!((own.options(), own.trim(Duration::ZERO)), (options, 0));
    let stats: DepotStats = own.stats();
    assert_eq!((stats.chunks, stats.hit_rate()), (0, 0.0));
    assert!(Arc::ptr_eq(&depot::of(MemoryOptions::default()), &depot::global()));
    let all: DepotStats = [depot::trim(Duration::MAX), depot::stats()].into_iter().sum();
    assert!([all, stats].into_iter().sum::<DepotStats>().chunks >= stats.chunks);
}

#[test]
fn options_are_set_one_by_one_and_values_are_boxed() {
    let memory = MemoryOptions::new().huge_pages(HugePages::No).lock(false).numa_node(None);
    let pools = [PoolOptions::fixed(64, 4), PoolOptions::growing(256, 8).count(2).min_count(1)];
    let options = SlabOptions::new(0).pool(pools[0]).pool(pools[1].max_count(16));
    let slab = Slab::new(&options.max_bytes(MIB).memory(memory.prefault(false))).unwrap();
    let mut boxed: SlabBox<'_, Vec<u8>> = slab.boxed(vec![1]).unwrap();
    boxed.push(2);
    assert_eq!((boxed.len(), boxed.into_inner()), (2, vec![1, 2]));
    let region = RegionOptions::new().max_bytes(MIB).first_chunk(1 << 16).chunk_cap(1 << 18);
    assert_eq!(region.memory(memory).chunk_cap, 1 << 18);
    let segment = SegmentOptions::new().transit(Duration::ZERO).wait(Duration::ZERO);
    assert_eq!(segment.wait, Duration::ZERO);
}

#[test]
fn an_object_pool_gives_each_object_to_one_user() {
    assert!(matches!(
        ObjectPool::new(0, String::new).unwrap_err(),
        OptionsError::Capacity { capacity: 0 }
    ));
    let pool = ObjectPool::with_reset(2, String::new, String::clear).unwrap();
    let (mut first, second): (Pooled<String>, _) = (pool.get(), pool.get());
    first.push('a');
    assert!(pool.try_get().is_none() && second.is_empty());
    drop(first);
    assert!(pool.get().is_empty());
    assert_eq!(Pooled::into_inner(second), "");
    let stats: ObjectPoolStats = pool.stats();
    assert_eq!((stats.idle, pool.capacity(), stats.detached), (1, 2, 1));
    assert!(stats.hit_rate() < 1.0);
}

#[test]
fn regions_refuse_handles_of_what_was_freed() {
    let options = RegionOptions { max_bytes: MIB, ..RegionOptions::default() };
    let mut region: region::Region = Region::with_options(options).unwrap();
    let block: Block = region.alloc(Layout::new::<u64>()).unwrap();
    let zeros = region.alloc_zeroed(Layout::new::<[u8; 1000]>()).unwrap();
    assert_eq!(region.pointer(zeros).unwrap().len(), 1000);
    let address = region.pointer(block).unwrap().cast();
    assert_eq!(region.find(address), Ok(block));
    assert_eq!(Region::new().find(address), Err(FreeError::Foreign));
    region.free(block).unwrap();
    assert_eq!(region.pointer(block), Err(FreeError::NotHeld));
    let refused = region.allocate(Layout::new::<[u8; 2 * MIB]>()).unwrap_err();
    assert!(matches!(refused, AllocError::Limit { .. }));
    let stats: RegionStats = region.stats();
    assert!(stats.fragmentation() < 1.0 && stats.waste() < 1.0);
    region.free(zeros).unwrap();
    let collected: Collected = region.collect();
    assert_eq!(collected.chunks, 1);
    let options = RegionOptions { max_bytes: 1, ..options };
    assert!(matches!(Region::with_options(options), Err(OptionsError::Limit { .. })));
}

#[test]
fn lifetimes_are_clustered_and_decide_by_rules() {
    let mut lifetimes = Histogram::new();
    lifetimes.add(20.0, 1000);
    lifetimes.merge(&Histogram::from_bytes([1; BUCKETS]));
    let bucket = Histogram::bucket_of(20.0);
    assert_eq!(lifetimes.bytes()[bucket], 1001);
    assert!(Histogram::start_of(bucket) <= 20.0);
    let borders: Borders = lifetimes.borders(0.0, MOST_CLUSTERS).unwrap();
    assert!(borders.chosen().len() < MOST_CLUSTERS);
    let points = [Point::new(1.0, 1.0), Point::new(20.0, 1.0)];
    let clusters: Clusters = lifetime::cluster(&points, 2).unwrap();
    assert_eq!(clusters.borders(), [20.0]);
    assert_eq!(
        lifetime::cluster(&[Point::new(f64::NAN, 1.0)], 2),
        Err(ClusterError::Point { index: 0 })
    );
    let decision: Decision = lifetime::decide(&Evidence::default());
    assert_eq!((decision.strategy, decision.certainty), (Strategy::Leave, Certainty::Suggested));
    assert_eq!(decision.reason, Reason::FewSamples);
    static TABLE: Table<2> =
        Table::new([Entry::by_size(Strategy::Slab, 12, &[(0, Strategy::Region)]), Entry::NONE]);
    assert_eq!(TABLE.entry(Site::new(0)).strategy, Strategy::Slab);
    assert_eq!(TABLE.entry(Site::new(0)).strategy_of(1), Strategy::Region);
    assert_eq!(TABLE.entry(Site::new(u32::MAX)).size_class, 0); // of another table: gets some entry, nothing worse
}

#[cfg(feature = "debug")]
#[test]
fn handles_of_blocks_that_have_ended_are_refused_and_told() {
    use ralloc_core::debug::{self, Damage, Ended, Finding, Handle, How, Kind, LeakReport, Owner};
    use ralloc_core::debug::{DebugStats, LeakGroup, Place, Stale};

    debug::set_backtraces(false);
    debug::set_sink(|finding: &Finding| println!("{finding:#}"));
    debug::clear_sink();
    let mut arena = Arena::new();
    let handle: Handle = arena.handle_of(arena.alloc_layout(Layout::new::<u64>()).cast()).unwrap();
    assert!(handle.is_alive() && handle.get().is_ok() && arena.verify().is_ok());
    arena.reset();
    let (refused, found) = debug::catch(|| handle.get());
    let stale: Stale = refused.unwrap_err();
    assert_eq!((stale.finding().kind, stale.finding().owner), (found[0].kind, Owner::Arena));
    let (damage, ended): (Option<Damage>, &Option<Ended>) = (found[0].damage, &found[0].ended);
    assert_eq!((damage, ended.as_ref().map(|ended| ended.how)), (None, Some(How::Reset)));
    let place: &Place = found[0].used.as_ref().unwrap();
    let _of_the_environment = place.backtrace();
    assert!(place.location().line() > 0 && Kind::Kept.name() == "kept");
    let stats: DebugStats = debug::stats();
    assert!(stats.watched > 0 && debug::take_unheard().is_empty());
    let report: LeakReport = Slab::new(&SlabOptions::fixed(&[64], 1, MIB)).unwrap().leak_report();
    assert!(report.groups.iter().all(|group: &LeakGroup| group.count > 0));
}

/// Files and folders of `src/` in which `pub` does not reach users: private modules that export no
/// type and add no public method to one.
const PRIVATE: &[&str] = &[
    "debug/extent",
    "debug/ledger",
    "debug/watch",
    "layout",
    "lease",
    "limit",
    "memory/mapping",
    "memory/segment",
    "memory/shared_memory",
    "memory/wiped_on_fork",
    "node",
    "os",
    "random_tests",
    "region/bins",
    "region/chunks",
    "region/spans",
    "slab/dead_owners",
    "slab/handle",
    "setters",
    "slab/locks",
    "slab/registry",
    "slab/slot_table",
    "slab/transit",
    "slab/word",
    "sync",
];

/// The text of every other source file, with its path in `src/`.
fn public_sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for private in PRIVATE {
        let path = root.join(private);
        assert!(path.is_dir() || path.with_extension("rs").is_file(), "{private} is gone");
    }
    let mut folders = vec![root.clone()];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(&root).unwrap().with_extension("");
            if PRIVATE.iter().any(|private| name == Path::new(private)) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                sources.push((name.display().to_string(), fs::read_to_string(path).unwrap()));
            }
        }
    }
    sources
}

#[test]
fn every_public_item_is_used_here() {
    let used: Vec<&str> = include_str!("safe.rs").split(|c| !is_of_name(c)).collect();
    let sources = public_sources();
    assert!(sources.len() > 20, "the crate's own sources");
    for (file, source) in &sources {
        for name in source.lines().flat_map(public_names) {
            assert!(used.contains(&name), "{name} of {file} is public and not used in this file");
        }
    }
}

fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The names that a line of source makes public.
fn public_names(line: &str) -> Vec<&str> {
    let words: Vec<&str> = line.split(|c| !is_of_name(c)).filter(|word| !word.is_empty()).collect();
    match words[..] {
        _ if !line.trim_start().starts_with("pub ") || line.contains("fn $") => Vec::new(),
        ["pub", "unsafe", "fn", ..] => Vec::new(),
        ["pub", "use", ref names @ ..] => {
            names.iter().skip(1).copied().filter(|n| n != &"os").collect()
        }
        [
            "pub",
            "fn" | "struct" | "enum" | "trait" | "type" | "const" | "static" | "mod",
            "fn",
            name,
            ..,
        ] => vec![name],
        [
            "pub",
            "fn" | "struct" | "enum" | "trait" | "type" | "const" | "static" | "mod",
            name,
            ..,
        ] => vec![name],
        _ => Vec::new(), // a field
    }
}
