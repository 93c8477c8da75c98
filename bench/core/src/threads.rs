//! What several threads use at once: the `SyncArena`, the slab and the `ObjectPool`, on one thread and on two.
//!
//! # Caveats first
//!
//! - Every thread does nothing else, which no program does. On two threads the cost is the cache line that goes back and
//!   forth, so it depends on the machine more than on the code, and on a shared machine on its neighbours: only ratios from
//!   rounds that take turns say something.
//! - A round counts when all threads were at it for nine tenths of its time, else it is repeated (20 times at most): threads
//!   that run one after the other do not contend. On a busy machine that is a selection.
//! - A block's first word is written. malloc's round frees its blocks, as the arenas' rounds reset.
//! - The tagged free list is the classic one: a stack of indices whose head carries a tag against ABA, moved by one CAS. It
//!   checks nothing, and a thread that dies takes its blocks with it: the floor of what shares one line, not a rival.

#![allow(clippy::disallowed_types, reason = "the rivals' atomics and locks are their own")]

use crate::{Line, Work};
use ralloc_core::memory::Depot;
use ralloc_core::slab::{SlabOptions, ThreadCache};
use ralloc_core::{ArenaOptions, ObjectPool, Slab, SyncArena};
use std::alloc::{Layout, alloc, dealloc};
use std::hint::black_box;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const SIZE: usize = 64;
const LAYOUT: Layout = Layout::new::<[u64; SIZE / 8]>();
/// Of a thread in a round.
const COUNT: usize = 20_000;
const SLOTS: u32 = 8192;
const TRIES: usize = 20;

/// `each` is the work of one thread; `reset` ends a round.
fn together<S: Sync + 'static>(
    threads: usize,
    mut state: S,
    each: fn(&S),
    reset: fn(&mut S),
) -> Work {
    Box::new(move |rounds| {
        (0..rounds)
            .map(|_| {
                let (mut time, mut most) = (Duration::ZERO, -1.0);
                for _ in 0..TRIES {
                    let (whole, common) = at_once(threads, || each(&state));
                    let begun = Instant::now();
                    reset(&mut state);
                    if common > most {
                        (time, most) = (whole + begun.elapsed(), common);
                    }
                    if common > 0.9 {
                        break;
                    }
                }
                time
            })
            .sum()
    })
}

/// From the first thread's begin to the last one's end, and how much of that all threads shared.
fn at_once(threads: usize, each: impl Fn() + Sync) -> (Duration, f64) {
    let arrived = AtomicUsize::new(0);
    let run = || {
        // Spins, because a thread that sleeps starts when the others have done half of it.
        arrived.fetch_add(1, Ordering::AcqRel);
        while arrived.load(Ordering::Acquire) < threads {
            std::hint::spin_loop();
        }
        let begun = Instant::now();
        each();
        (begun, Instant::now())
    };
    let (begins, ends): (Vec<Instant>, Vec<Instant>) = thread::scope(|scope| {
        let running: Vec<_> = (1..threads).map(|_| scope.spawn(run)).collect();
        let own = run();
        running.into_iter().map(|one| one.join().unwrap()).chain([own]).unzip()
    });
    let whole = *ends.iter().max().unwrap() - *begins.iter().min().unwrap();
    let common =
        ends.iter().min().unwrap().saturating_duration_since(*begins.iter().max().unwrap());
    (whole, common.as_secs_f64() / whole.as_secs_f64())
}

#[inline(always)]
fn touch(block: NonNull<u8>) -> NonNull<u8> {
    // SAFETY: a block of at least a word, aligned to one, of the calling thread alone.
    unsafe { block.cast::<u64>().write(black_box(1)) };
    black_box(block)
}

fn from_malloc() -> NonNull<u8> {
    // SAFETY: the layout has a size.
    NonNull::new(unsafe { alloc(LAYOUT) }).expect("memory")
}

fn arenas(threads: usize) -> Vec<(&'static str, Work)> {
    let options = ArenaOptions { limit: 1 << 30, ..ArenaOptions::default() };
    let arena = || SyncArena::with_depot(options, Arc::new(Depot::new(1 << 20))).unwrap();
    let shared = |arena: &SyncArena| {
        (0..COUNT).for_each(|_| {
            touch(arena.alloc_layout(LAYOUT).cast());
        });
    };
    let local = |arena: &SyncArena| {
        let local = arena.local();
        (0..COUNT).for_each(|_| {
            touch(local.alloc_layout(LAYOUT).cast());
        });
    };
    let locked = |bump: &Mutex<bumpalo::Bump>| {
        (0..COUNT).for_each(|_| {
            touch(bump.lock().unwrap().alloc_layout(LAYOUT));
        });
    };
    let malloc = |_: &()| {
        let blocks: Vec<_> = (0..COUNT).map(|_| touch(from_malloc())).collect();
        // SAFETY: each was just allocated so.
        blocks.into_iter().for_each(|block| unsafe { dealloc(block.as_ptr(), LAYOUT) });
    };
    let bump = Mutex::new(bumpalo::Bump::new());
    vec![
        ("SyncArena", together(threads, arena(), shared, |arena| arena.reset())),
        ("SyncArena::local", together(threads, arena(), local, |arena| arena.reset())),
        ("Mutex<Bump>", together(threads, bump, locked, |bump| bump.get_mut().unwrap().reset())),
        ("malloc", together(threads, (), malloc, |_| {})),
    ]
}

