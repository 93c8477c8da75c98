//! Random programs on a leased arena, against a reference model. After every step, spans are
//! disjoint and show the bytes that were written, and `used` is the sum of the existing chunks.
//! Finalizers run in any order, late, in teardown, and once too often.

use super::{Chunk, ChunkState, Lease, LeaseEnd, LeasedArena};
use crate::error::AllocError;
use crate::memory::Depot;
use crate::random_tests::cases;
use crate::sync::Arc;
use proptest::prelude::*;
use std::collections::HashMap;

const LIMIT: usize = 400_000;
const CHUNK: usize = 64 * 1024;

#[derive(Clone, Debug)]
enum Step {
    Lease {
        need: usize,
        more: usize,
        is_chunk: bool,
    },
    Renew(usize),
    Hold(usize),
    Unhold(usize),
    LeaseEnd(LeaseEnd, usize),
    /// The finalizer of an ArrayBuffer that is dead or given up.
    Finalize {
        which: usize,
        teardown: bool,
    },
    /// A finalizer of a chunk without pins.
    FinalizeAgain(usize),
    /// A call with a wrong id or epoch.
    Mistake(usize),
    Trim,
}

fn step() -> impl Strategy<Value = Step> {
    let size = prop_oneof![0usize..9000, 0usize..70_000, 0usize..200_000];
    let which = 0usize..64;
    let how = prop_oneof![
        3 => Just(LeaseEnd::Release),
        2 => Just(LeaseEnd::Quarantine),
        1 => Just(LeaseEnd::Steal),
    ];
    prop_oneof![
        6 => (size.clone(), size, any::<bool>())
            .prop_map(|(need, more, is_chunk)| Step::Lease { need, more, is_chunk }),
        2 => which.clone().prop_map(Step::Renew),
        2 => which.clone().prop_map(Step::Hold),
        2 => which.clone().prop_map(Step::Unhold),
        5 => (how, which.clone()).prop_map(|(how, which)| Step::LeaseEnd(how, which)),
        6 => (which.clone(), prop::bool::weighted(0.05))
            .prop_map(|(which, teardown)| Step::Finalize { which, teardown }),
        1 => which.clone().prop_map(Step::FinalizeAgain),
        1 => which.prop_map(Step::Mistake),
        1 => Just(Step::Trim),
    ]
}

/// A leased span, with an ArrayBuffer attached.
struct Span {
    lease: Lease,
    held: bool,
    mark: u8,
}

/// An ArrayBuffer whose finalizer has not run, over a span that is no longer leased, or detached.
struct Buffer {
    lease: Lease,
    /// The byte that it must still show, if it is attached and nobody else has it.
    shows: Option<u8>,
}

/// The counts of a chunk, by the specification.
#[derive(Default)]
struct Counts {
    size: usize,
    spans: usize,
    held: usize,
    pins: usize,
    quarantined: bool,
    stolen: bool,
    trimmed: bool,
}

impl Counts {
    fn state(&self) -> ChunkState {
        match () {
            () if self.spans == 0 && self.pins == 0 => ChunkState::Gone,
            () if self.stolen => ChunkState::Stolen,
            () if self.quarantined => ChunkState::Quarantined,
            () if self.spans == 0 => ChunkState::Limbo,
            () if self.held > 0 => ChunkState::Held,
            () => ChunkState::Leased,
        }
    }
}

struct World {
    arena: LeasedArena,
    spans: Vec<Span>,
    buffers: Vec<Buffer>,
    /// By the chunk's address, which stays unique because `chunks` keeps the chunk until the end.
    counts: HashMap<*const Chunk, Counts>,
    chunks: Vec<Arc<Chunk>>,
    marks: u8,
}

fn write(lease: &Lease, mark: u8) {
    // SAFETY: a live lease; the bytes are the test's.
    unsafe { lease.ptr.write_bytes(mark, lease.len) }
}

/// Compares both ends and every page, which is enough to see a neighbour's mark.
fn shows(lease: &Lease, from: usize, mark: u8) -> bool {
    let last = lease.len - 1;
    let mut offsets = (from..lease.len).step_by(512).chain([last.max(from)]);
    // SAFETY: within the lease, whose chunk is pinned.
    offsets.all(|at| at > last || unsafe { lease.ptr.add(at).read() } == mark)
}

impl World {
    fn new(wipe: bool) -> World {
        let depot = Arc::new(Depot::new(1 << 20));
        World {
            arena: LeasedArena::new(LIMIT, CHUNK, wipe, depot),
            spans: Vec::new(),
            buffers: Vec::new(),
            counts: HashMap::new(),
            chunks: Vec::new(),
            marks: 0,
        }
    }

    fn counts(&mut self, lease: &Lease) -> &mut Counts {
        self.counts.get_mut(&Arc::as_ptr(&lease.chunk)).unwrap()
    }

