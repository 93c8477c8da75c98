//! How bytes are cut, all freed together.
//!
//! [`Arena`] is the face for Rust: a bump cursor over linked chunks; [`SyncArena`] is the same
//! for many threads. What JavaScript leases is in [`window`], with the records of its chunks in
//! [`chunk`] and their limit in [`budget`].

pub mod budget;
mod checkpoint;
pub mod chunk;
mod store;
mod sync_arena;
pub mod window;

pub use checkpoint::{Checkpoint, Scope};
pub use sync_arena::{Local, SyncArena};

use crate::error::{AllocError, OptionsError};
use crate::layout;
use crate::memory::{Depot, mapping::page_size};
use crate::stats::{ArenaStats, ChunkUsage};
use crate::sync::Arc;
use std::alloc::Layout;
use std::cell::{Cell, RefCell};
use std::ptr::{self, NonNull};
use store::Store;

/// How an [`Arena`] grows. Sizes in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The most bytes of chunks at any time, unused parts included. Default 64 MiB.
    pub limit: usize,
    /// The first chunk; each further one is twice as large. Default 16 KiB.
    pub first_chunk: usize,
    /// The largest chunk; larger allocations get one of their own. Default 1 MiB.
    pub chunk_cap: usize,
    /// The least alignment of every allocation: a power of two up to a page. Default 8.
    pub align: usize,
}

impl Default for Options {
    fn default() -> Self {
        let first_chunk = layout::MIN_CHUNK;
        Options { limit: 64 << 20, first_chunk, chunk_cap: 1 << 20, align: 8 }
    }
}

impl Options {
    /// Whether chunks of these sizes can be.
    fn check_sizes(&self) -> Result<(), OptionsError> {
        let Options { first_chunk: first, chunk_cap: cap, .. } = *self;
        if first == 0 || first > cap {
            return Err(OptionsError::ChunkSize { first, cap });
        }
        Ok(())
    }
}

/// A bump arena: allocating is a compare and an add, and all allocations die together.
///
/// A pointer from [`Arena::alloc`] is valid for reads and writes of its length, by whoever
/// holds it and without aliasing any other, until the arena is reset, shrunk by
/// [`Arena::reset_and_shrink`], rewound past it, or dropped. Memory is never moved. Those
/// methods take `&mut self`, so what [`Arena::alloc_slice_copy`] borrows cannot outlive it.
#[derive(Debug)]
pub struct Arena {
    /// Next free byte of the current chunk. Invariant: `base <= cursor <= end`, all of one
    /// chunk; before the first chunk all four are one page-aligned dangling address, so that
    /// the fast path needs no test for it.
    cursor: Cell<*mut u8>,
    end: Cell<*mut u8>,
    base: Cell<*mut u8>,
    /// Bytes of the current chunk that are at or above both this and `cursor` are zero.
    clean: Cell<*mut u8>,
    align: usize,
    /// Everything that the fast path does not need. Borrowed within single calls only, none
    /// of which runs foreign code.
    store: RefCell<Store>,
}

// SAFETY: the raw pointers are into chunks that the arena owns, and it is not Sync: the thread
// that has it is the only one that moves its cursor.
unsafe impl Send for Arena {}

impl Arena {
    /// An empty arena over the process's depot; takes no memory before the first allocation.
    #[cfg(not(loom))]
    pub fn new(options: Options) -> Result<Arena, OptionsError> {
        Arena::with_depot(options, crate::memory::depot::global())
    }

    /// An empty arena that takes chunks from and gives them to `depot`.
    pub fn with_depot(options: Options, depot: Arc<Depot>) -> Result<Arena, OptionsError> {
        options.check_sizes()?;
        let align = options.align;
        if !align.is_power_of_two() || align > page_size() {
            return Err(OptionsError::Align { align });
        }
        let nowhere = ptr::without_provenance_mut(page_size());
        let window = [nowhere; 4].map(Cell::new);
        let [cursor, end, base, clean] = window;
        let store = RefCell::new(Store::new(options, depot));
        Ok(Arena { cursor, end, base, clean, align, store })
    }

    /// Bytes for `layout`, aligned to at least [`Options::align`], their content whatever was
    /// there before. Size 0 is allowed and takes nothing.
    #[inline]
    pub fn alloc(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        let mask = layout.align().max(self.align) - 1;
        let cursor = self.cursor.get();
        let start = cursor.wrapping_add(cursor.addr().wrapping_neg() & mask);
        // Signed, because aligning may pass the end (and sizes never pass isize::MAX).
        let room = self.end.get().addr().wrapping_sub(start.addr()).cast_signed();
        if layout.size().cast_signed() > room {
            return self.alloc_slow(layout);
        }
        self.cursor.set(start.wrapping_add(layout.size()));
        // SAFETY: `start` is at or above the cursor, which is never null.
        let start = unsafe { NonNull::new_unchecked(start) };
        Ok(NonNull::slice_from_raw_parts(start, layout.size()))
    }

