//! Random allocator programs on the Rust arena against a reference model: overlap, alignment,
//! containment, limit, and contents after rewind and reset.
#![cfg(not(loom))]

use proptest::prelude::*;
use ralloc_core::error::{AllocError, InitError, RewindError};
use ralloc_core::memory::{Depot, page_size};
use ralloc_core::{Arena, Checkpoint, Scope};
use std::alloc::Layout;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::sync::Arc;

const LIMIT: usize = 300_000;

/// A typed call. Each makes a value whose bytes are all the same.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Byte,
    Word,
    Wide,
    With,
    /// The function fails, so the place is given back.
    TryWith,
    Str,
    StrUninit,
    SliceCopy,
    SliceClone,
    FillWith,
    FillIter,
    /// The iterator yields this many values fewer than it claims.
    FillLie(usize),
    UninitSlice,
}

#[derive(Clone, Debug)]
enum Step {
    Alloc {
        size: usize,
        align_log: u32,
        zeroed: bool,
    },
    Typed(Kind, usize),
    Checkpoint,
    /// Goes back to one of all checkpoints ever made, counted from the newest.
    Rewind(usize),
    /// Depth, blocks of each level, and whether the innermost level panics.
    Scope {
        depth: usize,
        sizes: Vec<usize>,
        unwinds: bool,
    },
    Reserve(usize),
    ShrinkToFit,
    Reset,
    ResetAndShrink,
}

fn kind() -> impl Strategy<Value = Kind> {
    use Kind::*;
    let plain = [
        Byte,
        Word,
        Wide,
        With,
        TryWith,
        Str,
        StrUninit,
        SliceCopy,
        SliceClone,
        FillWith,
        FillIter,
        UninitSlice,
    ];
    prop_oneof![12 => prop::sample::select(plain.to_vec()), 1 => (0usize..50).prop_map(FillLie)]
}

fn step() -> impl Strategy<Value = Step> {
    let size = || prop_oneof![4 => 0usize..200, 2 => 0usize..5000, 1 => 0usize..120_000];
    prop_oneof![
        16 => (size(), 0u32..13, any::<bool>())
            .prop_map(|(size, align_log, zeroed)| Step::Alloc { size, align_log, zeroed }),
        16 => (kind(), 0usize..4000).prop_map(|(kind, len)| Step::Typed(kind, len)),
        3 => Just(Step::Checkpoint),
        2 => (0usize..3).prop_map(Step::Rewind),
        2 => (0usize..4, prop::collection::vec(size(), 0..8), prop::bool::weighted(0.2))
            .prop_map(|(depth, sizes, unwinds)| Step::Scope { depth, sizes, unwinds }),
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

/// A checkpoint of the model: the blocks that were alive, and the number of resets before it.
struct Saved {
    checkpoint: Checkpoint,
    blocks: usize,
    epoch: usize,
    /// Whether an older checkpoint was rewound to since.
    void: bool,
}

struct World<const ALIGN: usize> {
    arena: Arena<ALIGN>,
    blocks: Vec<Block>,
    saved: Vec<Saved>,
    epoch: usize,
    marks: u8,
}

#[derive(Clone, Copy)]
#[repr(align(32))]
struct Wide(#[allow(dead_code, reason = "read as bytes")] [u8; 96]);

/// An iterator that yields fewer values than it claims.
struct Lie<I>(I, usize);

impl<I: ExactSizeIterator> Iterator for Lie<I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        self.0.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.0.len() + self.1, Some(self.0.len() + self.1))
    }
}

impl<I: ExactSizeIterator> ExactSizeIterator for Lie<I> {}

/// The bytes that a typed call returned.
struct Made {
    start: NonNull<u8>,
    len: usize,
    align: usize,
}

fn made<T: ?Sized>(value: &mut T) -> Option<Made> {
    let (len, align) = (size_of_val(value), align_of_val(value));
    Some(Made { start: NonNull::from(value).cast(), len, align })
}

/// Makes the call; `None` if the call was meant to make nothing.
fn make<const ALIGN: usize>(
    arena: &Arena<ALIGN>,
    kind: Kind,
    len: usize,
    mark: u8,
) -> Result<Option<Made>, AllocError> {
    let word = u64::from_ne_bytes([mark; 8]);
    Ok(match kind {
        Kind::Byte => made(arena.try_alloc(mark)?),
        Kind::Word => made(arena.try_alloc(word)?),
        Kind::Wide => made(arena.try_alloc(Wide([mark; 96]))?),
        Kind::With => made(arena.try_alloc_with(|| [word; 30])?),
        Kind::TryWith => {
            let before = arena.stats();
            match arena.try_alloc_try_with::<u64, ()>(|| Err(())) {
                // The padding that aligned it stays.
                Err(InitError::Init(())) => {
                    let kept = arena.stats().allocated - before.allocated;
                    assert!(kept <= 8usize.saturating_sub(ALIGN), "{kept} bytes");
                }
                Err(InitError::Alloc(error)) => return Err(error),
                Ok(_) => unreachable!(),
            }
            None
        }
        Kind::Str => made(arena.try_alloc_str(str::from_utf8(&vec![mark; len]).unwrap())?),
        Kind::StrUninit => {
            let mut text = arena.try_alloc_str_uninit(len)?;
            while text.push_str(str::from_utf8(&[mark; 7]).unwrap()) {}
            assert!(text.room() < 7);
            made(text.finish())
        }
        Kind::SliceCopy => made(arena.try_alloc_slice_copy(&vec![word; len / 8])?),
        Kind::SliceClone => made(arena.try_alloc_slice_clone(&vec![Wide([mark; 96]); len / 96])?),
        Kind::FillWith => made(arena.try_alloc_slice_fill_with(len, |_| mark)?),
        Kind::FillIter => made(arena.try_alloc_slice_fill_iter((0..len).map(|_| mark))?),
        Kind::FillLie(more) => {
            let slice = arena.try_alloc_slice_fill_iter(Lie((0..len).map(|_| mark), more))?;
            assert_eq!(slice.len(), len);
            made(slice)
        }
        Kind::UninitSlice => {
            let slice = arena.try_alloc_uninit_slice::<u8>(len)?;
            slice.fill(MaybeUninit::new(mark));
            made(slice)
        }
    })
}

