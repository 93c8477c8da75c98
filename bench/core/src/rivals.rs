//! The rivals. Every method is inlined, so that none of them pays for the trait.

use crate::Rival;
use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::cell::RefCell;
use std::hint::black_box;
use std::ptr::NonNull;

#[derive(Default)]
pub struct Ralloc(pub(crate) ralloc_core::Arena);

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
pub struct Bumpalo<const MIN_ALIGN: usize>(
    pub(crate) bumpalo::Bump<MIN_ALIGN>,
    bumpalo::Bump<MIN_ALIGN>,
);

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

pub struct ArenaB(arena_b::Arena);

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
pub struct Malloc(RefCell<Vec<(NonNull<u8>, Layout)>>);

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
