//! Lines of collections that live in a rival.

use crate::{Bumpalo, Line, Malloc, Ralloc, Rival, Work, rounds};
use allocator_api2::alloc::{Allocator, Global};
use allocator_api2::vec::Vec;
use hashbrown::{DefaultHashBuilder, HashMap};
use std::hint::black_box;

/// A rival that collections can allocate from.
pub trait Collect: Rival {
    fn allocator(&self) -> impl Allocator + Copy;
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

/// [`work`](crate::work), of the lines that need an allocator.
pub fn collect<R: Collect>(line: Line) -> Work {
    match line {
        Line::Push => rounds(|rival: &mut R| {
            let mut list = Vec::new_in(rival.allocator());
            (0..1000u64).for_each(|number| list.push(black_box(number)));
            black_box(&list);
        }),
        Line::Alternate => rounds(|rival: &mut R| {
            let allocator = rival.allocator();
            let mut lists = Vec::new_in(allocator);
            (0..10).for_each(|_| lists.push(Vec::new_in(allocator)));
            for number in 0..1000u64 {
                lists[number as usize % 10].push(black_box(number));
            }
            black_box(&lists);
        }),
        Line::Map => {
            let hasher = DefaultHashBuilder::default();
            rounds(move |rival: &mut R| {
                let mut map = HashMap::with_hasher_in(hasher.clone(), rival.allocator());
                for number in 0..1000u64 {
                    map.insert(black_box(number), number);
                }
                black_box(&map);
            })
        }
        _ => unreachable!("a line of `work`"),
    }
}
