//! Criterion over the lines of `src/lib.rs`, whose caveats come first.
//!
//! `cargo bench --manifest-path bench/core/Cargo.toml`, and with `-- --test` only whether
//! every line runs. Rivals run one after another here: for ratios take the `ratios` program,
//! where they take turns.

use criterion::{Criterion, criterion_group, criterion_main};
use ralloc_bench_core::{
    ArenaB, Bumpalo, Collect, Line, Malloc, Ralloc, Rival, Work, collect, work,
};
use std::time::Instant;

fn lines(criterion: &mut Criterion) {
    for line in Line::ALL {
        if line.collects() {
            collector::<Ralloc>(criterion, line);
            collector::<Bumpalo<1>>(criterion, line);
            collector::<Bumpalo<8>>(criterion, line);
            collector::<Malloc>(criterion, line);
        } else {
            rival::<Ralloc>(criterion, line);
            rival::<Bumpalo<1>>(criterion, line);
            rival::<Bumpalo<8>>(criterion, line);
            rival::<ArenaB>(criterion, line);
            rival::<Malloc>(criterion, line);
        }
    }
}

fn rival<R: Rival>(criterion: &mut Criterion, line: Line) {
    measure(criterion, line, R::NAME, work::<R>(line));
}

fn collector<R: Collect>(criterion: &mut Criterion, line: Line) {
    measure(criterion, line, R::NAME, collect::<R>(line));
}

fn measure(criterion: &mut Criterion, line: Line, name: &str, mut work: Work) {
    criterion.benchmark_group(line.name()).bench_function(name, |bencher| {
        bencher.iter_custom(|rounds| {
            let begun = Instant::now();
            work(rounds);
            begun.elapsed()
        });
    });
}

criterion_group!(benches, lines);
criterion_main!(benches);
