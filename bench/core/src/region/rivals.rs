//! Who takes part, and what a heap is here.

use crate::HEAP;
use ralloc_core::region::{Block, RegionOptions};
use rlsf::Tlsf;
use std::alloc::{Layout, alloc_zeroed};
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::sync::OnceLock;

/// A heap of [`HEAP`] bytes.
pub trait Heap: 'static {
    const NAME: &'static str;
    type Block: Copy;

    fn new() -> Self;
    fn alloc(&mut self, size: usize) -> Option<Self::Block>;
    fn free(&mut self, block: Self::Block, size: usize);
    fn address(&self, block: Self::Block) -> NonNull<u8>;
    /// Of its first byte, or of what is kept before it.
    fn offset(&self, block: Self::Block) -> usize;
    /// Bytes of the heap that a block of `size` bytes takes.
    fn granted(size: usize) -> usize;
    /// Bytes that are kept beside the heap.
    fn beside(&self) -> usize {
        0
    }
}

pub fn layout(size: usize) -> Layout {
    Layout::from_size_align(size, 16).expect("small")
}

/// The heap of all but the region, which has one of its own: one after another has it.
pub fn memory() -> NonNull<u8> {
    static MEMORY: OnceLock<usize> = OnceLock::new();
    let address = *MEMORY.get_or_init(|| {
        let layout = Layout::from_size_align(HEAP, 4096).expect("a layout");
        // SAFETY: the layout is not empty. Never freed.
        let first = unsafe { alloc_zeroed(layout) };
        (0..HEAP).step_by(4096).for_each(|at| {
            // SAFETY: within the allocation.
            unsafe { first.add(at).write_volatile(0) }
        });
        first.expose_provenance()
    });
    NonNull::new(std::ptr::with_exposed_provenance_mut(address)).expect("memory")
}

pub struct Region {
    pub region: ralloc_core::Region,
    base: usize,
}

impl Region {
    /// One chunk, whose pages are there.
    fn make() -> Region {
        // A chunk of one class above, so that it is the only one.
        let options = RegionOptions {
            max_bytes: 4 * HEAP,
            first_chunk: HEAP,
            chunk_cap: HEAP,
            ..RegionOptions::default()
        };
        let mut region = ralloc_core::Region::with_options(options).expect("options");
        let block = region.allocate(layout(HEAP - 4096)).expect("room");
        let first = block.cast::<u8>();
        (0..HEAP - 4096).step_by(4096).for_each(|at| {
            // SAFETY: within the block.
            unsafe { first.add(at).write_volatile(0) }
        });
        // SAFETY: held, and not used any more.
        unsafe { region.deallocate(first) }.expect("held");
        Region { region, base: first.addr().get() }
    }
}

impl Heap for Region {
    const NAME: &'static str = "region, handles";
    type Block = Block;

    fn new() -> Region {
        Region::make()
    }

    #[inline]
    fn alloc(&mut self, size: usize) -> Option<Block> {
        self.region.alloc(layout(size)).ok()
    }

    #[inline]
    fn free(&mut self, block: Block, _: usize) {
        self.region.free(block).expect("held");
    }

    #[inline]
    fn address(&self, block: Block) -> NonNull<u8> {
        self.region.pointer(block).expect("held").cast()
    }

    fn offset(&self, block: Block) -> usize {
        self.address(block).addr().get() - self.base
    }

    fn granted(size: usize) -> usize {
        size.next_multiple_of(16)
    }

    fn beside(&self) -> usize {
        self.region.stats().metadata
    }
}

pub struct Pointers(Region);

impl Heap for Pointers {
    const NAME: &'static str = "region, addresses";
    type Block = NonNull<u8>;

    fn new() -> Pointers {
        Pointers(Region::make())
    }

    #[inline]
    fn alloc(&mut self, size: usize) -> Option<NonNull<u8>> {
        self.0.region.allocate(layout(size)).ok().map(NonNull::cast)
    }

    #[inline]
    fn free(&mut self, block: NonNull<u8>, _: usize) {
        // SAFETY: held, and not used any more.
        unsafe { self.0.region.deallocate(block) }.expect("held");
    }

    #[inline]
    fn address(&self, block: NonNull<u8>) -> NonNull<u8> {
        block
    }

    fn offset(&self, block: NonNull<u8>) -> usize {
        block.addr().get() - self.0.base
    }

    fn granted(size: usize) -> usize {
        Region::granted(size)
    }

    fn beside(&self) -> usize {
        self.0.beside()
    }
}

/// With as many steps between two powers of two as the region.
pub struct Rlsf(Tlsf<'static, u32, u32, 26, 32>);

const HEADER: usize = 16;

impl Heap for Rlsf {
    const NAME: &'static str = "rlsf";
    type Block = NonNull<u8>;

    fn new() -> Rlsf {
        let mut tlsf = Tlsf::new();
        // SAFETY: one contender at a time has the memory.
        let heap = unsafe {
            std::slice::from_raw_parts_mut(memory().as_ptr().cast::<MaybeUninit<u8>>(), HEAP)
        };
        tlsf.insert_free_block(heap);
        Rlsf(tlsf)
    }

    #[inline]
    fn alloc(&mut self, size: usize) -> Option<NonNull<u8>> {
        self.0.allocate(layout(size))
    }

    #[inline]
    fn free(&mut self, block: NonNull<u8>, _: usize) {
        // SAFETY: held, and allocated with this alignment.
        unsafe { self.0.deallocate(block, 16) };
    }

    #[inline]
    fn address(&self, block: NonNull<u8>) -> NonNull<u8> {
        block
    }

    fn offset(&self, block: NonNull<u8>) -> usize {
        block.addr().get() - HEADER - memory().addr().get()
    }

    fn granted(size: usize) -> usize {
        (size + HEADER).next_multiple_of(32)
    }
}
