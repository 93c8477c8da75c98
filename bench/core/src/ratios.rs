//! The ratios of each line, by rivals that take turns; or one rival alone, to be counted.
//!
//! ```text
//! ratios                       every line
//! ratios strings               the lines whose name contains the text
//! ratios --only LINE RIVAL N   N rounds of one: for valgrind --tool=callgrind
//! ratios --names               the lines, each with its rivals, as JSON
//! ```
//!
//! A ratio is taken within each turn, above 1 where the rival is slower than ralloc, and its
//! spread is the middle 80 % of the turns. All of it is wall clock: on a busy machine
//! instructions say more, and `instructions.js` counts them.

use ralloc_bench_core::{
    ArenaB, Bumpalo, Collect, Line, Malloc, Ralloc, Rival, Work, collect, work,
};
use std::time::{Duration, Instant};

/// Many and short: few are interrupted by another program.
const TURNS: usize = 501;
const TURN: Duration = Duration::from_micros(200);

struct Runner {
    name: &'static str,
    work: Work,
    /// Nanoseconds per round, of each turn.
    turns: Vec<f64>,
}

fn runner<R: Rival>(line: Line) -> Runner {
    Runner { name: R::NAME, work: work::<R>(line), turns: Vec::new() }
}

fn collector<R: Collect>(line: Line) -> Runner {
    Runner { name: R::NAME, work: collect::<R>(line), turns: Vec::new() }
}

fn runners(line: Line) -> Vec<Runner> {
    if line.collects() {
        return vec![
            collector::<Ralloc>(line),
            collector::<Bumpalo<1>>(line),
            collector::<Bumpalo<8>>(line),
            collector::<Malloc>(line),
        ];
    }
    vec![
        runner::<Ralloc>(line),
        runner::<Bumpalo<1>>(line),
        runner::<Bumpalo<8>>(line),
        runner::<ArenaB>(line),
        runner::<Malloc>(line),
    ]
}

fn seconds(work: &mut Work, rounds: u64) -> f64 {
    let begun = Instant::now();
    work(rounds);
    begun.elapsed().as_secs_f64()
}

/// As many rounds as fill a turn, by the best of a few tries: one that was interrupted, or had
/// to fetch its memory first, would make the turns too short for the clock.
fn fitting(work: &mut Work) -> u64 {
    let mut rounds = 1;
    while (0..5).any(|_| seconds(work, rounds) < TURN.as_secs_f64()) {
        rounds *= 2;
    }
    rounds
}

/// The 10th, 50th and 90th percentile.
fn spread(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_unstable_by(f64::total_cmp);
    [10, 50, 90].map(|percent| values[(values.len() - 1) * percent / 100])
}

fn compare(line: Line) {
    let mut runners = runners(line);
    let rounds: Vec<u64> = runners.iter_mut().map(|runner| fitting(&mut runner.work)).collect();
    for _ in 0..TURNS {
        for (runner, &rounds) in runners.iter_mut().zip(&rounds) {
            runner.turns.push(seconds(&mut runner.work, rounds) * 1e9 / rounds as f64);
        }
    }
    println!("{}", line.name());
    for runner in &runners {
        let [best, median, _] = spread(runner.turns.clone());
        let to_ralloc = runner.turns.iter().zip(&runners[0].turns).map(|(own, other)| own / other);
        let [low, ratio, high] = spread(to_ralloc.collect());
        println!(
            "  {:<12} {median:>10.2} {best:>10.2} ns  {ratio:>6.2} [{low:.2} to {high:.2}]",
            runner.name
        );
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, line, rival, rounds] = &arguments[..]
        && flag == "--only"
    {
        let line = Line::ALL.into_iter().find(|one| one.name() == line).expect("a line's name");
        let mut runners = runners(line).into_iter();
        let mut runner = runners.find(|one| one.name == rival).expect("a rival's name");
        return (runner.work)(rounds.parse().expect("a number of rounds"));
    }
    if arguments == ["--names"] {
        let names = |line| runners(line).iter().map(|one| one.name).collect::<Vec<_>>();
        let lines = Line::ALL.map(|line| format!("{:?}:{:?}", line.name(), names(line)));
        return println!("{{{}}}", lines.join(","));
    }
    let part = arguments.first().map_or("", String::as_str);
    println!("wall clock of one round, median and 10th percentile, and its ratio to ralloc's");
    Line::ALL.into_iter().filter(|line| line.name().contains(part)).for_each(compare);
}
