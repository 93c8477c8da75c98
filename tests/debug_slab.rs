//! Tests of misuse of a slab's blocks, and of the findings (feature `debug`).
#![cfg(all(feature = "debug", not(loom)))]

use ralloc_core::debug::{self, Finding, How, Kind, Place};
use ralloc_core::error::FreeError;
use ralloc_core::slab::{Slab, SlabOptions, ThreadCache};
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Duration;

fn slab() -> Arc<Slab> {
    Arc::new(Slab::new(&SlabOptions::fixed(&[64, 256], 64, 1 << 20)).unwrap())
}

fn free(slab: &Slab, block: NonNull<[u8]>) -> Result<(), FreeError> {
    // SAFETY: none for later uses of the block, which are the misuse to be found.
    unsafe { slab.deallocate(block.cast()) }
}

fn write(block: NonNull<[u8]>, offset: usize, byte: u8) {
    // SAFETY: within the slot, whose memory is the slab's.
    unsafe { block.cast::<u8>().add(offset).write(byte) };
}

fn content(block: NonNull<[u8]>) -> Vec<u8> {
    // SAFETY: as above.
    (0..block.len()).map(|offset| unsafe { block.cast::<u8>().add(offset).read() }).collect()
}

fn line(place: &Option<Place>) -> u32 {
    let location = place.as_ref().unwrap().location();
    assert!(location.file().ends_with("debug_slab.rs"), "{location}");
    location.line()
}

fn kinds(found: &[Finding]) -> Vec<Kind> {
    found.iter().map(|finding| finding.kind).collect()
}

#[test]
fn a_fresh_slot_is_ad_and_a_free_one_de() {
    let slab = slab();
    let block = slab.allocate(50).unwrap();
    assert_eq!(content(block), [0xAD; 64]);
    free(&slab, block).unwrap();
    assert_eq!(content(block), [0xDE; 64]);
}

#[test]
fn a_slot_that_is_freed_twice_is_told_with_three_lines() {
    let slab = slab();
    let allocated = line!() + 1;
    let block = slab.allocate(64).unwrap();
    // SAFETY: as above; the test is about the lines.
    unsafe { slab.deallocate(block.cast()) }.unwrap();
    let (refused, found) = debug::catch(|| {
        // SAFETY: none: the mistake.
        unsafe { slab.deallocate(block.cast()) }
    });
    assert_eq!(refused, Err(FreeError::NotHeld));
    let [finding] = &found[..] else { panic!("{found:?}") };
    assert_eq!((finding.kind, finding.size), (Kind::DoubleFree, 64));
    let ended = finding.ended.as_ref().unwrap();
    let lines = [&finding.allocated, &ended.place, &finding.used].map(line);
    assert_eq!(lines, [allocated, allocated + 2, allocated + 5]);
    let text = finding.to_string();
    assert!(text.contains("\n  freed at ") && text.contains("\n  freed again at "), "{text}");
}

#[test]
fn a_thread_s_cache_has_the_same_guards() {
    let slab = slab();
    let mut cache = ThreadCache::new(&slab).unwrap();
    let (_, found) = debug::catch(|| {
        let block = cache.allocate(64).unwrap();
        let other = cache.try_allocate(200).unwrap().unwrap();
        assert_eq!((content(block), content(other)), (vec![0xAD; 64], vec![0xAD; 256]));
        // SAFETY: as above.
        unsafe {
            cache.deallocate(block.cast()).unwrap();
            assert_eq!(cache.deallocate(block.cast()), Err(FreeError::NotHeld));
            write(block, 63, 1);
            assert_eq!(cache.allocate(64).unwrap(), block);
            cache.deallocate(block.cast()).unwrap();
            cache.deallocate(other.cast()).unwrap();
        }
        drop(cache);
        slab.verify().unwrap();
    });
    assert_eq!(kinds(&found), [Kind::DoubleFree, Kind::WriteAfterFree]);
    assert_eq!(found[1].ended.as_ref().unwrap().how, How::Freed);
    assert!(found.iter().all(|finding| line(&finding.allocated) > 0));
}

#[test]
fn a_write_beyond_a_slot_is_found_where_the_next_one_is_free() {
    let slab = slab();
    let mut blocks: Vec<_> = (0..64).map(|_| slab.allocate(64).unwrap()).collect();
    blocks.sort_unstable();
    blocks.iter().for_each(|&block| free(&slab, block).unwrap());
    // SAFETY: the slab's memory.
    unsafe { blocks[0].cast::<u8>().add(64).write(1) };
    let found = slab.verify().unwrap_err();
    assert_eq!(
        (kinds(&found), found[0].address),
        (vec![Kind::WriteAfterFree], blocks[1].addr().get())
    );
    assert!(slab.verify().is_ok(), "told once");
}

