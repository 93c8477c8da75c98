//! What a pair of allocate and free costs in a slab, beside a tagged free list, a queue of free
//! blocks, and malloc. `cargo run --release --manifest-path bench/core/Cargo.toml --bin slab`
//!
//! # Caveats first
//!
//! - Wall clock, contenders by turns; a ratio is taken within each turn, its spread is the middle
//!   80 % of them. With 2 threads on 2 cores nothing else may run, or it is the scheduler that is
//!   measured.
//! - The free list is the classic one: a stack of indices whose head carries a tag against ABA, moved
//!   by one CAS. It and the queue check nothing: neither sizes nor double frees, and a thread that
//!   dies takes its blocks with it. They are the floor of what shares one line, not rivals.
//! - A block is written (8 bytes) after it is allocated and read before it is freed.
//! - Memory is warm, the pool is never exhausted, and 64 blocks are held by each thread at most.

#![allow(clippy::disallowed_types, reason = "the rivals' atomics are their own")]

use crossbeam_queue::ArrayQueue;
use ralloc_core::Slab;
use ralloc_core::slab::{SlabOptions, ThreadCache};
use std::alloc::{Layout, alloc, dealloc};
use std::hint::black_box;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Instant;

const SIZE: usize = 64;
const COUNT: u32 = 8192;
const TURNS: usize = 61;
const PAIRS: usize = 100_000;

/// One contender. A `Hand` is what one thread uses.
trait Contender: Sync {
    const NAME: &'static str;
    type Hand<'a>
    where
        Self: 'a;

