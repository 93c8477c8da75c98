//! Allocating on several threads at once: the `SyncArena` and its handles beside one bare atomic
//! add per allocation (what it cannot beat without handing out more at a time), one
//! `bumpalo::Bump` behind a mutex, and malloc.
//!
//! Caveats first:
//! - On two threads the cost is the cache line that goes back and forth, so the figures depend on
//!   the machine more than on the code, and on a shared machine on the neighbours. Only the
//!   ratios, from rounds that take turns, say something; their quartiles say how much.
//! - Every thread does nothing but allocate, which no program does. A program that works between
//!   two allocations sees less contention.
//! - `touch` writes the first word of each block, the bare add into a buffer of its own of the
//!   same size; without it no block is touched, so only the arithmetic is measured.
//! - malloc's round frees its blocks too, as the arenas' rounds reset; malloc and the handles
//!   scale because their threads share nothing most of the time.
//! - A round counts when all threads were at it for nine tenths of its time, else it is repeated
//!   (20 times at most): threads that run one after the other do not contend. On a busy machine
//!   that is a selection.
//!
//! `cargo bench --manifest-path bench/core/Cargo.toml --bench sync_arena` measures each line and then
//! prints the ratios; `-- --ratios` prints those only, `-- --test` checks that all of it runs.

#![allow(clippy::disallowed_types, reason = "the rivals' atomics and locks are their own")]

use criterion::{BenchmarkId, Criterion, Throughput};
use ralloc_core::memory::Depot;
use ralloc_core::{ArenaOptions, SyncArena};
use std::alloc::Layout;
use std::hint::black_box;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const SIZE: usize = 64;
/// Allocations of a thread in a round.
const COUNT: usize = 50_000;
const MOST_THREADS: usize = 2;
/// How often a round is repeated at most.
const TRIES: usize = 20;
const LAYOUT: Layout = Layout::new::<[u64; SIZE / 8]>();

/// One way to allocate [`COUNT`] blocks on each thread, and to be rid of them.
trait Rival: Sync {
    fn name(&self) -> &'static str;
    /// The work of one thread. `touch`: writes the first word of each block.
    fn work(&self, touch: bool);
    fn reset(&mut self) {}
}

#[inline(always)]
fn use_block(block: NonNull<u8>, touch: bool) {
    if touch {
        // SAFETY: a block of at least a word, aligned to one, of the calling thread alone.
        unsafe { block.cast::<u64>().write(1) };
    }
    black_box(block);
}

/// A counter with cache lines of its own.
#[derive(Default)]
#[repr(align(128))]
struct Padded(AtomicUsize);

struct BareAdd {
    cursor: Padded,
    buffer: Buffer,
}

/// Memory for [`BareAdd`], page-aligned and all zero; never freed.
struct Buffer(NonNull<u8>);

// SAFETY: an address; each block is written by the thread that claimed it.
unsafe impl Send for Buffer {}
// SAFETY: as above.
unsafe impl Sync for Buffer {}

impl Buffer {
    fn new(len: usize) -> Buffer {
        let layout = Layout::from_size_align(len, 4096).unwrap();
        // SAFETY: the layout has a size.
        let start = NonNull::new(unsafe { std::alloc::alloc_zeroed(layout) });
        Buffer(start.unwrap_or_else(|| std::alloc::handle_alloc_error(layout)))
    }
}

impl Rival for BareAdd {
    fn name(&self) -> &'static str {
        "bare fetch_add"
    }

    fn work(&self, touch: bool) {
        let base = self.buffer.0;
        for _ in 0..COUNT {
            let start = self.cursor.0.fetch_add(SIZE, Ordering::Relaxed);
            // SAFETY: the buffer has room for the blocks of all threads.
            use_block(unsafe { base.add(start) }, touch);
        }
    }

    fn reset(&mut self) {
        self.cursor = Padded::default();
    }
}

struct Shared(SyncArena);

impl Rival for Shared {
    fn name(&self) -> &'static str {
        "SyncArena"
    }

    fn work(&self, touch: bool) {
        (0..COUNT).for_each(|_| use_block(self.0.alloc_layout(LAYOUT).cast(), touch));
    }

    fn reset(&mut self) {
        self.0.reset();
    }
}

struct Handles(SyncArena);

impl Rival for Handles {
    fn name(&self) -> &'static str {
        "SyncArena::local"
    }

    fn work(&self, touch: bool) {
        let local = self.0.local();
        (0..COUNT).for_each(|_| use_block(local.alloc_layout(LAYOUT).cast(), touch));
    }

    fn reset(&mut self) {
        self.0.reset();
    }
}

struct Locked(Mutex<bumpalo::Bump>);

impl Rival for Locked {
    fn name(&self) -> &'static str {
        "Mutex<Bump>"
    }

    fn work(&self, touch: bool) {
        (0..COUNT).for_each(|_| use_block(self.0.lock().unwrap().alloc_layout(LAYOUT), touch));
    }

    fn reset(&mut self) {
        self.0.get_mut().unwrap().reset();
    }
}

struct Malloc;