/// Head: index + 1 below, tag above. The links lie beside the blocks.
struct FreeList {
    head: AtomicU64,
    next: Box<[AtomicU32]>,
    blocks: Box<[[AtomicU64; SIZE / 8]]>,
}

impl FreeList {
    fn new() -> FreeList {
        let next = (0..SLOTS).map(|index| AtomicU32::new((index + 2) % (SLOTS + 1))).collect();
        let blocks = (0..SLOTS).map(|_| Default::default()).collect();
        FreeList { head: AtomicU64::new(1), next, blocks }
    }

    #[inline(always)]
    fn take(&self) -> u32 {
        let mut head = self.head.load(Ordering::Acquire);
        loop {
            let index = (head as u32).checked_sub(1).expect("a block");
            let next = self.next[index as usize].load(Ordering::Relaxed);
            let new = (head >> 32).wrapping_add(1) << 32 | u64::from(next);
            match self.head.compare_exchange_weak(head, new, Ordering::Acquire, Ordering::Acquire) {
                Ok(_) => return index,
                Err(now) => head = now,
            }
        }
    }

    #[inline(always)]
    fn give(&self, index: u32) {
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            self.next[index as usize].store(head as u32, Ordering::Relaxed);
            let new = (head >> 32).wrapping_add(1) << 32 | u64::from(index + 1);
            match self.head.compare_exchange_weak(head, new, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }
}

/// Pairs of a block taken and given back.
fn slabs(threads: usize) -> Vec<(&'static str, Work)> {
    let slab = || Slab::new(&SlabOptions::fixed(&[SIZE], SLOTS, 1 << 24)).map(Arc::new).unwrap();
    let cached = |slab: &Arc<Slab>| {
        let mut cache = ThreadCache::new(slab).expect("a participant");
        for _ in 0..COUNT {
            let block = touch(cache.allocate(SIZE).expect("a block").cast());
            // SAFETY: not used any more.
            unsafe { cache.deallocate(block) }.expect("a held block");
        }
    };
    let direct = |slab: &Arc<Slab>| {
        for _ in 0..COUNT {
            let block = touch(slab.allocate(SIZE).expect("a block").cast());
            // SAFETY: not used any more.
            unsafe { slab.deallocate(block) }.expect("a held block");
        }
    };
    let list = |list: &FreeList| {
        for _ in 0..COUNT {
            let index = list.take();
            list.blocks[index as usize][0].store(black_box(1), Ordering::Relaxed);
            list.give(index);
        }
    };
    let malloc = |_: &()| {
        for _ in 0..COUNT {
            let block = touch(from_malloc());
            // SAFETY: just allocated so.
            unsafe { dealloc(block.as_ptr(), LAYOUT) };
        }
    };
    vec![
        ("slab, ThreadCache", together(threads, slab(), cached, |_| {})),
        ("slab", together(threads, slab(), direct, |_| {})),
        ("tagged free list", together(threads, FreeList::new(), list, |_| {})),
        ("malloc", together(threads, (), malloc, |_| {})),
    ]
}

const BUFFER: usize = 4096;

fn use_buffer(buffer: &mut Vec<u8>) {
    buffer.push(1);
    black_box(buffer);
}

/// A buffer of 4 KiB that is fetched, written to once and given up.
fn pools(threads: usize) -> Vec<(&'static str, Work)> {
    type Pool = ObjectPool<Vec<u8>>;
    type List = Mutex<Vec<Vec<u8>>>;
    let make = || Vec::with_capacity(BUFFER);
    let pool: Pool = ObjectPool::with_reset(64, make, Vec::clear).unwrap();
    let pooled = |pool: &Pool| (0..COUNT).for_each(|_| use_buffer(&mut pool.get()));
    let listed = |list: &List| {
        for _ in 0..COUNT {
            let found = list.lock().unwrap().pop();
            let mut buffer = found.unwrap_or_else(|| Vec::with_capacity(BUFFER));
            use_buffer(&mut buffer);
            buffer.clear();
            list.lock().unwrap().push(buffer);
        }
    };
    let anew = |_: &()| (0..COUNT).for_each(|_| use_buffer(&mut Vec::with_capacity(BUFFER)));
    vec![
        ("ObjectPool", together(threads, pool, pooled, |_| {})),
        ("Mutex<Vec>", together(threads, List::default(), listed, |_| {})),
        ("made anew", together(threads, (), anew, |_| {})),
    ]
}

pub fn lines() -> Vec<Line> {
    let line = |name, threads, make: fn(usize) -> Vec<(&'static str, Work)>| Line {
        name,
        threads,
        make: Box::new(move || make(threads)),
    };
    vec![
        line("64 B x 20,000, 1 thread", 1, arenas),
        line("64 B x 20,000, 2 threads", 2, arenas),
        line("20,000 pairs of 64 B, 1 thread", 1, slabs),
        line("20,000 pairs of 64 B, 2 threads", 2, slabs),
        line("20,000 buffers of 4 KiB, 1 thread", 1, pools),
        line("20,000 buffers of 4 KiB, 2 threads", 2, pools),
    ]
}
