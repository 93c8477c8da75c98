//! A process-wide cache of free chunks, by size class.
//!
//! An arena that is dropped or shrunk gives its chunks to a depot. The next arena takes them from
//! there, which saves the system calls and page faults of new chunks. This needs no call of yours.
//! Use this module to give idle memory back ([`trim`]), to see how much there is ([`stats`]), or to
//! create a [`Depot`] with another cap.
//!
//! `given = taken + recycled + retired + unmapped`. A mapping that was given to the depot either
//! waits there as recycled (ready for use, with the bytes that its last user left) or as retired
//! (its memory is given back, its address space is not yet), or was taken again, or unmapped.
//!
//! Chunks larger than 64 MiB, and those for which their class has no room, are unmapped at once;
//! others when they have been retired for 30 s, or when another allocation finds no memory left. No
//! Rust code has a pointer into them any more, which lifetimes guarantee. What JavaScript has seen
//! is never unmapped: a handler may have left an operation in flight on a detached Buffer, and that
//! operation must not fault, whenever it comes. Such addresses are kept for the next user, of any
//! size, and cost address space only.
//!
//! All mappings of a depot have the same [`MemoryOptions`]; [`of`] returns the process's depot for
//! each.

#[cfg(all(test, loom))]
mod models;
mod process;
#[cfg(all(test, not(loom)))]
mod tests;

pub use process::{global, of, stats, trim};

use super::mapping::Mapping;
use super::options::{MemoryOptions, Pages};
use crate::error::MapError;
use crate::layout::{self, CLASSES};
use crate::limit::SharedLimit;
use crate::os;
use crate::stats::DepotStats;
use crate::sync::{ArrayQueue, AtomicUsize, Mutex, OnceLock, Ordering};
use std::collections::VecDeque;
use std::mem::take;
use std::time::{Duration, Instant};

/// Recycled bytes that the process-wide depot keeps committed, by default: 128 MiB. One garbage
/// collection can free that many chunks together, and committing a chunk again costs more than
/// filling it.
pub const DEFAULT_COMMITTED_CAP: usize = 128 * 1024 * 1024;
/// How long a mapping waits as recycled at most before it is retired, and as retired before it is
/// unmapped.
pub(crate) const RETIREMENT: Duration = Duration::from_secs(30);
/// The fewest and the most recycled mappings of a class; the cap decides within these bounds. An
/// entry takes 72 bytes.
const CLASS_CAPACITY: (usize, usize) = if cfg!(loom) { (2, 2) } else { (16, 1024) };

/// A mapping that is recycled, whose bytes count in the limit; or retired, without memory, and
/// unmapped next.
struct Waiting {
    mapping: Mapping,
    since: Instant,
}

/// Retired mappings by class, each oldest first. They are taken only if there is no recycled one.
type RetiredList = Vec<VecDeque<Waiting>>;

/// Recycled chunks. All methods take `&self` and may be called from any thread.
///
/// ```
/// use ralloc_core::Arena;
/// use ralloc_core::memory::Depot;
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// let depot = Arc::new(Depot::new(8 << 20));
/// let arena = Arena::builder().depot(Arc::clone(&depot)).build()?;
/// arena.alloc_str("takes a chunk");
/// let bytes = arena.committed_bytes();
/// drop(arena); // its chunk waits for the next arena
/// assert_eq!(depot.stats().committed, bytes);
/// assert_eq!(depot.trim(Duration::ZERO), 0); // its memory is given back now
/// # Ok::<(), ralloc_core::error::OptionsError>(())
/// ```
pub struct Depot {
    /// The options of every mapping in it.
    options: MemoryOptions,
    /// Whether it may use addresses that JavaScript has seen before: only the process's depots do.
    takes_seen: bool,
    /// One queue for each class, created when a mapping of the class is first recycled: most never
    /// are.
    classes: Vec<OnceLock<ArrayQueue<Waiting>>>,
    retired: Mutex<RetiredList>,
    /// The limit on the bytes of recycled mappings whose memory was not given back.
    limit: SharedLimit,
    hits: AtomicUsize,
    misses: AtomicUsize,
    unmapped: AtomicUsize,
}

