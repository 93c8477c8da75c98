//! Tests of the slab through its public API, on one thread.
#![cfg(not(loom))]

use ralloc_core::Slab;
use ralloc_core::error::{FreeError, SlabError};
use ralloc_core::slab::{PoolOptions, SlabOptions, ThreadCache};
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Duration;

const MIB: usize = 1 << 20;

fn slab(sizes: &[usize], count: u32) -> Arc<Slab> {
    Arc::new(Slab::new(&SlabOptions::fixed(sizes, count, 64 * MIB)).unwrap())
}

fn free(slab: &Slab, block: NonNull<[u8]>) -> Result<(), FreeError> {
    // SAFETY: the tests use no block that they have freed.
    unsafe { slab.deallocate(block.cast()) }
}

fn free_cached(cache: &mut ThreadCache, block: NonNull<[u8]>) -> Result<(), FreeError> {
    // SAFETY: as above.
    unsafe { cache.deallocate(block.cast()) }
}

fn address(block: NonNull<[u8]>) -> usize {
    block.cast::<u8>().addr().get()
}

fn fill(block: NonNull<[u8]>, value: u8) {
    // SAFETY: a live block of the test.
    unsafe { block.cast::<u8>().write_bytes(value, block.len()) }
}

#[test]
fn a_block_comes_from_the_smallest_pool_that_fits() {
    let slab = slab(&[8, 64, 4096], 4);
    let sizes = [(0, 8), (1, 8), (8, 8), (9, 64), (64, 64), (65, 4096), (4096, 4096)];
    for (requested, size) in sizes {
        let block = slab.allocate(requested).unwrap();
        assert_eq!(block.len(), size, "{requested} bytes");
        assert_eq!(address(block) % size, 0, "aligned to its size");
        fill(block, 1);
        free(&slab, block).unwrap();
    }
    let error = slab.allocate(4097).unwrap_err();
    assert_eq!(error, SlabError::TooLarge { requested: 4097, largest: 4096 });
    assert!(slab.allocate(usize::MAX).is_err());
}

#[test]
fn an_exhausted_pool_promotes_and_try_allocate_stays() {
    let slab = slab(&[64, 256], 2);
    let blocks: Vec<_> = (0..4).map(|_| slab.allocate(64).unwrap()).collect();
    assert_eq!(blocks.iter().map(|block| block.len()).collect::<Vec<_>>(), [64, 64, 256, 256]);
    assert_eq!(slab.try_allocate(64), Ok(None));
    let error = slab.allocate(64).unwrap_err();
    assert_eq!(error, SlabError::Exhausted { requested: 64, size: 256 });
    let stats = slab.stats();
    assert_eq!((stats[0].promotions, stats[0].exhaustions, stats[0].peak), (2, 1, 2));
    free(&slab, blocks[1]).unwrap();
    assert_eq!(slab.try_allocate(10).unwrap(), Some(blocks[1]));
}

#[test]
fn foreign_interior_and_free_addresses_are_told_apart() {
    let slab = slab(&[64, 128], 4);
    let block = slab.allocate(100).unwrap();
    let inside = |offset| NonNull::new(block.cast::<u8>().as_ptr().wrapping_add(offset)).unwrap();
    // SAFETY: none of these is a held block.
    let refused = |at: NonNull<u8>| unsafe { slab.deallocate(at) }.unwrap_err();
    assert_eq!(refused(NonNull::from(&mut 0u8)), FreeError::Foreign);
    assert_eq!(refused(inside(1)), FreeError::Interior);
    assert_eq!(refused(inside(64)), FreeError::Interior, "no slot of the smaller pool");
    assert_eq!(refused(inside(128)), FreeError::NotHeld, "the next slot");
    assert_eq!(refused(inside(4 * 128)), FreeError::Foreign, "behind the last slot");
    free(&slab, block).unwrap();
    assert_eq!(free(&slab, block), Err(FreeError::NotHeld), "twice");
    assert_eq!(slab.stats()[1].refused, 4);
    assert_eq!(slab.stats()[1].free, 4);
}

