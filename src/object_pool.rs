//! Objects that are costly to make, kept for the next user.
//!
//! For objects that an arena cannot hold, because they have a destructor or outlive the request:
//! buffers that keep their capacity, parsers, compressors, connections. The pool is one mutex over
//! a `Vec`, held for a push or a pop. It pays off if making an object costs more than that, and not
//! for small values that many threads get and return all the time.
//!
//! Everything that was made or found is accounted for:
//! `hits + made = in_use + returned + dropped + detached`.
#![forbid(unsafe_code)]

use crate::error::OptionsError;
use crate::layout;
use crate::stats::ObjectPoolStats;
use crate::sync::{Mutex, Padded};
use std::any::Any;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// A bounded pool of objects for any number of threads.
///
/// [`ObjectPool::get`] returns an idle object or makes one; its guard brings the object back. The
/// pool bounds how many objects are kept, not how many are in use: an object that comes back to a
/// full pool is dropped. The newest idle object is handed out first, because its memory is most
/// likely in the cache. It is in whatever state its last user or the pool's `reset` left it.
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
    /// Locked to push or pop and to count, and never while foreign code runs. A lock-free queue,
    /// which hands out the oldest first, with counters beside it was no faster: 45 ns alone for a
    /// get and a return, and 196 ns against 182 on two threads.
    contents: Padded<Mutex<Contents<T>>>,
    capacity: usize,
    make: Box<dyn Fn() -> T + Send + Sync>,
    reset: Box<dyn Fn(&mut T) + Send + Sync>,
}

struct Contents<T> {
    /// The newest last. Invariant: at most `capacity`, for which there is room from the start.
    idle: Vec<T>,
    /// Without `idle` and `in_use`, which follow from the others.
    counts: ObjectPoolStats,
}

impl<T> ObjectPool<T> {
    /// Creates a pool that keeps up to `capacity` idle objects, each made by `make` when it is
    /// first needed. The places are allocated now. Error: a capacity of 0, or more places than fit
    /// in memory.
    ///
    /// ```
    /// let pool = ralloc_core::ObjectPool::new(4, || Vec::<u8>::with_capacity(4096))?;
    /// assert_eq!((pool.capacity(), pool.stats().made), (4, 0));
    /// assert_eq!(pool.get().capacity(), 4096);
    /// # Ok::<(), ralloc_core::error::OptionsError>(())
    /// ```
    pub fn new(
        capacity: usize,
        make: impl Fn() -> T + Send + Sync + 'static,
    ) -> Result<Self, OptionsError> {
        ObjectPool::with_reset(capacity, make, |_| {})
    }

    /// Like [`ObjectPool::new`], but calls `reset` on every object that comes back, on the thread
    /// that brings it, before another can get it.
    ///
    /// ```
    /// use ralloc_core::ObjectPool;
    ///
    /// let most = 4096;
    /// let buffers = ObjectPool::with_reset(16, Vec::<u8>::new, move |buffer| {
    ///     buffer.clear();
    ///     buffer.shrink_to(most);
    /// })?;
    /// buffers.get().resize(10_000, 0);
    /// assert!(buffers.get().capacity() < 10_000);
    /// # Ok::<(), ralloc_core::error::OptionsError>(())
    /// ```
    pub fn with_reset(
        capacity: usize,
        make: impl Fn() -> T + Send + Sync + 'static,
        reset: impl Fn(&mut T) + Send + Sync + 'static,
    ) -> Result<Self, OptionsError> {
        let error = OptionsError::Capacity { capacity };
        let bytes = capacity.checked_mul(size_of::<T>().max(1));
        if !bytes.is_some_and(|bytes| (1..=layout::MAX_BYTES).contains(&bytes)) {
            return Err(error);
        }
        let mut idle = Vec::new();
        idle.try_reserve_exact(capacity).map_err(|_| error)?;
        let counts = ObjectPoolStats { capacity, ..ObjectPoolStats::default() };
        let contents = Contents { idle, counts };
        let (make, reset) = (Box::new(make), Box::new(reset));
        Ok(ObjectPool { contents: Padded(Mutex::new(contents)), capacity, make, reset })
    }

