//! Tests of misuse of a region's pointers, and of the findings (feature `debug`).
#![cfg(all(feature = "debug", not(loom)))]

use ralloc_core::Region;
use ralloc_core::debug::{self, Finding, How, Kind};
use ralloc_core::error::FreeError;
use std::alloc::Layout;
use std::ptr::NonNull;

fn bytes(size: usize) -> Layout {
    Layout::array::<u8>(size).unwrap()
}

fn write(block: NonNull<[u8]>, offset: isize) {
    // SAFETY: the region's memory. This is the misuse to be found.
    unsafe { block.cast::<u8>().as_ptr().offset(offset).write(0x11) };
}

fn free(region: &mut Region, block: NonNull<[u8]>) -> Result<(), FreeError> {
    // SAFETY: as above.
    unsafe { region.deallocate(block.cast()) }
}

fn kinds(found: &[Finding]) -> Vec<(Kind, Option<isize>)> {
    let offset = |finding: &Finding| finding.damage.map(|damage| damage.offset);
    found.iter().map(|finding| (finding.kind, offset(finding))).collect()
}

#[test]
fn a_byte_written_behind_a_block_is_told_when_it_is_freed() {
    for size in [0, 1, 15, 16, 100, 70_000, 3 << 20] {
        let mut region = Region::new();
        let (_, found) = debug::catch(|| {
            let block = region.allocate(bytes(size)).unwrap();
            assert_eq!(block.len(), size);
            write(block, size.cast_signed());
            free(&mut region, block).unwrap();
        });
        assert_eq!(kinds(&found), [(Kind::Overrun, Some(size.cast_signed()))], "{size}");
        assert_eq!(found[0].ended.as_ref().unwrap().how, How::Freed);
    }
}

#[test]
fn a_write_to_a_freed_block_is_told_by_verify_or_when_its_memory_is_used_again() {
    let mut region = Region::new();
    let _kept = region.alloc(bytes(100)).unwrap();
    let block = region.alloc(bytes(1000)).unwrap();
    let stale = region.pointer(block).unwrap();
    region.free(block).unwrap();
    // SAFETY: the region's memory.
    assert_eq!(unsafe { stale.cast::<u8>().add(999).read() }, 0xDE);
    write(stale, 999);
    assert_eq!(kinds(&region.verify().unwrap_err()), [(Kind::WriteAfterFree, Some(999))]);
    region.verify().unwrap();
    write(stale, 0);
    let (again, found) = debug::catch(|| region.allocate(bytes(1000)).unwrap());
    assert_eq!((again, kinds(&found)), (stale, vec![(Kind::WriteAfterFree, Some(0))]));
}

#[test]
fn a_second_free_by_the_address_is_told_with_the_first() {
    let mut region = Region::new();
    let _kept = region.alloc(bytes(100)).unwrap();
    let block = region.allocate(bytes(64)).unwrap();
    free(&mut region, block).unwrap();
    let (refused, found) = debug::catch(|| free(&mut region, block));
    assert_eq!(refused, Err(FreeError::NotHeld));
    assert_eq!(kinds(&found), [(Kind::DoubleFree, None)]);
    assert!(found[0].used.is_some() && found[0].ended.is_some());
}

#[test]
fn what_is_out_is_reported_by_line_and_no_finding_when_the_region_is_dropped() {
    let (_, found) = debug::catch(|| {
        let mut region = Region::new();
        let blocks: Vec<_> = (0..7).map(|_| region.alloc(bytes(1000)).unwrap()).collect();
        region.alloc(bytes(10)).unwrap();
        region.free(blocks[0]).unwrap();
        let groups = region.leak_report().groups;
        let counts: Vec<_> = groups.iter().map(|group| (group.count, group.bytes)).collect();
        assert_eq!(counts, [(6, 6000), (1, 10)]);
        let pointer = region.pointer(blocks[1]).unwrap();
        assert!(region.handle_of(pointer.cast()).unwrap().is_alive());
        assert_eq!(region.stats().requested, 6010, "without the zones");
    });
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn memory_that_went_back_to_the_system_is_no_finding() {
    let (_, found) = debug::catch(|| {
        let mut region = Region::new();
        for round in 0..4 {
            let blocks: Vec<_> =
                (0..200).map(|size| region.alloc(bytes(size * 37)).unwrap()).collect();
            let zero = region.alloc_zeroed(bytes(5000)).unwrap();
            let zero = region.pointer(zero).unwrap();
            // SAFETY: held, and zeroed.
            assert!(unsafe { zero.as_ref() }.iter().all(|&byte| byte == 0));
            for bytes in blocks.iter().map(|&block| region.pointer(block).unwrap()) {
                // SAFETY: held.
                unsafe { bytes.cast::<u8>().write_bytes(1, bytes.len()) };
            }
            for block in blocks.into_iter().skip(round % 2) {
                region.free(block).unwrap();
            }
            region.verify().unwrap();
            if round % 2 == 1 {
                region.collect();
            }
        }
    });
    assert!(found.is_empty(), "{found:?}");
}
