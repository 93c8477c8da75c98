//! Objects that are costly to make, kept for the next user.
//!
//! Everything made or found is accounted for: `hits + made = in_use + returned + dropped +
//! detached`.
#![forbid(unsafe_code)]

use crate::error::PoolError;
use crate::layout;
use crate::stats::ObjectPoolStats;
use crate::sync::{ArrayQueue, AtomicUsize, Ordering, Padded, thread_number};
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// A bounded, lock-free pool of objects for any number of threads.
///
/// [`ObjectPool::get`] gives an idle object or makes one; its guard brings it back. The pool
/// bounds how many objects are kept, not how many are in use: one that comes back to a full
/// pool is dropped. Idle objects are given out oldest first, in whatever state their last user
/// or the pool's `reset` left them.
///
/// ```
/// use ralloc_core::ObjectPool;
///
/// let pool = ObjectPool::with_reset(16, Vec::<u8>::new, Vec::clear).unwrap();
/// pool.get().extend(*b"some text");
/// let buffer = pool.get();
/// assert!(buffer.is_empty() && buffer.capacity() >= 9);
/// assert_eq!((pool.stats().hits, pool.stats().misses), (1, 1));
/// ```
///
/// A guard cannot outlive its pool:
///
/// ```compile_fail,E0505
/// let pool = ralloc_core::ObjectPool::new(1, String::new).unwrap();
/// let text = pool.get();
/// drop(pool);
/// drop(text);
/// ```
pub struct ObjectPool<T> {
    idle: ArrayQueue<T>,
    make: Box<dyn Fn() -> T + Send + Sync>,
    reset: fn(&mut T),
    counters: [Padded<Counters>; LINES],
}

/// Lines of counters, each for every so manieth thread. One line for all took half of the time
/// of a get and a return on two threads: 120 ns against 60 with none.
const LINES: usize = if cfg!(loom) { 1 } else { 16 };

/// Calls of some threads. What is taken by one may end with another.
#[derive(Debug, Default)]
struct Counters {
    /// Relaxed, as the next two: they order nothing.
    hits: AtomicUsize,
    misses: AtomicUsize,
    made: AtomicUsize,
    /// Release, as the next two: pairs with the acquire in `stats`, so that whoever sees an
    /// object's end sees that it was taken.
    returned: AtomicUsize,
    dropped: AtomicUsize,
    detached: AtomicUsize,
}

impl<T> ObjectPool<T> {
    /// A pool that keeps up to `capacity` idle objects, each made by `make` when it is first
    /// needed. The places are allocated now. Error: no place at all, or more than memory has.
    pub fn new(
        capacity: usize,
        make: impl Fn() -> T + Send + Sync + 'static,
    ) -> Result<Self, PoolError> {
        ObjectPool::with_reset(capacity, make, |_| {})
    }

    /// [`ObjectPool::new`] that calls `reset` on every object that comes back, on the thread
    /// that brings it, before another can get it.
    pub fn with_reset(
        capacity: usize,
        make: impl Fn() -> T + Send + Sync + 'static,
        reset: fn(&mut T),
    ) -> Result<Self, PoolError> {
        let error = PoolError { capacity };
        // An object and its stamp are a place of the queue. Tried first, because the queue itself
        // would abort the process.
        let bytes = capacity.checked_mul(size_of::<(T, usize)>());
        let bytes = bytes.filter(|bytes| (1..=layout::MAX_BYTES).contains(bytes));
        Vec::<u8>::new().try_reserve_exact(bytes.ok_or(error)?).map_err(|_| error)?;
        let counters = Default::default();
        Ok(ObjectPool { idle: ArrayQueue::new(capacity), make: Box::new(make), reset, counters })
    }

