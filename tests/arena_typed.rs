//! Tests of values, slices and strings in the Rust arena.
#![cfg(not(loom))]
// Some tests count bytes, so they do not run with the feature `debug`, whose red zones take some
// too.
#![cfg_attr(feature = "debug", allow(dead_code, unused_imports, reason = "of those tests"))]

use ralloc_core::Arena;
use ralloc_core::error::{AllocError, InitError};
use ralloc_core::memory::Depot;
use std::cell::Cell;
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

const KIB: usize = 1024;

fn arena(limit: usize) -> Arena {
    Arena::builder().limit(limit).depot(Arc::new(Depot::new(1 << 20))).build().unwrap()
}

/// An arena that has no room for anything but zero-sized values.
fn full() -> Arena {
    let arena = arena(16 * KIB);
    arena.alloc_uninit_slice::<u8>(16 * KIB);
    arena
}

fn address<T: ?Sized>(value: &T) -> usize {
    (&raw const *value).addr()
}

/// The text of the panic in `f`.
fn panic_of<R>(f: impl FnOnce() -> R) -> String {
    let payload = catch_unwind(AssertUnwindSafe(|| drop(f()))).unwrap_err();
    *payload.downcast::<String>().expect("a text")
}

#[test]
fn values_slices_and_strings_are_what_was_put_in_and_can_be_changed() {
    let arena = Arena::new();
    let number = arena.alloc(7u64);
    let made = arena.alloc_with(|| [1u32; 100]);
    let tried = arena.alloc_try_with(|| "3".parse::<u8>()).unwrap();
    let text = arena.alloc_str("größer");
    let copied = arena.alloc_slice_copy(&[1u16, 2, 3]);
    let cloned = arena.alloc_slice_clone(&[Some(Box::new(1)), None]);
    let squares = arena.alloc_slice_fill_with(5, |index| index * index);
    let same = arena.alloc_slice_fill_copy(3, 'x');
    let default = arena.alloc_slice_fill_default::<Option<u8>>(2);
    let iterated = arena.alloc_slice_fill_iter("one two".split(' ').collect::<Vec<_>>());
    *number += 1;
    made[99] = 2;
    text.make_ascii_uppercase();
    copied.reverse();
    assert_eq!((*number, made[0], made[99], *tried), (8, 1, 2, 3));
    assert_eq!((&*text, &*copied), ("GRößER", &[3, 2, 1][..]));
    assert_eq!(cloned[0].take().as_deref(), Some(&1), "owned, so it is taken out to be dropped");
    assert_eq!(*squares, [0, 1, 4, 9, 16]);
    assert_eq!((&*same, &*default), (&['x'; 3][..], &[None, None][..]));
    assert_eq!(*iterated, ["one", "two"]);
}

#[cfg(not(feature = "debug"))]
#[test]
fn a_failed_initialiser_gives_its_place_back_and_one_that_allocated_does_not() {
    let arena = Arena::new();
    let first = address(arena.alloc(1u64));
    assert_eq!(arena.alloc_try_with(|| Err::<[u8; 100], _>("no")), Err("no"));
    assert_eq!(address(arena.alloc(2u64)), first + 8, "as if nothing had been tried");
    let mut inner = 0;
    let failed = arena.alloc_try_with(|| {
        inner = address(arena.alloc(3u64));
        Err::<u64, _>("after an allocation")
    });
    assert_eq!(failed, Err("after an allocation"));
    assert_eq!(inner, first + 24);
    assert_eq!(address(arena.alloc(4u64)), first + 32, "what it allocated stays");
    let small = Arena::builder().chunk_cap(16 * KIB).build().unwrap();
    let large = small.alloc_try_with(|| Err::<[u8; 20 * KIB], _>(()));
    assert_eq!((large, small.stats().oversize), (Err(()), 0), "so does a chunk of its own");
}

#[test]
fn a_place_given_back_is_still_zeroed_when_zeroed_bytes_are_asked_for() {
    let arena = Arena::new();
    arena.alloc(1u64);
    let failed = arena.alloc_try_with(|| {
        let bytes = arena.alloc_slice_fill_copy(64, 0xffu8);
        Err::<u64, _>(bytes.len())
    });
    assert_eq!(failed, Err(64));
    let layout = std::alloc::Layout::new::<[u8; 256]>();
    let zeroed = arena.alloc_layout_zeroed(layout).cast::<u8>();
    // SAFETY: the bytes just handed out.
    assert!((0..256).all(|index| unsafe { zeroed.add(index).read() } == 0));
}

