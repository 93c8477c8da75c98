//! The arena for many threads: one cursor that all of them move.

mod local;
mod shared_chunk;

pub use local::Local;

use super::diagnostics::Reporter;
use super::store::Store;
use super::typed::{self, RawAlloc, Refusal, refused};
use super::{ArenaOptions, MAX_MIN_ALIGN, nowhere};
use crate::debug::{self, Ledger};
#[cfg(feature = "debug")]
use crate::debug::{Finding, Handle};
use crate::error::{AllocError, OptionsError};
use crate::layout::LEAST_PAGE;
use crate::memory::Depot;
use crate::stats::{ArenaStats, ChunkUsage};
use crate::sync::{Arc, AtomicPtr, Condvar, Mutex, Ordering, Padded};
use shared_chunk::{ADD_MAX, Block, SharedChunk};
use std::alloc::Layout;
use std::ptr::NonNull;
use std::sync::PoisonError;

/// An [`Arena`](crate::Arena) that many threads can allocate from together: an atomic add per
/// allocation, and all allocations die together.
///
/// Every allocation is aligned to at least `MIN_ALIGN`: a power of two, at most 4096, checked by
/// the compiler. Blocks up to 4 KiB at that alignment cost one atomic add. Larger and over-aligned
/// ones cost a compare-and-exchange loop. Only a thread that finds the chunk full takes a lock; the
/// first to get it allocates the next chunk for all. If several threads make many small
/// allocations, [`SyncArena::local`] is cheaper.
///
/// **No destructor runs.** `reset` and `drop` free bytes, whatever is in them: a `Vec` or a `File`
/// that is moved into the arena leaks what it owns. The arena never touches a value again, so a
/// value need not be `Send`: its reference stays with the thread that made it, unless the type
/// itself allows it to travel.
///
/// A reference lives as long as the borrow of the arena that it came from, and a pointer from
/// [`SyncArena::try_alloc_layout`] as long as its bytes are not freed by [`SyncArena::reset`],
/// [`SyncArena::reset_and_shrink`] or drop, which need exclusive access to the arena:
///
/// ```
/// use ralloc_core::{ArenaOptions, SyncArena};
///
/// let mut arena = SyncArena::<8>::new(ArenaOptions::default()).unwrap();
/// let sum: u64 = std::thread::scope(|threads| {
///     let made = [1, 2].map(|n| { let arena = &arena; threads.spawn(move || arena.alloc(n)) });
///     made.map(|one| *one.join().unwrap()).iter().sum()
/// });
/// assert_eq!(sum, 3);
/// arena.reset();
/// ```
///
/// ```compile_fail,E0502
/// let mut arena = ralloc_core::SyncArena::<8>::new(Default::default()).unwrap();
/// let number = arena.alloc(1);
/// arena.reset();
/// *number += 1;
/// ```
///
/// A value need not be `Send`, and so its reference is not either:
///
/// ```compile_fail,E0277
/// let arena = ralloc_core::SyncArena::<8>::new(Default::default()).unwrap();
/// let shared = arena.alloc(std::rc::Rc::new(1));
/// std::thread::scope(|threads| threads.spawn(move || shared.clone()).join().unwrap());
/// ```
#[derive(Debug)]
pub struct SyncArena<const MIN_ALIGN: usize = 8> {
    /// The current chunk, one of `State::chunks` or `State::nowhere`. Written under the lock.
    /// Padded, so that nothing that is written often shares its cache line.
    current: Padded<AtomicPtr<SharedChunk>>,
    /// Everything that the fast path does not need. No foreign code runs under the lock.
    state: Mutex<State>,
    /// Notified when a cursor was restored.
    restored: Condvar,
    /// The store's, and below.
    reporter: Reporter,
    ledger: Ledger,
}

#[derive(Debug)]
struct State {
    store: Store,
    /// The current chunk before the first one.
    nowhere: Arc<SharedChunk>,
    /// The store's chunks, in their order, up to the current one. Invariant: a chunk stays in place
    /// until `reset` or drop, which have exclusive access.
    chunks: Vec<Arc<SharedChunk>>,
    /// Threads that wait for a cursor to be restored.
    waiting: usize,
}

impl State {
    fn current(&self) -> &Arc<SharedChunk> {
        self.chunks.last().unwrap_or(&self.nowhere)
    }

    /// Notes the cursors' positions in the store.
    fn sync(&mut self) {
        for (index, chunk) in self.chunks.iter().enumerate() {
            self.store.leave_at(index, chunk.used(), chunk.clean_from_now());
        }
    }

    fn usage(&mut self) -> Vec<ChunkUsage> {
        self.sync();
        self.store.usage(self.current().used())
    }
}

