//! What blocks of any size cost in a region, beside another TLSF and the allocators of the textbooks: time, and how
//! much memory is lost inside of blocks and between them, on three traces.
//! `cargo run --release --manifest-path bench/core/Cargo.toml --bin region`
//!
//! # Caveats first
//!
//! - CPU time, contenders by turns; a ratio is taken within each turn, its spread is the middle 80 % of them. Each turn
//!   replays the trace on a new heap of 256 MiB, whose pages were touched before.
//! - A block's first 8 bytes are written when it comes, and read before it goes: so rlsf's header, on the line before or the
//!   same, is warm when it is freed, and the region's record, which lies elsewhere, is not.
//! - rlsf keeps 16 bytes before each block, and trusts its caller: a wrong free corrupts it. The region finds blocks by
//!   handle or, in its second line, by address; both are checked. Its records (32 bytes) lie elsewhere, and are counted as lost between blocks.
//! - Buddy and first-fit are as Knuth (1.2.5, 2.5) has them: blocks of powers of two that are joined with their like, and a list of
//!   free spans in order of addresses that is searched from its begin. They keep what they know beside the blocks, unchecked.
//! - "lost within" is 1 - asked / granted; "lost between" 1 - granted / highest: the end of the heap that was ever in
//!   use, so all that a heap which grows at its end would have had to take.

mod buddy;
mod first_fit;
mod rivals;
mod traces;

use ralloc_core::region::RegionOptions;
use rivals::{Heap, Pointers, Region, Rlsf};
use traces::{Op, Trace};

/// The heap that every contender cuts.
pub const HEAP: usize = 256 << 20;
const TURNS: usize = 15;

/// CPU time of this thread: so a busy machine disturbs by its caches alone.
fn cpu_seconds() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes to `time`.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Replays a trace: seconds of all its operations.
fn replay<H: Heap>(heap: &mut H, trace: &Trace) -> f64 {
    let mut blocks: Vec<Option<H::Block>> = vec![None; trace.blocks];
    let begun = cpu_seconds();
    for &op in &trace.ops {
        match op {
            Op::Alloc { block, size } => {
                let made = heap.alloc(size as usize).expect("the heap has room");
                let first = heap.address(made);
                // SAFETY: a block of at least 8 bytes, held.
                unsafe { first.cast::<u64>().write(u64::from(block)) };
                blocks[block as usize] = Some(made);
            }
            Op::Free { block, size } => {
                let made = blocks[block as usize].take().expect("held");
                let first = heap.address(made);
                // SAFETY: as above.
                assert_eq!(
                    unsafe { first.cast::<u64>().read() },
                    u64::from(block),
                    "a foreign byte"
                );
                heap.free(made, size as usize);
            }
        }
    }
    cpu_seconds() - begun
}

/// Replays it once, and tells what was lost after each tenth.
fn losses<H: Heap>(heap: &mut H, trace: &Trace) -> Vec<(f64, f64)> {
    let mut blocks: Vec<Option<H::Block>> = vec![None; trace.blocks];
    let (mut asked, mut granted, mut highest, mut told) = (0usize, 0usize, 0usize, Vec::new());
    for (index, &op) in trace.ops.iter().enumerate() {
        match op {
            Op::Alloc { block, size } => {
                let size = size as usize;
                let made = heap.alloc(size).expect("the heap has room");
                (asked, granted) = (asked + size, granted + H::granted(size));
                highest = highest.max(heap.offset(made) + H::granted(size));
                blocks[block as usize] = Some(made);
            }
            Op::Free { block, size } => {
                let size = size as usize;
                (asked, granted) = (asked - size, granted - H::granted(size));
                heap.free(blocks[block as usize].take().expect("held"), size);
            }
        }
        if (index + 1) % (trace.ops.len() / 10) == 0 {
            let between = 1.0 - granted as f64 / (highest + heap.beside()) as f64;
            told.push((1.0 - asked as f64 / granted as f64, between));
        }
    }
    told
}

/// The 10th, 50th and 90th percentile.
fn spread(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_unstable_by(f64::total_cmp);
    [10, 50, 90].map(|percent| values[(values.len() - 1) * percent / 100])
}

