//! What is measured: lines of work, each done in the same way by several rivals.
//!
//! # Caveats first
//!
//! - These are the cheapest loops there are: memory that is warm in the cache, and nothing done with it. A program spends
//!   its time elsewhere; a gain here need not show.
//! - `malloc` is glibc's, through Rust's global allocator. It can free one block at a time, which no arena can; its list of
//!   what to free at the reset is charged to it.
//! - Each module has the caveats of its own lines.

mod arena;
mod region;
mod threads;

use std::time::{Duration, Instant};

/// Does the work of a line so many times, and returns how long that took.
pub type Work = Box<dyn FnMut(u64) -> Duration>;

/// Work that all rivals do in the same way.
pub struct Line {
    pub name: &'static str,
    pub threads: usize,
    make: Box<dyn Fn() -> Vec<(&'static str, Work)>>,
}

impl Line {
    /// The rivals, ralloc first, each with memory of its own.
    pub fn works(&self) -> Vec<(&'static str, Work)> {
        (self.make)()
    }
}

pub fn lines() -> Vec<Line> {
    [arena::lines(), region::lines(), threads::lines()].into_iter().flatten().collect()
}

/// `body` as the work of one thread. The loop is inside, so that calling it through the box is no part of what is measured.
fn rounds<S: 'static>(mut state: S, body: impl Fn(&mut S) + 'static) -> Work {
    Box::new(move |rounds| {
        let begun = Instant::now();
        (0..rounds).for_each(|_| body(&mut state));
        begun.elapsed()
    })
}

/// Numbers that are the same in every run: xorshift from a fixed seed.
fn numbers() -> impl Iterator<Item = usize> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) as usize
    })
}
