//! Values, slices and strings that are all freed together.
//!
//! For things that are made for one purpose and thrown away together: a request, a frame, a syntax
//! tree. Allocating is a compare and an add; freeing everything takes one call. Start with
//! [`Arena::new`], or with [`Arena::builder`] for a limit of your own; [`SyncArena`] serves many
//! threads. For things that are freed one by one, use a [`Slab`](crate::Slab).
//!
//! # How it works
//!
//! [`Arena`] is a bump cursor over a list of chunks.
//!
//! | file | |
//! |---|---|
//! | `blocks` | cuts, grows and frees blocks; with the feature `debug`, between red zones |
//! | `typed` | values, slices and strings in any arena, and the names of the methods |
//! | `store` | the chunks: growth, the limit, spares, and chunks with one block each |
//! | `checkpoint`, `scope` | go back to an earlier state |
//! | `allocator` | `&Arena` as an allocator of collections |
//! | `builder`, `diagnostics` | options, and the events that a sink is called with |
//! | `sync_arena` | the same for many threads |

#[cfg(feature = "allocator-api2")]
mod allocator;
mod blocks;
mod builder;
mod checkpoint;
mod diagnostics;
mod scope;
mod store;
mod sync_arena;
mod typed;

pub use builder::{ArenaBuilder, ArenaOptions};
pub use checkpoint::Checkpoint;
pub use diagnostics::ArenaEvent;
pub use scope::Scope;
pub use sync_arena::{Local, SyncArena};
pub use typed::UninitStr;

use crate::debug::{self, Ledger};
#[cfg(feature = "debug")]
use crate::debug::{Finding, Handle};
use crate::error::AllocError;
use crate::memory::page_size;
use crate::stats::{ArenaStats, ChunkUsage};
use std::cell::{Cell, RefCell};
use std::ptr::{self, NonNull};
use store::Store;

/// The largest minimum alignment: the smallest page of any system we run on, because the window
/// begins and ends at a page.
const MAX_MIN_ALIGN: usize = 4096;

/// The address of blocks without bytes: not null, and a multiple of `align`. That of a page is the
/// window's before there is a chunk.
#[inline]
fn nowhere(align: usize) -> NonNull<u8> {
    NonNull::new(ptr::without_provenance_mut(align)).unwrap_or(NonNull::dangling())
}

/// A bump arena: allocating is a compare and an add, and all allocations die together.
///
/// ```
/// use ralloc_core::Arena;
///
/// let mut arena = Arena::new();
/// let numbers = arena.alloc_slice_copy(&[1, 2, 3]);
/// let name = arena.alloc_str("three");
/// numbers[0] = name.len();
/// assert_eq!(numbers, [5, 2, 3]);
/// arena.reset(); // all of them at once
/// ```
///
/// # How long an allocation lives
///
/// Until the arena is reset, shrunk by [`Arena::reset_and_shrink`], rewound past it, or
/// dropped; it is never moved. Those methods take `&mut self`, so no reference outlives it:
///
/// ```compile_fail,E0502
/// let mut arena = ralloc_core::Arena::new();
/// let name = arena.alloc_str("gone");
/// arena.reset();
/// println!("{name}");
/// ```
///
/// ```compile_fail,E0502
/// let mut arena = ralloc_core::Arena::new();
/// let checkpoint = arena.checkpoint();
/// let name = arena.alloc_str("gone");
/// arena.rewind(checkpoint).unwrap();
/// println!("{name}");
/// ```
///
/// ```compile_fail,E0505
/// let arena = ralloc_core::Arena::new();
/// let name = arena.alloc_str("gone");
/// drop(arena);
/// println!("{name}");
/// ```
///
/// # No destructor runs
///
/// The arena never drops its values. That does no harm to a value that owns nothing outside the
/// arena; a `String`, `Vec` or `File` in it leaks what it owns. To avoid that, use
/// [`Arena::alloc_str`] and slices instead of `String` and `Vec`; or keep the owners outside and
/// only references in the arena; or drop the value in place when it is no longer needed:
///
/// ```
/// use std::mem::ManuallyDrop;
///
/// let arena = ralloc_core::Arena::new();
/// let names = arena.alloc(ManuallyDrop::new(vec![String::from("owned by the heap")]));
/// assert_eq!(names.len(), 1);
/// // SAFETY: dropped once, and not used after.
/// unsafe { ManuallyDrop::drop(names) };
/// ```
///
/// # Names
///
/// `alloc_x` panics with the text of the [`AllocError`], `try_alloc_x` returns it; an error changes
/// nothing. `_with` takes a function that makes the value, in place if the compiler can. Such
/// functions and iterators may allocate from the same arena. If one panics, the place reserved for
/// its value stays taken until the arena is rewound or reset.
///
/// # Alignment
///
/// Every allocation begins at a multiple of `MIN_ALIGN`, a power of two up to 4096, and takes whole
/// multiples of it. So values that need no larger alignment are never aligned at run time.
/// [`ArenaBuilder::min_align`] sets another one; an invalid one does not compile.
#[repr(C)] // What the fast paths need comes first, and together.
pub struct Arena<const MIN_ALIGN: usize = 8> {
    /// Next free byte of the current chunk. Invariant: a multiple of `MIN_ALIGN` with
    /// `base <= cursor <= end`, all of one chunk; before the first chunk all four are one
    /// page-aligned dangling address, so that the fast path needs no test for it.
    cursor: Cell<*mut u8>,
    /// Invariant: a page or more of addresses follows (the guard page), so that adding less
    /// than a page cannot wrap.
    end: Cell<*mut u8>,
    base: Cell<*mut u8>,
    /// Bytes of the current chunk that are at or above both this and `cursor` are zero.
    clean: Cell<*mut u8>,
    /// A copy of [`Store::version`], which is authoritative. While it has not changed, going back
    /// only means moving the cursor.
    version: Cell<u64>,
    /// The value of `version` after the last reset.
    settled: Cell<u64>,
    /// Everything that the fast path does not need. Borrowed only within single calls, none of
    /// which calls user code.
    store: RefCell<Store>,
    /// The store's.
    ledger: Ledger,
}