/// Milliseconds of CPU to collect a GiB of blocks of 16 KiB, written to, of which one in sixteen is left: once what was freed has
/// its memory, and once when it has none; and how many MiB came back.
fn collect_sparse() -> (f64, f64, usize) {
    const BLOCK: usize = 16 << 10;
    let max_bytes = 2 << 30;
    let mut region = ralloc_core::Region::with_options(RegionOptions {
        max_bytes,
        chunk_cap: 64 << 20,
        ..RegionOptions::default()
    })
    .expect("options");
    let blocks: Vec<_> = (0..(1 << 30) / BLOCK)
        .map(|_| {
            let block = region.alloc(rivals::layout(BLOCK)).expect("room");
            let bytes = region.pointer(block).expect("held");
            // SAFETY: the block is held, and nobody has a reference to it.
            unsafe { bytes.cast::<u8>().write_bytes(1, bytes.len()) };
            block
        })
        .collect();
    let gone = blocks.iter().enumerate().filter(|(index, _)| index % 16 != 0);
    gone.for_each(|(_, &block)| region.free(block).expect("held"));
    let begun = cpu_seconds();
    let bytes = region.collect().bytes;
    let first = cpu_seconds() - begun;
    let begun = cpu_seconds();
    region.collect();
    (first * 1e3, (cpu_seconds() - begun) * 1e3, bytes >> 20)
}

struct Contender {
    name: &'static str,
    time: Box<dyn FnMut(&Trace) -> f64>,
    lose: Box<dyn FnMut(&Trace) -> Vec<(f64, f64)>>,
}

fn contender<H: Heap>() -> Contender {
    Contender {
        name: H::NAME,
        time: Box::new(|trace| replay(&mut H::new(), trace)),
        lose: Box::new(|trace| losses(&mut H::new(), trace)),
    }
}

fn main() {
    let (first, again, bytes) = collect_sparse();
    println!(
        "collect of a GiB, a sixteenth of it in use: {first:.1} ms, {bytes} MiB; again {again:.2} ms"
    );
    if std::env::args().any(|argument| argument == "--collect") {
        return;
    }
    let quick = std::env::args().any(|argument| argument == "--quick");
    let turns = if quick { 1 } else { TURNS };
    let mut contenders = [
        contender::<Region>(),
        contender::<Pointers>(),
        contender::<Rlsf>(),
        contender::<buddy::Buddy>(),
        contender::<first_fit::FirstFit>(),
    ];
    for trace in traces::all(if quick { 20_000 } else { 1_000_000 }) {
        println!(
            "{}: {} operations, at most {} MiB live",
            trace.name,
            trace.ops.len(),
            trace.peak >> 20
        );
        println!(
            "                      ns a pair     ratio                 lost within   between, by tenths of the trace"
        );
        let mut times = vec![Vec::new(); contenders.len()];
        for turn in 0..=turns {
            for (contender, times) in contenders.iter_mut().zip(&mut times) {
                // The list of first-fit takes minutes for what others do in a second.
                if contender.name == first_fit::FirstFit::NAME && turn > 1 {
                    continue;
                }
                let seconds = (contender.time)(&trace);
                if turn > 0 {
                    times.push(seconds * 2e9 / trace.ops.len() as f64);
                }
            }
        }
        for (contender, own) in contenders.iter_mut().zip(&times) {
            let ratios = own.iter().zip(&times[0]).map(|(own, first)| own / first).collect();
            let ([_, median, _], [low, ratio, high]) = (spread(own.clone()), spread(ratios));
            let lost = (contender.lose)(&trace);
            let within = lost.last().map_or(0.0, |&(within, _)| within * 100.0);
            let between: Vec<_> =
                lost.iter().map(|&(_, between)| format!("{:.1}", between * 100.0)).collect();
            println!(
                "  {:<18} {median:>8.1}    {ratio:>6.2} [{low:.2} to {high:.2}]   {within:>8.1} %   {} %",
                contender.name,
                between.join(" ")
            );
        }
    }
}