impl std::fmt::Debug for Depot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Depot").field("cap", &self.limit.most()).finish_non_exhaustive()
    }
}

impl Depot {
    /// Creates an empty depot of ordinary memory, which keeps at most `cap` bytes of recycled
    /// mappings committed. With a cap of 0 it keeps only their address space.
    ///
    /// ```
    /// let depot = ralloc_core::memory::Depot::new(1 << 20);
    /// assert_eq!((depot.stats().chunks, depot.options().is_plain()), (0, true));
    /// ```
    pub fn new(cap: usize) -> Depot {
        Depot::with(MemoryOptions::default(), cap)
    }

    /// Like [`Depot::new`], for memory with these options.
    ///
    /// ```
    /// use ralloc_core::memory::{Depot, MemoryOptions};
    ///
    /// let options = MemoryOptions { prefault: true, ..MemoryOptions::default() };
    /// assert_eq!(Depot::with(options, 1 << 20).options(), options);
    /// ```
    pub fn with(options: MemoryOptions, cap: usize) -> Depot {
        Depot {
            options,
            takes_seen: false,
            classes: (0..CLASSES).map(|_| OnceLock::new()).collect(),
            retired: Mutex::new((0..CLASSES).map(|_| VecDeque::new()).collect()),
            limit: SharedLimit::new(cap),
            hits: AtomicUsize::new(0),
            misses: AtomicUsize::new(0),
            unmapped: AtomicUsize::new(0),
        }
    }

    /// Like [`Depot::with`], for a depot that all arenas of the process share.
    fn of_process(options: MemoryOptions, cap: usize) -> Depot {
        Depot { takes_seen: true, ..Depot::with(options, cap) }
    }

    /// The options of every mapping from this depot.
    ///
    /// ```
    /// use ralloc_core::memory::{Depot, MemoryOptions};
    ///
    /// assert_eq!(Depot::new(1 << 20).options(), MemoryOptions::default());
    /// ```
    pub fn options(&self) -> MemoryOptions {
        self.options
    }

    /// Returns a mapping of `size` bytes (rounded up to [`MemoryOptions::granule`]) with the
    /// depot's options in force. It comes from the depot or from addresses that were seen before,
    /// with unknown content; or else it is new and all zero, and `true` says so. An error changes
    /// nothing.
    pub(crate) fn obtain(&self, size: usize) -> Result<(Mapping, bool), MapError> {
        let Some(mut mapping) = self.take(size) else {
            return Ok((map_new(Some(self), || Mapping::with(size, self.options))?, true));
        };
        match mapping.restore() {
            Ok(()) => Ok((mapping, false)),
            Err(error) => {
                self.retire_at(mapping, Instant::now());
                Err(error)
            }
        }
    }

    /// Checks that the system grants these options, with a mapping of the smallest size.
    pub(crate) fn probe(&self) -> Result<(), MapError> {
        // Nothing has seen it, so it may be unmapped at once.
        Mapping::with(1, self.options).map(drop)
    }

    /// Takes a mapping of exactly `size` bytes, whose content is unknown; `None` if there is none,
    /// which counts as a miss. Its options are not applied yet: [`Depot::obtain`] does that.
    pub(crate) fn take(&self, size: usize) -> Option<Mapping> {
        let waiting = layout::class_index(size, self.options.granule()).and_then(|class| {
            let recycled = self.classes[class].get().and_then(|queue| self.pop(queue));
            // Else the one that was retired last: its memory is gone, but an address saved is an
            // mmap saved.
            recycled.or_else(|| Some(self.retired.lock()[class].pop_back()?.mapping))
        });
        let found = waiting.or_else(|| self.take_seen(size));
        let count = if found.is_some() { &self.hits } else { &self.misses };
        count.fetch_add(1, Ordering::Relaxed);
        found
    }

    /// Takes addresses that JavaScript has seen before. If there are none, joins those of the
    /// mappings retired here, and tries again.
    fn take_seen(&self, size: usize) -> Option<Mapping> {
        let again = || Mapping::again(size, self.options);
        if !self.takes_seen {
            return None;
        }
        again().or_else(|| self.join_retired().then(again).flatten())
    }

