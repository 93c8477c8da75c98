//! Objects that are costly to make, kept for the next user.
//!
//! Everything made or found is accounted for: `hits + made = in_use + returned + dropped +
//! detached`.
#![forbid(unsafe_code)]

use crate::error::PoolError;
use crate::layout;
use crate::stats::ObjectPoolStats;
use crate::sync::{ArrayQueue, AtomicUsize, Ordering, Padded};
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
    taken: Padded<Taken>,
    ended: Padded<Ended>,
}

/// Counters that move when an object is taken. Relaxed: they order nothing.
#[derive(Default)]
struct Taken {
    hits: AtomicUsize,
    misses: AtomicUsize,
    made: AtomicUsize,
}

/// Counters that move when the use of an object ends. On lines of their own, since one thread
/// may do all the taking and another all the returning. Release: pairs with the acquire in
/// `stats`, so that whoever sees an object's end sees that it was taken.
#[derive(Default)]
struct Ended {
    returned: AtomicUsize,
    dropped: AtomicUsize,
    detached: AtomicUsize,
}

impl Taken {
    fn count(counter: &AtomicUsize) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

impl Ended {
    fn count(counter: &AtomicUsize) {
        counter.fetch_add(1, Ordering::Release);
    }
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
        let (taken, ended) = Default::default();
        Ok(ObjectPool {
            idle: ArrayQueue::new(capacity),
            make: Box::new(make),
            reset,
            taken,
            ended,
        })
    }

    /// An idle object, or a new one. A panic of `make` reaches the caller and changes nothing
    /// but the count of misses.
    pub fn get(&self) -> Pooled<'_, T> {
        self.try_get().unwrap_or_else(|| {
            let value = (self.make)();
            Taken::count(&self.taken.made);
            Pooled { pool: self, value: Some(value) }
        })
    }

    /// An idle object, if there is one; else counts a miss.
    pub fn try_get(&self) -> Option<Pooled<'_, T>> {
        let value = self.idle.pop();
        Taken::count(if value.is_some() { &self.taken.hits } else { &self.taken.misses });
        value.map(|value| Pooled { pool: self, value: Some(value) })
    }

    /// The most idle objects that are kept.
    pub fn capacity(&self) -> usize {
        self.idle.capacity()
    }

    /// Gauges and counters. What other threads take in the midst of this call counts as in use,
    /// even if it has come back.
    pub fn stats(&self) -> ObjectPoolStats {
        // First, so that `in_use` errs upward. Acquire: pairs with the release in `Ended::count`.
        let Ended { returned, dropped, detached } = &*self.ended;
        let load = |counter: &AtomicUsize| counter.load(Ordering::Acquire);
        let [returned, dropped, detached] = [returned, dropped, detached].map(load);
        let Taken { hits, misses, made } = &*self.taken;
        let load = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
        let [hits, misses, made] = [hits, misses, made].map(load);
        let in_use = hits + made - (returned + dropped + detached);
        let (capacity, idle) = (self.capacity(), self.idle.len());
        ObjectPoolStats { capacity, idle, in_use, hits, misses, made, returned, dropped, detached }
    }

    /// Takes an object back. Nothing that `reset` or a destructor does can keep the counts from
    /// adding up; a panic of theirs goes on, unless one is under way already, which a second
    /// one would turn into an abort.
    fn put_back(&self, mut value: T) {
        // The object is dropped after a panic, so nobody sees what it left of it.
        let reset = catch_unwind(AssertUnwindSafe(|| (self.reset)(&mut value)));
        let ended = match reset {
            Ok(()) => match self.idle.push(value) {
                Ok(()) => return Ended::count(&self.ended.returned),
                Err(value) => {
                    Ended::count(&self.ended.dropped);
                    catch_unwind(AssertUnwindSafe(|| drop(value)))
                }
            },
            Err(payload) => {
                Ended::count(&self.ended.dropped);
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
                Ended::count(&this.pool.ended.detached);
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
