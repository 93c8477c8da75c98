//! The ratios of each line, by rivals that take turns; or one rival alone, to be counted.
//!
//! ```text
//! ratios                       every line
//! ratios words                 the lines whose name contains the text
//! ratios --only LINE RIVAL N   N rounds of one: for valgrind --tool=callgrind
//! ratios --names               the lines of one thread, each with its rivals, as JSON
//! ```
//!
//! A ratio is taken within each turn, above 1 where the rival is slower than ralloc, and its
//! spread is the middle 80 % of the turns. All of it is wall clock: on a busy machine
//! instructions say more, and `instructions.js` counts them.

use ralloc_bench_core::{Line, Work, lines};
use std::time::Duration;

/// Many and short: few are interrupted by another program.
const TURNS: usize = 501;
const TURN: Duration = Duration::from_micros(200);
/// Of lines whose rounds are longer than that.
const LONG_TURNS: usize = 31;

/// As many rounds as fill a turn, by the best of a few tries: one that was interrupted, or had
/// to fetch its memory first, would make the turns too short for the clock.
fn fitting(work: &mut Work) -> u64 {
    let mut rounds = 1;
    while (0..5).any(|_| work(rounds) < TURN) {
        rounds *= 2;
    }
    rounds
}

/// The 10th, 50th and 90th percentile.
fn spread(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_unstable_by(f64::total_cmp);
    [10, 50, 90].map(|percent| values[(values.len() - 1) * percent / 100])
}

fn compare(line: &Line) {
    let mut works = line.works();
    let rounds: Vec<u64> = works.iter_mut().map(|(_, work)| fitting(work)).collect();
    let turns = if rounds.contains(&1) { LONG_TURNS } else { TURNS };
    let mut taken = vec![Vec::new(); works.len()]; // nanoseconds of a round, in each turn
    for _ in 0..turns {
        for (n, (_, work)) in works.iter_mut().enumerate() {
            taken[n].push(work(rounds[n]).as_secs_f64() * 1e9 / rounds[n] as f64);
        }
    }
    println!("{}", line.name);
    for ((name, _), own) in works.iter().zip(&taken) {
        let [best, median, _] = spread(own.clone());
        let to_ralloc = own.iter().zip(&taken[0]).map(|(own, first)| own / first);
        let [low, ratio, high] = spread(to_ralloc.collect());
        println!(
            "  {name:<17} {median:>11.2} {best:>11.2} ns  {ratio:>6.2} [{low:.2} to {high:.2}]"
        );
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, line, rival, rounds] = &arguments[..]
        && flag == "--only"
    {
        let line = lines().into_iter().find(|one| one.name == line).expect("a line's name");
        let found = line.works().into_iter().find(|(name, _)| name == rival);
        let (_, mut work) = found.expect("a rival's name");
        work(rounds.parse().expect("a number of rounds"));
        return;
    }
    if arguments == ["--names"] {
        let names = |line: &Line| line.works().iter().map(|&(name, _)| name).collect::<Vec<_>>();
        let single = lines().into_iter().filter(|line| line.threads == 1);
        let told = single.map(|line| format!("{:?}:{:?}", line.name, names(&line)));
        return println!("{{{}}}", told.collect::<Vec<_>>().join(","));
    }
    let part = arguments.first().map_or("", String::as_str);
    println!("wall clock of one round, median and 10th percentile, and its ratio to ralloc's");
    lines().iter().filter(|line| line.name.contains(part)).for_each(compare);
}