#[test]
fn options_that_cannot_be_are_refused_by_name() {
    let pool = |size, count, max_count| PoolOptions { size, count, max_count, min_count: count };
    let make = |pools: &[PoolOptions], max_bytes| {
        Slab::new(&SlabOptions { pools: pools.to_vec(), max_bytes, memory: Default::default() })
            .map(|_| ())
            .unwrap_err()
    };
    assert_eq!(make(&[], MIB), SlabError::Pools { given: 0, most: 31 });
    assert_eq!(make(&[pool(8, 1, 1); 32], MIB), SlabError::Pools { given: 32, most: 31 });
    assert_eq!(make(&[pool(4, 1, 1)], MIB), SlabError::Size { index: 0, size: 4 });
    assert_eq!(make(&[pool(0, 1, 1)], MIB), SlabError::Size { index: 0, size: 0 });
    assert_eq!(make(&[pool(8, 1, 1), pool(24, 1, 1)], MIB), SlabError::Size { index: 1, size: 24 });
    assert_eq!(make(&[pool(16, 1, 1), pool(8, 1, 1)], MIB), SlabError::Order { index: 1, size: 8 });
    assert_eq!(make(&[pool(8, 1, 1), pool(8, 1, 1)], MIB), SlabError::Order { index: 1, size: 8 });
    let counts = |count, least, most| SlabError::Count { index: 0, count, least, most };
    let none = make(&[pool(8, 0, 0)], MIB);
    assert_eq!(none, counts(0, 0, 0));
    assert_eq!(none.to_string(), "the max_count of pool 0 is 0: it must be at least 1");
    let above = make(&[pool(8, 9, 8)], MIB);
    assert_eq!(above, counts(9, 9, 8));
    assert_eq!(above.to_string(), "the count of pool 0, 9, is greater than its max_count, 8");
    let least = PoolOptions { size: 8, count: 5, max_count: 10, min_count: 6 };
    let below = make(&[least], MIB);
    assert_eq!(below, counts(5, 6, 10));
    assert_eq!(below.to_string(), "the count of pool 0, 5, is less than its min_count, 6");
    let huge = pool(1 << 40, u32::MAX, u32::MAX);
    assert_eq!(make(&[huge], MIB), SlabError::Footprint { bytes: usize::MAX, limit: MIB });
    let said = make(&[huge], usize::MAX).to_string();
    assert_eq!(said, "the pools take more bytes than a slab can have");
    let SlabError::Footprint { bytes, limit } = make(&[pool(4096, 256, 256)], MIB) else {
        panic!()
    };
    assert!(bytes > MIB && bytes < MIB + 16 * 1024 && limit == MIB, "the records count: {bytes}");
    Slab::new(&SlabOptions {
        pools: vec![pool(4096, 256, 256)],
        max_bytes: bytes,
        memory: Default::default(),
    })
    .unwrap();
}

#[test]
fn a_magazine_serves_what_was_freed_last() {
    let slab = slab(&[64], 1024);
    let mut cache = ThreadCache::new(&slab).unwrap();
    let first = cache.allocate(64).unwrap();
    let second = cache.allocate(64).unwrap();
    assert_ne!(first, second);
    free_cached(&mut cache, first).unwrap();
    assert_eq!(cache.allocate(1).unwrap(), first);
    assert_eq!(free_cached(&mut cache, second), Ok(()));
    assert_eq!(free_cached(&mut cache, second), Err(FreeError::NotHeld), "twice");
    let stats = slab.stats()[0];
    assert_eq!(stats.held, 1);
    assert_eq!(stats.held + stats.cached + stats.free, 1024);
    drop(cache);
    assert_eq!(slab.stats()[0].cached, 0, "flushed");
    free(&slab, first).unwrap();
    assert_eq!(slab.stats()[0].free, 1024);
}

#[test]
fn a_magazine_never_holds_more_than_its_share() {
    let slab = slab(&[64], 256);
    let mut cache = ThreadCache::new(&slab).unwrap();
    let all: Vec<_> = (0..256).map(|_| cache.allocate(64).unwrap()).collect();
    assert!(cache.allocate(64).is_err());
    for block in all {
        free_cached(&mut cache, block).unwrap();
        assert!(cache.cached(0) <= 64);
    }
    let others: Vec<_> = (0..7).map(|_| ThreadCache::new(&slab).unwrap()).collect();
    let block = cache.allocate(64).unwrap();
    cache.flush();
    free_cached(&mut cache, block).unwrap();
    let blocks: Vec<_> = (0..20).map(|_| cache.allocate(64).unwrap()).collect();
    for block in blocks {
        free_cached(&mut cache, block).unwrap();
        assert!(cache.cached(0) <= 256 / (4 * 8), "{}", cache.cached(0));
    }
    drop(others);
}

#[test]
fn a_pool_too_small_to_share_has_no_magazines() {
    let slab = slab(&[64], 3);
    let mut cache = ThreadCache::new(&slab).unwrap();
    let block = cache.allocate(64).unwrap();
    assert_eq!(slab.stats()[0].cached, 0);
    free_cached(&mut cache, block).unwrap();
    assert_eq!((slab.stats()[0].cached, slab.stats()[0].free), (0, 3));
}