// SAFETY: the raw pointers point into chunks that the arena owns. The arena is not Sync: only the
// thread that has it moves its cursor. The store, its depot and its sink are Send. The arena never
// drops or touches values in it, and references to them keep it from being moved.
unsafe impl<const MIN_ALIGN: usize> Send for Arena<MIN_ALIGN> {}

impl Arena {
    /// Creates an empty arena with the default [`ArenaOptions`] over the process's depot. It takes
    /// no memory before the first allocation.
    ///
    /// ```
    /// let arena = ralloc_core::Arena::new();
    /// assert_eq!((arena.committed_bytes(), arena.stats().limit), (0, 64 << 20));
    /// ```
    pub fn new() -> Arena {
        Arena::default()
    }

    /// Builds an arena with options: a limit, chunk sizes, memory, an alignment.
    ///
    /// ```
    /// let arena = ralloc_core::Arena::builder().limit(1 << 20).build()?;
    /// assert_eq!(arena.stats().limit, 1 << 20);
    /// # Ok::<(), ralloc_core::error::OptionsError>(())
    /// ```
    pub fn builder() -> ArenaBuilder {
        ArenaBuilder::default()
    }
}

impl<const MIN_ALIGN: usize> Default for Arena<MIN_ALIGN> {
    fn default() -> Self {
        Arena::over(Store::new(ArenaOptions::default(), crate::memory::depot::global()))
    }
}

/// Values, slices, strings and bytes.
#[allow(clippy::mut_from_ref, reason = "each call returns bytes of its own")]
impl<const MIN_ALIGN: usize> Arena<MIN_ALIGN> {
    typed::methods::allocation_methods!('_, "let arena = ralloc_core::Arena::new();", "");

    #[inline(always)]
    fn raw(&self) -> &Self {
        self
    }
}

impl<const MIN_ALIGN: usize> Arena<MIN_ALIGN> {
    /// An arena over an empty store.
    fn over(store: Store) -> Self {
        const {
            assert!(
                MIN_ALIGN.is_power_of_two() && MIN_ALIGN <= MAX_MIN_ALIGN,
                "MIN_ALIGN is a power of two from 1 to 4096"
            );
        }
        let window = [nowhere(page_size()).as_ptr(); 4].map(Cell::new);
        let [cursor, end, base, clean] = window;
        let [version, settled] = [store.version; 2].map(Cell::new);
        let (ledger, store) = (store.ledger.clone(), RefCell::new(store));
        Arena { cursor, end, base, clean, version, settled, store, ledger }
    }

