//! Criterion over the lines of `src/lib.rs`, whose caveats come first.
//!
//! `cargo bench --manifest-path bench/core/Cargo.toml`, and with `-- --test` only whether
//! every line runs. Rivals run one after another here: for ratios take the `ratios` program,
//! where they take turns.

use criterion::{Criterion, criterion_group, criterion_main};
use ralloc_bench_core::{ArenaB, Bumpalo, Line, Malloc, Ralloc, Rival, work};
use std::time::Instant;

fn lines(criterion: &mut Criterion) {
    for line in Line::ALL {
        rival::<Ralloc>(criterion, line);
        rival::<Bumpalo<1>>(criterion, line);
        rival::<Bumpalo<8>>(criterion, line);
        rival::<ArenaB>(criterion, line);
        rival::<Malloc>(criterion, line);
    }
}

fn rival<R: Rival>(criterion: &mut Criterion, line: Line) {
    let mut work = work::<R>(line);
    criterion.benchmark_group(line.name()).bench_function(R::NAME, |bencher| {
        bencher.iter_custom(|rounds| {
            let begun = Instant::now();
            work(rounds);
            begun.elapsed()
        });
    });
}

criterion_group!(benches, lines);
criterion_main!(benches);
