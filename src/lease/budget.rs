//! The byte limit of a leased arena and the sums over its chunks, shared with chunks that outlive it. Nobody
//! waits here: budgets with queues are JavaScript's (lib/budget/).

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
    /// A number.
    pub chunks: usize,
    /// ArrayBuffers over them whose finalizer has not run (a number).
    pub pins: usize,
    /// Bytes of address space, without guard pages.
    pub reserved: usize,
    /// The bytes that may take memory.
    pub committed: usize,
}

impl Tally {
    /// These sums, with one chunk's part as it is `after` a change and no longer as it was `before`.
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
/// A finalizer on another thread gives back bytes whose mapping it has already moved under the chunk's lock.
#[derive(Debug)]
pub struct Budget {
    /// On the bytes of all chunks of the arena that are charged.
    pub limit: SharedLimit,
    /// Taken within a chunk's lock, never the other way round.
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

    /// Called within a chunk's lock when it has changed.
    pub(super) fn recount(&self, before: Tally, after: Tally) {
        if before == after {
            return;
        }
        let mut tally = self.tally.lock();
        *tally = tally.with(before, after);
    }
}