    fn hand(&self) -> Self::Hand<'_>;
    fn take(hand: &mut Self::Hand<'_>) -> Option<NonNull<u64>>;
    fn give(hand: &mut Self::Hand<'_>, block: NonNull<u64>);
}

struct Magazines(Arc<Slab>);

impl Contender for Magazines {
    const NAME: &'static str = "ralloc, magazines";
    type Hand<'a> = ThreadCache;

    fn hand(&self) -> ThreadCache {
        ThreadCache::new(&self.0).expect("a participant")
    }

    #[inline(always)]
    fn take(hand: &mut ThreadCache) -> Option<NonNull<u64>> {
        hand.allocate(SIZE).ok().map(NonNull::cast)
    }

    #[inline(always)]
    fn give(hand: &mut ThreadCache, block: NonNull<u64>) {
        // SAFETY: the loops below use no block that they have given back.
        unsafe { hand.deallocate(block.cast()) }.expect("a held block");
    }
}

struct NoMagazines(Arc<Slab>);

impl Contender for NoMagazines {
    const NAME: &'static str = "ralloc, none";
    type Hand<'a> = &'a Slab;

    fn hand(&self) -> &Slab {
        &self.0
    }

    #[inline(always)]
    fn take(hand: &mut &Slab) -> Option<NonNull<u64>> {
        hand.allocate(SIZE).ok().map(NonNull::cast)
    }

    #[inline(always)]
    fn give(hand: &mut &Slab, block: NonNull<u64>) {
        // SAFETY: as above.
        unsafe { hand.deallocate(block.cast()) }.expect("a held block");
    }
}

/// Blocks of one allocation, by index.
struct Blocks(NonNull<u8>);

// SAFETY: an address; each block is used by whoever took it.
unsafe impl Send for Blocks {}
// SAFETY: as above.
unsafe impl Sync for Blocks {}

impl Blocks {
    fn new() -> Blocks {
        let layout = Layout::from_size_align(SIZE * COUNT as usize, 64).expect("a layout");
        // SAFETY: the layout is not empty. Never freed: the program ends soon.
        Blocks(NonNull::new(unsafe { alloc(layout) }).expect("memory"))
    }

    #[inline(always)]
    fn at(&self, index: u32) -> NonNull<u64> {
        // SAFETY: within the allocation.
        unsafe { self.0.add(index as usize * SIZE) }.cast()
    }

    #[inline(always)]
    fn index(&self, block: NonNull<u64>) -> u32 {
        ((block.addr().get() - self.0.addr().get()) / SIZE) as u32
    }
}

/// Head: index + 1 below, tag above. The links lie beside the blocks.
struct FreeList {
    head: AtomicU64,
    next: Box<[AtomicU32]>,
    blocks: Blocks,
}

impl FreeList {
    fn new() -> FreeList {
        let next = (0..COUNT).map(|index| AtomicU32::new((index + 2) % (COUNT + 1))).collect();
        FreeList { head: AtomicU64::new(1), next, blocks: Blocks::new() }
    }
}

impl Contender for FreeList {
    const NAME: &'static str = "tagged free list";
    type Hand<'a> = &'a FreeList;

    fn hand(&self) -> &FreeList {
        self
    }

    #[inline(always)]
    fn take(list: &mut &FreeList) -> Option<NonNull<u64>> {
        let mut head = list.head.load(Ordering::Acquire);
        loop {
            let index = (head as u32).checked_sub(1)?;
            let next = list.next[index as usize].load(Ordering::Relaxed);
            let new = (head >> 32).wrapping_add(1) << 32 | u64::from(next);
            match list.head.compare_exchange_weak(head, new, Ordering::Acquire, Ordering::Acquire) {
                Ok(_) => return Some(list.blocks.at(index)),
                Err(now) => head = now,
            }
        }
    }

    #[inline(always)]
    fn give(list: &mut &FreeList, block: NonNull<u64>) {
        let index = list.blocks.index(block);
        let mut head = list.head.load(Ordering::Relaxed);
        loop {
            list.next[index as usize].store(head as u32, Ordering::Relaxed);
            let new = (head >> 32).wrapping_add(1) << 32 | u64::from(index + 1);
            match list.head.compare_exchange_weak(head, new, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }
}

struct Queue {
    free: ArrayQueue<u32>,
    blocks: Blocks,
}

impl Queue {
    fn new() -> Queue {
        let free = ArrayQueue::new(COUNT as usize);
        (0..COUNT).for_each(|index| free.push(index).expect("room"));
        Queue { free, blocks: Blocks::new() }
    }
}

impl Contender for Queue {
    const NAME: &'static str = "ArrayQueue";
    type Hand<'a> = &'a Queue;

    fn hand(&self) -> &Queue {
        self
    }

    #[inline(always)]
    fn take(queue: &mut &Queue) -> Option<NonNull<u64>> {
        queue.free.pop().map(|index| queue.blocks.at(index))
    }

    #[inline(always)]
    fn give(queue: &mut &Queue, block: NonNull<u64>) {
        queue.free.push(queue.blocks.index(block)).expect("room");
    }
}

struct Malloc;

impl Contender for Malloc {
    const NAME: &'static str = "malloc";
    type Hand<'a> = ();

    fn hand(&self) {}

    #[inline(always)]
    fn take(_: &mut ()) -> Option<NonNull<u64>> {
        // SAFETY: the layout is not empty.
        NonNull::new(unsafe { alloc(Layout::new::<[u64; SIZE / 8]>()) }.cast())
    }

    #[inline(always)]
    fn give(_: &mut (), block: NonNull<u64>) {
        // SAFETY: allocated with this layout.
        unsafe { dealloc(block.as_ptr().cast(), Layout::new::<[u64; SIZE / 8]>()) }
    }
}

#[inline(always)]
fn write(block: NonNull<u64>, value: u64) {
    let block = black_box(block);
    // SAFETY: a block that the caller has taken.
    unsafe { block.write(black_box(value)) }
}

#[inline(always)]
fn read(block: NonNull<u64>) -> u64 {
    // SAFETY: as above.
    unsafe { black_box(block.read()) }
}

/// Takes and gives back one block after another.
fn pairs<C: Contender>(contender: &C) {
    let mut hand = contender.hand();
    for round in 0..PAIRS as u64 {
        let block = C::take(&mut hand).expect("a block");
        write(block, round);
        read(block);
        C::give(&mut hand, block);
    }
}

/// Takes 64 blocks, then gives them back.
fn bursts<C: Contender>(contender: &C) {
    let mut hand = contender.hand();
    let mut held = [NonNull::dangling(); 64];
    for _ in 0..PAIRS / 64 {
        for (round, place) in held.iter_mut().enumerate() {
            *place = C::take(&mut hand).expect("a block");
            write(*place, round as u64);
        }
        for &block in &held {
            read(block);
            C::give(&mut hand, block);
        }
    }
}

/// A ring of blocks from one thread to another, without a lock: all contenders pay for the same one.
struct Ring {
    places: Box<[AtomicU64]>,
}

impl Ring {
    fn new() -> Ring {
        Ring { places: (0..1024).map(|_| AtomicU64::new(0)).collect() }
    }

    fn send(&self, at: usize, block: NonNull<u64>) {
        let place = &self.places[at % self.places.len()];
        while place.load(Ordering::Acquire) != 0 {
            std::hint::spin_loop();
        }
        place.store(block.as_ptr().expose_provenance() as u64, Ordering::Release);
    }

    fn receive(&self, at: usize) -> NonNull<u64> {
        let place = &self.places[at % self.places.len()];
        loop {
            let address = place.load(Ordering::Acquire) as usize;
            if let Some(block) = NonNull::new(std::ptr::with_exposed_provenance_mut(address)) {
                place.store(0, Ordering::Release);
                return block;
            }
            std::hint::spin_loop();
        }
    }
}

fn hand_over<C: Contender>(contender: &C) -> f64 {
    let (ring, start) = (Ring::new(), Barrier::new(2));
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut hand = contender.hand();
            start.wait();
            for round in 0..PAIRS {
                let block = loop {
                    match C::take(&mut hand) {
                        Some(block) => break block,
                        None => std::hint::spin_loop(),
                    }
                };
                write(block, round as u64);
                ring.send(round, block);
            }
        });
        let mut hand = contender.hand();
        start.wait();
        let begun = Instant::now();
        for round in 0..PAIRS {
            let block = ring.receive(round);
            assert_eq!(read(block), round as u64);
            C::give(&mut hand, block);
        }
        begun.elapsed().as_secs_f64()
    })
}