#[test]
fn a_handle_says_whether_its_slot_was_freed_also_when_it_is_another_s() {
    let slab = slab();
    let block = slab.allocate(64).unwrap();
    let handle = slab.handle_of(block.cast()).unwrap();
    assert_eq!(handle.get().unwrap(), block);
    free(&slab, block).unwrap();
    let again: Vec<_> = (0..64).map(|_| slab.allocate(64).unwrap()).collect();
    assert!(again.contains(&block));
    let (refused, found) = debug::catch(|| handle.get());
    assert_eq!(refused.unwrap_err().finding().ended.as_ref().unwrap().how, How::Freed);
    assert_eq!(kinds(&found), [Kind::UseAfterFree]);
    again.into_iter().for_each(|block| free(&slab, block).unwrap());
}

#[test]
fn what_is_out_is_reported_by_line_and_told_when_the_slab_is_dropped() {
    let (_, found) = debug::catch(|| {
        let slab = slab();
        let many: Vec<_> = (0..5).map(|_| slab.allocate(64).unwrap()).collect();
        let one = slab.allocate(256).unwrap();
        let gone = slab.allocate(256).unwrap();
        free(&slab, gone).unwrap();
        let report = slab.leak_report();
        assert_eq!((report.count, report.bytes), (6, 5 * 64 + 256));
        let groups: Vec<_> = report.groups.iter().map(|group| (group.count, group.bytes)).collect();
        assert_eq!(groups, [(5, 320), (1, 256)]);
        assert!(report.to_string().starts_with("6 blocks are out, 576 bytes\n  5, 320 bytes, "));
        free(&slab, one).unwrap();
        let _handle_that_goes_first = slab.handle_of(many[0].cast());
    });
    let [leak] = &found[..] else { panic!("{found:?}") };
    assert_eq!((leak.kind, leak.count, leak.size), (Kind::Leak, 5, 320));
    assert!(leak.to_string().contains("a slab was dropped with 5 of its blocks out, 320 bytes"));
}

#[test]
fn a_block_that_was_sent_is_the_receiver_s_with_its_bytes() {
    let (_, found) = debug::catch(|| {
        let slab = slab();
        let block = slab.allocate(64).unwrap();
        write(block, 3, 7);
        // SAFETY: the block is held, and the receiver's from then on.
        let token = unsafe { slab.send(block) }.unwrap();
        assert_eq!(free(&slab, block), Err(FreeError::NotHeld));
        assert_eq!(slab.leak_report().count, 1);
        assert_eq!(content(slab.receive(token).unwrap())[3], 7);
        free(&slab, block).unwrap();
    });
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn memory_that_went_back_to_the_system_is_no_finding() {
    let mut options = SlabOptions::fixed(&[4096], 64, 1 << 20);
    options.pools[0].min_count = 0;
    let (_, found) = debug::catch(|| {
        let slab = Slab::new(&options).unwrap();
        for _ in 0..3 {
            let blocks: Vec<_> = (0..64).map(|_| slab.allocate(4096).unwrap()).collect();
            blocks.into_iter().for_each(|block| free(&slab, block).unwrap());
            assert!(slab.trim(Duration::ZERO) > 0);
            slab.verify().unwrap();
        }
    });
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn threads_that_free_each_other_s_slots_cause_no_finding() {
    let slab = slab();
    let (sender, receiver) = std::sync::mpsc::channel::<usize>();
    let before = debug::stats();
    std::thread::scope(|threads| {
        threads.spawn({
            let slab = &slab;
            move || {
                let mut cache = ThreadCache::new(slab).unwrap();
                for round in 0..20_000 {
                    let Ok(block) = cache.allocate(64) else { continue };
                    write(block, round % 64, 1);
                    sender.send(block.cast::<u8>().as_ptr().expose_provenance()).unwrap();
                }
            }
        });
        threads.spawn(|| {
            for address in receiver {
                let block = NonNull::new(std::ptr::with_exposed_provenance_mut(address)).unwrap();
                // SAFETY: sent by its holder.
                unsafe { slab.deallocate(block) }.unwrap();
            }
        });
        (0..20).for_each(|_| slab.verify().unwrap());
    });
    assert_eq!(slab.leak_report().count, 0);
    let after = debug::stats();
    assert!(after.watched > before.watched + 64 && after.verified >= before.verified + 20);
}
