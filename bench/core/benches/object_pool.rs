//! A buffer of 4 KiB that is fetched, written to once and given up: from an `ObjectPool`, from a
//! `Vec` behind a mutex, and made anew.
//!
//! Caveats first:
//! - The threads do nothing else, so two of them contend for the lock as no program does.
//! - The mutex is held for a push or a pop, and never by a thread that waits for anything else; it
//!   counts nothing, while the pool counts hits, misses and returns.
//! - What is made anew here is cheap: malloc has it at hand. The dearer an object, the more a hit
//!   is worth.
//!
//! `cargo bench --manifest-path bench/core/Cargo.toml --bench object_pool`

#![allow(clippy::disallowed_types, reason = "the rival's lock is its own")]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ralloc_core::ObjectPool;
use std::hint::black_box;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const BYTES: usize = 4096;

fn make() -> Vec<u8> {
    Vec::with_capacity(BYTES)
}

fn touch(buffer: &mut Vec<u8>) {
    buffer.push(1);
    black_box(buffer);
}

/// The time in which each of the threads calls `once` so many times.
fn time(threads: usize, count: u64, once: impl Fn() + Sync) -> Duration {
    let arrived = AtomicUsize::new(0);
    let run = || {
        arrived.fetch_add(1, Ordering::AcqRel);
        while arrived.load(Ordering::Acquire) < threads {
            std::hint::spin_loop();
        }
        let begun = Instant::now();
        (0..count).for_each(|_| once());
        begun.elapsed()
    };
    thread::scope(|scope| {
        let running: Vec<_> = (1..threads).map(|_| scope.spawn(run)).collect();
        let own = run();
        running.into_iter().map(|one| one.join().unwrap()).fold(own, Duration::max)
    })
}

fn lines(criterion: &mut Criterion) {
    for threads in [1, 2] {
        let mut group = criterion.benchmark_group(format!("{threads} threads, a buffer"));
        group.throughput(Throughput::Elements(threads as u64));
        group.sample_size(10).measurement_time(Duration::from_secs(1));
        let mut line = |name: &str, once: &(dyn Fn() + Sync)| {
            group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
                bencher.iter_custom(|count| time(threads, count, once));
            });
        };
        let pool = ObjectPool::with_reset(64, make, Vec::clear).unwrap();
        line("ObjectPool", &|| touch(&mut pool.get()));
        let list = Mutex::new(Vec::with_capacity(64));
        line("Mutex<Vec>", &|| {
            let found = list.lock().unwrap().pop();
            let mut buffer = found.unwrap_or_else(make);
            touch(&mut buffer);
            buffer.clear();
            list.lock().unwrap().push(buffer);
        });
        line("made anew", &|| touch(&mut make()));
        group.finish();
        assert!(pool.stats().hit_rate() > 0.9 || pool.stats().hits < 100, "{pool:?}");
    }
}

criterion_group!(benches, lines);
criterion_main!(benches);