/// Seconds of the slowest of so many threads that do the work at once.
fn at_once(threads: usize, work: impl Fn() + Sync) -> f64 {
    let start = Barrier::new(threads);
    let timed = || {
        start.wait();
        let begun = Instant::now();
        work();
        begun.elapsed().as_secs_f64()
    };
    thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(timed)).collect();
        let own = timed();
        others.into_iter().map(|other| other.join().expect("no panic")).fold(own, f64::max)
    })
}

type Turn<'a> = (&'static str, Box<dyn Fn() -> f64 + 'a>);

/// The 10th, 50th and 90th percentile.
fn spread(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_unstable_by(f64::total_cmp);
    [10, 50, 90].map(|percent| values[(values.len() - 1) * percent / 100])
}

fn compare(title: &str, contenders: &[Turn<'_>]) {
    let mut times = vec![Vec::new(); contenders.len()];
    for turn in 0..=TURNS {
        for ((_, run), times) in contenders.iter().zip(&mut times) {
            let seconds = run();
            if turn > 0 {
                times.push(seconds * 1e9 / PAIRS as f64);
            }
        }
    }
    println!("{title}");
    for ((name, _), own) in contenders.iter().zip(&times) {
        let ratios = own.iter().zip(&times[0]).map(|(own, first)| own / first).collect();
        let ([_, median, _], [low, ratio, high]) = (spread(own.clone()), spread(ratios));
        println!("  {name:<18} {median:>8.2} ns  {ratio:>6.2} [{low:.2} to {high:.2}]");
    }
}

fn slab() -> Arc<Slab> {
    Arc::new(Slab::new(&SlabOptions::fixed(&[SIZE], COUNT, 1 << 24)).expect("a slab"))
}

fn main() {
    let (magazines, direct) = (Magazines(slab()), NoMagazines(slab()));
    let (list, queue) = (FreeList::new(), Queue::new());
    macro_rules! all {
        ($work:expr) => {{
            fn turn<'a, C: Contender>(contender: &'a C, work: fn(&C) -> f64) -> Turn<'a> {
                (C::NAME, Box::new(move || work(contender)))
            }
            vec![
                turn(&magazines, $work),
                turn(&direct, $work),
                turn(&list, $work),
                turn(&queue, $work),
                turn(&Malloc, $work),
            ]
        }};
    }
    println!("wall clock of a pair, median; its ratio to the first one's");
    compare("pairs, 1 thread", &all!(|c| at_once(1, || pairs(c))));
    compare("64 taken, 64 given back, 1 thread", &all!(|c| at_once(1, || bursts(c))));
    compare("pairs, 2 threads", &all!(|c| at_once(2, || pairs(c))));
    compare("64 taken, 64 given back, 2 threads", &all!(|c| at_once(2, || bursts(c))));
    compare("taken by one thread, given back by another", &all!(hand_over));
}
