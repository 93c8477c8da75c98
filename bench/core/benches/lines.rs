//! Criterion over the lines of `src/lib.rs`, whose caveats come first.
//!
//! `cargo bench --manifest-path bench/core/Cargo.toml`, and with `-- --test` only whether every line runs. Rivals run one
//! after another here: for ratios take the `ratios` program, where they take turns.

use criterion::{Criterion, criterion_group, criterion_main};

fn lines(criterion: &mut Criterion) {
    for line in ralloc_bench_core::lines() {
        let mut group = criterion.benchmark_group(line.name);
        if line.threads > 1 {
            group.sample_size(10);
        }
        for (rival, mut work) in line.works() {
            group.bench_function(rival, |bencher| bencher.iter_custom(&mut work));
        }
    }
}

criterion_group!(benches, lines);
criterion_main!(benches);
