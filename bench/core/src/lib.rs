//! What is measured: lines of work, and the rivals that do it.
//!
//! # Caveats first
//!
//! - These are the cheapest loops there are: one thread, memory that is warm in the cache, and
//!   nothing done with it. A program spends its time elsewhere; a gain here need not show.
//! - 64 B x 1,000 are 64 KB, more than many first-level caches hold: an arena's time is then
//!   that of writing them. The line whose bytes are not written is the allocators' alone.
//! - malloc here is glibc's, through Rust's global allocator. It can free one block at a time,
//!   which no arena can; that it keeps a list of what to free at the reset is charged to it.
//! - bumpalo has no scopes. Its line is two `Bump`s, one for each depth, each reset where the
//!   scope ends: the same blocks live and die, but neither depth sees the other's memory.
//! - bumpalo aligns to 1 byte by default, and `bumpalo (8)` to 8, as ralloc does by default. So
//!   strings are packed closer by the first; bytes used are not measured here.
//! - bumpalo keeps its largest chunk at a reset and the others go back to malloc; ralloc keeps
//!   all its chunks and goes through them again. Each is measured warm, as it is after the
//!   first rounds.
//! - arena-b counts each allocation, by its default features; without them it is faster. It
//!   begins with 1 MiB here: whenever it grows it prints a stack trace to stderr. Its
//!   scopes slow one another down until a reset, so its line of scopes has one in each round.
//! - Collections are allocator_api2's `Vec` and hashbrown's `HashMap` on each rival's allocator,
//!   dropped at the end of each round; arena-b has no such allocator, malloc's is the global one.

mod collections;
mod rivals;

pub use collections::{Collect, collect};
pub use rivals::{ArenaB, Bumpalo, Malloc, Ralloc};

use std::alloc::Layout;
use std::hint::black_box;
use std::ptr::NonNull;

/// What does the work. Values and texts stay until the reset.
pub trait Rival: Default + 'static {
    const NAME: &'static str;

    #[allow(clippy::mut_from_ref, reason = "each call returns bytes of its own")]
    fn value<T>(&self, value: T) -> &mut T;
    fn bytes(&self, layout: Layout) -> NonNull<u8>;
    fn text(&self, text: &str) -> &str;
    fn reset(&mut self);

    /// A scope with `count` numbers, in which as many scopes with as many numbers each open
    /// and end one after another.
    fn scopes(&mut self, count: u64);
}

/// A line of the benchmark: work that all rivals do in the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    One8,
    One64,
    Thousand8,
    Thousand64,
    Bare64,
    Mixed,
    Strings,
    Scopes,
    Push,
    Alternate,
    Map,
}

impl Line {
    pub const ALL: [Line; 11] = [
        Line::One8,
        Line::One64,
        Line::Thousand8,
        Line::Thousand64,
        Line::Bare64,
        Line::Mixed,
        Line::Strings,
        Line::Scopes,
        Line::Push,
        Line::Alternate,
        Line::Map,
    ];

    /// Whether it needs an allocator for collections.
    pub fn collects(self) -> bool {
        matches!(self, Line::Push | Line::Alternate | Line::Map)
    }

    pub fn name(self) -> &'static str {
        match self {
            Line::One8 => "8 B and a reset",
            Line::One64 => "64 B and a reset",
            Line::Thousand8 => "8 B x 1,000 and a reset",
            Line::Thousand64 => "64 B x 1,000 and a reset",
            Line::Bare64 => "64 B x 1,000, unwritten, and a reset",
            Line::Mixed => "1 to 512 B x 1,000 and a reset",
            Line::Strings => "1,000 words and a reset",
            Line::Scopes => "4 scopes in a scope, 4 x 8 B each",
            Line::Push => "a Vec, 1,000 numbers pushed",
            Line::Alternate => "a Vec of 10 Vecs, 100 numbers pushed to each by turns",
            Line::Map => "a HashMap, 1,000 numbers inserted",
        }
    }
}

/// Does the work of a line so many times.
pub type Work = Box<dyn FnMut(u64)>;

/// The work of `line` by a new `R`. The loop is inside, so that calling it through the box is
/// no part of what is measured.
pub fn work<R: Rival>(line: Line) -> Work {
    match line {
        Line::One8 => rounds(|rival: &mut R| {
            black_box(rival.value(7u64));
        }),
        Line::One64 => rounds(|rival: &mut R| {
            black_box(rival.value([7u64; 8]));
        }),
        Line::Thousand8 => rounds(|rival: &mut R| {
            (0..1000u64).for_each(|number| {
                black_box(rival.value(number));
            });
        }),
        Line::Thousand64 => rounds(|rival: &mut R| {
            (0..1000u64).for_each(|number| {
                black_box(rival.value([number; 8]));
            });
        }),
        Line::Bare64 => rounds(|rival: &mut R| {
            for _ in 0..1000 {
                black_box(rival.bytes(Layout::new::<[u64; 8]>()));
            }
        }),
        Line::Mixed => {
            let layouts = layouts();
            rounds(move |rival: &mut R| {
                for layout in &layouts {
                    let bytes = rival.bytes(*layout);
                    // SAFETY: at least one byte, just allocated.
                    unsafe { bytes.write(1) };
                    black_box(bytes);
                }
            })
        }
        Line::Strings => {
            let words = words();
            rounds(move |rival: &mut R| {
                words.iter().for_each(|word| {
                    black_box(rival.text(word));
                });
            })
        }
        Line::Scopes => {
            let mut rival = R::default();
            Box::new(move |rounds| (0..rounds).for_each(|_| rival.scopes(4)))
        }
        Line::Push | Line::Alternate | Line::Map => unreachable!("lines of `collect`"),
    }
}

fn rounds<R: Rival>(body: impl Fn(&mut R) + 'static) -> Work {
    let mut rival = R::default();
    Box::new(move |rounds| {
        for _ in 0..rounds {
            body(&mut rival);
            rival.reset();
        }
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

/// Small sizes are more frequent; alignments from 1 to 16.
fn layouts() -> Vec<Layout> {
    let layout = |number: usize| {
        let size = 1 + (number >> 8) % (8 << (number % 7));
        Layout::from_size_align(size, 1 << ((number >> 4) % 5)).expect("small and aligned")
    };
    numbers().map(layout).take(1000).collect()
}

/// Words of 1 to 24 letters.
fn words() -> Vec<String> {
    let word = |number: usize| "abcdefghijklmnopqrstuvwx"[..1 + number % 24].to_owned();
    numbers().map(word).take(1000).collect()
}
