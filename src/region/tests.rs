use super::{BEHIND, Block, GRANULE, MAX_ALIGN, MAX_GRANULES, Region, RegionOptions};
use crate::error::{AllocError, FreeError, OptionsError};
use crate::layout::MAX_BYTES;
use crate::memory::{MemoryOptions, page_size};
use crate::random_tests::rounds;
use std::alloc::Layout;

const KIB: usize = 1 << 10;

fn bytes(size: usize) -> Layout {
    Layout::array::<u8>(size).unwrap()
}

fn region(max_bytes: usize, first_chunk: usize, chunk_cap: usize) -> Region {
    let options = RegionOptions { max_bytes, first_chunk, chunk_cap, ..RegionOptions::default() };
    Region::with_options(options).unwrap()
}

/// Writes `byte` to all of a block.
pub(super) fn write(region: &Region, block: Block, byte: u8) {
    let bytes = region.pointer(block).unwrap();
    // SAFETY: the block is held, and the tests have no reference to it.
    unsafe { bytes.cast::<u8>().write_bytes(byte, bytes.len()) };
}

/// A copy of the bytes of a block that was zeroed or written.
pub(super) fn read(region: &Region, block: Block) -> Vec<u8> {
    // SAFETY: the block is held, initialised, and not written before the copy is made.
    unsafe { region.pointer(block).unwrap().as_ref() }.to_vec()
}

fn fill(region: &mut Region, size: usize) -> Vec<Block> {
    std::iter::from_fn(|| region.alloc(bytes(size)).ok()).collect()
}

#[test]
fn what_is_freed_in_any_order_is_one_span_again() {
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2], [2, 0, 3, 1]] {
        let mut region = Region::new();
        let blocks = [1000, 20, 40_000, 3].map(|size| region.alloc(bytes(size)).unwrap());
        assert_eq!((region.stats().blocks, region.stats().spans), (4, 5));
        for which in order {
            region.free(blocks[which]).unwrap();
            region.check().unwrap();
        }
        let stats = region.stats();
        assert_eq!((stats.blocks, stats.spans, stats.free), (0, 1, stats.reserved));
        assert_eq!((stats.fragmentation(), stats.waste()), (0.0, 0.0));
    }
}

#[test]
fn what_was_freed_last_serves_the_next_of_its_size() {
    let mut region = Region::new();
    let blocks: Vec<_> = (0..10).map(|_| region.alloc(bytes(65_001)).unwrap()).collect();
    let at = region.pointer(blocks[4]).unwrap();
    region.free(blocks[4]).unwrap();
    let again = region.alloc(bytes(65_001)).unwrap();
    assert_eq!(region.pointer(again), Ok(at));
    assert_ne!(again, blocks[4]);
}

#[test]
fn spans_in_the_bin_of_a_size_that_is_not_all_large_enough_are_found_before_it_grows() {
    let mut region = region(1 << 20, 256 * KIB, 256 * KIB);
    let first = region.alloc(bytes(100_000)).unwrap();
    region.alloc(bytes(16)).unwrap(); // keeps the first one's span apart
    region.alloc(bytes(region.stats().largest_free - BEHIND)).unwrap();
    region.free(first).unwrap();
    assert_eq!(region.stats().chunks, 1);
    // The size lies between two steps, so the next bin is searched first.
    region.alloc(bytes(99_000)).unwrap();
    assert_eq!(region.stats().chunks, 1);
    region.check().unwrap();
}

#[test]
fn blocks_are_aligned_as_they_are_asked_for_and_what_lies_before_them_stays_free() {
    let mut region = Region::new();
    for log in 0..=12 {
        region.alloc(bytes(24)).unwrap();
        let block = region.alloc(Layout::from_size_align(100, 1 << log).unwrap()).unwrap();
        let at = region.pointer(block).unwrap().cast::<u8>().addr().get();
        assert!(at.is_multiple_of(1 << log));
        region.check().unwrap();
    }
    let align = 2 * MAX_ALIGN;
    let error = region.alloc(Layout::from_size_align(1, align).unwrap());
    assert_eq!(error, Err(AllocError::Align { align, most: MAX_ALIGN }));
    let requested = MAX_GRANULES * 16 + 1;
    if let Ok(layout) = Layout::array::<u8>(requested) {
        let largest = MAX_GRANULES * 16;
        assert_eq!(region.alloc(layout), Err(AllocError::TooLarge { requested, largest }));
    }
    region.check().unwrap();
}

