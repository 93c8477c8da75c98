//! Random allocator programs on the arena for many threads: on one thread against a reference
//! model, and on several threads against what must hold in any order.
#![cfg(not(loom))]

use proptest::prelude::*;
use ralloc_core::error::AllocError;
use ralloc_core::memory::{Depot, page_size};
use ralloc_core::{ArenaOptions, Local, SyncArena};
use std::alloc::Layout;
use std::ptr::NonNull;
use std::sync::Arc;
use std::thread;

const LIMIT: usize = 300_000;

#[derive(Clone, Debug)]
enum Step {
    Alloc {
        size: usize,
        align_log: u32,
        zeroed: bool,
    },
    Text(usize),
    Numbers(usize),
    Reserve(usize),
    /// Opens a handle, or drops the open one.
    Handle,
}

fn alloc() -> impl Strategy<Value = Step> {
    let size = prop_oneof![4 => 0usize..200, 2 => 0usize..5000, 1 => 0usize..120_000];
    (size, 0u32..14, any::<bool>()).prop_map(|(size, align_log, zeroed)| Step::Alloc {
        size,
        align_log,
        zeroed,
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => alloc(),
        4 => (0usize..300).prop_map(Step::Text),
        4 => (0usize..300).prop_map(Step::Numbers),
        1 => (0usize..50_000).prop_map(Step::Reserve),
        2 => Just(Step::Handle),
    ]
}

#[derive(Clone, Copy)]
struct Block {
    start: NonNull<u8>,
    len: usize,
    mark: u8,
}

// SAFETY: a block is read by the thread that has it.
unsafe impl Send for Block {}

impl Block {
    fn new(bytes: NonNull<[u8]>, mark: u8) -> Block {
        let block = Block { start: bytes.cast(), len: bytes.len(), mark };
        // SAFETY: the block just handed out.
        unsafe { block.start.write_bytes(mark, block.len) };
        block
    }

    /// Compares both ends and every 16th byte, which is enough to see a neighbour's mark.
    fn intact(&self, mark: u8) -> bool {
        let mut offsets = (0..self.len).step_by(16).chain(self.len.checked_sub(1));
        // SAFETY: within a live block of the arena of the test.
        offsets.all(|at| unsafe { self.start.add(at).read() } == mark)
    }
}

fn apart(blocks: &[Block]) -> bool {
    let ranges = blocks.iter().filter(|block| block.len > 0);
    let mut ranges: Vec<_> = ranges.map(|block| (block.start.addr().get(), block.len)).collect();
    ranges.sort_unstable();
    ranges.windows(2).all(|pair| pair[0].0 + pair[0].1 <= pair[1].0)
}

/// Where a step allocates.
enum Place<'a> {
    Arena(&'a SyncArena<16>),
    Handle(Local<'a, 16>),
}

impl Place<'_> {
    fn run(&self, step: &Step) -> Result<Option<NonNull<[u8]>>, AllocError> {
        let text = |len: usize| "é".repeat(len);
        let bytes = |text: &mut str| {
            assert!(text.chars().all(|letter| letter == 'é'));
            NonNull::slice_from_raw_parts(NonNull::from(&mut *text).cast(), text.len())
        };
        let numbers = |numbers: &mut [u64]| {
            assert!(numbers.iter().enumerate().all(|(index, number)| *number == index as u64));
            NonNull::slice_from_raw_parts(NonNull::from(&mut *numbers).cast(), size_of_val(numbers))
        };
        Ok(Some(match (self, step) {
            (_, Step::Alloc { size, align_log, zeroed }) => {
                let layout = Layout::from_size_align(*size, 1 << align_log).unwrap();
                match (self, zeroed) {
                    (Place::Arena(arena), true) => arena.try_alloc_layout_zeroed(layout)?,
                    (Place::Arena(arena), false) => arena.try_alloc_layout(layout)?,
                    (Place::Handle(local), true) => local.try_alloc_layout_zeroed(layout)?,
                    (Place::Handle(local), false) => local.try_alloc_layout(layout)?,
                }
            }
            (Place::Arena(arena), Step::Text(len)) => bytes(arena.try_alloc_str(&text(*len))?),
            (Place::Handle(local), Step::Text(len)) => bytes(local.try_alloc_str(&text(*len))?),
            (Place::Arena(arena), Step::Numbers(len)) => {
                numbers(arena.try_alloc_slice_fill_with(*len, |index| index as u64)?)
            }
            (Place::Handle(local), Step::Numbers(len)) => {
                numbers(local.try_alloc_slice_fill_with(*len, |index| index as u64)?)
            }
            _ => return Ok(None),
        }))
    }
}

/// Runs the steps of one thread. Returns its blocks, each filled with a mark of its own from
/// `marks`.
fn run(arena: &SyncArena<16>, steps: &[Step], mut marks: u8) -> Result<Vec<Block>, TestCaseError> {
    let (mut place, mut blocks) = (Place::Arena(arena), Vec::new());
    for step in steps {
        match step {
            Step::Handle => {
                place = match place {
                    Place::Arena(arena) => Place::Handle(arena.local()),
                    Place::Handle(_) => Place::Arena(arena),
                };
                continue;
            }
            // If this fails, the allocation fails with the same error, so it is not checked here.
            Step::Reserve(bytes) => drop(arena.try_reserve(*bytes)),
            _ => {}
        }
        match place.run(step) {
            Ok(None) => {}
            Ok(Some(bytes)) => {
                let start = bytes.cast::<u8>();
                if let Step::Alloc { size, align_log, zeroed } = *step {
                    let block = Block { start, len: size, mark: 0 };
                    prop_assert!(!zeroed || block.intact(0), "{} bytes not zero", size);
                    prop_assert_eq!(
                        (bytes.len(), start.addr().get() % (1 << align_log)),
                        (size, 0)
                    );
                }
                prop_assert!(bytes.is_empty() || start.addr().get() % 16 == 0);
                marks = marks % 250 + 1;
                blocks.push(Block::new(bytes, marks));
            }
            Err(AllocError::Limit { requested, used, limit }) => {
                prop_assert!(limit == LIMIT && used <= LIMIT);
                prop_assert!(requested.next_multiple_of(page_size()) > limit - used);
            }
            Err(error) => return Err(TestCaseError::fail(error.to_string())),
        }
    }
    prop_assert!(blocks.iter().all(|block| block.intact(block.mark)), "a block lost its bytes");
    Ok(blocks)
}

fn check(arena: &SyncArena<16>, blocks: &[Block]) -> Result<(), TestCaseError> {
    let (stats, usage) = (arena.stats(), arena.chunk_usage());
    prop_assert!(apart(blocks));
    prop_assert!(stats.committed <= LIMIT && stats.peak <= LIMIT);
    prop_assert_eq!(usage.iter().map(|chunk| chunk.size).sum::<usize>(), stats.committed);
    prop_assert!(usage.iter().all(|chunk| chunk.used <= chunk.size));
    prop_assert!(blocks.iter().map(|block| block.len).sum::<usize>() <= stats.allocated);
    Ok(())
}

fn arena(first_chunk: usize) -> SyncArena<16> {
    let options = ArenaOptions { limit: LIMIT, first_chunk, chunk_cap: 64 * 1024 };
    SyncArena::with_depot(options, Arc::new(Depot::new(1 << 20))).unwrap()
}

fn end(arena: &mut SyncArena<16>, shrink: bool) -> Result<(), TestCaseError> {
    if shrink {
        arena.reset_and_shrink();
        prop_assert!(arena.stats().chunks <= 1);
    } else {
        arena.reset();
    }
    prop_assert_eq!(arena.stats().allocated, 0);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_program_keeps_blocks_apart_aligned_and_intact(
        phases in prop::collection::vec((prop::collection::vec(step(), 1..60), any::<bool>()), 1..5),
        first_chunk in 1usize..40_000,
    ) {
        let mut arena = arena(first_chunk);
        for (steps, shrink) in &phases {
            let blocks = run(&arena, steps, 0)?;
            check(&arena, &blocks)?;
            end(&mut arena, *shrink)?;
        }
    }

    #[test]
    fn any_programs_on_three_threads_keep_blocks_apart_aligned_and_intact(
        phases in prop::collection::vec(
            (prop::array::uniform3(prop::collection::vec(step(), 1..60)), any::<bool>()),
            1..4,
        ),
        first_chunk in 1usize..40_000,
    ) {
        let mut arena = arena(first_chunk);
        for (programs, shrink) in &phases {
            let ended: Vec<_> = thread::scope(|scope| {
                let shared = &arena;
                let programs = programs.iter().zip([0, 80, 160]);
                let running: Vec<_> = programs
                    .map(|(steps, marks)| scope.spawn(move || run(shared, steps, marks)))
                    .collect();
                running.into_iter().map(|one| one.join().unwrap()).collect()
            });
            let blocks: Result<Vec<_>, _> = ended.into_iter().collect();
            let blocks = blocks?.concat();
            check(&arena, &blocks)?;
            prop_assert!(blocks.iter().all(|block| block.intact(block.mark)));
            end(&mut arena, *shrink)?;
        }
    }
}
