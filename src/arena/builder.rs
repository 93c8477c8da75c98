//! How an [`Arena`] is made.

use super::diagnostics::{ArenaEvent, Reporter, Sink};
use super::{Arena, SyncArena, store::Store};
use crate::error::OptionsError;
use crate::layout::{self, MAX_BYTES};
use crate::memory::{self, Depot};
use crate::sync::Arc;

/// How an arena grows. Sizes in bytes.
///
/// ```
/// use ralloc_core::{Arena, ArenaOptions};
///
/// let options = ArenaOptions { limit: 1 << 20, ..ArenaOptions::default() };
/// let arena = Arena::builder().options(options).build()?;
/// assert_eq!(arena.stats().limit, 1 << 20);
/// # Ok::<(), ralloc_core::error::OptionsError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArenaOptions {
    /// The most bytes of chunks at any time, unused parts included. Default 64 MiB.
    pub limit: usize,
    /// The first chunk; each further one is twice as large. Default 16 KiB, which is also the
    /// least there is.
    pub first_chunk: usize,
    /// The largest chunk; larger allocations get one of their own. Default 1 MiB.
    pub chunk_cap: usize,
}

impl Default for ArenaOptions {
    fn default() -> Self {
        ArenaOptions { limit: 64 << 20, first_chunk: layout::MIN_CHUNK, chunk_cap: 1 << 20 }
    }
}

impl ArenaOptions {
    /// Whether an arena can be made so.
    pub(super) fn check(&self) -> Result<(), OptionsError> {
        let ArenaOptions { limit: _, first_chunk: first, chunk_cap: cap } = *self;
        if !(1..=cap).contains(&first) || cap > MAX_BYTES {
            return Err(OptionsError::ChunkSize { first, cap });
        }
        Ok(())
    }
}

/// Makes an [`Arena`].
///
/// ```
/// use ralloc_core::Arena;
///
/// let arena = Arena::builder()
///     .limit(8 << 20)
///     .first_chunk(64 << 10)
///     .reserve(1 << 20)
///     .diagnostics(|event| eprintln!("arena: {event:?}"))
///     .build()?;
/// assert!(arena.committed_bytes() >= 1 << 20);
/// # Ok::<(), ralloc_core::error::OptionsError>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a builder does nothing until it builds"]
pub struct ArenaBuilder<const MIN_ALIGN: usize = 8> {
    options: ArenaOptions,
    reserve: usize,
    memory: memory::Options,
    depot: Option<Arc<Depot>>,
    sink: Option<Sink>,
}

impl ArenaBuilder {
    pub(super) fn new() -> ArenaBuilder {
        ArenaBuilder::default()
    }
}

impl<const MIN_ALIGN: usize> ArenaBuilder<MIN_ALIGN> {
    /// Sets [`ArenaOptions::limit`].
    pub fn limit(mut self, bytes: usize) -> Self {
        self.options.limit = bytes;
        self
    }

    /// Sets [`ArenaOptions::first_chunk`]: from 1 to the cap on chunks; rounded up to a size class.
    pub fn first_chunk(mut self, bytes: usize) -> Self {
        self.options.first_chunk = bytes;
        self
    }

    /// Sets [`ArenaOptions::chunk_cap`], at least the first chunk.
    pub fn chunk_cap(mut self, bytes: usize) -> Self {
        self.options.chunk_cap = bytes;
        self
    }

    /// Sets all [`ArenaOptions`].
    pub fn options(mut self, options: ArenaOptions) -> Self {
        self.options = options;
        self
    }

    /// Takes memory for `bytes` bytes at once, as [`Arena::reserve`]. Default 0.
    pub fn reserve(mut self, bytes: usize) -> Self {
        self.reserve = bytes;
        self
    }

    /// What is asked of the system for its memory: huge pages, locked, of a NUMA node, there before it is
    /// used. Where it cannot be had allocations fail by [`crate::error::AllocError::Map`]. Plays no part
    /// with a depot of your own. Default: nothing.
    pub fn memory(mut self, options: memory::Options) -> Self {
        self.memory = options;
        self
    }

    /// Takes chunks from and gives them to `depot`. Default: the process's for such memory.
    pub fn depot(mut self, depot: Arc<Depot>) -> Self {
        self.depot = Some(depot);
        self
    }

    /// Calls `sink` with each [`ArenaEvent`], after the call of the arena that caused it is done, on
    /// the thread that made it. The sink may use the arena; what it causes so is not reported.
    /// One that panics is not called again, and its panic goes no further.
    pub fn diagnostics(mut self, sink: impl Fn(ArenaEvent) + Send + Sync + 'static) -> Self {
        self.sink = Some(Sink::new(sink));
        self
    }

    /// Sets the least alignment of every allocation: a power of two up to 4096.
    ///
    /// ```
    /// let arena = ralloc_core::Arena::builder().min_align::<64>().build()?;
    /// assert!((&raw const *arena.alloc(1u8)).addr().is_multiple_of(64));
    /// # Ok::<(), ralloc_core::error::OptionsError>(())
    /// ```
    ///
    /// Checked by the compiler:
    ///
    /// ```compile_fail,E0080
    /// ralloc_core::Arena::builder().min_align::<24>().build().unwrap();
    /// ```
    pub fn min_align<const ALIGN: usize>(self) -> ArenaBuilder<ALIGN> {
        let ArenaBuilder { options, reserve, memory, depot, sink } = self;
        ArenaBuilder { options, reserve, memory, depot, sink }
    }

    /// The arena. Errors name the values that cannot be; none takes memory.
    pub fn build(self) -> Result<Arena<MIN_ALIGN>, OptionsError> {
        let reserve = self.reserve;
        let arena = Arena::over(self.store()?);
        arena.try_reserve(reserve).map_err(OptionsError::Reserve)?;
        Ok(arena)
    }

    /// The arena for many threads. Its sink is called on the thread that caused an event; what others cause
    /// while it runs is not reported. Errors as those of [`ArenaBuilder::build`].
    ///
    /// ```
    /// let arena = ralloc_core::Arena::builder().limit(1 << 20).build_sync()?;
    /// std::thread::scope(|threads| {
    ///     threads.spawn(|| arena.alloc(1));
    ///     arena.alloc(2);
    /// });
    /// # Ok::<(), ralloc_core::error::OptionsError>(())
    /// ```
    pub fn build_sync(self) -> Result<SyncArena<MIN_ALIGN>, OptionsError> {
        let reserve = self.reserve;
        let arena = SyncArena::over(self.store()?);
        arena.try_reserve(reserve).map_err(OptionsError::Reserve)?;
        Ok(arena)
    }

    fn store(self) -> Result<Store, OptionsError> {
        self.options.check()?;
        let depot = self.depot.unwrap_or_else(|| default_depot(self.memory));
        let mut store = Store::new(self.options, depot);
        store.reporter = Reporter::new(self.sink);
        Ok(store)
    }
}

#[cfg(not(loom))]
fn default_depot(options: memory::Options) -> Arc<Depot> {
    memory::depot::of(options)
}

/// Models share no state between their runs.
#[cfg(loom)]
fn default_depot(options: memory::Options) -> Arc<Depot> {
    Arc::new(Depot::with(options, 0))
}