    /// Makes sure that the next allocation of `bytes` bytes takes no memory from the system, if its
    /// alignment is at most `MIN_ALIGN`. Panics like that allocation would.
    ///
    /// ```
    /// let arena = ralloc_core::Arena::new();
    /// arena.reserve(100_000);
    /// let committed = arena.committed_bytes();
    /// arena.alloc_slice_fill_copy(100_000, 0u8);
    /// assert_eq!(arena.committed_bytes(), committed);
    /// ```
    #[track_caller]
    pub fn reserve(&self, bytes: usize) {
        typed::sure(typed::refused(self.try_reserve(bytes)));
    }

    /// Like [`Arena::reserve`], but returns the error that the allocation would.
    ///
    /// ```
    /// let arena = ralloc_core::Arena::builder().limit(1 << 20).build()?;
    /// assert!(arena.try_reserve(1 << 19).is_ok() && arena.try_reserve(1 << 21).is_err());
    /// # Ok::<(), ralloc_core::error::OptionsError>(())
    /// ```
    pub fn try_reserve(&self, bytes: usize) -> Result<(), AllocError> {
        let bytes = debug::with_zones::<MIN_ALIGN>(bytes);
        if self.end.get().addr() - self.cursor.get().addr() >= bytes {
            return Ok(());
        }
        let reserved = self.change(|store| store.reserve(bytes));
        self.report();
        reserved
    }

    /// Frees all allocations and keeps the chunks for the next ones, the largest first, except the
    /// chunks of oversize allocations.
    ///
    /// ```
    /// let mut arena = ralloc_core::Arena::new();
    /// arena.alloc_slice_fill_copy(1000, 0u8);
    /// let committed = arena.committed_bytes();
    /// arena.reset();
    /// assert_eq!((arena.stats().allocated, arena.committed_bytes()), (0, committed));
    /// ```
    #[inline]
    #[track_caller]
    pub fn reset(&mut self) {
        self.ledger.reset();
        // The usual case. Calling a function would cost more than these lines.
        if self.version == self.settled {
            self.move_back(self.base.get());
        } else {
            self.reset_slow();
        }
    }

    #[cold]
    #[inline(never)]
    fn reset_slow(&mut self) {
        self.reset_by(Store::reset);
    }

    /// Like [`Arena::reset`], but keeps only the smallest chunk, and starts to grow from there.
    ///
    /// ```
    /// let mut arena = ralloc_core::Arena::new();
    /// (0..10_000).for_each(|number| *arena.alloc(number) += 1);
    /// assert!(arena.stats().chunks > 1);
    /// arena.reset_and_shrink();
    /// assert_eq!(arena.stats().chunks, 1);
    /// ```
    #[track_caller]
    pub fn reset_and_shrink(&mut self) {
        self.ledger.reset();
        self.reset_by(Store::reset_and_shrink);
    }

    fn reset_by(&mut self, reset: fn(&mut Store)) {
        self.change(reset);
        self.settled.set(self.version.get());
        self.report();
    }

    /// Gives back the chunks without an allocation and the whole free pages at the end of the
    /// current one. Returns their bytes. Every allocation stays.
    ///
    /// ```
    /// let mut arena = ralloc_core::Arena::new();
    /// arena.reserve(1 << 20);
    /// assert!(arena.shrink_to_fit() > 0);
    /// ```
    pub fn shrink_to_fit(&mut self) -> usize {
        let free = self.end.get().addr() - self.cursor.get().addr();
        let bytes = self.store.get_mut().shrink(free);
        self.report();
        bytes
    }

    /// Every chunk: those in use in their order, then those that are kept for later, then oversize
    /// ones.
    ///
    /// ```
    /// let arena = ralloc_core::Arena::new();
    /// arena.alloc([0u8; 64]);
    /// let chunks = arena.chunk_usage();
    /// assert_eq!((chunks.len(), chunks[0].used), (1, 64));
    /// ```
    pub fn chunk_usage(&self) -> Vec<ChunkUsage> {
        self.store.borrow().usage(self.offset())
    }

