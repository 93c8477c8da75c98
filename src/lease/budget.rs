//! The byte limit of a leased arena and the sums over its chunks, shared with chunks that outlive
//! it. Nobody waits here; the budgets with queues are JavaScript's (lib/budget/).

use super::chunk::ChunkState;
use crate::limit::SharedLimit;
use crate::sync::Mutex;

/// The figures of one chunk, or their sums over the existing chunks of a budget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Bytes that are charged, by the [`ChunkState`] of their chunk.
    pub by_state: [usize; 6],
    /// How many chunks.
    pub chunks: usize,
    /// How many ArrayBuffers over them have a finalizer that has not run.
    pub pins: usize,
    /// Bytes of address space, without guard pages.
    pub reserved: usize,
    /// The bytes that may take memory: all except chunks in Limbo that were trimmed. Memory that
    /// was never touched takes none.
    pub committed: usize,
}

impl Tally {
    /// The bytes that are charged for chunks in this state.
    pub fn of(&self, state: ChunkState) -> usize {
        self.by_state[state as usize]
    }

    /// These sums after a change of one chunk from `before` to `after`.
    fn with(self, before: Tally, after: Tally) -> Tally {
        let of_state = |at| self.by_state[at] + after.by_state[at] - before.by_state[at];
        Tally {
            by_state: std::array::from_fn(of_state),
            chunks: self.chunks + after.chunks - before.chunks,
            pins: self.pins + after.pins - before.pins,
            reserved: self.reserved + after.reserved - before.reserved,
            committed: self.committed + after.committed - before.committed,
        }
    }
}

/// A limit, the bytes that count toward it, and the chunks' sums, so that statistics need not visit
/// every chunk.
///
/// A finalizer on another thread gives back the bytes of a mapping that it has already passed on.
#[derive(Debug)]
pub struct Budget {
    /// The limit on the bytes of the arena's charged chunks.
    pub limit: SharedLimit,
    /// Locked while a chunk's lock is held, never the other way round.
    tally: Mutex<Tally>,
}

impl Budget {
    /// An unused budget of `limit` bytes.
    pub fn new(limit: usize) -> Budget {
        Budget { limit: SharedLimit::new(limit), tally: Mutex::new(Tally::default()) }
    }

    /// The sums over all chunks that are not gone.
    pub fn tally(&self) -> Tally {
        *self.tally.lock()
    }

    /// Called when a chunk has changed, under the chunk's lock.
    pub(super) fn recount(&self, before: Tally, after: Tally) {
        if before != after {
            let mut tally = self.tally.lock();
            *tally = tally.with(before, after);
        }
    }
}
