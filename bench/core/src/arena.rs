//! Arenas, on one thread.
//!
//! # Caveats first
//!
//! - 64 B x 1,000 are 64 KB, more than many first-level caches hold: an arena's time is then that of writing them. The line
//!   whose bytes are not written is the allocators' alone.
//! - bumpalo has no scopes. Its line is two `Bump`s, one for each depth, each reset where the scope ends: the same blocks
//!   live and die, but neither depth sees the other's memory.
//! - bumpalo aligns to 1 byte by default, and `bumpalo (8)` to 8, as ralloc does by default. So strings are packed closer by
//!   the first; bytes used are not measured here.
//! - bumpalo keeps its largest chunk at a reset and the others go back to malloc; ralloc keeps all its chunks and goes
//!   through them again. Each is measured warm, as it is after the first rounds.
//! - arena-b counts each allocation, by its default features; without them it is faster. It begins with 1 MiB here: whenever
//!   it grows it prints a stack trace to stderr. Its scopes slow one another down until a reset, so its line of scopes has
//!   one in each round.
//! - Collections are allocator_api2's `Vec` and hashbrown's `HashMap` on each rival's allocator, dropped at the end of each
//!   round; arena-b has no such allocator, malloc's is the global one.
//!
//! Every method of a rival is inlined, so that none of them pays for the trait.

use crate::{Line, Work, numbers, rounds};
use allocator_api2::alloc::{Allocator, Global};
use hashbrown::{DefaultHashBuilder, HashMap};
use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::cell::RefCell;
use std::hint::black_box;
use std::ptr::NonNull;

/// What does the work. Values and texts stay until the reset.
trait Rival: Default + 'static {
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

/// A rival that collections can allocate from.
trait Collect: Rival {
    fn allocator(&self) -> impl Allocator + Copy;
}

/// A line of these rivals: each does `$body`, and resets.
macro_rules! line {
    ($name:literal, [$($rival:ty),*], $body:expr) => {
        Line { name: $name, threads: 1, make: Box::new(|| vec![$((<$rival>::NAME, work::<$rival>($body))),*]) }
    };
    ($name:literal, collections, $body:expr) => {
        line!($name, [Ralloc, Bumpalo<1>, Bumpalo<8>, Malloc], $body)
    };
    ($name:literal, $body:expr) => {
        line!($name, [Ralloc, Bumpalo<1>, Bumpalo<8>, ArenaB, Malloc], $body)
    };
}

fn work<R: Rival>(body: impl Fn(&mut R) + 'static) -> Work {
    rounds(R::default(), move |rival| {
        body(rival);
        rival.reset();
    })
}