impl Rival for Malloc {
    fn name(&self) -> &'static str {
        "malloc"
    }

    fn work(&self, touch: bool) {
        let mut blocks = Vec::with_capacity(COUNT);
        for _ in 0..COUNT {
            // SAFETY: the layout has a size.
            let block = NonNull::new(unsafe { std::alloc::alloc(LAYOUT) });
            let block = block.unwrap_or_else(|| std::alloc::handle_alloc_error(LAYOUT));
            use_block(block, touch);
            blocks.push(block);
        }
        // SAFETY: each was just allocated so.
        blocks.into_iter().for_each(|block| unsafe { std::alloc::dealloc(block.as_ptr(), LAYOUT) });
    }
}

fn rivals() -> Vec<Box<dyn Rival>> {
    let options = ArenaOptions { limit: 1 << 30, ..ArenaOptions::default() };
    let arena = || SyncArena::with_depot(options, Arc::new(Depot::new(1 << 20))).unwrap();
    let buffer = Buffer::new(MOST_THREADS * COUNT * SIZE);
    vec![
        Box::new(BareAdd { cursor: Padded::default(), buffer }),
        Box::new(Shared(arena())),
        Box::new(Handles(arena())),
        Box::new(Locked(Mutex::new(bumpalo::Bump::new()))),
        Box::new(Malloc),
    ]
}

/// The time of the first round in which the threads were at it together nine tenths of the time,
/// or of the one where they came nearest to it.
fn round(rival: &mut dyn Rival, threads: usize, touch: bool) -> Duration {
    let (mut best, mut most) = (Duration::ZERO, f64::NEG_INFINITY);
    for _ in 0..TRIES {
        let (time, common) = try_round(rival, threads, touch);
        if common > most {
            (best, most) = (time, common);
        }
        if most > 0.9 {
            break;
        }
    }
    best
}

/// From the first thread's begin to the last one's end, and the reset; and how much of the former
/// all threads shared.
fn try_round(rival: &mut dyn Rival, threads: usize, touch: bool) -> (Duration, f64) {
    let (arrived, shared) = (AtomicUsize::new(0), &*rival);
    let run = || {
        // Spins, because a thread that sleeps starts when the others have done half of it.
        arrived.fetch_add(1, Ordering::AcqRel);
        while arrived.load(Ordering::Acquire) < threads {
            std::hint::spin_loop();
        }
        let begun = Instant::now();
        shared.work(touch);
        (begun, Instant::now())
    };
    let (begins, ends): (Vec<Instant>, Vec<Instant>) = thread::scope(|scope| {
        let running: Vec<_> = (1..threads).map(|_| scope.spawn(run)).collect();
        let own = run();
        running.into_iter().map(|one| one.join().unwrap()).chain([own]).unzip()
    });
    let begun = Instant::now();
    rival.reset();
    let reset = begun.elapsed();
    let whole = *ends.iter().max().unwrap() - *begins.iter().min().unwrap();
    let common =
        ends.iter().min().unwrap().saturating_duration_since(*begins.iter().max().unwrap());
    (whole + reset, common.as_secs_f64() / whole.as_secs_f64())
}

fn lines(criterion: &mut Criterion) {
    for threads in 1..=MOST_THREADS {
        for touch in [false, true] {
            let what = if touch { ", touch" } else { "" };
            let mut group = criterion.benchmark_group(format!("{threads} threads{what}"));
            group.throughput(Throughput::Elements((threads * COUNT) as u64));
            group.sample_size(10).measurement_time(Duration::from_secs(1));
            for rival in &mut rivals() {
                let id = BenchmarkId::from_parameter(rival.name());
                group.bench_function(id, |bencher| {
                    let mut once = |_| round(rival.as_mut(), threads, touch);
                    bencher.iter_custom(|rounds| (0..rounds).map(&mut once).sum());
                });
            }
            group.finish();
        }
    }
}

/// Prints throughputs as multiples of the bare add's, round by round: all rivals take turns.
fn ratios(rounds: usize) {
    for threads in 1..=MOST_THREADS {
        for touch in [false, true] {
            let mut rivals = rivals();
            let mut times = vec![Vec::new(); rivals.len()];
            // The first round maps the chunks and is not counted.
            for index in 0..=rounds {
                for (rival, times) in rivals.iter_mut().zip(&mut times) {
                    let time = round(rival.as_mut(), threads, touch).as_secs_f64();
                    times.extend((index > 0).then_some(time));
                }
            }
            let what = if touch { ", touch" } else { "" };
            println!(
                "{threads} threads{what}: throughput / bare fetch_add (quartiles); ns per allocation"
            );
            for (rival, own) in rivals.iter().zip(&times) {
                let mut ratios: Vec<f64> =
                    times[0].iter().zip(own).map(|(bare, own)| bare / own).collect();
                ratios.sort_by(f64::total_cmp);
                let at = |quarter: usize| ratios[(ratios.len() - 1) * quarter / 4];
                let mut own = own.clone();
                own.sort_by(f64::total_cmp);
                let each = own[own.len() / 2] * 1e9 / (threads * COUNT) as f64;
                let name = rival.name();
                println!("  {name:<18} {:6.2} ({:.2} to {:.2})  {each:6.1}", at(2), at(1), at(3));
            }
        }
    }
}

fn main() {
    // Cargo passes `--bench`; `-- --test` only checks that everything runs.
    let quick = std::env::args().any(|argument| argument == "--test");
    if !std::env::args().any(|argument| argument == "--ratios") {
        let mut criterion = Criterion::default().configure_from_args();
        lines(&mut criterion);
        criterion.final_summary();
    }
    ratios(if quick { 1 } else { 31 });
}
