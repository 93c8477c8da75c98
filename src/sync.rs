//! The only place that uses atomics, locks, shared counts and shared queues: from std, or from loom
//! under `--cfg loom`, so that the models (`models.rs` beside their modules, and `tests/loom_*.rs`)
//! see every access.
#![allow(clippy::disallowed_types)]

#[cfg(loom)]
use loom::sync as imp;
#[cfg(not(loom))]
use std::sync as imp;

pub use imp::atomic::{AtomicPtr, AtomicUsize, Ordering};
pub use imp::{Arc, Condvar, MutexGuard};

/// An atomic 64-bit word with the layout of a plain word, so that it can lie in mapped memory. A
/// type of our own: tests kill a participant before any write to such a word.
#[derive(Debug, Default)]
#[repr(transparent)]
pub struct AtomicU64(imp::atomic::AtomicU64);

impl AtomicU64 {
    #[cfg(loom)]
    pub fn new(value: u64) -> Self {
        AtomicU64(imp::atomic::AtomicU64::new(value))
    }

    #[inline]
    pub fn load(&self, order: Ordering) -> u64 {
        self.0.load(order)
    }
}

/// All operations except `load` write, and are std's or loom's own.
impl std::ops::Deref for AtomicU64 {
    type Target = imp::atomic::AtomicU64;

    #[inline]
    fn deref(&self) -> &Self::Target {
        crash_point();
        &self.0
    }
}

/// A point at which a participant can die or stop: before any write to a 64-bit word, and before it
/// releases a lock. Between two of these points, other participants see no change. Only tests use
/// this: a model panics, a process sends itself a signal.
#[inline(always)]
pub fn crash_point() {
    #[cfg(test)]
    crash::pass();
}

#[cfg(all(test, loom))]
pub mod crash {
    use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

    loom::thread_local! {
        static LEFT: std::cell::Cell<usize> = std::cell::Cell::new(usize::MAX);
    }

    /// Runs `work` on this thread and stops it before its write number `steps`, counted from 0.
    /// Returns true if it came to its end.
    pub fn after(steps: usize, work: impl FnOnce()) -> bool {
        LEFT.with(|left| left.set(steps));
        let ended = catch_unwind(AssertUnwindSafe(work)).is_ok();
        LEFT.with(|left| left.set(usize::MAX));
        ended
    }

    pub(super) fn pass() {
        LEFT.with(|left| match left.get() {
            usize::MAX => {}
            0 => resume_unwind(Box::new("died here")),
            steps => left.set(steps - 1),
        });
    }
}

#[cfg(all(test, not(loom)))]
pub mod crash {
    thread_local! {
        static LEFT: std::cell::Cell<(usize, fn())> = const { std::cell::Cell::new((usize::MAX, || {})) };
    }

    /// Runs `work` on this thread, and `act` before its write number `steps`, counted from 0, if
    /// there are that many writes.
    #[allow(dead_code, reason = "there are no segments but on Linux")]
    pub fn before<T>(steps: usize, act: fn(), work: impl FnOnce() -> T) -> T {
        LEFT.set((steps, act));
        let done = work();
        LEFT.set((usize::MAX, || {}));
        done
    }

    pub(super) fn pass() {
        match LEFT.get() {
            (usize::MAX, _) => {}
            (0, act) => {
                LEFT.set((usize::MAX, act));
                act();
            }
            (steps, act) => LEFT.set((steps - 1, act)),
        }
    }
}

/// A row of atomic words over mapped memory. Under loom the words lie elsewhere, because loom's
/// atomics are larger than the words that they stand for.
///
/// A clone is another view of the same words, under the same promise.
#[derive(Clone, Debug)]
pub struct Words {
    /// Has no meaning without words: a row of zero bytes is a row without words.
    #[cfg(not(loom))]
    start: *mut AtomicU64,
    #[cfg(not(loom))]
    len: usize,
    #[cfg(loom)]
    cells: Arc<Vec<AtomicU64>>,
}

// SAFETY: words are reached as atomics only; the creator of the row keeps its memory mapped.
unsafe impl Send for Words {}
// SAFETY: as above.
unsafe impl Sync for Words {}

