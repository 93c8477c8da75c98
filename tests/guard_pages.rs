//! Inaccessible pages lie on either side of chunks and of a slab's slots, with any features: a
//! child that touches one is ended by a signal.
#![cfg(all(unix, not(loom)))]

use ralloc_core::slab::SlabOptions;
use ralloc_core::{Arena, Region, Slab};
use std::alloc::Layout;
use std::mem::ManuallyDrop;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

const TEST: &str = "a_write_just_outside_of_the_memory_ends_the_process";
const BEHIND: &str = "behind";

/// The first byte of an owner's memory from the system, and the byte behind the last one.
type Memory = fn() -> (*mut u8, *mut u8);

fn arena() -> (*mut u8, *mut u8) {
    let arena = Arena::builder().first_chunk(64 << 10).build().unwrap();
    let block = arena.alloc_layout(Layout::new::<u8>()).cast::<u8>().as_ptr();
    // Less than a page lies before the first block of the first chunk.
    let page = ralloc_core::memory::page_size();
    let start = block.map_addr(|address| address & !(page - 1));
    let end = start.wrapping_add(arena.chunk_usage()[0].size);
    let _ = ManuallyDrop::new(arena);
    (start, end)
}

fn oversize() -> (*mut u8, *mut u8) {
    let arena = Arena::builder().limit(64 << 20).build().unwrap();
    let block = arena.alloc_layout(Layout::array::<u8>(8 << 20).unwrap()).cast::<u8>().as_ptr();
    let page = ralloc_core::memory::page_size();
    let start = block.map_addr(|address| address & !(page - 1));
    let usage = arena.chunk_usage();
    let end = start.wrapping_add(usage[usage.len() - 1].size);
    let _ = ManuallyDrop::new(arena);
    (start, end)
}

fn slab() -> (*mut u8, *mut u8) {
    of_slab(Slab::new(&SlabOptions::fixed(&[4096], 16, 1 << 20)).unwrap())
}

fn shared_slab() -> (*mut u8, *mut u8) {
    of_slab(Slab::shared(&SlabOptions::fixed(&[4096], 16, 1 << 20)).unwrap())
}

fn of_slab(slab: Slab) -> (*mut u8, *mut u8) {
    let mut blocks: Vec<*mut u8> =
        (0..16).map(|_| slab.allocate(4096).unwrap().cast::<u8>().as_ptr()).collect();
    blocks.sort_unstable();
    let _ = ManuallyDrop::new(slab);
    (blocks[0], blocks[15].wrapping_add(4096))
}

fn region() -> (*mut u8, *mut u8) {
    let mut region = Region::new();
    let block = region.allocate(Layout::array::<u8>(4096).unwrap()).unwrap().cast::<u8>().as_ptr();
    let page = ralloc_core::memory::page_size();
    let start = block.map_addr(|address| address & !(page - 1));
    let end = start.wrapping_add(region.stats().reserved);
    let _ = ManuallyDrop::new(region);
    (start, end)
}

const OWNERS: [(&str, Memory); 5] = [
    ("arena", arena),
    ("oversize", oversize),
    ("slab", slab),
    ("shared slab", shared_slab),
    ("region", region),
];

/// Runs in the child: writes to the first or the last byte of the memory, reports that, and writes
/// to the byte outside.
fn touch(owner: &str, side: &str) {
    let (_, memory) = OWNERS.iter().find(|(name, _)| *name == owner).unwrap();
    let (start, end) = memory();
    let (inside, outside) = match side == BEHIND {
        true => (end.wrapping_sub(1), end),
        false => (start, start.wrapping_sub(1)),
    };
    // SAFETY: the owner's memory, which is never freed.
    unsafe { inside.write_volatile(1) };
    eprintln!("inside");
    // SAFETY: none; the page exists to end the process that does this.
    unsafe { outside.write_volatile(1) };
    eprintln!("outside");
}

#[test]
fn a_write_just_outside_of_the_memory_ends_the_process() {
    if let Ok(what) = std::env::var("RALLOC_TEST_TOUCH") {
        let (owner, side) = what.split_once(',').unwrap();
        return touch(owner, side);
    }
    for (owner, _) in OWNERS {
        for side in ["before", BEHIND] {
            let mut child = Command::new(std::env::current_exe().unwrap());
            let child = child.args([TEST, "--exact", "--nocapture", "--test-threads=1"]);
            let output =
                child.env("RALLOC_TEST_TOUCH", format!("{owner},{side}")).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(said.contains("inside") && !said.contains("outside"), "{owner} {side}: {said}");
            let signal = output.status.signal();
            assert!(matches!(signal, Some(7 | 10 | 11)), "{owner} {side}: {:?}", output.status);
        }
    }
}
