//! The byte limit of a leased arena and the sums over its chunks, shared with chunks that outlive it. Nobody waits
//! here; the budgets with queues are JavaScript's (lib/budget/).

use crate::limit::SharedLimit;
use crate::sync::Mutex;

/// The figures of one chunk, or their sums over the existing chunks of a budget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Bytes that are charged, by the state of their chunk.
    pub leased: usize,
    pub held: usize,
    pub quarantined: usize,
    pub stolen: usize,
    pub limbo: usize,
    /// How many chunks.
    pub chunks: usize,
    /// How many ArrayBuffers over them have a finalizer that has not run.
    pub pins: usize,
    /// Bytes of address space, without guard pages.
    pub reserved: usize,
    /// The bytes that may take memory.
    pub committed: usize,
}

impl Tally {
    /// These sums after a change of one chunk from `before` to `after`.
    fn with(self, before: Tally, after: Tally) -> Tally {
        Tally {
            leased: self.leased + after.leased - before.leased,
            held: self.held + after.held - before.held,
            quarantined: self.quarantined + after.quarantined - before.quarantined,
            stolen: self.stolen + after.stolen - before.stolen,
            limbo: self.limbo + after.limbo - before.limbo,
            chunks: self.chunks + after.chunks - before.chunks,
            pins: self.pins + after.pins - before.pins,
            reserved: self.reserved + after.reserved - before.reserved,
            committed: self.committed + after.committed - before.committed,
        }
    }
}

/// A limit, the bytes that count toward it, and the chunks' sums, so that statistics need not visit every chunk.
///
/// A finalizer on another thread gives back the bytes of a mapping that it has already passed on, under the chunk's
/// lock.
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
        if before == after {
            return;
        }
        let mut tally = self.tally.lock();
        *tally = tally.with(before, after);
    }
}