impl Words {
    /// A row of `len` words from `start`.
    ///
    /// # Safety
    /// `start` is aligned to 8 bytes, and `8 * len` bytes from it stay readable and writable as
    /// long as the row lives, and are reached only through rows like this one. They are zero or
    /// what another row left.
    #[cfg(not(loom))]
    pub unsafe fn over(start: std::ptr::NonNull<u8>, len: usize) -> Words {
        debug_assert!(start.cast::<u64>().is_aligned());
        Words { start: start.cast().as_ptr(), len }
    }

    /// Creates a row of `len` words of its own, all zero.
    ///
    /// # Safety
    /// None is needed; this is the twin of the row over mapped memory.
    #[cfg(loom)]
    pub unsafe fn over(_start: std::ptr::NonNull<u8>, len: usize) -> Words {
        Words { cells: Arc::new((0..len).map(|_| AtomicU64::new(0)).collect()) }
    }

    /// The number of words in the row.
    #[inline]
    pub fn len(&self) -> usize {
        #[cfg(not(loom))]
        return self.len;
        #[cfg(loom)]
        return self.cells.len();
    }

    /// The word at `index`; `None` beyond the end.
    #[inline]
    pub fn get(&self, index: usize) -> Option<&AtomicU64> {
        (index < self.len()).then(|| self.at(index))
    }

    /// The word at `index`. Panics beyond the end.
    #[inline]
    pub fn at(&self, index: usize) -> &AtomicU64 {
        assert!(index < self.len(), "beyond the row of words");
        #[cfg(loom)]
        return &self.cells[index];
        #[cfg(not(loom))]
        // SAFETY: within the row by the assertion; by the promise of `over` it is mapped, and
        // reached as an atomic only.
        unsafe {
            &*self.start.add(index)
        }
    }
}

/// A counter for people to read. Never modelled: it orders nothing, and no decision depends on it.
#[derive(Debug, Default)]
pub struct Counter(std::sync::atomic::AtomicU64);

impl Counter {
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, std::sync::atomic::Ordering::Relaxed);
    }

    /// Raises it to at least `value`.
    pub fn raise(&self, value: u64) {
        if self.get() < value {
            self.0.fetch_max(value, std::sync::atomic::Ordering::Relaxed);
        }
    }

    pub fn get(&self) -> u64 {
        self.0.load(std::sync::atomic::Ordering::Relaxed)
    }
}

/// A value with cache lines of its own, so that writes next to it do not slow its users down. 128
/// bytes: x64 fetches lines in pairs, and arm64's lines are as long as two.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Padded<T>(pub T);

impl<T> std::ops::Deref for Padded<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.0
    }
}

/// A mutex that stays usable after its holder panics: every critical section here leaves its record
/// valid at each step, and a finalizer must not fail because some call once did.
#[derive(Debug, Default)]
pub struct Mutex<T>(imp::Mutex<T>);

impl<T> Mutex<T> {
    pub fn new(value: T) -> Self {
        Mutex(imp::Mutex::new(value))
    }

    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// A number that no other call in this process returns. Never modelled: it orders nothing.
pub fn unique_id() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

#[cfg(not(loom))]
pub use crossbeam_queue::ArrayQueue;
#[cfg(not(loom))]
pub use std::sync::Weak;
/// Taken from std under loom too: it protects no protocol of ours, only values created at first
/// use.
pub use std::sync::{LazyLock, OnceLock};

/// crossbeam's queue is trusted and not modelled; this keeps its contract (bounded, FIFO,
/// `push` gives the value back when full).
#[cfg(loom)]
pub struct ArrayQueue<T> {
    items: Mutex<std::collections::VecDeque<T>>,
    capacity: usize,
}

#[cfg(loom)]
impl<T> ArrayQueue<T> {
    pub fn new(capacity: usize) -> Self {
        ArrayQueue { items: Mutex::new(std::collections::VecDeque::new()), capacity }
    }

    pub fn push(&self, value: T) -> Result<(), T> {
        let mut items = self.items.lock();
        if items.len() == self.capacity {
            return Err(value);
        }
        items.push_back(value);
        Ok(())
    }

    pub fn pop(&self) -> Option<T> {
        self.items.lock().pop_front()
    }

    pub fn len(&self) -> usize {
        self.items.lock().len()
    }
}
