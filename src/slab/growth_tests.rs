//! Tests that pools grow to the last slot that their counts and the limit allow.

use super::options::charge;
use super::{PoolOptions, Slab, SlabOptions};
use crate::error::SlabError;
use crate::random_tests::rounds;
use std::time::Duration;

const MIB: usize = 1 << 20;

fn growing(size: usize, count: usize, max_count: usize) -> PoolOptions {
    let [count, max_count] = [count, max_count].map(|slots| slots as u32);
    PoolOptions { size, count, max_count, min_count: count }
}

fn make(pools: &[PoolOptions], max_bytes: usize) -> Result<Slab, SlabError> {
    Slab::new(&SlabOptions { pools: pools.to_vec(), max_bytes, memory: Default::default() })
}

fn fill(slab: &Slab, size: usize) -> Vec<std::ptr::NonNull<[u8]>> {
    std::iter::from_fn(|| slab.try_allocate(size).unwrap()).collect()
}

#[test]
fn a_pool_grows_to_the_last_slot_that_the_limit_holds() {
    for size in [8, 64, 4096, 65536, MIB] {
        for slots in [1, 2, 3, 63, 64, 65, 100, 255, 256, 257, 1000].map(rounds) {
            let limit = charge(size, slots);
            for (limit, expected) in [(limit, slots), (limit - 1, slots - 1)] {
                let Ok(slab) = make(&[growing(size, 0, rounds(1 << 14))], limit) else {
                    assert_eq!(expected, 0, "{size} {limit}");
                    continue;
                };
                assert_eq!(fill(&slab, size).len(), expected, "{size} {limit}");
                assert_eq!(slab.committed(), charge(size, expected));
                slab.check().unwrap();
            }
        }
    }
}

#[test]
fn a_limit_that_is_lowered_bounds_growth_and_takes_nothing_away() {
    let slab = make(&[growing(4096, 10, 1000)], MIB).unwrap();
    slab.set_limit(charge(4096, 5));
    assert_eq!(fill(&slab, 4096).len(), 10);
    slab.set_limit(charge(4096, 12));
    assert_eq!(fill(&slab, 4096).len(), 2);
    slab.set_limit(usize::MAX);
    fill(&slab, 4096);
    assert!(slab.committed() <= MIB && slab.committed() > MIB - 2 * charge(4096, 1));
    slab.check().unwrap();
}

#[test]
fn a_pool_begins_with_just_its_count_and_grows_to_just_its_most() {
    for slots in [[1, 1000], [10, 11], [255, 257], [256, 512], [300, 1000]] {
        let [count, most] = slots.map(rounds);
        let limit = charge(4096, most);
        let slab = make(&[growing(4096, count, most)], limit).unwrap();
        assert_eq!(slab.stats()[0].count, count);
        assert_eq!(slab.committed(), charge(4096, count));
        assert_eq!(fill(&slab, 4096).len(), most);
        slab.check().unwrap();
    }
}

#[test]
fn a_limit_that_holds_no_slot_of_a_pool_beside_what_the_others_keep_is_refused_by_the_least() {
    let pools = [growing(64, 10, 100), growing(4096, 0, 100)];
    let bytes = charge(64, 10) + charge(4096, 1);
    assert_eq!(
        make(&pools, bytes - 1).err(),
        Some(SlabError::Footprint { bytes, limit: bytes - 1 })
    );
    let slab = make(&pools, bytes).unwrap();
    assert_eq!(slab.allocate(4096).map(|block| block.len()), Ok(4096));
    let first = [growing(64, 10, 100), growing(4096, 3, 100)];
    let bytes = charge(64, 10) + charge(4096, 3);
    assert_eq!(
        make(&first, bytes - 1).err(),
        Some(SlabError::Footprint { bytes, limit: bytes - 1 })
    );
    assert!(make(&first, bytes).is_ok());
}

#[test]
fn the_first_slot_of_one_pool_leaves_room_for_the_others() {
    for limit in [16 << 10, 64 << 10, MIB, 3 * MIB] {
        let sizes = [64, 256, 1024];
        let slab = make(&sizes.map(|size| growing(size, 0, 1 << 20)), limit).unwrap();
        for size in sizes {
            assert!(slab.try_allocate(size).unwrap().is_some(), "{size} in {limit}");
        }
    }
}

#[test]
fn a_segment_of_which_some_slots_are_there_goes_when_it_idles_and_comes_whole() {
    let limit = charge(4096, 300);
    let options = PoolOptions { min_count: 0, ..growing(4096, 10, 1 << 12) };
    let slab = make(&[options], limit).unwrap();
    assert_eq!(slab.trim(Duration::ZERO), 10 * 4096);
    assert_eq!((slab.committed(), slab.stats()[0].count), (0, 0));
    for _ in 0..3 {
        let blocks = fill(&slab, 4096);
        assert_eq!(blocks.len(), 300);
        for block in blocks {
            // SAFETY: a live block of the test, which is not used again.
            unsafe {
                block.cast::<u8>().write_bytes(7, 4096);
                slab.deallocate(block.cast()).unwrap();
            }
        }
        slab.check().unwrap();
        assert_eq!(slab.trim(Duration::ZERO), 300 * 4096);
        assert_eq!(slab.committed(), 0);
        slab.check().unwrap();
    }
}
