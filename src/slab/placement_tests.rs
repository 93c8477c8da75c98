//! Tests of slabs with options for their memory: what they get, and what is left of one that was
//! refused.

use super::placement::Users;
use super::{PoolOptions, SegmentOptions, Slab, SlabOptions};
use crate::error::{MapError, SegmentError, SegmentField, SlabError};
use crate::memory::segment::tests::{LONG, Owned};
use crate::memory::{HugePages, MemoryOptions, late_access};
use std::fs;

fn with(memory: MemoryOptions) -> SlabOptions {
    SlabOptions { memory, ..SlabOptions::fixed(&[4096], 64, 1 << 20) }
}

fn on_node(node: u32) -> SlabOptions {
    with(MemoryOptions { numa_node: Some(node), ..MemoryOptions::default() })
}

fn how() -> SegmentOptions {
    SegmentOptions { wait: LONG, ..SegmentOptions::default() }
}

fn node(slab: &Slab) -> Option<u32> {
    slab.pools.slots.lock().mapping.node().unwrap()
}

fn resident(slab: &Slab) -> usize {
    slab.pools.slots.lock().mapping.resident().unwrap()
}

/// Whether this machine has NUMA nodes, and programs may choose one.
fn there_are_nodes() -> bool {
    Slab::new(&on_node(0)).is_ok()
}

#[test]
fn a_growing_slab_prefaults_what_comes_and_no_more() {
    let _alone = late_access();
    let pool = PoolOptions { size: 4096, count: 10, max_count: 1 << 14, min_count: 0 };
    let memory = MemoryOptions { prefault: true, ..MemoryOptions::default() };
    let slab = Slab::new(&SlabOptions { pools: vec![pool], max_bytes: 1 << 20, memory }).unwrap();
    assert_eq!(resident(&slab), 10 * 4096);
    for _ in 0..11 {
        slab.allocate(4096).unwrap();
    }
    let count = slab.stats()[0].count;
    assert!(count > 10 && resident(&slab) == count * 4096);
    while slab.allocate(4096).is_ok() {}
    assert_eq!(resident(&slab), slab.stats()[0].count * 4096);
    assert!(resident(&slab) < 1 << 20);
}

#[test]
fn a_wish_comes_too_late_after_the_first_slot_of_this_mapping() {
    let slab = Slab::shared(&SlabOptions::fixed(&[64], 16, 1 << 20)).unwrap();
    let other = Slab::attach(slab.share().unwrap()).unwrap();
    let block = slab.allocate(64).unwrap();
    let used = |slots| Err(SlabError::Used { slots });
    assert_eq!((slab.bind(0), slab.lock()), (used(1), used(1)));
    assert_eq!(other.bind(0), used(1), "somebody has a slot");
    if let Err(error) = other.lock() {
        assert!(matches!(error, SlabError::Map(MapError::System { syscall: "mlock", .. })));
    }
    // SAFETY: held by the test, and not used afterwards.
    unsafe { slab.deallocate(block.cast()) }.unwrap();
    assert_eq!((slab.bind(0), slab.lock()), (used(0), used(0)));
    if there_are_nodes() {
        assert_eq!(other.bind(0), Ok(()));
        assert_eq!(node(&slab), Some(0), "it is the memory's");
        let third = Slab::attach(slab.share().unwrap()).unwrap();
        assert_eq!(node(&third), Some(0));
    }
}

#[test]
fn a_block_that_is_handed_out_while_a_lock_is_refused_keeps_its_bytes() {
    let pool = PoolOptions { size: 4096, count: 8, max_count: 1 << 14, min_count: 8 };
    let options = SlabOptions { pools: vec![pool], ..SlabOptions::fixed(&[4096], 1, 1 << 20) };
    let slab = Slab::new(&options).unwrap();
    let mut block = None;
    let refused = slab.pools.before_first_use(Users::OfThisMapping, |slots| {
        // As another thread would, after the check of what was claimed: claims take no lock.
        block = Some(slab.allocate(4096).unwrap().cast::<u8>());
        // SAFETY: held by the test, here and below.
        unsafe { block.unwrap().write(7) };
        let there = 8 * 4096;
        slots.lock(&[(0, there), (slots.len() - 4096, 4096)]) // nobody can lock what is not committed
    });
    assert!(matches!(refused, Err(SlabError::Map(MapError::System { syscall: "mlock", .. }))));
    // SAFETY: as above.
    assert_eq!(unsafe { block.unwrap().read() }, 7);
}

#[test]
fn who_attaches_does_not_bind_anew() {
    if !there_are_nodes() {
        return;
    }
    let slab = Slab::shared(&on_node(0)).unwrap();
    assert_eq!(node(&slab), Some(0));
    slab.pools.slots.lock().mapping.unbind();
    let other = Slab::attach(slab.share().unwrap()).unwrap();
    assert_eq!((node(&other), node(&slab)), (None, None));
}

#[test]
fn the_node_of_a_segment_is_that_of_whoever_made_it() {
    if !there_are_nodes() {
        return;
    }
    let name = Owned::new();
    let first = Slab::create(&name.0, &on_node(0), &how()).unwrap();
    let second = Slab::open(&name.0, LONG).unwrap();
    let third = Slab::open_or_create(&name.0, &on_node(0), &how()).unwrap();
    assert_eq!([&first, &second, &third].map(node), [Some(0); 3]);
    let error = Slab::open_or_create(&name.0, &on_node(5), &how()).unwrap_err();
    let (field, found, expected) = (SegmentField::NumaNode, 0, 5);
    assert_eq!(error, SlabError::Segment(SegmentError::Invalid { field, found, expected }));
    let unnamed = Slab::anonymous(&on_node(0), &how()).unwrap();
    let inherited = Slab::from_fd(unnamed.descriptor().unwrap()).unwrap();
    assert_eq!(node(&inherited), Some(0));
}

#[test]
fn memory_that_is_there_has_the_node_that_it_has() {
    let name = Owned::new();
    let slab = Slab::create(&name.0, &SlabOptions::fixed(&[64], 8, 1 << 20), &how()).unwrap();
    let memory = on_node(0).memory;
    let refused = |error| matches!(error, SlabError::Map(MapError::Unsupported { .. }));
    assert!(refused(Slab::open_with(&name.0, LONG, memory).unwrap_err()));
    let unnamed = Slab::anonymous(&SlabOptions::fixed(&[64], 8, 1 << 20), &how()).unwrap();
    let descriptor = unnamed.descriptor().unwrap();
    assert!(refused(Slab::from_fd_with(&descriptor, memory).unwrap_err()));
    assert_eq!(slab.registry().alive() + unnamed.registry().alive(), 2);
}

#[test]
fn what_is_refused_leaves_no_segment() {
    let require = MemoryOptions { huge_pages: HugePages::Require, ..MemoryOptions::default() };
    for options in [with(require), on_node(1023)] {
        let name = Owned::new();
        for make in [Slab::create, Slab::open_or_create] {
            make(&name.0, &options, &how()).unwrap_err();
            assert!(fs::metadata(name.path()).is_err());
        }
        assert!(Slab::anonymous(&options, &how()).is_err());
    }
}
