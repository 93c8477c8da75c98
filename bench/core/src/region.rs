//! Blocks of any size that are freed one by one, on one thread: nine of 64 to 512 bytes to one of 16 to 112 KiB, as sessions
//! and the entries of a cache are. Some 64 MiB live; a round frees 1,000 of them at random and makes as many others.
//!
//! # Caveats first
//!
//! - A block's first word is written when it is allocated, and checked before it is freed.
//! - rlsf is a TLSF with as many steps between two powers of two as the region. It checks nothing, and a double free corrupts
//!   it; the region, by handles, notices.
//! - malloc takes its memory from the system as it grows; the others have all of theirs from the start.

use crate::{Line, Work, numbers, rounds};
use ralloc_core::Region;
use ralloc_core::region::{Block, RegionOptions};
use rlsf::Tlsf;
use std::alloc::{Layout, alloc, dealloc};
use std::mem::MaybeUninit;
use std::ptr::NonNull;

const HEAP: usize = 256 << 20;
const LIVE: usize = 64 << 20;

trait Heap: 'static {
    const NAME: &'static str;
    type Block: Copy;

    fn new() -> Self;
    fn alloc(&mut self, layout: Layout) -> Self::Block;
    fn free(&mut self, block: Self::Block, layout: Layout);
    fn word(&self, block: Self::Block) -> NonNull<u64>;
}

impl Heap for Region {
    const NAME: &'static str = "region";
    type Block = Block;

    fn new() -> Region {
        let options = RegionOptions {
            max_bytes: 4 * HEAP,
            first_chunk: HEAP,
            chunk_cap: HEAP,
            ..RegionOptions::default()
        };
        Region::with_options(options).expect("options")
    }

    #[inline]
    fn alloc(&mut self, layout: Layout) -> Block {
        Region::alloc(self, layout).expect("room")
    }

    #[inline]
    fn free(&mut self, block: Block, _: Layout) {
        Region::free(self, block).expect("held");
    }

    #[inline]
    fn word(&self, block: Block) -> NonNull<u64> {
        self.pointer(block).expect("held").cast()
    }
}

struct Rlsf(Tlsf<'static, u32, u32, 26, 32>);

impl Heap for Rlsf {
    const NAME: &'static str = "rlsf";
    type Block = NonNull<u8>;

    fn new() -> Rlsf {
        let heap = Box::leak(Box::<[u8]>::new_uninit_slice(HEAP));
        let mut tlsf = Tlsf::new();
        tlsf.insert_free_block(heap as &'static mut [MaybeUninit<u8>]);
        Rlsf(tlsf)
    }

    #[inline]
    fn alloc(&mut self, layout: Layout) -> NonNull<u8> {
        self.0.allocate(layout).expect("room")
    }

    #[inline]
    fn free(&mut self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: held, and allocated with this alignment.
        unsafe { self.0.deallocate(block, layout.align()) };
    }

    #[inline]
    fn word(&self, block: NonNull<u8>) -> NonNull<u64> {
        block.cast()
    }
}

struct Malloc;

impl Heap for Malloc {
    const NAME: &'static str = "malloc";
    type Block = NonNull<u8>;

    fn new() -> Malloc {
        Malloc
    }

    #[inline]
    fn alloc(&mut self, layout: Layout) -> NonNull<u8> {
        // SAFETY: the layout is not empty.
        NonNull::new(unsafe { alloc(layout) }).expect("memory")
    }

    #[inline]
    fn free(&mut self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: held, and allocated with this layout.
        unsafe { dealloc(block.as_ptr(), layout) };
    }

    #[inline]
    fn word(&self, block: NonNull<u8>) -> NonNull<u64> {
        block.cast()
    }
}

struct Churn<H: Heap> {
    heap: H,
    live: Vec<(H::Block, Layout)>,
    numbers: Box<dyn Iterator<Item = usize>>,
}

impl<H: Heap> Churn<H> {
    fn new() -> Churn<H> {
        let mut churn = Churn { heap: H::new(), live: Vec::new(), numbers: Box::new(numbers()) };
        let mut bytes = 0;
        while bytes < LIVE {
            let made = churn.make(churn.live.len());
            bytes += made.1.size();
            churn.live.push(made);
        }
        churn
    }

    fn number(&mut self) -> usize {
        self.numbers.next().expect("without an end")
    }

    fn make(&mut self, at: usize) -> (H::Block, Layout) {
        let number = self.number();
        let size = match number % 10 {
            0 => (16 << 10) + (number >> 4) % (96 << 10),
            _ => 64 + (number >> 4) % 448,
        };
        let layout = Layout::from_size_align(size, 16).expect("small");
        let block = self.heap.alloc(layout);
        // SAFETY: a block of at least 64 bytes, held.
        unsafe { self.heap.word(block).write(at as u64) };
        (block, layout)
    }

    fn replace(&mut self) {
        let at = self.number() % self.live.len();
        let (block, layout) = self.live[at];
        // SAFETY: as above; written when it was made.
        assert_eq!(unsafe { self.heap.word(block).read() }, at as u64, "a foreign byte");
        self.heap.free(block, layout);
        self.live[at] = self.make(at);
    }
}

fn work<H: Heap>() -> (&'static str, Work) {
    let body = |churn: &mut Churn<H>| (0..1000).for_each(|_| churn.replace());
    (H::NAME, rounds(Churn::<H>::new(), body))
}

pub fn lines() -> Vec<Line> {
    let make = || vec![work::<Region>(), work::<Rlsf>(), work::<Malloc>()];
    vec![Line { name: "1,000 of 64 B to 112 KiB freed and made", threads: 1, make: Box::new(make) }]
}