    fn lease(&mut self, need: usize, more: usize, is_chunk: bool) -> Result<(), TestCaseError> {
        let before = self.arena.stats();
        let room = LIMIT - self.arena.used();
        match self.arena.lease(need, need + more, is_chunk) {
            Ok(lease) => self.leased(lease, need, before.used),
            Err(AllocError::Limit { used, limit, .. }) => {
                prop_assert_eq!((used, limit), (before.used, LIMIT));
                prop_assert!(need.max(1) > room, "refused {} with {} left", need, room);
                prop_assert_eq!(self.arena.stats(), before, "an error changes nothing");
                Ok(())
            }
            Err(error) => Err(TestCaseError::fail(error.to_string())),
        }
    }

    fn leased(&mut self, lease: Lease, need: usize, used: usize) -> Result<(), TestCaseError> {
        prop_assert!(lease.len >= need.max(1));
        if lease.clean_from == 0 {
            prop_assert!(shows(&lease, 0, 0), "fresh memory that is not zero");
        } else {
            prop_assert_eq!(lease.clean_from, lease.len);
        }
        if !self.chunks.iter().any(|chunk| Arc::ptr_eq(chunk, &lease.chunk)) {
            let size = lease.chunk.len();
            prop_assert_eq!(self.arena.used(), used + size);
            self.counts.insert(Arc::as_ptr(&lease.chunk), Counts { size, ..Counts::default() });
            self.chunks.push(Arc::clone(&lease.chunk));
        }
        let state = self.counts(&lease).state();
        prop_assert!(
            !matches!(state, ChunkState::Quarantined | ChunkState::Stolen),
            "leased from {:?}",
            state
        );
        lease.chunk.pin().unwrap();
        let counts = self.counts(&lease);
        counts.spans += 1;
        counts.pins += 1;
        counts.trimmed = false;
        self.marks = self.marks % 250 + 1;
        write(&lease, self.marks);
        self.spans.push(Span { lease, held: false, mark: self.marks });
        Ok(())
    }

    fn renew(&mut self, which: usize) -> Result<(), TestCaseError> {
        let Some(span) = pick(&self.spans, which) else { return Ok(()) };
        let Lease { id, epoch, ptr, len, .. } = self.spans[span].lease;
        let renewed = self.arena.renew(id, epoch, ptr.as_ptr(), len);
        prop_assert_eq!(renewed.is_err(), self.spans[span].held);
        if let Ok(lease) = renewed {
            prop_assert_eq!((lease.ptr, lease.len), (ptr, len));
            lease.chunk.pin().unwrap();
            self.counts(&lease).pins += 1;
            self.buffers.push(Buffer { lease, shows: None });
        }
        Ok(())
    }

    fn hold(&mut self, which: usize, hold: bool) -> Result<(), TestCaseError> {
        let Some(span) = pick(&self.spans, which) else { return Ok(()) };
        let Lease { id, epoch, .. } = self.spans[span].lease;
        let done = if hold { self.arena.hold(id, epoch) } else { self.arena.unhold(id, epoch) };
        prop_assert_eq!(done.is_ok(), self.spans[span].held != hold);
        if done.is_ok() {
            self.spans[span].held = hold;
            let lease = self.spans[span].lease.clone();
            let counts = self.counts(&lease);
            counts.held = if hold { counts.held + 1 } else { counts.held - 1 };
        }
        Ok(())
    }

    fn end(&mut self, how: LeaseEnd, which: usize) -> Result<(), TestCaseError> {
        let Some(span) = pick(&self.spans, which) else { return Ok(()) };
        let Lease { id, epoch, len, .. } = self.spans[span].lease;
        let ended = self.arena.end(id, epoch, len, how);
        prop_assert_eq!(ended.is_ok(), !(self.spans[span].held && how == LeaseEnd::Release));
        if ended.is_err() {
            return Ok(());
        }
        let Span { lease, held, mark } = self.spans.swap_remove(span);
        let counts = self.counts(&lease);
        counts.spans -= 1;
        counts.held -= usize::from(held);
        counts.quarantined |= how == LeaseEnd::Quarantine;
        counts.stolen |= how == LeaseEnd::Steal;
        let shows = (how != LeaseEnd::Release).then_some(mark);
        self.buffers.push(Buffer { lease, shows });
        Ok(())
    }

    fn finalize(&mut self, which: usize, teardown: bool) {
        let Some(buffer) = pick(&self.buffers, which) else { return };
        let Buffer { lease, .. } = self.buffers.swap_remove(buffer);
        self.counts(&lease).pins -= 1;
        lease.chunk.unpin(teardown);
    }

    fn finalize_again(&mut self, which: usize) {
        let unpinned = |chunk: &&Arc<Chunk>| self.counts[&Arc::as_ptr(chunk)].pins == 0;
        let chunks: Vec<Arc<Chunk>> = self.chunks.iter().filter(unpinned).cloned().collect();
        if let Some(index) = pick(&chunks, which) {
            chunks[index].unpin(false);
        }
    }