    /// Drops the retired mappings that were seen, so that their addresses can be used for any size
    /// before new ones are mapped. Returns true if there were any.
    fn join_retired(&self) -> bool {
        let mut list = self.retired.lock();
        let mut seen = Vec::new();
        for queue in &mut *list {
            let is_seen = |retired: &Waiting| retired.mapping.is_seen();
            let (joined, rest): (Vec<_>, Vec<_>) = take(queue).into_iter().partition(is_seen);
            seen.extend(joined);
            *queue = VecDeque::from(rest);
        }
        drop(list);
        !seen.is_empty() // dropped here, outside the lock
    }

    /// Keeps a fully committed mapping for its next user. Beyond the cap, or if its class is full,
    /// it is retired instead; a mapping without a class is unmapped.
    ///
    /// Not public: an [`crate::Arena`] would crash with a mapping that is not committed, and a
    /// mapping that is still in use would get a second user.
    ///
    /// ```compile_fail,E0624
    /// ralloc_core::memory::depot::global().recycle(panic!());
    /// ```
    pub(crate) fn recycle(&self, mapping: Mapping) {
        debug_assert_eq!(mapping.options(), self.options, "memory of another depot");
        let since = Instant::now();
        let Some(class) = self.class_of(&mapping) else {
            return self.discard(mapping);
        };
        if !self.limit.charge(mapping.len()) {
            return self.retire_at(mapping, since);
        }
        self.push(self.class(class), Waiting { mapping, since }, since);
    }

    /// Adds a recycled mapping to its queue, or retires it if another thread has filled the queue.
    fn push(&self, queue: &ArrayQueue<Waiting>, recycled: Waiting, now: Instant) {
        if let Err(recycled) = queue.push(recycled) {
            self.retire_at(self.uncounted(recycled), now);
        }
    }

    fn pop(&self, queue: &ArrayQueue<Waiting>) -> Option<Mapping> {
        queue.pop().map(|recycled| self.uncounted(recycled))
    }

    fn class_of(&self, mapping: &Mapping) -> Option<usize> {
        layout::class_index(mapping.len(), self.options.granule())
    }

    fn class(&self, class: usize) -> &ArrayQueue<Waiting> {
        self.classes[class].get_or_init(|| ArrayQueue::new(self.capacity(class)))
    }

    /// The most recycled mappings of a class, and also the most retired ones that were not seen.
    fn capacity(&self, class: usize) -> usize {
        let (least, most) = CLASS_CAPACITY;
        (self.limit.most() / layout::class_bytes(class)).clamp(least, most)
    }

    fn retire_at(&self, mut mapping: Mapping, since: Instant) {
        // What has given back pages of the pool cannot have them again.
        let again = mapping.pages() != Pages::Explicit;
        let Some(class) = self.class_of(&mapping).filter(|_| again) else {
            return self.discard(mapping);
        };
        // If the call fails, the memory is kept until it is unmapped, which does no harm.
        let _ = mapping.vacate();
        let mut list = self.retired.lock();
        let queue = &mut list[class];
        if queue.len() >= self.capacity(class) && !mapping.is_seen() {
            drop(list);
            return self.discard(mapping);
        }
        queue.push_back(Waiting { mapping, since });
        // Two leave for each one that enters, so that the list shrinks even if `trim` is never
        // called.
        let expired: Vec<_> = (0..2).filter_map(|_| pop_expired(queue, since)).collect();
        drop(list);
        expired.into_iter().for_each(|mapping| self.discard(mapping));
    }

    /// Takes a mapping that must not be used again as it is. Unmaps it, or keeps its addresses if
    /// it was seen. Not to be called under the lock: munmap takes microseconds.
    pub(crate) fn discard(&self, mapping: Mapping) {
        self.unmapped.fetch_add(usize::from(!mapping.is_seen()), Ordering::Relaxed);
        drop(mapping);
    }