    /// Bytes of all chunks, unused parts included: what counts toward the limit.
    ///
    /// ```
    /// let arena = ralloc_core::Arena::new();
    /// arena.alloc(7u8); // the first chunk comes with it
    /// assert_eq!(arena.committed_bytes(), arena.chunk_usage()[0].size);
    /// ```
    pub fn committed_bytes(&self) -> usize {
        self.store.borrow().committed()
    }

    /// Gauges and counters.
    ///
    /// ```
    /// let arena = ralloc_core::Arena::new();
    /// arena.alloc([0u8; 64]);
    /// assert_eq!((arena.stats().allocated, arena.stats().chunks), (64, 1));
    /// ```
    pub fn stats(&self) -> ArenaStats {
        let allocated = self.chunk_usage().iter().map(|chunk| chunk.used).sum();
        ArenaStats { allocated, ..self.store.borrow().stats() }
    }

    /// A checked pointer to the block whose first byte is at `block`; `None` if no block begins
    /// there. Only with the feature `debug`. [`Handle`] has an example.
    #[cfg(feature = "debug")]
    pub fn handle_of(&self, block: NonNull<u8>) -> Option<Handle> {
        Handle::of(&self.ledger, block.addr().get())
    }

    /// Checks the red zones of all blocks and the poison in freed memory. Only with the feature
    /// `debug`. The error lists damage that was not reported yet; it is not reported again.
    ///
    /// ```
    /// use ralloc_core::debug::Kind;
    ///
    /// let mut arena = ralloc_core::Arena::new();
    /// let stale: *mut u64 = arena.alloc(7);
    /// arena.reset();
    /// assert!(arena.verify().is_ok());
    /// // SAFETY: none, that is the mistake. The memory is the arena's, and free.
    /// unsafe { stale.write(8) };
    /// assert_eq!(arena.verify().unwrap_err()[0].kind, Kind::WriteAfterFree);
    /// assert!(arena.verify().is_ok()); // each damage once
    /// ```
    #[cfg(feature = "debug")]
    pub fn verify(&self) -> Result<(), Vec<Finding>> {
        self.ledger.verify()
    }

    /// Bytes of the current chunk that are handed out.
    fn offset(&self) -> usize {
        self.cursor.get().addr() - self.base.get().addr()
    }

    /// Offset in the current chunk from which its bytes are zero.
    fn clean_from(&self) -> usize {
        let clean = self.clean.get().addr().max(self.cursor.get().addr());
        clean - self.base.get().addr()
    }

    /// Sets the cursor back to `cursor`, an earlier position in the same chunk. It may be above the
    /// current one, if an older block was freed since.
    #[inline]
    fn move_back(&self, cursor: *mut u8) {
        debug_assert!(self.base.get() <= cursor);
        debug_assert!(cursor <= self.cursor.get().max(self.clean.get()));
        // A branch, which is predicted, and no maximum, whose store the next allocation would wait
        // for: 1.1 ns against 1.4 for an allocation and a reset.
        if self.cursor.get() > self.clean.get() {
            self.clean.set(self.cursor.get());
        }
        self.cursor.set(cursor);
    }

    /// Lets `f` change chunks, then moves the window to the store's new position.
    fn change<R>(&self, f: impl FnOnce(&mut Store) -> R) -> R {
        let mut store = self.store.borrow_mut();
        store.leave(self.offset(), self.clean_from());
        let result = f(&mut store);
        self.version.set(store.version);
        let (base, len, used, clean_from) = match store.current() {
            Some((mapping, used, clean_from)) => {
                (mapping.base().as_ptr(), mapping.len(), used, clean_from)
            }
            None => (nowhere(page_size()).as_ptr(), 0, 0, 0),
        };
        self.base.set(base);
        self.cursor.set(base.wrapping_add(used));
        self.clean.set(base.wrapping_add(clean_from));
        self.end.set(base.wrapping_add(len));
        result
    }

    /// Calls the sink with the events noted by the store. The store is not borrowed meanwhile, so
    /// the sink may use the arena.
    fn report(&self) {
        let reporter = self.store.borrow().reporter.clone();
        reporter.report();
    }
}

impl<const MIN_ALIGN: usize> std::fmt::Debug for Arena<MIN_ALIGN> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Arena")
            .field("min_align", &MIN_ALIGN)
            .field("stats", &self.stats())
            .finish()
    }
}