#[test]
fn blocks_of_no_bytes_are_blocks() {
    let mut region = Region::new();
    let two = [0, 0].map(|size| region.alloc(bytes(size)).unwrap());
    assert_ne!(region.pointer(two[0]), region.pointer(two[1]));
    assert_eq!(region.pointer(two[0]).unwrap().len(), 0);
    let each = match BEHIND {
        0 => GRANULE,
        zone => zone,
    };
    assert_eq!((region.stats().requested, region.stats().used), (0, 2 * each));
    two.into_iter().for_each(|block| region.free(block).unwrap());
    region.check().unwrap();
}

#[test]
fn a_block_that_is_larger_than_a_chunk_gets_one_of_its_own() {
    let mut region = region(64 << 20, 64 * KIB, 128 * KIB);
    let small = region.alloc(bytes(10)).unwrap();
    let large = region.alloc(bytes(20 << 20)).unwrap();
    assert_eq!((region.stats().chunks, region.pointer(large).unwrap().len()), (2, 20 << 20));
    region.free(large).unwrap();
    let collected = region.collect();
    assert_eq!((collected.chunks, region.stats().chunks), (1, 1));
    assert!(collected.bytes >= 20 << 20);
    region.free(small).unwrap();
    assert_eq!(region.collect().chunks, 1);
    assert_eq!(region.stats().reserved, 0);
    region.check().unwrap();
}

#[test]
fn the_limit_counts_chunks_and_records_and_leaves_room_for_both() {
    for size in [16, 100, 5000, 200_000] {
        let mut region = region(4 << 20, 64 * KIB, 1 << 20);
        let blocks = fill(&mut region, size);
        region.check().unwrap();
        let stats = region.stats();
        // The record of a block of one granule is twice as large as the block.
        let least = if size < 32 { 3 } else { 75 };
        let of_all = blocks.len() * size * 100 / stats.limit;
        assert!(of_all > least.min(size / 3), "{size}: {of_all} % of {stats:?}");
        let error = region.alloc(bytes(size)).unwrap_err();
        let used = stats.reserved + stats.metadata;
        assert_eq!(error, AllocError::Limit { requested: size, used, limit: 4 << 20 });
        assert_eq!(region.stats(), stats, "nothing has changed");
        for block in blocks {
            region.free(block).unwrap();
        }
        // Free chunks are given up for a block that fits none of them.
        let large = (4 << 20) - region.stats().metadata - 64 * KIB;
        region.alloc(bytes(large)).unwrap();
        region.check().unwrap();
    }
}

#[test]
fn collect_gives_free_pages_back_and_blocks_keep_their_bytes() {
    let mut region = region(64 << 20, 8 << 20, 8 << 20);
    let blocks = (0..700).map(|_| region.alloc(bytes(10_000)).unwrap()).collect::<Vec<_>>();
    for &block in &blocks {
        write(&region, block, 7);
    }
    let (kept, gone): (Vec<_>, Vec<_>) =
        blocks.iter().enumerate().partition(|(at, _)| at % 10 == 0);
    gone.iter().for_each(|&(_, &block)| region.free(block).unwrap());
    let resident = |region: &Region| region.chunks.get(0).unwrap().mapping.resident().unwrap();
    let before = (region.stats().committed, resident(&region));
    let collected = region.collect();
    assert_eq!((collected.chunks, region.collect().bytes), (0, 0));
    let after = (region.stats().committed, resident(&region));
    assert_eq!(before.0 - after.0, collected.bytes);
    assert!(collected.bytes > 5 << 20);
    if cfg!(target_os = "linux") {
        // The 70 blocks, each with a page on either side that it shares.
        assert!(after.1 < before.1 / 3 && after.1 <= 70 * (10_000 + 2 * page_size()), "{after:?}");
    }
    for &(_, &block) in &kept {
        assert_eq!(read(&region, block), [7; 10_000]);
    }
    // The bytes taken from a span whose pages were given back take memory again; the rest of the
    // span does not.
    let block = region.alloc(bytes(50_000)).unwrap();
    let more = region.stats().committed - after.0;
    assert!((50_000 - 2 * page_size()..50_000 + 2 * page_size()).contains(&more), "{more}");
    write(&region, block, 1);
    region.check().unwrap();
}

#[test]
fn memory_that_was_asked_to_stay_is_given_back_in_whole_chunks_alone() {
    let memory = MemoryOptions { prefault: true, ..MemoryOptions::default() };
    let mut region =
        Region::with_options(RegionOptions { memory, ..RegionOptions::default() }).unwrap();
    let (first, second) = (region.alloc(bytes(100_000)).unwrap(), region.alloc(bytes(9)).unwrap());
    assert_eq!(region.stats().committed, region.stats().reserved + region.stats().metadata);
    region.free(first).unwrap();
    assert_eq!(region.collect().bytes, 0);
    region.free(second).unwrap();
    assert_eq!(region.collect().chunks, 1);
    region.check().unwrap();
}