pub fn lines() -> Vec<Line> {
    vec![
        line!("8 B and a reset", |rival| {
            black_box(rival.value(7u64));
        }),
        line!("64 B and a reset", |rival| {
            black_box(rival.value([7u64; 8]));
        }),
        line!("8 B x 1,000 and a reset", |rival| {
            (0..1000u64).for_each(|number| {
                black_box(rival.value(number));
            });
        }),
        line!("64 B x 1,000 and a reset", |rival| {
            (0..1000u64).for_each(|number| {
                black_box(rival.value([number; 8]));
            });
        }),
        line!("64 B x 1,000, unwritten, and a reset", |rival| {
            (0..1000).for_each(|_| {
                black_box(rival.bytes(Layout::new::<[u64; 8]>()));
            });
        }),
        line!("1 to 512 B x 1,000 and a reset", {
            let layouts = layouts();
            move |rival| {
                for layout in &layouts {
                    let bytes = rival.bytes(*layout);
                    // SAFETY: at least one byte, just allocated.
                    unsafe { bytes.write(1) };
                    black_box(bytes);
                }
            }
        }),
        line!("1,000 words and a reset", {
            let words = words();
            move |rival| {
                words.iter().for_each(|word| {
                    black_box(rival.text(word));
                });
            }
        }),
        line!("4 scopes in a scope, 4 x 8 B each", |rival| rival.scopes(4)),
        line!("a Vec, 1,000 numbers pushed", collections, |rival| {
            let mut list = allocator_api2::vec::Vec::new_in(rival.allocator());
            (0..1000u64).for_each(|number| list.push(black_box(number)));
            black_box(&list);
        }),
        line!("a Vec of 10 Vecs, 100 numbers pushed to each by turns", collections, |rival| {
            let allocator = rival.allocator();
            let mut lists = allocator_api2::vec::Vec::new_in(allocator);
            (0..10).for_each(|_| lists.push(allocator_api2::vec::Vec::new_in(allocator)));
            for number in 0..1000u64 {
                lists[number as usize % 10].push(black_box(number));
            }
            black_box(&lists);
        }),
        line!("a HashMap, 1,000 numbers inserted", collections, {
            let hasher = DefaultHashBuilder::default();
            move |rival| {
                let mut map = HashMap::with_hasher_in(hasher.clone(), rival.allocator());
                for number in 0..1000u64 {
                    map.insert(black_box(number), number);
                }
                black_box(&map);
            }
        }),
    ]
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

#[derive(Default)]
struct Ralloc(ralloc_core::Arena);

impl Rival for Ralloc {
    const NAME: &'static str = "ralloc";

    #[inline(always)]
    fn value<T>(&self, value: T) -> &mut T {
        self.0.alloc(value)
    }

    #[inline(always)]
    fn bytes(&self, layout: Layout) -> NonNull<u8> {
        self.0.alloc_layout(layout).cast()
    }

    #[inline(always)]
    fn text(&self, text: &str) -> &str {
        self.0.alloc_str(text)
    }

    #[inline(always)]
    fn reset(&mut self) {
        self.0.reset();
    }

    #[inline(always)]
    fn scopes(&mut self, count: u64) {
        self.0.scope(|outer| {
            for number in 0..count {
                black_box(outer.alloc(number));
            }
            for _ in 0..count {
                outer.scope(|inner| {
                    for number in 0..count {
                        black_box(inner.alloc(number));
                    }
                });
            }
        });
    }
}

/// The second is the inner scope's.
#[derive(Default)]
struct Bumpalo<const MIN_ALIGN: usize>(bumpalo::Bump<MIN_ALIGN>, bumpalo::Bump<MIN_ALIGN>);

impl<const MIN_ALIGN: usize> Rival for Bumpalo<MIN_ALIGN>
where
    Self: Default,
{
    const NAME: &'static str = if MIN_ALIGN == 1 { "bumpalo" } else { "bumpalo (8)" };

    #[inline(always)]
    fn value<T>(&self, value: T) -> &mut T {
        self.0.alloc(value)
    }

    #[inline(always)]
    fn bytes(&self, layout: Layout) -> NonNull<u8> {
        self.0.alloc_layout(layout)
    }

    #[inline(always)]
    fn text(&self, text: &str) -> &str {
        self.0.alloc_str(text)
    }

    #[inline(always)]
    fn reset(&mut self) {
        self.0.reset();
    }

    #[inline(always)]
    fn scopes(&mut self, count: u64) {
        for number in 0..count {
            black_box(self.0.alloc(number));
        }
        for _ in 0..count {
            for number in 0..count {
                black_box(self.1.alloc(number));
            }
            self.1.reset();
        }
        self.0.reset();
    }
}

struct ArenaB(arena_b::Arena);

impl Default for ArenaB {
    fn default() -> ArenaB {
        ArenaB(arena_b::Arena::with_capacity(1 << 20))
    }
}

impl Rival for ArenaB {
    const NAME: &'static str = "arena-b";

    #[inline(always)]
    fn value<T>(&self, value: T) -> &mut T {
        self.0.alloc(value)
    }

    #[inline(always)]
    fn bytes(&self, layout: Layout) -> NonNull<u8> {
        NonNull::new(self.0.allocate_raw(layout)).expect("memory")
    }

    #[inline(always)]
    fn text(&self, text: &str) -> &str {
        self.0.alloc_str(text)
    }

    #[inline(always)]
    fn reset(&mut self) {
        // SAFETY: `&mut self`: nothing of it is used any more.
        unsafe { self.0.reset() };
    }

    #[inline(always)]
    fn scopes(&mut self, count: u64) {
        self.0.scope(|outer| {
            for number in 0..count {
                black_box(outer.alloc(number));
            }
            for _ in 0..count {
                self.0.scope(|inner| {
                    for number in 0..count {
                        black_box(inner.alloc(number));
                    }
                });
            }
        });
        // It keeps its checkpoints until then, and each scope walks through all of them.
        self.reset();
    }
}

/// Blocks in order of allocation.
#[derive(Default)]
struct Malloc(RefCell<Vec<(NonNull<u8>, Layout)>>);

impl Malloc {
    fn free_down_to(&mut self, len: usize) {
        for (block, layout) in self.0.get_mut().drain(len..) {
            // SAFETY: allocated with this layout by `bytes`, and freed once.
            unsafe { dealloc(block.as_ptr(), layout) };
        }
    }
}

impl Rival for Malloc {
    const NAME: &'static str = "malloc";

    #[inline(always)]
    fn value<T>(&self, value: T) -> &mut T {
        let place = self.bytes(Layout::new::<T>()).cast::<T>();
        // SAFETY: a block just allocated for a T.
        unsafe {
            place.write(value);
            &mut *place.as_ptr()
        }
    }

    #[inline(always)]
    fn bytes(&self, layout: Layout) -> NonNull<u8> {
        // SAFETY: no line asks for size 0.
        let block = NonNull::new(unsafe { alloc(layout) });
        let block = block.unwrap_or_else(|| handle_alloc_error(layout));
        self.0.borrow_mut().push((block, layout));
        block
    }

    #[inline(always)]
    fn text(&self, text: &str) -> &str {
        let place = self.bytes(Layout::for_value(text));
        // SAFETY: a block just allocated for as many bytes, filled with a str's.
        unsafe {
            place.copy_from_nonoverlapping(NonNull::from(text).cast(), text.len());
            str::from_utf8_unchecked(NonNull::slice_from_raw_parts(place, text.len()).as_ref())
        }
    }

    #[inline(always)]
    fn reset(&mut self) {
        self.free_down_to(0);
    }

    #[inline(always)]
    fn scopes(&mut self, count: u64) {
        for number in 0..count {
            black_box(self.value(number));
        }
        for _ in 0..count {
            for number in 0..count {
                black_box(self.value(number));
            }
            self.free_down_to(count as usize);
        }
        self.reset();
    }
}

impl Collect for Ralloc {
    #[inline(always)]
    fn allocator(&self) -> impl Allocator + Copy {
        &self.0
    }
}

impl<const MIN_ALIGN: usize> Collect for Bumpalo<MIN_ALIGN>
where
    Self: Default,
{
    #[inline(always)]
    fn allocator(&self) -> impl Allocator + Copy {
        &self.0
    }
}

impl Collect for Malloc {
    #[inline(always)]
    fn allocator(&self) -> impl Allocator + Copy {
        Global
    }
}
