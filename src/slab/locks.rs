//! One lock for each entry of the registry. A participant holds its lock as long as it lives, so a
//! free lock shows that it died.
#![forbid(unsafe_code)]

use crate::memory::segment::Segment;
use crate::sync::{Arc, AtomicU64, Ordering, crash_point};
use std::fmt;

/// The locks of a registry's entries, as one of those that share the registry reaches them.
///
/// Recovery relies on this: a lock that its owner does not release becomes free once the owner has
/// executed its last instruction, and not before.
pub trait Locks: Send + Sync {
    /// Takes the lock of an entry. Returns false if it is taken, even by the caller. Does not wait.
    fn try_lock(&self, index: usize) -> bool;

    /// Releases a lock that this value took.
    fn unlock(&self, index: usize);

    /// Returns true if the lock is taken, perhaps by the caller, or if that cannot be found out.
    fn is_locked(&self, index: usize) -> bool;
}

/// Names no fields: the binary that Node loads then has none of their texts.
impl fmt::Debug for dyn Locks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Locks")
    }
}

/// Locks of the threads of one process. A thread drops its participants before it ends, so a free
/// lock always means that its owner has left.
#[derive(Debug)]
pub struct HeapLocks {
    /// Bit b of word w: the lock 64 w + b is taken.
    taken: Box<[AtomicU64]>,
}

impl HeapLocks {
    /// For `count` entries.
    pub fn new(count: usize) -> HeapLocks {
        HeapLocks { taken: (0..count.div_ceil(64)).map(|_| AtomicU64::default()).collect() }
    }

    fn at(&self, index: usize) -> (&AtomicU64, u64) {
        (&self.taken[index / 64], 1 << (index % 64))
    }
}

impl Locks for HeapLocks {
    fn try_lock(&self, index: usize) -> bool {
        let (word, bit) = self.at(index);
        // Acquire pairs with the release in `unlock`: this thread sees what the last owner wrote
        // into the entry.
        word.fetch_or(bit, Ordering::AcqRel) & bit == 0
    }

    fn unlock(&self, index: usize) {
        let (word, bit) = self.at(index);
        word.fetch_and(!bit, Ordering::AcqRel);
    }

    fn is_locked(&self, index: usize) -> bool {
        let (word, bit) = self.at(index);
        // Acquire pairs with the release in `unlock`.
        word.load(Ordering::Acquire) & bit != 0
    }
}

/// Locks of the processes that share a segment, and of the threads of this one.
///
/// Processes lock bytes of a file. The kernel ends these locks when this value is dropped, or when
/// the process is over, however it ended. By then its last thread has left user mode and stores
/// nothing more. `os::shm` makes sure that nothing else keeps them: no forked child, and no program
/// that the process has started.
///
/// The kernel does not tell the threads of a process apart, so a thread first takes a lock within
/// the process.
#[derive(Debug)]
pub struct SegmentLocks {
    segment: Arc<Segment>,
    own: HeapLocks,
}

impl SegmentLocks {
    /// Locks for `count` entries. They keep the segment alive.
    pub fn new(segment: Arc<Segment>, count: usize) -> SegmentLocks {
        SegmentLocks { segment, own: HeapLocks::new(count) }
    }
}

impl Locks for SegmentLocks {
    fn try_lock(&self, index: usize) -> bool {
        if !self.own.try_lock(index) {
            return false;
        }
        let taken = self.segment.try_lock(index) == Ok(true);
        if !taken {
            self.own.unlock(index);
        }
        taken
    }

    fn unlock(&self, index: usize) {
        crash_point();
        // An error in a forked child: the lock is its parent's.
        let _ = self.segment.unlock(index);
        self.own.unlock(index);
    }

    fn is_locked(&self, index: usize) -> bool {
        self.own.is_locked(index) || self.segment.is_locked_by_another(index).unwrap_or(true)
    }
}

#[cfg(test)]
pub mod dying {
    use super::{HeapLocks, Locks};
    use crate::sync::{Arc, Mutex};

    /// The locks of a process that can die, in a table that all processes share. Simulates the
    /// kernel.
    #[derive(Clone, Debug)]
    pub struct Process {
        all: Arc<HeapLocks>,
        own: Arc<Mutex<Vec<usize>>>,
    }

    impl Process {
        pub fn among(all: &Arc<HeapLocks>) -> Process {
            Process { all: Arc::clone(all), own: Arc::default() }
        }

        /// Releases its locks, as the kernel does when a process dies.
        pub fn die(&self) {
            self.own.lock().drain(..).for_each(|index| self.all.unlock(index));
        }
    }

    impl Locks for Process {
        fn try_lock(&self, index: usize) -> bool {
            let taken = self.all.try_lock(index);
            if taken {
                self.own.lock().push(index);
            }
            taken
        }

        fn unlock(&self, index: usize) {
            self.own.lock().retain(|&own| own != index);
            self.all.unlock(index);
        }

        fn is_locked(&self, index: usize) -> bool {
            self.all.is_locked(index)
        }
    }
}
