//! Random programs on a region, against a list of the blocks held, and a long one with stamped
//! blocks.

use super::tests::{read, write};
use super::{Block, Region, RegionOptions};
use crate::error::{AllocError, FreeError};
use crate::random_tests::{cases, rounds};
use proptest::prelude::*;
use std::alloc::Layout;
use std::collections::BTreeMap;
use std::ptr::NonNull;

#[derive(Clone, Debug)]
enum Step {
    Alloc { size: usize, align_log: u32, zeroed: bool },
    Allocate { size: usize },
    Free { which: usize },
    Deallocate { which: usize },
    FreeTwice { which: usize },
    FreeStale { which: usize },
    FreeOther { which: usize },
    Misplaced { which: usize, by: usize },
    Collect,
}

fn step() -> impl Strategy<Value = Step> {
    let size = || prop_oneof![4 => 0..200usize, 4 => 0..8000usize, 2 => 0..60_000usize, 1 => 0..300_000usize];
    let which = any::<usize>;
    let align = prop_oneof![4 => Just(0), 1 => 0..13u32];
    prop_oneof![
        10 => (size(), align, any::<bool>())
            .prop_map(|(size, align_log, zeroed)| Step::Alloc { size, align_log, zeroed }),
        4 => size().prop_map(|size| Step::Allocate { size }),
        9 => which().prop_map(|which| Step::Free { which }),
        3 => which().prop_map(|which| Step::Deallocate { which }),
        1 => which().prop_map(|which| Step::FreeTwice { which }),
        1 => which().prop_map(|which| Step::FreeStale { which }),
        1 => which().prop_map(|which| Step::FreeOther { which }),
        2 => (which(), which()).prop_map(|(which, by)| Step::Misplaced { which, by }),
        2 => Just(Step::Collect),
    ]
}

/// A block that is out, and the byte that fills it.
struct Held {
    block: Block,
    bytes: NonNull<[u8]>,
    stamp: u8,
}

impl Held {
    fn first(&self) -> NonNull<u8> {
        self.bytes.cast()
    }
}

/// Faster in a debug build than comparing each byte.
fn all_are(bytes: &[u8], stamp: u8) -> bool {
    let Some((&last, rest)) = bytes.split_last() else { return true };
    last == stamp && *rest == bytes[1..]
}

struct World {
    region: Region,
    other: Region,
    held: Vec<Held>,
    stale: Vec<Block>,
    stamp: u8,
}