    /// An idle object, or a new one. A panic of `make` reaches the caller and changes nothing
    /// but the count of misses.
    pub fn get(&self) -> Pooled<'_, T> {
        self.try_get().unwrap_or_else(|| {
            let value = (self.make)();
            self.counters().made.fetch_add(1, Ordering::Relaxed);
            Pooled { pool: self, value: Some(value) }
        })
    }

    /// An idle object, if there is one; else counts a miss.
    pub fn try_get(&self) -> Option<Pooled<'_, T>> {
        let value = self.idle.pop();
        let Counters { hits, misses, .. } = self.counters();
        (if value.is_some() { hits } else { misses }).fetch_add(1, Ordering::Relaxed);
        value.map(|value| Pooled { pool: self, value: Some(value) })
    }

    /// The most idle objects that are kept.
    pub fn capacity(&self) -> usize {
        self.idle.capacity()
    }

    /// Gauges and counters. What other threads take in the midst of this call counts as in use,
    /// even if it has come back.
    pub fn stats(&self) -> ObjectPoolStats {
        let sum = |counter: fn(&Counters) -> &AtomicUsize, order| {
            self.counters.iter().map(|line| counter(line).load(order)).sum::<usize>()
        };
        // First, so that `in_use` errs upward. Acquire: pairs with the release in `put_back` and
        // `into_inner`.
        let returned = sum(|line| &line.returned, Ordering::Acquire);
        let dropped = sum(|line| &line.dropped, Ordering::Acquire);
        let detached = sum(|line| &line.detached, Ordering::Acquire);
        let hits = sum(|line| &line.hits, Ordering::Relaxed);
        let misses = sum(|line| &line.misses, Ordering::Relaxed);
        let made = sum(|line| &line.made, Ordering::Relaxed);
        let in_use = hits + made - (returned + dropped + detached);
        let (capacity, idle) = (self.capacity(), self.idle.len());
        ObjectPoolStats { capacity, idle, in_use, hits, misses, made, returned, dropped, detached }
    }

    fn counters(&self) -> &Counters {
        &self.counters[thread_number() % LINES]
    }

    /// Takes an object back. Nothing that `reset` or a destructor does can keep the counts from
    /// adding up; a panic of theirs goes on, unless one is under way already, which a second
    /// one would turn into an abort.
    fn put_back(&self, mut value: T) {
        let counters = self.counters();
        // The object is dropped after a panic, so nobody sees what it left of it.
        let reset = catch_unwind(AssertUnwindSafe(|| (self.reset)(&mut value)));
        let ended = match reset {
            Ok(()) => match self.idle.push(value) {
                Ok(()) => {
                    counters.returned.fetch_add(1, Ordering::Release);
                    return;
                }
                Err(value) => {
                    counters.dropped.fetch_add(1, Ordering::Release);
                    catch_unwind(AssertUnwindSafe(|| drop(value)))
                }
            },
            Err(payload) => {
                counters.dropped.fetch_add(1, Ordering::Release);
                catch_unwind(AssertUnwindSafe(|| drop(value))).and(Err(payload))
            }
        };
        if let Err(payload) = ended
            && !std::thread::panicking()
        {
            resume_unwind(payload);
        }
    }
}

impl<T> fmt::Debug for ObjectPool<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectPool").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

/// An object in use, which goes back to its [`ObjectPool`] when this is dropped, also while a
/// panic unwinds.
pub struct Pooled<'a, T> {
    pool: &'a ObjectPool<T>,
    /// `Some` until dropped or taken out.
    value: Option<T>,
}

impl<T> Pooled<'_, T> {
    /// Takes the object out of the pool's hands for good. (Not a method, so that it hides none
    /// of the object's.)
    pub fn into_inner(mut this: Self) -> T {
        match this.value.take() {
            Some(value) => {
                this.pool.counters().detached.fetch_add(1, Ordering::Release);
                value
            }
            None => unreachable!("{GONE}"),
        }
    }
}

const GONE: &str = "only drop and into_inner take the object, and each ends the guard";

impl<T> Deref for Pooled<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        self.value.as_ref().expect(GONE)
    }
}

impl<T> DerefMut for Pooled<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        self.value.as_mut().expect(GONE)
    }
}

impl<T: fmt::Debug> fmt::Debug for Pooled<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pooled").field(&**self).finish()
    }
}

impl<T> Drop for Pooled<'_, T> {
    fn drop(&mut self) {
        if let Some(value) = self.value.take() {
            self.pool.put_back(value);
        }
    }
}