#[test]
fn a_pool_grows_from_nothing_and_back_to_its_least() {
    let growing = |count, min_count| {
        let pools = vec![PoolOptions { size: 4096, count, max_count: 1 << 20, min_count }];
        let options = SlabOptions { pools, max_bytes: 4 * MIB, memory: Default::default() };
        Slab::new(&options).unwrap()
    };
    let slab = growing(0, 0);
    assert_eq!((slab.stats()[0].count, slab.footprint()), (0, 4 * MIB), "of the 4 GiB");
    assert_eq!(slab.committed(), 0);
    let block = slab.allocate(1).unwrap();
    assert!((MIB..MIB + 8192).contains(&slab.committed()), "a segment and its records");
    assert_eq!(slab.stats()[0].count, 256);
    free(&slab, block).unwrap();
    assert_eq!(slab.trim(Duration::ZERO), MIB);
    assert_eq!(slab.committed(), 0);
    assert_eq!((slab.stats()[0].count, slab.stats()[0].max_count), (0, 1 << 20));
    slab.allocate(1).unwrap();
    let slab = growing(512, 256);
    assert_eq!(slab.trim(Duration::ZERO), MIB);
    assert_eq!(slab.stats()[0].count, 256);
}

#[test]
fn a_limit_below_the_slots_from_the_start_is_refused() {
    let pools = vec![PoolOptions { size: 4096, count: 256, max_count: 1024, min_count: 1 }];
    let options =
        |max_bytes| SlabOptions { pools: pools.clone(), max_bytes, memory: Default::default() };
    let Err(SlabError::Footprint { bytes, limit }) = Slab::new(&options(MIB)).map(drop) else {
        panic!()
    };
    assert!(bytes > MIB && limit == MIB, "{bytes}");
    assert_eq!(Slab::new(&options(bytes)).unwrap().stats()[0].count, 256);
}

#[test]
fn a_segment_with_a_held_slot_is_never_dropped() {
    let pools = vec![PoolOptions { size: 65536, count: 1, max_count: 64, min_count: 1 }];
    let slab =
        Slab::new(&SlabOptions { pools, max_bytes: 8 * MIB, memory: Default::default() }).unwrap();
    let blocks: Vec<_> = (0..64).map(|_| slab.allocate(65536).unwrap()).collect();
    fill(blocks[20], 9);
    for (index, &block) in blocks.iter().enumerate() {
        if index != 20 {
            free(&slab, block).unwrap();
        }
    }
    assert_eq!(slab.trim(Duration::ZERO), 3 * MIB, "the one in use stays, and is the least");
    // SAFETY: the block is held.
    assert_eq!(unsafe { blocks[20].cast::<u8>().read() }, 9);
    assert_eq!((slab.stats()[0].held, slab.stats()[0].count), (1, 16));
}

#[test]
fn a_slab_that_can_grow_cannot_be_shared() {
    let pools = vec![PoolOptions { size: 64, count: 1, max_count: 2, min_count: 1 }];
    let options = SlabOptions { pools, max_bytes: MIB, memory: Default::default() };
    let error = Slab::shared(&options).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("can grow"), "{error}");
    assert!(Slab::new(&options).unwrap().share().is_none());
}

#[test]
fn a_thread_cache_finds_the_pool_of_every_block_in_any_order() {
    // A large pool before many small ones, and sizes above a page, so that ranges have all lengths.
    let pool = |(size, count)| PoolOptions { size, count, max_count: count, min_count: count };
    let counts =
        [(8, 100_000), (16, 1), (64, 3), (128, 1), (1024, 70), (4096, 2), (8192, 1), (65536, 5)];
    let pools = counts.map(pool).to_vec();
    let options = SlabOptions { pools, max_bytes: 64 * MIB, memory: Default::default() };
    let slab = Arc::new(Slab::new(&options).unwrap());
    let mut cache = ThreadCache::new(&slab).unwrap();
    let mut blocks = Vec::new();
    for (size, count) in counts {
        blocks.extend((0..count).map(|_| cache.try_allocate(size).unwrap().unwrap()));
    }
    let behind = |block: NonNull<[u8]>| block.cast::<u8>().addr().get() + block.len();
    let end = blocks.iter().map(|&block| behind(block)).max().unwrap();
    for at in [1, end, usize::MAX] {
        let foreign = NonNull::new(std::ptr::without_provenance_mut(at)).unwrap();
        // SAFETY: none of these is a block of the slab.
        assert_eq!(unsafe { cache.deallocate(foreign) }, Err(FreeError::Foreign), "{at:#x}");
    }
    let step = blocks.len() / 2 + 2;
    for turn in 0..step {
        for &block in blocks.iter().skip(turn).step_by(step) {
            let inside = block.cast::<u8>().map_addr(|at| at.saturating_add(block.len() / 2));
            // SAFETY: not the first byte of a block.
            assert_eq!(unsafe { cache.deallocate(inside) }, Err(FreeError::Interior));
            assert_eq!(free_cached(&mut cache, block), Ok(()));
        }
    }
    cache.flush();
    assert!(slab.stats().iter().all(|pool| pool.free == pool.count));
}