impl World {
    fn new(options: RegionOptions) -> World {
        let region = Region::with_options(options).unwrap();
        let (held, stale) = (Vec::new(), Vec::new());
        World { region, other: Region::new(), held, stale, stamp: 0 }
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Alloc { size, align_log, zeroed } => {
                let layout = Layout::from_size_align(size, 1 << align_log).unwrap();
                let made = match zeroed {
                    true => self.region.alloc_zeroed(layout),
                    false => self.region.alloc(layout),
                };
                match made {
                    Ok(block) => self.note(block, layout, zeroed),
                    Err(error) => self.expect_full(error, layout),
                }
            }
            Step::Allocate { size } => {
                let layout = Layout::from_size_align(size, 1).unwrap();
                match self.region.allocate(layout) {
                    Ok(bytes) => {
                        let block = self.region.find(bytes.cast()).unwrap();
                        assert_eq!(self.region.pointer(block), Ok(bytes));
                        self.note(block, layout, false);
                    }
                    Err(error) => self.expect_full(error, layout),
                }
            }
            Step::Free { which } => {
                let Some(held) = self.take(which) else { return };
                assert_eq!(self.region.free(held.block), Ok(()));
            }
            Step::Deallocate { which } => {
                let Some(held) = self.take(which) else { return };
                // SAFETY: the world uses no block that it has freed.
                assert_eq!(unsafe { self.region.deallocate(held.first()) }, Ok(()));
            }
            Step::FreeTwice { which } => {
                let Some(held) = self.take(which) else { return };
                assert_eq!(self.region.free(held.block), Ok(()));
                assert_eq!(self.region.free(held.block), Err(FreeError::NotHeld));
                // SAFETY: returns an error, because nothing was allocated since.
                let again = unsafe { self.region.deallocate(held.first()) };
                assert!(matches!(again, Err(FreeError::NotHeld)));
            }
            Step::FreeStale { which } if !self.stale.is_empty() => {
                let block = self.stale[which % self.stale.len()];
                assert_eq!(self.region.free(block), Err(FreeError::NotHeld));
                assert_eq!(self.region.pointer(block), Err(FreeError::NotHeld));
            }
            Step::FreeOther { which } => {
                let block = self.other.alloc(Layout::new::<u64>()).unwrap();
                assert_eq!(self.region.free(block), Err(FreeError::Foreign));
                let address = self.other.pointer(block).unwrap().cast();
                assert_eq!(self.region.find(address), Err(FreeError::Foreign));
                if let Some(held) = self.held.get(which) {
                    assert_eq!(self.other.free(held.block), Err(FreeError::Foreign));
                }
                self.other.free(block).unwrap();
            }
            Step::Misplaced { which, by } if !self.held.is_empty() => {
                let held = &self.held[which % self.held.len()];
                if held.bytes.len() > 1 {
                    let by = 1 + by % (held.bytes.len() - 1);
                    let address = held.first().map_addr(|at| at.saturating_add(by));
                    assert_eq!(self.region.find(address), Err(FreeError::Interior));
                }
            }
            Step::Collect => {
                let before = self.region.stats();
                let collected = self.region.collect();
                let after = self.region.stats();
                assert!(after.committed <= before.committed);
                assert_eq!(after.chunks + collected.chunks, before.chunks);
                assert_eq!((after.used, after.blocks), (before.used, before.blocks));
                assert_eq!(self.region.collect().bytes, 0, "all of it at once");
            }
            _ => {}
        }
    }

    fn take(&mut self, which: usize) -> Option<Held> {
        if self.held.is_empty() {
            return None;
        }
        let held = self.held.swap_remove(which % self.held.len());
        self.verify(&held);
        self.stale.push(held.block);
        Some(held)
    }

    fn note(&mut self, block: Block, layout: Layout, zeroed: bool) {
        self.stamp = self.stamp.wrapping_add(1).max(1);
        let bytes = self.region.pointer(block).unwrap();
        assert_eq!(bytes.len(), layout.size());
        assert!(!zeroed || all_are(&read(&self.region, block), 0));
        write(&self.region, block, self.stamp);
        assert!(bytes.cast::<u8>().addr().get().is_multiple_of(layout.align().max(16)));
        assert_eq!(self.region.find(bytes.cast()), Ok(block));
        self.held.push(Held { block, bytes, stamp: self.stamp });
    }

    fn verify(&self, held: &Held) {
        assert!(all_are(&read(&self.region, held.block), held.stamp), "a foreign byte");
        assert_eq!(self.region.pointer(held.block), Ok(held.bytes), "it has moved");
    }

    /// Checks that an allocation was refused only if no free span and not even the limit has the
    /// room.
    fn expect_full(&self, error: AllocError, layout: Layout) {
        let AllocError::Limit { requested, used, limit } = error else { panic!("{error:?}") };
        let stats = self.region.stats();
        assert_eq!((requested, used), (layout.size(), stats.reserved + stats.metadata));
        assert_eq!(limit, stats.limit);
        let need = layout.size() + layout.align() + 16;
        let left = limit - used;
        // A chunk is whole pages, and needs records for itself and the block in addition to the
        // existing ones.
        let chunk = need.next_multiple_of(super::depot::global().options().granule()) + (8 << 10);
        let no_records = left < 8 * 32;
        assert!(no_records || stats.largest_free < need + need / 32 + 16, "{stats:?} {error:?}");
        assert!(left < chunk + need / 512, "{stats:?} {error:?}");
    }

    fn check(&self) {
        self.region.check().unwrap();
        let stats = self.region.stats();
        assert_eq!(stats.blocks, self.held.len());
        let requested: usize = self.held.iter().map(|held| held.bytes.len()).sum();
        assert_eq!(stats.requested, requested);
        let mut ends = BTreeMap::new();
        for held in &self.held {
            let start = held.first().addr().get();
            ends.insert(start, start + held.bytes.len());
        }
        assert_eq!(ends.len(), self.held.len(), "two at one address");
        let next = ends.keys().skip(1);
        assert!(ends.values().zip(next).all(|(end, next)| end <= next), "two overlap");
    }
}