    fn mistake(&mut self, which: usize) -> Result<(), TestCaseError> {
        let before = self.arena.stats();
        let wrong = match pick(&self.spans, which) {
            Some(span) => (self.spans[span].lease.id, self.spans[span].lease.epoch + 1),
            None => (which as u32, 1),
        };
        for (id, epoch) in [wrong, (1 << 20, 1), (0, 0)] {
            prop_assert!(self.arena.hold(id, epoch).is_err());
            prop_assert!(self.arena.unhold(id, epoch).is_err());
            for how in [LeaseEnd::Release, LeaseEnd::Quarantine, LeaseEnd::Steal] {
                prop_assert!(self.arena.end(id, epoch, usize::MAX, how).is_err());
            }
        }
        prop_assert_eq!(self.arena.stats(), before);
        Ok(())
    }

    /// Checks everything that must hold after every step.
    fn check(&mut self) -> Result<(), TestCaseError> {
        self.arena.check().map_err(TestCaseError::fail)?;
        let mut used = 0;
        for chunk in &self.chunks {
            let counts = &self.counts[&Arc::as_ptr(chunk)];
            let view = chunk.view();
            prop_assert_eq!(view.state, counts.state());
            prop_assert_eq!(view.pins as usize, counts.pins);
            let counted = counts.state() != ChunkState::Gone && !counts.trimmed;
            prop_assert_eq!(view.charged, counted);
            used += if counted { counts.size } else { 0 };
        }
        prop_assert_eq!(self.arena.used(), used);
        prop_assert!(used <= LIMIT);
        let stats = self.arena.stats();
        let sum: usize = stats.sums.by_state.iter().sum();
        prop_assert_eq!((sum, stats.spans), (used, self.spans.len()));
        let mut ranges: Vec<_> =
            self.spans.iter().map(|span| (span.lease.ptr.addr().get(), span.lease.len)).collect();
        ranges.sort_unstable();
        let apart = ranges.windows(2).all(|pair| pair[0].0 + pair[0].1 <= pair[1].0);
        prop_assert!(apart, "overlapping spans");
        for span in &self.spans {
            prop_assert!(shows(&span.lease, 0, span.mark), "a leased span lost its bytes");
        }
        for Buffer { lease, shows: mark } in &self.buffers {
            let kept = mark.is_none_or(|mark| shows(lease, 0, mark));
            prop_assert!(kept, "an attached ArrayBuffer shows somebody else's bytes");
        }
        Ok(())
    }

    fn run(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match *step {
            Step::Lease { need, more, is_chunk } => self.lease(need, more, is_chunk)?,
            Step::Renew(which) => self.renew(which)?,
            Step::Hold(which) => self.hold(which, true)?,
            Step::Unhold(which) => self.hold(which, false)?,
            Step::LeaseEnd(how, which) => self.end(how, which)?,
            Step::Finalize { which, teardown } => self.finalize(which, teardown),
            Step::FinalizeAgain(which) => self.finalize_again(which),
            Step::Mistake(which) => self.mistake(which)?,
            Step::Trim => {
                self.arena.trim();
                let counts = self.counts.values_mut();
                counts.filter(|c| c.state() == ChunkState::Limbo).for_each(|c| c.trimmed = true);
            }
        }
        self.check()
    }

    /// Drops the arena first; then the finalizers run in a random order.
    fn end_of_the_world(self, order: &[usize], teardown: bool) -> Result<(), TestCaseError> {
        let World { arena, spans, mut buffers, chunks, .. } = self;
        drop(arena);
        buffers.extend(spans.into_iter().map(|span| {
            let Span { lease, mark, .. } = span;
            Buffer { lease, shows: Some(mark) }
        }));
        for which in order.iter().cycle() {
            let Some(next) = pick(&buffers, *which) else { break };
            let Buffer { lease, shows: mark } = buffers.swap_remove(next);
            prop_assert!(mark.is_none_or(|mark| shows(&lease, 0, mark)));
            lease.chunk.unpin(teardown);
        }
        for chunk in chunks {
            prop_assert_eq!(chunk.state(), ChunkState::Gone);
            chunk.unpin(false);
            prop_assert_eq!(chunk.check(), Ok(()));
        }
        Ok(())
    }
}

fn pick<T>(items: &[T], which: usize) -> Option<usize> {
    (!items.is_empty()).then(|| which % items.len())
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn any_program_keeps_spans_apart_and_the_books_equal(
        steps in prop::collection::vec(step(), 1..80),
        wipe in any::<bool>(),
        order in prop::collection::vec(0usize..64, 1..8),
        teardown in prop::bool::weighted(0.2),
    ) {
        let mut world = World::new(wipe);
        for step in &steps {
            world.run(step)?;
        }
        world.end_of_the_world(&order, teardown)?;
    }
}
