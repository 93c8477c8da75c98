//! Blocks of any size that live long and are freed one by one.
//!
//! For things that are kept for minutes or hours and have no common end and no common size: the
//! entries of a cache, sessions, queues. A [`Region`] has a limit that counts everything, and
//! reports how it is used. [`Region::collect`] gives free memory back to the system. What the
//! region knows about its blocks lies apart from them, so that no write to a block can damage it.
//! Things that end together are cheaper in an [`Arena`](crate::Arena), things of a few sizes in a
//! [`Slab`](crate::Slab).
//!
//! # How it works
//!
//! Two-level segregated fit (TLSF: Masmano and others, 2004): allocating, freeing and joining free
//! spans take a bounded number of steps in every state. `spans` has a record for each block and
//! free span, `bins` finds a free span of a size, `chunks` has the memory, `growth` obtains chunks
//! and gives them back, `options` sets the limits.
//!
//! `used + free = reserved`, in bytes of chunks; `reserved + metadata <= max_bytes`.

mod bins;
mod chunks;
mod growth;
mod options;
#[cfg(all(test, not(loom)))]
mod proptests;
mod spans;
#[cfg(all(test, not(loom)))]
mod tests;
#[cfg(feature = "debug")]
mod watched;

pub use growth::Collected;
pub use options::RegionOptions;

use crate::debug::{self, Ledger, Owner};
use crate::error::{AllocError, FreeError, OptionsError};
use crate::layout::ChunkGrowth;
use crate::memory::{Depot, depot};
use crate::stats::RegionStats;
use crate::sync::{Arc, unique_id};
use chunks::Chunks;
use growth::LARGEST_CHUNK;
use spans::{GRANULE, Span, Spans};
use std::alloc::Layout;
use std::ptr::NonNull;

/// Bytes added behind each block: the least ones of its red zone.
const BEHIND: usize = debug::ZONE;

/// The largest alignment: the smallest page of any system we run on, because chunks begin at a
/// page.
const MAX_ALIGN: usize = 4096;
/// The most granules of a chunk.
const MAX_GRANULES: usize = {
    let addresses = crate::layout::MAX_BYTES / GRANULE;
    let numbers = (u32::MAX >> 1) as usize;
    if addresses < numbers { addresses } else { numbers }
};

/// Blocks of any size, freed one by one.
///
/// ```
/// use ralloc_core::Region;
/// use std::alloc::Layout;
///
/// let mut region = Region::new();
/// let block = region.alloc(Layout::array::<u8>(5000)?)?;
/// let first = region.pointer(block)?.cast::<[u8; 5]>();
/// // SAFETY: the block is held, it has 5000 bytes, and no reference to it exists.
/// assert_eq!(unsafe { first.write(*b"hello"); first.read() }, *b"hello");
/// region.free(block)?;
/// assert!(region.pointer(block).is_err()); // freed: the handle is good for nothing
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Handles and pointers
///
/// [`Region::alloc`] returns a [`Block`], a handle whose every use is checked. [`Region::allocate`]
/// returns a pointer, as a [`Slab`](crate::Slab) does. [`Region::pointer`] and [`Region::find`]
/// convert between the two.
///
/// A region returns no references to a block's bytes. Bytes are uninitialised until they are
/// written; on systems that give back free pages with `MADV_FREE` (macOS, the BSDs), they may even
/// change until then. Only code that has written through a pointer knows which bytes may be read.
///
/// Used by one thread at a time, and can be sent to another one. When the region is dropped, its
/// chunks go to the depot.
#[derive(Debug)]
pub struct Region {
    spans: Spans,
    chunks: Chunks,
    options: RegionOptions,
    depot: Arc<Depot>,
    /// Unique in the process.
    id: u64,
    /// Decides the size of the next chunk, unless the limit leaves less or a block needs more.
    growth: ChunkGrowth,
    /// Bytes that `spans` keeps for chunks.
    part_bytes: usize,
    /// Bytes of held spans beyond the requested sizes.
    spare: usize,
    /// The blocks that are out, with the feature `debug`.
    ledger: Ledger,
}

/// A handle of a block of a [`Region`]. It has 16 bytes, can be copied, and is valid until the
/// block is freed through any of the copies. After that it fits no other block until 2³¹ others
/// have had the same record.
///
/// ```
/// use ralloc_core::Region;
/// use std::alloc::Layout;
///
/// let mut region = Region::new();
/// let first = region.alloc(Layout::new::<u64>())?;
/// region.free(first)?;
/// let second = region.alloc(Layout::new::<u64>())?; // at the same address
/// assert_ne!(first, second);
/// assert!(region.free(first).is_err() && region.free(second).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Block {
    region: u64,
    span: u32,
    mark: u32,
}

impl Default for Region {
    fn default() -> Region {
        Region::new()
    }
}

impl Region {
    /// Creates a region of at most 64 MiB, with [`RegionOptions::default`]. Takes no chunk before
    /// its first block.
    ///
    /// ```
    /// assert_eq!(ralloc_core::Region::new().stats().limit, 64 << 20);
    /// ```
    pub fn new() -> Region {
        Region::over(RegionOptions::default())
    }

