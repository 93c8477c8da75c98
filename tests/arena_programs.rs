//! Random allocator programs on the Rust arena against a reference model: overlap, alignment,
//! containment, limit, and contents after rewind and reset.
#![cfg(not(loom))]

use proptest::prelude::*;
use ralloc_core::error::{AllocError, RewindError};
use ralloc_core::memory::Depot;
use ralloc_core::memory::mapping::page_size;
use ralloc_core::sync::Arc;
use ralloc_core::{Arena, Checkpoint, Options};
use std::alloc::Layout;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;

const LIMIT: usize = 300_000;

#[derive(Clone, Debug)]
enum Step {
    Alloc {
        size: usize,
        align_log: u32,
        zeroed: bool,
    },
    Checkpoint,
    /// To one of all checkpoints ever made, the newest first.
    Rewind(usize),
    Scope {
        sizes: Vec<usize>,
        unwinds: bool,
    },
    Reserve(usize),
    ShrinkToFit,
    Reset,
    ResetAndShrink,
}

fn step() -> impl Strategy<Value = Step> {
    let size = || prop_oneof![4 => 0usize..200, 2 => 0usize..5000, 1 => 0usize..120_000];
    prop_oneof![
        16 => (size(), 0u32..13, any::<bool>())
            .prop_map(|(size, align_log, zeroed)| Step::Alloc { size, align_log, zeroed }),
        3 => Just(Step::Checkpoint),
        2 => (0usize..3).prop_map(Step::Rewind),
        1 => (prop::collection::vec(size(), 0..8), prop::bool::weighted(0.2))
            .prop_map(|(sizes, unwinds)| Step::Scope { sizes, unwinds }),
        1 => size().prop_map(Step::Reserve),
        1 => Just(Step::ShrinkToFit),
        1 => Just(Step::Reset),
        1 => Just(Step::ResetAndShrink),
    ]
}

struct Block {
    start: NonNull<u8>,
    len: usize,
    mark: u8,
}

/// A checkpoint of the model: the blocks that lived, and the epoch between resets.
struct Saved {
    checkpoint: Checkpoint,
    blocks: usize,
    epoch: usize,
    /// Whether an older one was rewound to since.
    void: bool,
}

struct World {
    arena: Arena,
    blocks: Vec<Block>,
    saved: Vec<Saved>,
    epoch: usize,
    marks: u8,
    align: usize,
}

/// Looks at both ends and every 16th byte: enough to see a neighbour's mark.
fn shows(start: NonNull<u8>, len: usize, mark: u8) -> bool {
    let mut offsets = (0..len).step_by(16).chain(len.checked_sub(1));
    // SAFETY: within a live block of the arena of the test.
    offsets.all(|at| unsafe { start.add(at).read() } == mark)
}

impl World {
    fn alloc(&mut self, size: usize, align: usize, zeroed: bool) -> Result<(), TestCaseError> {
        let before = self.arena.stats();
        let layout = Layout::from_size_align(size, align).unwrap();
        let block = if zeroed { self.arena.alloc_zeroed(layout) } else { self.arena.alloc(layout) };
        match block {
            Ok(block) => {
                let start = block.cast::<u8>();
                prop_assert_eq!(block.len(), size);
                prop_assert_eq!(start.addr().get() % align.max(self.align), 0);
                prop_assert!(!zeroed || shows(start, size, 0), "{} bytes not zero", size);
                let after = self.arena.stats();
                prop_assert!(after.allocated >= before.allocated + size);
                self.marks = self.marks % 250 + 1;
                // SAFETY: the block just handed out.
                unsafe { start.write_bytes(self.marks, size) };
                self.blocks.push(Block { start, len: size, mark: self.marks });
            }
            Err(AllocError::Limit { requested, used, limit }) => {
                prop_assert_eq!(limit, LIMIT);
                prop_assert!(requested.next_multiple_of(page_size()) > limit - used);
                prop_assert_eq!(self.arena.stats().allocated, before.allocated);
            }
            Err(error) => return Err(TestCaseError::fail(error.to_string())),
        }
        Ok(())
    }

    fn checkpoint(&mut self) {
        let (blocks, epoch) = (self.blocks.len(), self.epoch);
        let checkpoint = self.arena.checkpoint();
        self.saved.push(Saved { checkpoint, blocks, epoch, void: false });
    }

