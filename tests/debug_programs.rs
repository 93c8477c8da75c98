//! Random programs on watched arenas and slabs (feature `debug`). Writes within blocks are never a
//! finding, and every planted damage is found where it is.
#![cfg(all(feature = "debug", not(loom)))]

use proptest::prelude::*;
use ralloc_core::debug::{self, Kind};
use ralloc_core::memory::Depot;
use ralloc_core::slab::{Slab, SlabOptions};
use ralloc_core::{Arena, Checkpoint};
use std::alloc::Layout;
use std::ptr::NonNull;
use std::sync::Arc;

#[derive(Clone, Debug)]
enum Step {
    Alloc {
        size: usize,
        align_log: u32,
    },
    /// Ends the block, in a slab.
    Free(usize),
    Checkpoint,
    Rewind(usize),
    Reset,
    Shrink,
    /// Writes this far behind or before a block.
    Overrun {
        block: usize,
        behind: bool,
        by: usize,
    },
    /// Writes to a block that has ended and whose memory nobody has got since.
    WriteAfter {
        block: usize,
        at: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let size = prop_oneof![4 => 1..200usize, 2 => 200..6000usize, 1 => 30_000..90_000usize];
    prop_oneof![
        12 => (size, 0..8u32).prop_map(|(size, align_log)| Step::Alloc { size, align_log }),
        3 => any::<usize>().prop_map(Step::Free),
        2 => Just(Step::Checkpoint),
        2 => any::<usize>().prop_map(Step::Rewind),
        1 => Just(Step::Reset),
        1 => Just(Step::Shrink),
        2 => (any::<usize>(), any::<bool>(), 0..32usize)
            .prop_map(|(block, behind, by)| Step::Overrun { block, behind, by }),
        2 => any::<(usize, usize)>().prop_map(|(block, at)| Step::WriteAfter { block, at }),
    ]
}

type Block = NonNull<[u8]>;

/// Writes a byte that is neither a zone's nor poison.
fn write(block: Block, offset: isize) {
    // SAFETY: memory of the arena or the slab: of a block, or the damage that is planted.
    unsafe { block.cast::<u8>().as_ptr().offset(offset).write(0x11) };
}

fn fill(block: Block) {
    (0..block.len().cast_signed()).for_each(|offset| write(block, offset));
}

fn overlap(a: Block, b: Block) -> bool {
    let (a, b) = [a, b].map(|block| (block.addr().get(), block.addr().get() + block.len())).into();
    a.0 < b.1 && b.0 < a.1
}

fn on_an_arena(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let depot = Arc::new(Depot::new(8 << 20));
    let builder = Arena::builder().first_chunk(16 << 10).chunk_cap(64 << 10).limit(1 << 20);
    let mut arena = builder.depot(depot).build().unwrap();
    let mut alive: Vec<Block> = Vec::new();
    let mut dead: Vec<Block> = Vec::new();
    let mut checkpoints: Vec<(Checkpoint, usize)> = Vec::new();
    for step in steps {
        match step {
            Step::Alloc { size, align_log } => {
                let layout = Layout::from_size_align(size, 1 << align_log).unwrap();
                let Ok(block) = arena.try_alloc_layout(layout) else { continue };
                prop_assert!(!alive.iter().any(|&other| overlap(other, block)));
                fill(block);
                // With its zones the block may reach into others.
                let from = NonNull::new(block.cast::<u8>().as_ptr().wrapping_sub(160)).unwrap();
                let around = NonNull::slice_from_raw_parts(from, size + 320);
                dead.retain(|&other| !overlap(other, around));
                alive.push(block);
            }
            Step::Checkpoint => checkpoints.push((arena.checkpoint(), alive.len())),
            Step::Rewind(which) if !checkpoints.is_empty() => {
                let (checkpoint, len) = checkpoints.swap_remove(which % checkpoints.len());
                if arena.rewind(checkpoint).is_ok() {
                    checkpoints.retain(|(_, other)| *other <= len);
                    dead.extend(alive.drain(len..));
                }
            }
            Step::Reset => {
                arena.reset();
                checkpoints.clear();
                dead.append(&mut alive);
            }
            Step::Shrink => {
                arena.shrink_to_fit();
                dead.clear(); // the memory may be gone
            }
            Step::Overrun { block, behind, by } if !alive.is_empty() => {
                let block = alive[block % alive.len()];
                let by = by.cast_signed();
                let offset = if behind { block.len().cast_signed() + by } else { -1 - by };
                write(block, offset);
                let found = arena.verify().unwrap_err();
                prop_assert_eq!((found.len(), found[0].kind), (1, Kind::Overrun));
                prop_assert_eq!(found[0].address, block.addr().get());
                prop_assert_eq!(found[0].damage.unwrap().offset, offset);
            }
            // The memory of a block with its own chunk is in the depot.
            Step::WriteAfter { block, at } if !dead.is_empty() => {
                let block = dead[block % dead.len()];
                if block.len() > 20_000 {
                    continue;
                }
                write(block, (at % block.len()).cast_signed());
                let found = arena.verify().unwrap_err();
                prop_assert_eq!((found.len(), found[0].kind), (1, Kind::WriteAfterFree));
                prop_assert_eq!(found[0].damage.unwrap().offset as usize, at % block.len());
            }
            _ => {}
        }
        prop_assert!(arena.verify().is_ok());
    }
    Ok(())
}

fn on_a_slab(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let slab = Slab::new(&SlabOptions::fixed(&[64, 1024, 8192], 12, 1 << 20)).unwrap();
    let mut alive: Vec<Block> = Vec::new();
    let mut dead: Vec<Block> = Vec::new();
    for step in steps {
        match step {
            Step::Alloc { size, .. } => {
                let Ok(block) = slab.allocate(size) else { continue };
                prop_assert!(!alive.iter().any(|&other| overlap(other, block)));
                fill(block);
                dead.retain(|&other| !overlap(other, block));
                alive.push(block);
            }
            Step::Free(which) if !alive.is_empty() => {
                let block = alive.swap_remove(which % alive.len());
                // SAFETY: held; later damage to it is planted.
                unsafe { slab.deallocate(block.cast()) }.unwrap();
                dead.push(block);
            }
            Step::WriteAfter { block, at } if !dead.is_empty() => {
                let block = dead[block % dead.len()];
                write(block, (at % block.len()).cast_signed());
                let found = slab.verify().unwrap_err();
                prop_assert_eq!((found.len(), found[0].kind), (1, Kind::WriteAfterFree));
                prop_assert_eq!(found[0].address, block.addr().get());
                prop_assert_eq!(found[0].damage.unwrap().offset as usize, at % block.len());
            }
            _ => {}
        }
        prop_assert!(slab.verify().is_ok());
        prop_assert_eq!(slab.leak_report().count, alive.len());
    }
    for block in alive {
        // SAFETY: held, and not used afterwards.
        unsafe { slab.deallocate(block.cast()) }.unwrap();
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..Default::default() })]

    #[test]
    fn an_arena_s_findings_are_what_was_planted(steps in prop::collection::vec(step(), 1..80)) {
        let (result, found) = debug::catch(|| on_an_arena(steps));
        result?;
        prop_assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn a_slab_s_findings_are_what_was_planted(steps in prop::collection::vec(step(), 1..80)) {
        let (result, found) = debug::catch(|| on_a_slab(steps));
        result?;
        prop_assert!(found.is_empty(), "{found:?}");
    }
}