    /// [`Arena::alloc`], all zero.
    pub fn alloc_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        let bytes = self.alloc(layout)?;
        let start = bytes.cast::<u8>();
        let dirty = if self.in_window(start) {
            self.clean.get().addr().saturating_sub(start.addr().get())
        } else {
            self.store.borrow().dirty_of_last_oversize()
        };
        // SAFETY: within the bytes just handed out, to which nobody else has a pointer.
        unsafe { start.write_bytes(0, dirty.min(layout.size())) };
        Ok(bytes)
    }

    /// A copy of `values` that lives as long as the borrow of the arena.
    #[allow(clippy::mut_from_ref, reason = "each call returns bytes of its own")]
    pub fn alloc_slice_copy<T: Copy>(&self, values: &[T]) -> Result<&mut [T], AllocError> {
        let start = self.alloc(Layout::for_value(values))?.cast::<T>();
        // SAFETY: aligned and large enough by the layout, written before it is read, of the
        // arena's current epoch, which cannot end while `self` is borrowed.
        unsafe {
            start.copy_from_nonoverlapping(NonNull::from(values).cast(), values.len());
            Ok(NonNull::slice_from_raw_parts(start, values.len()).as_mut())
        }
    }

    /// A copy of `text` that lives as long as the borrow of the arena.
    #[allow(clippy::mut_from_ref, reason = "each call returns bytes of its own")]
    pub fn alloc_str(&self, text: &str) -> Result<&mut str, AllocError> {
        let bytes = self.alloc_slice_copy(text.as_bytes())?;
        // SAFETY: a copy of a str is UTF-8.
        Ok(unsafe { std::str::from_utf8_unchecked_mut(bytes) })
    }

    /// Makes sure that a next allocation of `bytes` bytes, at the arena's own alignment, takes
    /// no memory from the system. Errors as that allocation would.
    pub fn reserve(&self, bytes: usize) -> Result<(), AllocError> {
        let start = self.cursor.get().addr().next_multiple_of(self.align);
        if self.end.get().addr().checked_sub(start).is_some_and(|room| room >= bytes) {
            return Ok(());
        }
        let first = self.base == self.end;
        self.store.borrow_mut().reserve(bytes)?;
        if first {
            self.enter();
        }
        Ok(())
    }

    /// Frees every allocation at once and keeps the chunks for the next ones, except those of
    /// oversize allocations.
    pub fn reset(&mut self) {
        self.leave();
        self.store.get_mut().reset();
        self.enter();
    }

    /// [`Arena::reset`] that keeps only the first chunk and starts to grow from there.
    pub fn reset_and_shrink(&mut self) {
        self.reset();
        self.store.get_mut().forget_spares(true);
    }

    /// Gives back the chunks that hold no allocation and the memory of the current one's whole
    /// free pages: the bytes given back. Every allocation stays.
    pub fn shrink_to_fit(&mut self) -> usize {
        let free = self.end.get().addr() - self.cursor.get().addr();
        self.store.get_mut().shrink(free)
    }

    /// Every chunk with an allocation or a future: in order of use, oversize ones last.
    pub fn chunk_usage(&self) -> Vec<ChunkUsage> {
        self.store.borrow().usage(self.offset())
    }

    /// Bytes of all chunks, unused parts included: what counts toward the limit.
    pub fn committed_bytes(&self) -> usize {
        self.store.borrow().committed()
    }

    /// Gauges and counters.
    pub fn stats(&self) -> ArenaStats {
        let allocated = self.chunk_usage().iter().map(|chunk| chunk.used).sum();
        ArenaStats { allocated, ..self.store.borrow().stats() }
    }

    /// Bytes of the current chunk that are handed out.
    fn offset(&self) -> usize {
        self.cursor.get().addr() - self.base.get().addr()
    }

    fn in_window(&self, start: NonNull<u8>) -> bool {
        (self.base.get().addr()..=self.end.get().addr()).contains(&start.addr().get())
    }

    #[cold]
    #[inline(never)]
    fn alloc_slow(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        let align = layout.align().max(self.align);
        if layout.size() == 0 {
            let nowhere = NonNull::new(ptr::without_provenance_mut(align));
            let nowhere = nowhere.unwrap_or(NonNull::dangling());
            return Ok(NonNull::slice_from_raw_parts(nowhere, 0));
        }
        // Chunks begin at a page, so only a larger alignment can need more than the size.
        let slack = if align > page_size() { align } else { 0 };
        let need = layout.size().saturating_add(slack);
        let mut store = self.store.borrow_mut();
        if store.is_oversize(need) {
            let base = store.oversize(need)?;
            let pad = base.addr().get().wrapping_neg() & (align - 1);
            // SAFETY: the chunk has room for the size and the slack.
            return Ok(NonNull::slice_from_raw_parts(unsafe { base.add(pad) }, layout.size()));
        }
        store.advance(need, self.offset(), self.high())?;
        drop(store);
        self.enter();
        self.alloc(layout)
    }

    /// Offset in the current chunk from which its bytes are zero.
    fn high(&self) -> usize {
        let clean = self.clean.get().addr().max(self.cursor.get().addr());
        clean - self.base.get().addr()
    }

    /// Notes in the store where the window stands, before it is moved.
    fn leave(&mut self) {
        let (used, high) = (self.offset(), self.high());
        self.store.get_mut().leave(used, high);
    }

    /// Opens the window over the store's current chunk, at what is used of it.
    fn enter(&self) {
        let store = self.store.borrow();
        let Some((mapping, used, high)) = store.current() else { return };
        let base = mapping.base().as_ptr();
        self.base.set(base);
        self.cursor.set(base.wrapping_add(used));
        self.clean.set(base.wrapping_add(high));
        self.end.set(base.wrapping_add(mapping.len()));
    }
}