fn small() -> RegionOptions {
    let (max_bytes, first_chunk, chunk_cap) = (1 << 20, 16 << 10, 128 << 10);
    RegionOptions { max_bytes, first_chunk, chunk_cap, ..RegionOptions::default() }
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn blocks_keep_their_bytes_and_spans_their_order_whatever_a_program_does(
        steps in prop::collection::vec(step(), 1..300),
    ) {
        let mut world = World::new(small());
        for step in steps {
            world.run(step);
            world.check();
        }
        world.held.iter().for_each(|held| world.verify(held));
        while world.take(0).map(|held| world.region.free(held.block).unwrap()).is_some() {}
        world.check();
        world.region.collect();
        prop_assert_eq!(world.region.stats().reserved, 0);
    }
}

/// Uniform numbers, the same in every run: xorshift from a fixed seed.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % end
    }
}

/// Blocks of 0 bytes to 64 KiB, small ones more often, that live for different times.
/// `RALLOC_SOAK=10000000` is the long form.
#[test]
fn a_long_program_finds_its_own_stamp_at_both_ends_of_every_block() {
    let steps =
        std::env::var("RALLOC_SOAK").map_or(rounds(100_000), |steps| steps.parse().unwrap());
    let options = RegionOptions { max_bytes: 48 << 20, ..RegionOptions::default() };
    let mut region = Region::with_options(options).unwrap();
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let mut held: Vec<(Block, u64)> = Vec::new();
    let verify = |region: &Region, block: Block, stamp: u64| {
        let bytes = region.pointer(block).unwrap();
        let first = bytes.cast::<[u8; 8]>();
        // SAFETY: the block is held, of 16 bytes at least, and stamped at both ends.
        let ends = unsafe { [first.read(), first.byte_add(bytes.len() - 8).read()] };
        assert_eq!(ends, [stamp.to_ne_bytes(); 2]);
    };
    let (mut refused, mut collected) = (0, 0);
    for step in 0..steps {
        // More and fewer blocks by turns, so that the limit is reached, and chunks come and go.
        let grows = numbers.below(100) < if step / 20_000 % 2 == 0 { 55 } else { 45 };
        if grows || held.is_empty() {
            let most = 64 << numbers.below(11);
            let size = numbers.below(most);
            let layout = Layout::from_size_align(size, 1 << numbers.below(7)).unwrap();
            match region.alloc(layout) {
                Ok(block) if size < 16 => {
                    write(&region, block, 0xFF);
                    region.free(block).unwrap();
                }
                Ok(block) => {
                    let stamp = step as u64;
                    let first = region.pointer(block).unwrap().cast::<[u8; 8]>();
                    // SAFETY: the block is held, of 16 bytes at least.
                    unsafe {
                        first.write(stamp.to_ne_bytes());
                        first.byte_add(size - 8).write(stamp.to_ne_bytes());
                    }
                    held.push((block, stamp));
                }
                Err(error) => {
                    assert!(matches!(error, AllocError::Limit { .. }), "{error:?}");
                    refused += 1;
                }
            }
        } else {
            let (block, stamp) = held.swap_remove(numbers.below(held.len()));
            verify(&region, block, stamp);
            region.free(block).unwrap();
            assert_eq!(region.free(block), Err(FreeError::NotHeld));
        }
        if step % 9973 == 0 {
            collected += region.collect().bytes;
            region.check().unwrap();
        }
    }
    held.iter().for_each(|&(block, stamp)| verify(&region, block, stamp));
    let stats = region.stats();
    assert_eq!(stats.blocks, held.len());
    println!("{steps} steps, {refused} refused, {collected} bytes collected, {stats:?}");
    held.into_iter().for_each(|(block, _)| region.free(block).unwrap());
    region.check().unwrap();
}