#[test]
fn wrong_frees_are_errors_by_their_names_and_change_nothing() {
    let (mut region, mut other) = (Region::new(), Region::new());
    let blocks = [300, 70_000, 20].map(|size| region.alloc(bytes(size)).unwrap());
    let foreign = other.alloc(bytes(300)).unwrap();
    let at = |block: Block, by: usize| {
        region.pointer(block).unwrap().cast::<u8>().map_addr(|at| at.saturating_add(by))
    };
    let (inside, last) = (at(blocks[1], 60_016), at(blocks[2], 19));
    let (odd, behind) = (at(blocks[0], 1), at(blocks[2], (20 + BEHIND).next_multiple_of(GRANULE)));
    let stats = region.stats();
    for (address, error) in [
        (inside, FreeError::Interior),
        (last, FreeError::Interior),
        (odd, FreeError::Interior),
        (behind, FreeError::NotHeld),
        (other.pointer(foreign).unwrap().cast(), FreeError::Foreign),
    ] {
        assert_eq!(region.find(address), Err(error));
        // SAFETY: it is not the address of a block.
        assert_eq!(unsafe { region.deallocate(address) }, Err(error));
    }
    assert_eq!(region.free(foreign), Err(FreeError::Foreign));
    assert_eq!(region.pointer(foreign), Err(FreeError::Foreign));
    assert_eq!(region.stats(), stats);
    region.check().unwrap();
}

#[test]
fn old_handles_stay_refused_when_their_records_and_chunks_have_come_again() {
    let mut region = region(1 << 20, 64 * KIB, 64 * KIB);
    let mut old = Vec::new();
    for round in 1..=1 + rounds(18) {
        let blocks = fill(&mut region, 1000 * round);
        assert!(blocks.iter().all(|block| !old.contains(block)));
        for &block in &old {
            assert_eq!(region.free(block), Err(FreeError::NotHeld));
        }
        for block in blocks {
            region.free(block).unwrap();
            old.push(block);
        }
        region.collect();
        region.check().unwrap();
    }
}

#[test]
fn options_that_contradict_each_other_are_refused() {
    let make = |max_bytes, first_chunk, chunk_cap| {
        let memory = MemoryOptions::default();
        Region::with_options(RegionOptions { max_bytes, first_chunk, chunk_cap, memory }).err()
    };
    for (first, cap) in [(0, 0), (0, KIB), (2 * KIB, KIB), (1, MAX_BYTES + 1)] {
        assert_eq!(make(1 << 20, first, cap), Some(OptionsError::ChunkSize { first, cap }));
    }
    let Some(OptionsError::Limit { least, limit: 100 }) = make(100, 64 * KIB, 64 * KIB) else {
        panic!("a limit below one chunk")
    };
    assert!(matches!(make(least - 1, 64 * KIB, 64 * KIB), Some(OptionsError::Limit { .. })));
    assert_eq!(make(least, 64 * KIB, 64 * KIB), None);
    // This limit is enough for a block.
    region(least, 64 * KIB, 64 * KIB).alloc(bytes(60 * KIB)).unwrap();
    assert!(matches!(make(MAX_BYTES, MAX_BYTES, MAX_BYTES), Some(OptionsError::Limit { .. })));
}

#[test]
fn chunks_of_a_region_that_is_dropped_go_to_the_depot() {
    let memory = MemoryOptions { prefault: true, ..MemoryOptions::default() };
    let options = RegionOptions { memory, first_chunk: 80 * KIB, ..RegionOptions::default() };
    let depot = crate::memory::depot::of(memory);
    let mut region = Region::with_options(options).unwrap();
    region.alloc(bytes(9)).unwrap();
    let hits = depot.stats().hits;
    drop(region);
    Region::with_options(options).unwrap().alloc(bytes(9)).unwrap();
    assert!(depot.stats().hits > hits);
}

#[test]
// Windows and the heap commit the memory of a whole chunk, and few machines have that much.
#[cfg(not(any(ralloc_os = "windows", ralloc_os = "heap")))]
fn chunks_that_are_asked_for_beyond_the_largest_are_as_large_as_can_be() {
    for first_chunk in [32 << 30, (32 << 30) + 1, 64 << 30] {
        let options = RegionOptions {
            max_bytes: 1 << 45,
            first_chunk,
            chunk_cap: first_chunk,
            ..RegionOptions::default()
        };
        let mut region = Region::with_options(options).unwrap();
        for _ in 0..2000 {
            region.alloc(Layout::array::<u8>(3000).unwrap()).unwrap();
        }
        assert_eq!(region.stats().chunks, 1, "{first_chunk}");
    }
}