    fn rewind(&mut self, back: usize) -> Result<(), TestCaseError> {
        let Some(index) = self.saved.len().checked_sub(back + 1) else { return Ok(()) };
        let Saved { checkpoint, blocks, epoch, void } = self.saved.remove(index);
        let expected = match () {
            () if epoch != self.epoch => Err(RewindError::Stale),
            () if void => Err(RewindError::OutOfOrder),
            () => Ok(()),
        };
        prop_assert_eq!(self.arena.rewind(checkpoint), expected);
        if expected.is_ok() {
            self.blocks.truncate(blocks);
            self.saved[index..].iter_mut().for_each(|later| later.void = true);
        }
        Ok(())
    }

    fn scope(&mut self, sizes: &[usize], unwinds: bool) -> Result<(), TestCaseError> {
        let allocated = self.arena.stats().allocated;
        let arena = &mut self.arena;
        let ended = catch_unwind(AssertUnwindSafe(|| {
            arena.scope(|scope| {
                for size in sizes {
                    if let Ok(block) = scope.alloc(Layout::from_size_align(*size, 1).unwrap()) {
                        // SAFETY: the block just handed out.
                        unsafe { block.cast::<u8>().write_bytes(0xfe, *size) };
                    }
                }
                if unwinds {
                    std::panic::resume_unwind(Box::new(()));
                }
            })
        }));
        prop_assert_eq!(ended.is_err(), unwinds);
        prop_assert_eq!(self.arena.stats().allocated, allocated);
        Ok(())
    }

    fn reserve(&mut self, bytes: usize) -> Result<(), TestCaseError> {
        if self.arena.reserve(bytes).is_ok() {
            let (mapped, recycled) = (self.arena.stats().mapped, self.arena.stats().recycled);
            self.alloc(bytes, 1, false)?;
            let after = self.arena.stats();
            prop_assert_eq!((after.mapped, after.recycled), (mapped, recycled));
        }
        Ok(())
    }

    fn reset(&mut self) {
        self.blocks.clear();
        self.epoch += 1;
    }

    fn run(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match step {
            Step::Alloc { size, align_log, zeroed } => {
                self.alloc(*size, 1 << align_log, *zeroed)?
            }
            Step::Checkpoint => self.checkpoint(),
            Step::Rewind(back) => self.rewind(*back)?,
            Step::Scope { sizes, unwinds } => self.scope(sizes, *unwinds)?,
            Step::Reserve(bytes) => self.reserve(*bytes)?,
            Step::ShrinkToFit => drop(self.arena.shrink_to_fit()),
            Step::Reset => {
                self.arena.reset();
                self.reset();
            }
            Step::ResetAndShrink => {
                self.arena.reset_and_shrink();
                self.reset();
                prop_assert!(self.arena.stats().chunks <= 1);
            }
        }
        self.check()
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let stats = self.arena.stats();
        let usage = self.arena.chunk_usage();
        prop_assert!(stats.committed <= LIMIT && stats.peak <= LIMIT);
        prop_assert_eq!(usage.iter().map(|chunk| chunk.size).sum::<usize>(), stats.committed);
        prop_assert!(usage.iter().all(|chunk| chunk.used <= chunk.size));
        let bytes: usize = self.blocks.iter().map(|block| block.len).sum();
        prop_assert!(bytes <= stats.allocated);
        let mut ranges: Vec<_> = self.blocks.iter().filter(|block| block.len > 0).collect();
        ranges.sort_unstable_by_key(|block| block.start);
        for pair in ranges.windows(2) {
            prop_assert!(pair[0].start.addr().get() + pair[0].len <= pair[1].start.addr().get());
        }
        for block in &self.blocks {
            prop_assert!(shows(block.start, block.len, block.mark), "a block lost its bytes");
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_program_keeps_blocks_apart_aligned_and_intact(
        steps in prop::collection::vec(step(), 1..120),
        align_log in 0u32..13,
        first_chunk in 1usize..40_000,
    ) {
        let align = 1usize << align_log;
        let options = Options { limit: LIMIT, first_chunk, chunk_cap: 64 * 1024, align };
        let depot = Arc::new(Depot::new(1 << 20));
        let arena = Arena::with_depot(options, depot).unwrap();
        let (blocks, saved) = (Vec::new(), Vec::new());
        let mut world = World { arena, blocks, saved, epoch: 0, marks: 0, align };
        for step in &steps {
            world.run(step)?;
        }
    }
}
