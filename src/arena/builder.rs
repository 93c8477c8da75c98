//! The builder of an [`Arena`], and the options for its growth.

use super::diagnostics::{ArenaEvent, Reporter, Sink};
use super::{Arena, SyncArena, store::Store};
use crate::error::OptionsError;
use crate::layout::{self, ChunkGrowth};
use crate::memory::{Depot, MemoryOptions};
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
    /// minimum. If the limit leaves less than that, a chunk has just the pages that are needed.
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
    /// Checks whether an arena can have these options.
    pub(super) fn check(&self) -> Result<(), OptionsError> {
        let ArenaOptions { limit: _, first_chunk: first, chunk_cap: cap } = *self;
        if !ChunkGrowth::is_possible(first, cap) {
            return Err(OptionsError::ChunkSize { first, cap });
        }
        Ok(())
    }
}

/// Builds an [`Arena`] or, with [`ArenaBuilder::build_sync`], a [`SyncArena`].
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
    memory: MemoryOptions,
    depot: Option<Arc<Depot>>,
    sink: Option<Sink>,
}

impl<const MIN_ALIGN: usize> ArenaBuilder<MIN_ALIGN> {
    setters! {
        /// Sets [`ArenaOptions::limit`].
        limit: usize => options.limit,
        /// Sets [`ArenaOptions::first_chunk`]: from 1 to the cap on chunks, rounded up to a size
        /// class.
        first_chunk: usize => options.first_chunk,
        /// Sets [`ArenaOptions::chunk_cap`], in bytes: at least the size of the first chunk, at
        /// most [`MAX_BYTES`](crate::MAX_BYTES).
        ///
        /// ```
        /// let arena = ralloc_core::Arena::builder().chunk_cap(32 << 10).build()?;
        /// (0..100_000).for_each(|number| *arena.alloc(number) += 1u64);
        /// assert!(arena.chunk_usage().iter().all(|chunk| chunk.size <= 32 << 10));
        /// # Ok::<(), ralloc_core::error::OptionsError>(())
        /// ```
        chunk_cap: usize => options.chunk_cap,
        /// Sets all [`ArenaOptions`], which have an example.
        options: ArenaOptions => options,
        /// Allocates memory for so many bytes when the arena is built, like [`Arena::reserve`].
        /// Default 0.
        reserve: usize => reserve,
        /// How to obtain memory from the system: in huge pages, locked, on a NUMA node, or
        /// prefaulted. If that is not possible, allocations return
        /// [`crate::error::AllocError::Map`]. Ignored with a depot of your own. Default: ordinary
        /// memory.
        ///
        /// ```
        /// use ralloc_core::{Arena, memory::MemoryOptions};
        ///
        /// let memory = MemoryOptions { prefault: true, ..MemoryOptions::default() };
        /// let arena = Arena::builder().memory(memory).build()?;
        /// assert_eq!(*arena.alloc(7), 7); // takes no page fault
        /// # Ok::<(), ralloc_core::error::OptionsError>(())
        /// ```
        memory: MemoryOptions => memory,
    }

    /// Takes chunks from `depot` and gives them back to it. Default: the process's depot for such
    /// memory.
    ///
    /// ```
    /// use ralloc_core::{Arena, memory::Depot};
    /// use std::sync::Arc;
    ///
    /// let depot = Arc::new(Depot::new(1 << 20));
    /// let arena = Arena::builder().depot(Arc::clone(&depot)).build()?;
    /// arena.alloc(7);
    /// drop(arena);
    /// assert_eq!(depot.stats().chunks, 1);
    /// # Ok::<(), ralloc_core::error::OptionsError>(())
    /// ```
    pub fn depot(mut self, depot: Arc<Depot>) -> Self {
        self.depot = Some(depot);
        self
    }

    /// Calls `sink` with each [`ArenaEvent`], on the thread whose call caused it, after that call
    /// is done. The sink may use the arena; events that it causes itself are not reported. If the
    /// sink panics, the panic is caught, and it is not called again.
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
    /// The compiler checks this:
    ///
    /// ```compile_fail,E0080
    /// ralloc_core::Arena::builder().min_align::<24>().build().unwrap();
    /// ```
    pub fn min_align<const ALIGN: usize>(self) -> ArenaBuilder<ALIGN> {
        let ArenaBuilder { options, reserve, memory, depot, sink } = self;
        ArenaBuilder { options, reserve, memory, depot, sink }
    }

    /// Builds the arena. Errors: chunk sizes that contradict each other, by name, or memory to be
    /// reserved that is not available. [`ArenaBuilder`] has an example.
    pub fn build(self) -> Result<Arena<MIN_ALIGN>, OptionsError> {
        let reserve = self.reserve;
        let arena = Arena::over(self.store()?);
        arena.try_reserve(reserve).map_err(OptionsError::Reserve)?;
        Ok(arena)
    }

    /// Builds an arena for many threads. Its sink is called on the thread that caused an event;
    /// events that other threads cause while it runs are not reported. Errors: those of
    /// [`ArenaBuilder::build`].
    ///
    /// ```
    /// let arena = ralloc_core::Arena::builder().limit(1 << 20).build_sync()?;
    /// std::thread::scope(|threads| {
    ///     threads.spawn(|| arena.alloc(1));
    ///     arena.alloc(2);
    /// });
    /// assert_eq!(arena.stats().allocated, 16);
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
        // Under loom, one that ends with the model.
        let depot = self.depot.unwrap_or_else(|| match cfg!(loom) {
            true => Arc::new(Depot::with(self.memory, 0)),
            false => crate::memory::depot::of(self.memory),
        });
        let mut store = Store::new(self.options, depot);
        store.reporter = Reporter::new(self.sink);
        Ok(store)
    }
}