/// Values, slices, strings and bytes.
#[allow(clippy::mut_from_ref, reason = "each call returns bytes of its own")]
impl<const MIN_ALIGN: usize> SyncArena<MIN_ALIGN> {
    typed::methods::allocation_methods!(
        '_,
        "let arena = ralloc_core::Arena::builder().build_sync().unwrap();",
        ""
    );

    #[inline(always)]
    fn raw(&self) -> &Self {
        self
    }
}

// SAFETY: `grab` hands each byte of a chunk out once, and what frees blocks takes `&mut SyncArena`.
unsafe impl<'a, const MIN_ALIGN: usize> RawAlloc<'a> for &'a SyncArena<MIN_ALIGN> {
    #[inline]
    #[track_caller]
    fn block<R: Refusal>(self, layout: Layout) -> Result<NonNull<u8>, R> {
        let grab = |layout| self.grab(layout).map(|block| block.start);
        refused(self.ledger.block::<MIN_ALIGN>(layout, grab))
    }

    #[track_caller]
    fn block_zeroed<R: Refusal>(self, layout: Layout) -> Result<NonNull<u8>, R> {
        let mut dirty = 0;
        let grab = |layout| {
            let block = self.grab(layout)?;
            dirty = block.dirty;
            Ok(block.start)
        };
        let start = refused(self.ledger.block::<MIN_ALIGN>(layout, grab))?;
        // SAFETY: within the bytes just handed out.
        unsafe { start.write_bytes(0, debug::dirty(dirty).min(layout.size())) };
        Ok(start)
    }

    /// Gives back a block that has its own chunk. Other blocks cannot be given back: other threads
    /// may have bytes behind them, or would get these bytes without seeing what was written there.
    fn cut_last(self, start: NonNull<u8>, old: usize, new: usize) {
        let is_whole = old > 0 && new == 0 && start.addr().get().is_multiple_of(LEAST_PAGE);
        // With the feature `debug`, the ledger still has the block.
        if is_whole && !debug::ON {
            self.state.lock().store.free_oversize(start.addr().get());
        }
    }
}

impl<const MIN_ALIGN: usize> SyncArena<MIN_ALIGN> {
    /// Creates an empty arena over the process's depot. It takes no memory before the first
    /// allocation. [`SyncArena`] has an example. For other memory use
    /// [`ArenaBuilder::build_sync`](crate::ArenaBuilder::build_sync).
    pub fn new(options: ArenaOptions) -> Result<Self, OptionsError> {
        Self::with_depot(options, crate::memory::depot::global())
    }

    /// Creates an empty arena that takes chunks from `depot` and gives them back to it.
    ///
    /// ```
    /// use ralloc_core::memory::Depot;
    /// use ralloc_core::{ArenaOptions, SyncArena};
    /// use std::sync::Arc;
    ///
    /// let depot = Arc::new(Depot::new(1 << 20));
    /// let arena = SyncArena::<8>::with_depot(ArenaOptions::default(), depot)?;
    /// assert_eq!(*arena.alloc(1), 1);
    /// # Ok::<(), ralloc_core::error::OptionsError>(())
    /// ```
    pub fn with_depot(options: ArenaOptions, depot: Arc<Depot>) -> Result<Self, OptionsError> {
        options.check()?;
        Ok(Self::over(Store::new(options, depot)))
    }

    /// An arena over an empty store.
    pub(super) fn over(mut store: Store) -> Self {
        const { assert!(MIN_ALIGN.is_power_of_two() && MIN_ALIGN <= MAX_MIN_ALIGN) };
        store.shared = true;
        let (reporter, ledger) = (store.reporter.clone(), store.ledger.clone());
        let nowhere = Arc::new(SharedChunk::nowhere());
        let current = Padded(AtomicPtr::new(Arc::as_ptr(&nowhere).cast_mut()));
        let state = Mutex::new(State { store, nowhere, chunks: Vec::new(), waiting: 0 });
        SyncArena { current, state, restored: Condvar::new(), reporter, ledger }
    }