#[test]
fn functions_and_iterators_allocate_from_the_arena_that_waits_for_them() {
    let arena = arena(1 << 20);
    let outer = arena.alloc_with(|| (arena.alloc(1u8), arena.alloc_str("inner")));
    assert_eq!((*outer.0, &*outer.1), (1, "inner"));
    // Enough rows to move from chunk to chunk while a slice is being filled.
    let rows = arena.alloc_slice_fill_with(100, |row| arena.alloc_slice_fill_copy(100, row));
    for (index, row) in rows.iter().enumerate() {
        assert_eq!(row.iter().sum::<usize>(), 100 * index);
    }
    let texts = arena.alloc_slice_fill_iter((0..50).map(|index| {
        let mut text = arena.alloc_str_uninit(8);
        write!(text, "{index}").unwrap();
        text.finish()
    }));
    assert!(texts.iter().enumerate().all(|(index, text)| text.parse() == Ok(index)));
    assert!(arena.stats().chunks > 1);
}

/// An iterator that claims to yield `says` values and yields `yields`.
struct Liar {
    says: usize,
    yields: usize,
    asked: Arc<Asked>,
}

#[derive(Default)]
struct Asked(Cell<usize>);

impl Iterator for Liar {
    type Item = Box<usize>;

    fn next(&mut self) -> Option<Box<usize>> {
        self.asked.0.set(self.asked.0.get() + 1);
        self.yields = self.yields.checked_sub(1)?;
        Some(Box::new(self.yields))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.says, Some(self.says))
    }
}

impl ExactSizeIterator for Liar {}

#[test]
fn an_iterator_that_lies_gives_a_shorter_slice_or_is_not_asked_further() {
    #[allow(clippy::arc_with_non_send_sync, reason = "the count is read on this thread")]
    let asked = Arc::new(Asked::default());
    let liar = |says, yields| Liar { says, yields, asked: Arc::clone(&asked) };
    let arena = Arena::new();
    let short = arena.alloc_slice_fill_iter(liar(10, 3));
    assert_eq!(short.iter().map(|value| **value).collect::<Vec<_>>(), [2, 1, 0]);
    assert_eq!(asked.0.replace(0), 4);
    let clipped = arena.alloc_slice_fill_iter(liar(2, 1000));
    assert_eq!((clipped.len(), asked.0.replace(0)), (2, 2));
    let absurd = arena.try_alloc_slice_fill_iter(liar(usize::MAX, 1));
    assert_eq!(absurd, Err(AllocError::Overflow { len: usize::MAX, size: size_of::<usize>() }));
    assert_eq!(asked.0.get(), 0);
    // Nothing in the arena is dropped, so the test does it.
    for value in short.iter_mut().chain(clipped) {
        // SAFETY: dropped once, and not used after.
        unsafe { std::ptr::drop_in_place(value) };
    }
}

#[test]
fn nothing_put_into_the_arena_is_ever_dropped() {
    let drops = Cell::new(0);
    struct Counted<'a>(&'a Cell<usize>);
    impl Drop for Counted<'_> {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }
    let mut arena = Arena::new();
    arena.alloc(Counted(&drops));
    arena.alloc_slice_fill_with(3, |_| Counted(&drops));
    arena.scope(|scope| assert!(scope.alloc_with(|| Some(Counted(&drops))).is_some()));
    arena.reset();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let make = |index| if index < 2 { Counted(&drops) } else { panic!("at the third") };
        arena.alloc_slice_fill_with(3, make);
    }));
    assert!(panicked.is_err());
    drop(arena);
    assert_eq!(drops.get(), 0, "not even what a panic left half filled");
}

#[cfg(not(feature = "debug"))]
#[test]
fn zero_sized_values_take_nothing_even_where_nothing_is_left() {
    #[derive(Debug, Default, Clone, Copy, PartialEq)]
    #[repr(align(4096))]
    struct Marker;
    for arena in [full(), arena(1)] {
        let used = arena.stats().allocated;
        let marker: &Marker = arena.alloc(Marker);
        assert_eq!(address(marker) % 4096, 0);
        let many = arena.alloc_slice_fill_default::<Marker>(1000);
        assert_eq!((many.len(), address(many) % 4096), (1000, 0));
        assert_eq!(arena.alloc_uninit_slice::<Marker>(usize::MAX).len(), usize::MAX);
        assert_eq!(arena.alloc_str(""), "");
        assert_eq!(arena.alloc_uninit_slice::<u64>(0).len(), 0);
        assert!(arena.alloc_slice_copy::<u32>(&[]).is_empty());
        assert_eq!(arena.alloc_str_uninit(0).finish(), "");
        assert_eq!(arena.alloc_try_with(|| Err::<(), _>(1)), Err(1));
        assert_eq!(arena.stats().allocated, used);
    }
}