    /// An idle object, or a new one. A panic of `make` reaches the caller and changes nothing
    /// except the count of misses.
    ///
    /// ```
    /// let pool = ralloc_core::ObjectPool::new(4, String::new)?;
    /// let mut text = pool.get();
    /// text.push_str("in use");
    /// assert_eq!(pool.stats().in_use, 1);
    /// # Ok::<(), ralloc_core::error::OptionsError>(())
    /// ```
    pub fn get(&self) -> Pooled<'_, T> {
        self.try_get().unwrap_or_else(|| {
            let value = (self.make)();
            self.contents.lock().counts.made += 1;
            Pooled { pool: self, value: Some(value) }
        })
    }

    /// An idle object, if there is one. If not, counts a miss.
    ///
    /// ```
    /// let pool = ralloc_core::ObjectPool::new(1, String::new)?;
    /// assert!(pool.try_get().is_none());
    /// drop(pool.get());
    /// assert!(pool.try_get().is_some());
    /// # Ok::<(), ralloc_core::error::OptionsError>(())
    /// ```
    pub fn try_get(&self) -> Option<Pooled<'_, T>> {
        let mut contents = self.contents.lock();
        let value = contents.idle.pop();
        match value {
            Some(_) => contents.counts.hits += 1,
            None => contents.counts.misses += 1,
        }
        drop(contents);
        value.map(|value| Pooled { pool: self, value: Some(value) })
    }

    /// The most idle objects that are kept.
    ///
    /// ```
    /// let pool = ralloc_core::ObjectPool::new(2, String::new)?;
    /// drop([pool.get(), pool.get(), pool.get()]);
    /// assert_eq!((pool.capacity(), pool.stats().idle), (2, 2));
    /// # Ok::<(), ralloc_core::error::OptionsError>(())
    /// ```
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Gauges and counters, all taken at the same moment. [`ObjectPoolStats`] has a longer example.
    ///
    /// ```
    /// let pool = ralloc_core::ObjectPool::new(2, String::new)?;
    /// let _text = pool.get();
    /// assert_eq!((pool.stats().in_use, pool.stats().made), (1, 1));
    /// # Ok::<(), ralloc_core::error::OptionsError>(())
    /// ```
    pub fn stats(&self) -> ObjectPoolStats {
        let contents = self.contents.lock();
        let (idle, counts) = (contents.idle.len(), contents.counts);
        let ended = counts.returned + counts.dropped + counts.detached;
        ObjectPoolStats { idle, in_use: counts.hits + counts.made - ended, ..counts }
    }

    /// Takes an object back. Nothing that `reset` or a destructor does can make the counts wrong. A
    /// panic of theirs continues, unless another one is under way already: then a second one would
    /// abort the process.
    fn put_back(&self, mut value: T) {
        // The object is dropped after a panic, so nobody sees the state that the panic left it in.
        let reset = catch_unwind(AssertUnwindSafe(|| (self.reset)(&mut value)));
        let mut contents = self.contents.lock();
        if reset.is_ok() && contents.idle.len() < self.capacity {
            contents.idle.push(value);
            contents.counts.returned += 1;
            return;
        }
        contents.counts.dropped += 1;
        drop(contents);
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(value)));
        match (dropped, reset) {
            (Ok(()), Ok(())) => {}
            (Ok(()), Err(payload)) | (Err(payload), Ok(())) => go_on(payload),
            (Err(payload), Err(first)) => {
                discard(first);
                go_on(payload);
            }
        }
    }
}

/// Continues a panic, unless one is under way already.
#[cold]
fn go_on(payload: Box<dyn Any + Send>) {
    if std::thread::panicking() {
        discard(payload);
    } else {
        resume_unwind(payload);
    }
}

/// Drops the payload of a panic. It is of the caller's type, and dropping it may panic too, again
/// and again.
#[cold]
fn discard(payload: Box<dyn Any + Send>) {
    if let Err(another) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        #[allow(clippy::disallowed_methods, reason = "lost rather than dropped: it may panic too")]
        std::mem::forget(another);
    }
}

impl<T> fmt::Debug for ObjectPool<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectPool").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

/// An object in use. It goes back to its [`ObjectPool`] when this is dropped, even while a panic
/// unwinds. Use it like the object itself, through `Deref`.
///
/// ```
/// use ralloc_core::{ObjectPool, Pooled};
///
/// let pool = ObjectPool::new(1, String::new)?;
/// let mut text: Pooled<String> = pool.get();
/// text.push('a');
/// assert_eq!(text.len(), 1);
/// drop(text);
/// assert_eq!(pool.stats().idle, 1);
/// # Ok::<(), ralloc_core::error::OptionsError>(())
/// ```
pub struct Pooled<'a, T> {
    pool: &'a ObjectPool<T>,
    /// `Some` until dropped or taken out.
    value: Option<T>,
}

impl<T> Pooled<'_, T> {
    /// Takes the object out of the pool for good. (Not a method, so that it does not hide a method
    /// of the object.)
    ///
    /// ```
    /// use ralloc_core::{ObjectPool, Pooled};
    ///
    /// let pool = ObjectPool::new(4, String::new)?;
    /// let text: String = Pooled::into_inner(pool.get());
    /// assert_eq!((text.as_str(), pool.stats().detached), ("", 1));
    /// # Ok::<(), ralloc_core::error::OptionsError>(())
    /// ```
    pub fn into_inner(mut this: Self) -> T {
        let value = this.value.take().expect(GONE);
        this.pool.contents.lock().counts.detached += 1;
        value
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