    /// A handle for one thread, which takes 4 KiB at a time and cuts them without atomics.
    ///
    /// ```
    /// let arena = ralloc_core::Arena::builder().build_sync()?;
    /// std::thread::scope(|threads| {
    ///     for _ in 0..2 {
    ///         threads.spawn(|| {
    ///             let local = arena.local();
    ///             (0..1000).for_each(|number| *local.alloc(number) += 1);
    ///         });
    ///     }
    /// });
    /// assert!(arena.stats().allocated >= 2 * 1000 * 8);
    /// # Ok::<(), ralloc_core::error::OptionsError>(())
    /// ```
    pub fn local(&self) -> Local<'_, MIN_ALIGN> {
        Local::new(self)
    }

    /// Makes sure that an allocation of `bytes` bytes takes no memory from the system, if no other
    /// thread allocates first. Panics like that allocation would.
    ///
    /// ```
    /// let arena = ralloc_core::Arena::builder().limit(1 << 20).build_sync()?;
    /// arena.reserve(100_000);
    /// assert!(arena.committed_bytes() >= 100_000);
    /// assert!(arena.try_reserve(1 << 21).is_err());
    /// # Ok::<(), ralloc_core::error::OptionsError>(())
    /// ```
    #[track_caller]
    pub fn reserve(&self, bytes: usize) {
        typed::sure(typed::refused(self.try_reserve(bytes)));
    }

    /// Like [`SyncArena::reserve`], but returns the error that the allocation would.
    pub fn try_reserve(&self, bytes: usize) -> Result<(), AllocError> {
        let bytes = debug::with_zones::<MIN_ALIGN>(bytes);
        let mut state = self.state.lock();
        if state.current().room() >= bytes {
            return Ok(());
        }
        let reserved = state.store.reserve(bytes);
        if reserved.is_ok() && state.chunks.is_empty() {
            self.enter_first(&mut state);
        }
        drop(state);
        self.reporter.report();
        reserved
    }

    /// Frees all allocations and keeps the chunks for the next ones, except the chunks of oversize
    /// allocations.
    ///
    /// ```
    /// let mut arena = ralloc_core::Arena::builder().build_sync()?;
    /// (0..10_000).for_each(|number| *arena.alloc(number) += 1);
    /// arena.reset();
    /// assert_eq!(arena.stats().allocated, 0);
    /// assert!(arena.stats().chunks > 1);
    /// arena.reset_and_shrink();
    /// assert_eq!(arena.stats().chunks, 1);
    /// # Ok::<(), ralloc_core::error::OptionsError>(())
    /// ```
    #[track_caller]
    pub fn reset(&mut self) {
        self.reset_by(Store::reset);
    }

    /// Like [`SyncArena::reset`], which has an example, but keeps only the smallest chunk and
    /// starts to grow from there.
    #[track_caller]
    pub fn reset_and_shrink(&mut self) {
        self.reset_by(Store::reset_and_shrink);
    }

    #[track_caller]
    fn reset_by(&mut self, reset: fn(&mut Store)) {
        self.ledger.reset();
        let mut state = self.state.lock();
        state.sync();
        state.chunks.clear();
        // Relaxed: `&mut self` excludes every other thread.
        self.current.store(Arc::as_ptr(&state.nowhere).cast_mut(), Ordering::Relaxed);
        reset(&mut state.store);
        self.enter_first(&mut state);
        drop(state);
        self.reporter.report();
    }

    /// Makes the store's first chunk current, if there is one, from its beginning.
    fn enter_first(&self, state: &mut State) {
        let current = state.store.current();
        let first = current.map(|(mapping, _, clean_from)| SharedChunk::new(mapping, clean_from));
        first.into_iter().for_each(|chunk| self.enter(state, chunk));
    }

    /// Like [`Arena::handle_of`](crate::Arena::handle_of).
    #[cfg(feature = "debug")]
    pub fn handle_of(&self, block: NonNull<u8>) -> Option<Handle> {
        Handle::of(&self.ledger, block.addr().get())
    }

    /// Like [`Arena::verify`](crate::Arena::verify). Other threads may allocate meanwhile.
    #[cfg(feature = "debug")]
    pub fn verify(&self) -> Result<(), Vec<Finding>> {
        self.ledger.verify()
    }

    /// Every chunk: those in use in their order, then those that are kept for later, then oversize
    /// ones. Chunks that other threads add meanwhile may be missing.
    ///
    /// ```
    /// let arena = ralloc_core::Arena::builder().build_sync()?;
    /// arena.alloc([0u8; 64]);
    /// let chunk = arena.chunk_usage()[0];
    /// assert_eq!((chunk.used, chunk.size), (64, arena.committed_bytes()));
    /// assert_eq!(arena.stats().allocated, 64);
    /// # Ok::<(), ralloc_core::error::OptionsError>(())
    /// ```
    pub fn chunk_usage(&self) -> Vec<ChunkUsage> {
        self.state.lock().usage()
    }

    /// Bytes of all chunks, unused parts included: what counts toward the limit.
    /// [`SyncArena::chunk_usage`] has an example.
    pub fn committed_bytes(&self) -> usize {
        self.state.lock().store.committed()
    }

    /// Gauges and counters, with an example at [`SyncArena::chunk_usage`]. Allocations that other
    /// threads make meanwhile may or may not be included.
    pub fn stats(&self) -> ArenaStats {
        let mut state = self.state.lock();
        let allocated = state.usage().iter().map(|chunk| chunk.used).sum();
        ArenaStats { allocated, ..state.store.stats() }
    }

    /// Bytes for `layout`: the fast path.
    #[inline]
    fn grab(&self, layout: Layout) -> Result<Block, AllocError> {
        if layout.size() == 0 {
            let start = nowhere(layout.align().max(MIN_ALIGN));
            return Ok(Block { start, dirty: 0 });
        }
        let chunk = self.current_chunk();
        if layout.size() > ADD_MAX || layout.align() > MIN_ALIGN {
            return self.grab_wide(layout, chunk);
        }
        match chunk.add(round::<MIN_ALIGN>(layout)) {
            Ok(block) => Ok(block),
            Err(start) => self.grab_slow(layout, chunk, start),
        }
    }

    /// [`SyncArena::grab`] for blocks that are too large to be added without looking, or need an
    /// alignment.
    #[inline(never)]
    fn grab_wide(&self, layout: Layout, chunk: &SharedChunk) -> Result<Block, AllocError> {
        let claimed = chunk.claim(round::<MIN_ALIGN>(layout), layout.align());
        // Nothing was added, so there is nothing to restore.
        claimed.or_else(|_| self.grab_slow(layout, chunk, usize::MAX))
    }

    /// The current chunk, or one that was current a moment ago.
    #[inline]
    fn current_chunk(&self) -> &SharedChunk {
        // Acquire: pairs with the release in `enter`, which publishes the chunk's fields.
        let chunk = self.current.load(Ordering::Acquire);
        // SAFETY: a `SharedChunk` lives until `reset` or drop, which have exclusive access to the
        // arena.
        unsafe { &*chunk }
    }

    /// Moves to the next chunk, for a request that found `chunk` full with its cursor at `start`.
    /// `start` is beyond the end, unless this very request carried the cursor over it.
    #[cold]
    #[inline(never)]
    fn grab_slow(
        &self,
        layout: Layout,
        chunk: &SharedChunk,
        start: usize,
    ) -> Result<Block, AllocError> {
        let block = self.grab_locked(layout, chunk, start);
        self.reporter.report();
        block
    }

    fn grab_locked(
        &self,
        layout: Layout,
        chunk: &SharedChunk,
        start: usize,
    ) -> Result<Block, AllocError> {
        let mut state = self.state.lock();
        if chunk.restore(start) && state.waiting > 0 {
            self.restored.notify_all();
        }
        loop {
            // Has another thread moved on, or is there a tail that is large enough?
            let current = state.current();
            let cursor = match current.claim(round::<MIN_ALIGN>(layout), layout.align()) {
                Ok(block) => return Ok(block),
                Err(cursor) => cursor,
            };
            let tail_known = current.holds(cursor);
            let grown = self.grow(&mut state, layout);
            if grown.is_ok() || tail_known {
                return grown;
            }
            // Refused. But the request might fit the tail, and a thread is about to restore it:
            // between its failed add and the lock it does nothing else.
            state.waiting += 1;
            state = self.restored.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.waiting -= 1;
        }
    }

    /// A block for `layout` in a chunk that is not the current one. An error changes nothing.
    fn grow(&self, state: &mut State, layout: Layout) -> Result<Block, AllocError> {
        let (used, clean_from) = (state.current().used(), state.current().clean_from_now());
        state.store.leave(used, clean_from);
        if let Some(start) = state.store.more(layout)? {
            return Ok(Block { start, dirty: state.store.dirty_of_last_oversize() });
        }
        let current = state.store.current();
        let (mapping, _, clean_from) = current.expect("the store has just advanced to a chunk");
        let chunk = SharedChunk::new(mapping, clean_from);
        // Before others see the chunk, so that the thread that paid for it gets its bytes.
        let block = chunk.claim(round::<MIN_ALIGN>(layout), layout.align());
        let block = block.expect("the store has lined up a chunk with the room");
        self.enter(state, chunk);
        Ok(block)
    }

    /// Makes `chunk` the current one for all threads.
    fn enter(&self, state: &mut State, chunk: SharedChunk) {
        let chunk = Arc::new(chunk);
        // Release: pairs with the acquire in `current_chunk`.
        self.current.store(Arc::as_ptr(&chunk).cast_mut(), Ordering::Release);
        state.chunks.push(chunk);
    }
}

/// The size in whole `MIN_ALIGN`s. Does not overflow: sizes never pass `isize::MAX`.
#[inline]
fn round<const MIN_ALIGN: usize>(layout: Layout) -> usize {
    (layout.size() + (MIN_ALIGN - 1)) & !(MIN_ALIGN - 1)
}