#[test]
fn values_are_aligned_above_the_minimum_above_a_page_and_after_odd_sizes() {
    #[repr(align(128))]
    struct Line(u8);
    #[repr(align(65536))]
    struct Huge(u8);
    fn check<const MIN_ALIGN: usize>(arena: &Arena<MIN_ALIGN>) {
        for step in 0..20u8 {
            let odd = arena.alloc_uninit_slice::<u8>(usize::from(step) * 3 + 1);
            assert_eq!(address(odd) % MIN_ALIGN, 0);
            let line = arena.alloc(Line(step));
            let huge = arena.alloc(Huge(step));
            assert_eq!((address(line) % 128, address(huge) % 65536), (0, 0));
            assert_eq!((line.0, huge.0), (step, step));
            assert_eq!(address(arena.alloc(1u8)) % MIN_ALIGN, 0);
        }
    }
    let builder = || Arena::builder().depot(Arc::new(Depot::new(0)));
    check(&builder().min_align::<1>().build().unwrap());
    check(&builder().min_align::<2>().build().unwrap());
    check(&builder().build().unwrap());
    check(&builder().min_align::<256>().build().unwrap());
    check(&builder().min_align::<4096>().build().unwrap());
}

#[cfg(not(feature = "debug"))]
#[test]
fn small_values_lie_closer_the_smaller_the_minimum_alignment() {
    fn distance<const MIN_ALIGN: usize>(arena: Arena<MIN_ALIGN>) -> usize {
        address(arena.alloc(1u8)).abs_diff(address(arena.alloc(1u8)))
    }
    assert_eq!(distance(Arena::builder().min_align::<1>().build().unwrap()), 1);
    assert_eq!(distance(Arena::new()), 8);
    assert_eq!(distance(Arena::builder().min_align::<64>().build().unwrap()), 64);
}

#[cfg(not(feature = "debug"))]
#[test]
fn every_call_with_try_returns_the_error_and_calls_nothing() {
    let arena = full();
    let stats = arena.stats();
    let limit = |requested| {
        let (used, limit) = (16 * KIB, 16 * KIB);
        Some(AllocError::Limit { requested, used, limit })
    };
    let never = || -> u64 { unreachable!("the place comes first") };
    assert_eq!(arena.try_alloc(1u64).err(), limit(8));
    assert_eq!(arena.try_alloc_with(never).err(), limit(8));
    let tried = arena.try_alloc_try_with(|| Ok::<_, ()>(never()));
    assert_eq!(tried.err(), limit(8).map(InitError::Alloc));
    assert_eq!(arena.try_alloc_str("text").err(), limit(4));
    assert_eq!(
        arena.try_alloc_str_uninit(9).err().map(|e| e.to_string()),
        limit(9).map(|e| e.to_string())
    );
    assert_eq!(arena.try_alloc_slice_copy(&[1u32]).err(), limit(4));
    assert_eq!(arena.try_alloc_slice_clone(&[String::new()]).err(), limit(24));
    assert_eq!(arena.try_alloc_slice_fill_with(2, |_| never()).err(), limit(16));
    assert_eq!(arena.try_alloc_slice_fill_copy(3, 0u8).err(), limit(3));
    assert_eq!(arena.try_alloc_slice_fill_default::<u16>(3).err(), limit(6));
    let iterator = [1u8].iter().map(|_| never());
    assert_eq!(arena.try_alloc_slice_fill_iter(iterator).err(), limit(8));
    assert_eq!(arena.try_alloc_uninit_slice::<u8>(5).err(), limit(5));
    assert_eq!(arena.stats(), stats, "an error changes nothing");
}

#[cfg(not(feature = "debug"))]
#[test]
fn a_length_that_overflows_is_a_typed_error() {
    let arena = arena(usize::MAX);
    let len = isize::MAX as usize / 8 + 1;
    let overflow = Some(AllocError::Overflow { len, size: 8 });
    assert_eq!(arena.try_alloc_slice_fill_default::<u64>(len).err(), overflow);
    assert_eq!(arena.try_alloc_uninit_slice::<u64>(len).err(), overflow);
    assert_eq!(arena.try_alloc_slice_fill_with(len, |_| 0u64).err(), overflow);
    let text = arena.try_alloc_str_uninit(usize::MAX).err();
    assert_eq!(text, Some(AllocError::Overflow { len: usize::MAX, size: 1 }));
    // The largest size that does not fit. It must be refused for its size, not because a sum
    // wrapped.
    let most = arena.try_alloc_uninit_slice::<u8>(isize::MAX as usize);
    assert!(matches!(most, Err(AllocError::Map(_))));
    assert_eq!(arena.committed_bytes(), 0);
    arena.alloc(1u8);
    let most = arena.try_alloc_uninit_slice::<u8>(isize::MAX as usize);
    assert!(matches!(most, Err(AllocError::Map(_))), "the limit has room for it: {most:?}");
}