    /// Creates a region with these options. Errors: options that contradict each other, by name.
    /// [`RegionOptions`] has an example.
    pub fn with_options(options: RegionOptions) -> Result<Region, OptionsError> {
        options.check()?;
        Ok(Region::over(options))
    }

    fn over(options: RegionOptions) -> Region {
        Region {
            ledger: Ledger::new(Owner::Region),
            spans: Spans::new(options.memory.granule()),
            chunks: Chunks::default(),
            options,
            depot: depot::of(options.memory),
            id: unique_id(),
            growth: ChunkGrowth::new(
                options.first_chunk.min(LARGEST_CHUNK),
                options.chunk_cap.min(LARGEST_CHUNK),
            ),
            part_bytes: 0,
            spare: 0,
        }
    }

    /// Allocates a block with the layout's size and alignment. The alignment is at least 16 bytes
    /// and at most a page; a block of size 0 is like any other. Its bytes are uninitialised.
    ///
    /// Errors, all of [`AllocError`]: the limit, a size or an alignment that no block can have, or
    /// memory that the system refuses.
    #[track_caller]
    pub fn alloc(&mut self, layout: Layout) -> Result<Block, AllocError> {
        let (span, Span { mark, .. }) = self.claim(layout)?;
        Ok(Block { region: self.id, span, mark })
    }