/// Opens nested scopes. The blocks of each must still be whole after the next one.
fn nest<const ALIGN: usize>(
    scope: &mut Scope<'_, ALIGN>,
    depth: usize,
    sizes: &[usize],
    unwinds: bool,
) {
    let mark = depth as u8;
    let fill = |&len: &usize| scope.try_alloc_slice_fill_copy(len, mark).ok();
    let blocks: Vec<_> = sizes.iter().filter_map(fill).collect();
    sizes.first().map(|&size| scope.try_reserve(size));
    let allocated = scope.stats().allocated;
    if depth > 0 {
        scope.scope(|inner| nest(inner, depth - 1, sizes, unwinds));
        assert_eq!(scope.stats().allocated, allocated);
    } else if unwinds {
        std::panic::resume_unwind(Box::new(()));
    }
    assert!(blocks.iter().all(|block| block.iter().all(|&byte| byte == mark)));
}

/// Compares both ends and every 16th byte, which is enough to see a neighbour's mark.
fn shows(start: NonNull<u8>, len: usize, mark: u8) -> bool {
    let mut offsets = (0..len).step_by(16).chain(len.checked_sub(1));
    // SAFETY: within a live block of the arena of the test.
    offsets.all(|at| unsafe { start.add(at).read() } == mark)
}

impl<const ALIGN: usize> World<ALIGN> {
    fn alloc(&mut self, size: usize, align: usize, zeroed: bool) -> Result<(), TestCaseError> {
        let before = self.arena.stats();
        let layout = Layout::from_size_align(size, align).unwrap();
        let block = if zeroed {
            self.arena.try_alloc_layout_zeroed(layout)
        } else {
            self.arena.try_alloc_layout(layout)
        };
        match block {
            Ok(block) => {
                let start = block.cast::<u8>();
                prop_assert_eq!(block.len(), size);
                prop_assert_eq!(start.addr().get() % align.max(ALIGN), 0);
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

    fn typed(&mut self, kind: Kind, len: usize) -> Result<(), TestCaseError> {
        let before = self.arena.stats();
        // The marks of typed values are ASCII, because some are strings.
        self.marks = self.marks % 120 + 1;
        match make(&self.arena, kind, len, self.marks) {
            Ok(Some(Made { start, len, align })) => {
                prop_assert_eq!(start.addr().get() % align, 0);
                prop_assert!(len == 0 || start.addr().get().is_multiple_of(ALIGN));
                self.blocks.push(Block { start, len, mark: self.marks });
            }
            Ok(None) => {}
            Err(error) => {
                prop_assert!(matches!(error, AllocError::Limit { .. }), "{}", error);
                prop_assert_eq!(self.arena.stats().allocated, before.allocated);
            }
        }
        Ok(())
    }

    fn scope(&mut self, step: &Step) -> Result<(), TestCaseError> {
        let Step::Scope { depth, sizes, unwinds } = step else { return Ok(()) };
        let allocated = self.arena.stats().allocated;
        let arena = &mut self.arena;
        let ended = catch_unwind(AssertUnwindSafe(|| {
            arena.scope(|scope| nest(scope, *depth, sizes, *unwinds));
        }));
        prop_assert_eq!(ended.is_err(), *unwinds);
        prop_assert_eq!(self.arena.stats().allocated, allocated);
        Ok(())
    }

    fn reserve(&mut self, bytes: usize) -> Result<(), TestCaseError> {
        if self.arena.try_reserve(bytes).is_ok() {
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
            Step::Typed(kind, len) => self.typed(*kind, *len)?,
            Step::Scope { .. } => self.scope(step)?,
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

fn run<const ALIGN: usize>(steps: &[Step], first_chunk: usize) -> Result<(), TestCaseError> {
    let depot = Arc::new(Depot::new(1 << 20));
    let builder = Arena::builder().limit(LIMIT).first_chunk(first_chunk).chunk_cap(64 * 1024);
    let arena = builder.depot(depot).min_align::<ALIGN>().build().unwrap();
    let mut world = World { arena, blocks: Vec::new(), saved: Vec::new(), epoch: 0, marks: 0 };
    steps.iter().try_for_each(|step| world.run(step))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_program_keeps_blocks_apart_aligned_and_intact(
        steps in prop::collection::vec(step(), 1..120),
        align_log in 0usize..4,
        first_chunk in 1usize..40_000,
    ) {
        [run::<1>, run::<8>, run::<64>, run::<4096>][align_log](&steps, first_chunk)?;
    }
}