#[cfg(not(feature = "debug"))]
#[test]
fn every_call_without_try_panics_with_the_text_of_the_error() {
    let arena = full();
    let refused = |bytes: usize| format!("no room for {bytes} bytes: 16384 of 16384 are in use");
    assert_eq!(panic_of(|| arena.alloc(1u64)), refused(8));
    assert_eq!(panic_of(|| arena.alloc_with(|| [0u8; 9])), refused(9));
    assert_eq!(panic_of(|| arena.alloc_try_with(|| Ok::<_, ()>(1u8))), refused(1));
    assert_eq!(panic_of(|| arena.alloc_str("abc")), refused(3));
    assert_eq!(panic_of(|| arena.alloc_str_uninit(7)), refused(7));
    assert_eq!(panic_of(|| arena.alloc_slice_clone(&[1u8])), refused(1));
    assert_eq!(panic_of(|| arena.alloc_slice_fill_iter([1u8, 2])), refused(2));
    assert_eq!(panic_of(|| arena.alloc_layout(std::alloc::Layout::new::<u32>())), refused(4));
    assert_eq!(
        panic_of(|| arena.alloc_layout_zeroed(std::alloc::Layout::new::<u32>())),
        refused(4)
    );
    assert_eq!(panic_of(|| arena.reserve(5)), refused(5));
    let text = panic_of(|| arena.alloc_uninit_slice::<u64>(usize::MAX));
    assert_eq!(text, format!("{} values of 8 bytes exceed the address space", usize::MAX));
}

/// The line of this file at which `f` panics.
fn line_of_panic(f: impl FnOnce()) -> Option<u32> {
    thread_local! {
        static AT: Cell<Option<u32>> = const { Cell::new(None) };
    }
    let before = Arc::new(std::panic::take_hook());
    let hook = Arc::clone(&before);
    std::panic::set_hook(Box::new(move |info| {
        // Only this thread's: other tests may panic meanwhile.
        AT.set(info.location().filter(|at| at.file() == file!()).map(|at| at.line()));
        hook(info);
    }));
    let panicked = catch_unwind(AssertUnwindSafe(f));
    std::panic::set_hook(Box::new(move |info| before(info)));
    assert!(panicked.is_err());
    AT.get()
}

#[cfg(not(feature = "debug"))]
#[test]
fn a_panic_is_reported_at_the_line_that_allocated() {
    let arena = full();
    let layout = std::alloc::Layout::new::<u64>();
    let line = line!();
    let lines = [
        line_of_panic(|| assert!(arena.alloc(1) == &1)),
        line_of_panic(|| assert!(arena.alloc_with(|| 1) == &1)),
        line_of_panic(|| assert!(arena.alloc_try_with(|| Ok::<_, ()>(1)).is_ok())),
        line_of_panic(|| assert!(arena.alloc_str("1") == "1")),
        line_of_panic(|| assert!(arena.alloc_slice_clone(&["1"]) == ["1"])),
        line_of_panic(|| assert!(arena.alloc_slice_fill_copy(1, 1) == [1])),
        line_of_panic(|| assert!(arena.alloc_uninit_slice::<u64>(usize::MAX).is_empty())),
        line_of_panic(|| assert!(arena.alloc_layout(layout).is_empty())),
        line_of_panic(|| assert!(arena.alloc_layout_zeroed(layout).is_empty())),
        line_of_panic(|| arena.reserve(1)),
    ];
    let expected: Vec<_> = (0..lines.len() as u32).map(|index| Some(line + 2 + index)).collect();
    assert_eq!(lines, expected[..]);
}

#[test]
fn uninitialised_slices_are_filled_in_place() {
    let arena = Arena::new();
    let squares = arena.alloc_uninit_slice::<u64>(1000);
    for (index, place) in squares.iter_mut().enumerate() {
        place.write((index * index) as u64);
    }
    for (index, place) in squares.iter().enumerate() {
        // SAFETY: all of them have been written.
        assert_eq!(unsafe { place.assume_init() }, (index * index) as u64);
    }
}

#[test]
fn a_string_is_written_piece_by_piece_and_refuses_what_does_not_fit_whole() {
    let arena = Arena::new();
    let mut text = arena.alloc_str_uninit(10);
    assert!(text.push_str("vier") && text.push_str("ö"));
    assert!(!text.push_str("fünf"), "five bytes into four");
    assert_eq!(
        (text.as_str(), text.room(), format!("{text:?}").as_str()),
        ("vierö", 4, "\"vierö\"")
    );
    assert!(write!(text, "{}", 12345).is_err());
    write!(text, "{}", 1234).unwrap();
    assert!(text.push_str("") && !text.push_str("x"));
    let text = text.finish();
    text.make_ascii_uppercase();
    assert_eq!(text, "VIERö1234");
}