    /// Like [`Region::alloc`], with all bytes zero.
    ///
    /// ```
    /// use std::alloc::Layout;
    ///
    /// let mut region = ralloc_core::Region::new();
    /// let block = region.alloc_zeroed(Layout::new::<[u8; 100]>())?;
    /// // SAFETY: the block is held, of this layout, and zeroed.
    /// assert_eq!(unsafe { region.pointer(block)?.cast::<[u8; 100]>().read() }, [0; 100]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn alloc_zeroed(&mut self, layout: Layout) -> Result<Block, AllocError> {
        let block = self.alloc(layout)?;
        if let Ok(bytes) = self.pointer(block) {
            // SAFETY: the block is held, and nobody else has its address yet.
            unsafe { bytes.cast::<u8>().write_bytes(0, bytes.len()) };
        }
        Ok(block)
    }

    /// Frees a block. [`FreeError`] has an example of refused calls.
    #[track_caller]
    pub fn free(&mut self, block: Block) -> Result<(), FreeError> {
        let span = self.held(block)?;
        self.ledger.free(|| self.pointer_of(span).addr().get(), |_| true);
        self.spare -= self.spans.free(block.span);
        Ok(())
    }

    /// The address of a block, and the bytes of its layout. A block is never moved; the pointer is
    /// valid for reads and writes until the block is freed or the region dropped. Bytes are
    /// uninitialised until they are written, except for those of [`Region::alloc_zeroed`].
    /// [`Region`] has an example.
    pub fn pointer(&self, block: Block) -> Result<NonNull<[u8]>, FreeError> {
        Ok(self.pointer_of(self.held(block)?))
    }

    /// Finds the block whose first byte has the address. Takes a step for each block that begins
    /// before it in the same 4 KiB, at most 256, and the logarithm of the number of chunks.
    ///
    /// ```
    /// use std::alloc::Layout;
    ///
    /// let mut region = ralloc_core::Region::new();
    /// let block = region.alloc(Layout::new::<u64>())?;
    /// assert_eq!(region.find(region.pointer(block)?.cast())?, block);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn find(&self, address: NonNull<u8>) -> Result<Block, FreeError> {
        let (span, &Span { mark, .. }) = self.span_at(address)?;
        Ok(Block { region: self.id, span, mark })
    }

    /// Like [`Region::alloc`], but returns a pointer. It is valid for reads and writes of its
    /// length and aliases no other, until it is deallocated or the region dropped. Its bytes are
    /// uninitialised.
    ///
    /// ```
    /// use std::alloc::Layout;
    ///
    /// let mut region = ralloc_core::Region::new();
    /// let block = region.allocate(Layout::array::<u64>(1000)?)?;
    /// assert_eq!(block.len(), 8000);
    /// // SAFETY: the block is held, and not used afterwards.
    /// unsafe { region.deallocate(block.cast()) }?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn allocate(&mut self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        let (_, span) = self.claim(layout)?;
        Ok(self.pointer_of(&span))
    }

    /// Frees the block whose first byte has the address, found like in [`Region::find`].
    ///
    /// # Safety
    /// If there is such a block, the caller holds it, and nobody uses it any more. Other addresses
    /// return errors, and so does a second free if nothing was allocated there since.
    #[track_caller]
    pub unsafe fn deallocate(&mut self, address: NonNull<u8>) -> Result<(), FreeError> {
        self.ledger.free(|| address.addr().get(), |_| self.span_at(address).is_ok());
        let (span, _) = self.span_at(address)?;
        self.spare -= self.spans.free(span);
        Ok(())
    }

    /// The memory in use now. Visits one list of free spans.
    ///
    /// ```
    /// use std::alloc::Layout;
    ///
    /// let mut region = ralloc_core::Region::new();
    /// region.alloc(Layout::array::<u8>(1000)?)?;
    /// let stats = region.stats();
    /// assert_eq!((stats.blocks, stats.requested, stats.used), (1, 1000, 1008));
    /// assert_eq!((stats.fragmentation(), stats.used + stats.free), (0.0, stats.reserved));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn stats(&self) -> RegionStats {
        let free = self.spans.free_granules as usize * GRANULE;
        let used = self.chunks.bytes - free;
        let metadata = self.metadata();
        let clean = self.spans.clean_pages as usize * self.options.memory.granule();
        RegionStats {
            limit: self.options.max_bytes,
            reserved: self.chunks.bytes,
            metadata,
            committed: self.chunks.bytes - clean + metadata,
            used,
            requested: used - self.spare,
            free,
            largest_free: self.spans.largest_free() as usize * GRANULE,
            blocks: self.spans.held,
            spans: self.spans.count(),
            chunks: self.chunks.count(),
        }
    }

    #[inline]
    #[track_caller]
    fn claim(&mut self, layout: Layout) -> Result<(u32, Span), AllocError> {
        let (size, align) = (layout.size(), layout.align());
        // No overflow: a layout's size is at most `isize::MAX`.
        let granules = (size + BEHIND + GRANULE - 1 + usize::from(size + BEHIND == 0)) / GRANULE;
        if granules > MAX_GRANULES || align > MAX_ALIGN {
            return Err(refuse(size, align));
        }
        self.ensure_records(size, 2)?;
        let spare = granules * GRANULE - size;
        let (granules, align) = (granules as u32, (align / GRANULE).max(1) as u32);
        let free = match self.spans.find(granules, align) {
            Some(free) => free,
            None => self.find_or_grow(size, granules, align)?,
        };
        self.spare += spare;
        let taken = self.spans.take(free, granules, align, spare as u32);
        let whole = || (self.pointer_of(&taken.1), taken.1.granules as usize * GRANULE);
        // SAFETY: the span is held, all of it by the block and its zone. The region tells the
        // ledger before a chunk's memory goes, and closes the ledger when it is dropped.
        unsafe { self.ledger.watch(whole) };
        Ok(taken)
    }

    #[cold]
    #[inline(never)]
    fn find_or_grow(&mut self, size: usize, granules: u32, align: u32) -> Result<u32, AllocError> {
        match self.spans.search(granules, align) {
            Some(free) => Ok(free),
            None => self.grow(size, granules),
        }
    }

    #[inline]
    fn held(&self, block: Block) -> Result<&Span, FreeError> {
        if block.region != self.id {
            return Err(FreeError::Foreign);
        }
        self.spans.held(block.span, block.mark).ok_or(FreeError::NotHeld)
    }

    #[inline]
    fn pointer_of(&self, span: &Span) -> NonNull<[u8]> {
        let chunk = self.chunks.get(span.chunk()).expect("a span is of a chunk");
        let (offset, len) = (span.start as usize * GRANULE, span.granules as usize * GRANULE);
        // SAFETY: spans lie within their chunk, whose mapping is the region's.
        let first = unsafe { chunk.mapping.base().add(offset) };
        NonNull::slice_from_raw_parts(first, len - span.spare())
    }

    #[inline]
    fn span_at(&self, address: NonNull<u8>) -> Result<(u32, &Span), FreeError> {
        let (chunk, offset) = self.chunks.find(address).ok_or(FreeError::Foreign)?;
        let (id, span) = self.spans.find_at(chunk, (offset / GRANULE) as u32);
        match span.start as usize * GRANULE == offset {
            _ if !span.is_held() => Err(FreeError::NotHeld),
            true => Ok((id, span)),
            false => Err(FreeError::Interior),
        }
    }
}

#[cold]
fn refuse(requested: usize, align: usize) -> AllocError {
    if align > MAX_ALIGN {
        return AllocError::Align { align, most: MAX_ALIGN };
    }
    AllocError::TooLarge { requested, largest: MAX_GRANULES * GRANULE }
}

impl Drop for Region {
    fn drop(&mut self) {
        self.ledger.close();
        for number in 0..self.chunks.numbers() as u32 {
            if let Some(chunk) = self.chunks.remove(number) {
                self.depot.recycle(chunk.mapping);
            }
        }
    }
}

#[cfg(all(test, not(loom)))]
mod for_tests {
    use super::Region;

    impl Region {
        /// Checks the equations above. Returns what does not hold.
        pub(super) fn check(&self) -> Result<(), String> {
            let chunks: Vec<_> = self
                .chunks
                .iter()
                .map(|(number, chunk)| (number, chunk.first, chunk.granules))
                .collect();
            self.spans.check(&chunks)?;
            let stats = self.stats();
            let holds = stats.used + stats.free == stats.reserved
                && stats.reserved + stats.metadata <= stats.limit
                && stats.requested <= stats.used
                && stats.committed <= stats.reserved + stats.metadata;
            if holds { Ok(()) } else { Err(format!("{stats:?}")) }
        }
    }
}
