//! How long it takes to cluster a million lifetimes.
//! `cargo run --release --manifest-path bench/core/Cargo.toml --bin lifetime`
//!
//! # Caveats first
//!
//! - CPU time of one thread, the median of some turns; the points are sorted in it, and copied.
//! - A profile has at most 64 places for a size class: it takes microseconds. This is for those who cluster lifetimes as
//!   they are.

use ralloc_core::lifetime::{MOST_CLUSTERS, Point, cluster};

const POINTS: usize = 1_000_000;
const TURNS: usize = 7;

/// CPU time of this thread: so a busy machine disturbs by its caches alone.
fn cpu_seconds() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes to `time`.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Numbers from 0 to 1 (xorshift64*), the same in each run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Logarithms of lifetimes about some middles, or anywhere without.
fn points(middles: &[f64], random: &mut Random) -> Vec<Point> {
    let place = |random: &mut Random| {
        if middles.is_empty() {
            return 40.0 * random.next();
        }
        let middle = middles[(random.next() * middles.len() as f64) as usize];
        middle + (0..4).map(|_| random.next()).sum::<f64>()
    };
    (0..POINTS).map(|_| Point::new(place(random), (random.next() * 65536.0).ceil())).collect()
}

fn main() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let kinds: [(&str, &[f64]); 3] =
        [("anywhere", &[]), ("three groups", &[2.0, 11.0, 19.0]), ("one group", &[7.0])];
    println!(
        "{POINTS} points, up to {MOST_CLUSTERS} clusters: CPU seconds, the median of {TURNS} turns"
    );
    for (name, middles) in kinds {
        let points = points(middles, &mut random);
        let mut chosen = 0;
        let mut seconds: Vec<f64> = (0..TURNS)
            .map(|_| {
                let begun = cpu_seconds();
                chosen = cluster(&points, MOST_CLUSTERS).expect("sound points").chosen;
                cpu_seconds() - begun
            })
            .collect();
        seconds.sort_by(f64::total_cmp);
        println!("{name:>14}: {:.3} s, {chosen} chosen", seconds[TURNS / 2]);
    }
}