    /// Discards all mappings of this depot. Returns true if there were any.
    pub(crate) fn discard_all(&self) -> bool {
        let mut all = Vec::new();
        for queue in self.classes.iter().filter_map(|class| class.get()) {
            all.extend(std::iter::from_fn(|| self.pop(queue)));
        }
        all.extend(self.retired.lock().iter_mut().flat_map(take).map(|retired| retired.mapping));
        let any = !all.is_empty();
        all.into_iter().for_each(|mapping| self.discard(mapping));
        any
    }

    /// Retires mappings that were not taken for `idle`, or for 30 s: gives back their memory.
    /// Unmaps those that have been retired for 30 s, unless JavaScript has seen them. Returns the
    /// bytes still committed.
    ///
    /// ```
    /// use ralloc_core::memory::Depot;
    /// use std::sync::Arc;
    /// use std::time::Duration;
    ///
    /// let depot = Arc::new(Depot::new(1 << 20));
    /// let arena = ralloc_core::Arena::builder().depot(Arc::clone(&depot)).build()?;
    /// arena.alloc(7);
    /// drop(arena);
    /// assert!(depot.trim(Duration::from_secs(20)) > 0); // its chunk came just now
    /// assert_eq!(depot.trim(Duration::ZERO), 0);
    /// # Ok::<(), ralloc_core::error::OptionsError>(())
    /// ```
    pub fn trim(&self, idle: Duration) -> usize {
        self.trim_at(Instant::now(), idle)
    }

    /// [`Depot::trim`] as if it were `now`.
    pub(crate) fn trim_at(&self, now: Instant, idle: Duration) -> usize {
        for queue in self.classes.iter().filter_map(|class| class.get()) {
            for _ in 0..queue.len() {
                let Some(recycled) = queue.pop() else { break };
                let age = now.saturating_duration_since(recycled.since);
                match age >= idle.min(RETIREMENT) {
                    true => self.retire_at(self.uncounted(recycled), now),
                    false => self.push(queue, recycled, now),
                }
            }
        }
        let mut expired = Vec::new();
        let mut list = self.retired.lock();
        for queue in &mut *list {
            expired.extend(std::iter::from_fn(|| pop_expired(queue, now)));
        }
        drop(list);
        expired.into_iter().for_each(|mapping| self.discard(mapping));
        self.limit.used()
    }

    /// Gauges of what is in the depot now, and its counters. [`DepotStats`] has a longer example.
    ///
    /// ```
    /// use ralloc_core::{memory::Depot, stats::DepotStats};
    ///
    /// assert_eq!(Depot::new(1 << 20).stats(), DepotStats::default());
    /// ```
    pub fn stats(&self) -> DepotStats {
        let mut stats = DepotStats {
            committed: self.limit.used(),
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            unmapped: self.unmapped.load(Ordering::Relaxed),
            ..DepotStats::default()
        };
        let list = self.retired.lock();
        for (class, queue) in self.classes.iter().enumerate() {
            let count = queue.get().map_or(0, |queue| queue.len()) + list[class].len();
            stats.chunks += count;
            stats.reserved += count * layout::class_bytes(class);
        }
        stats
    }

    /// A recycled mapping that leaves its queue: its bytes are no longer counted.
    fn uncounted(&self, recycled: Waiting) -> Mapping {
        self.limit.discharge(recycled.mapping.len());
        recycled.mapping
    }
}

/// Returns what `map` maps. If the system has no memory, addresses or ranges left, empties the
/// process's depots and `own`, and tries once more.
pub(crate) fn map_new<T>(
    own: Option<&Depot>,
    mut map: impl FnMut() -> Result<T, MapError>,
) -> Result<T, MapError> {
    match map() {
        Err(error) if os::is_out_of_memory(&error) => {
            let found = own.is_some_and(|depot| depot.discard_all());
            let found = !cfg!(loom) && process::discard_all() || found;
            if found { map() } else { Err(error) }
        }
        mapped => mapped,
    }
}

/// The oldest of the queue, if it has been retired for [`RETIREMENT`].
fn pop_expired(queue: &mut VecDeque<Waiting>, now: Instant) -> Option<Mapping> {
    let age = now.saturating_duration_since(queue.front()?.since);
    if age >= RETIREMENT { Some(queue.pop_front()?.mapping) } else { None }
}
