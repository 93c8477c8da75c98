//! Tests of collections in an arena: random programs on allocator_api2's `Vec` and `Box` and on
//! hashbrown's `HashMap`, against those of std.
#![cfg(all(feature = "allocator-api2", not(loom)))]

use allocator_api2::boxed::Box as ArenaBox;
use allocator_api2::vec::Vec as ArenaVec;
use hashbrown::HashMap as ArenaMap;
use proptest::prelude::*;
use ralloc_core::memory::Depot;
use ralloc_core::{Arena, ArenaBuilder};
use std::cell::Cell;
use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::sync::Arc;

fn builder() -> ArenaBuilder {
    let depot = Arc::new(Depot::new(1 << 20));
    Arena::builder().limit(16 << 20).chunk_cap(64 * 1024).depot(depot)
}

/// A value whose owner counts how many of them are alive.
#[derive(Debug)]
struct Counted<'a>(u64, &'a Cell<usize>);

impl<'a> Counted<'a> {
    fn new(value: u64, alive: &'a Cell<usize>) -> Self {
        alive.set(alive.get() + 1);
        Counted(value, alive)
    }
}

impl Clone for Counted<'_> {
    fn clone(&self) -> Self {
        Counted::new(self.0, self.1)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.1.set(self.1.get() - 1);
    }
}

#[test]
fn collections_in_a_scope_are_dropped_with_it() {
    let mut arena = builder().build().unwrap();
    let alive = Cell::new(0);
    let outside = arena.stats().allocated;
    arena.scope(|scope| {
        let kept = scope.alloc(1);
        let mut list = ArenaVec::new_in(&**scope);
        (0..100).for_each(|_| list.push(Counted::new(0, &alive)));
        *kept += list.len();
        drop(ArenaBox::new_in(Counted::new(0, &alive), &**scope));
        assert_eq!((alive.get(), *kept), (100, 101));
    });
    assert_eq!((alive.get(), arena.stats().allocated), (0, outside));
}

/// Positions are taken modulo the present length.
#[derive(Clone, Debug)]
enum Step {
    Push(u64),
    Pop,
    Insert(usize, u64),
    Remove(usize),
    SwapRemove(usize),
    Truncate(usize),
    Reserve(usize),
    ShrinkToFit,
    Clone,
    Drain(usize, usize),
    IntoBoxedSlice,
    /// A block behind the list, so that it is not the last one.
    Block(usize),
    /// A box that is dropped directly.
    Box(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => any::<u64>().prop_map(Step::Push),
        3 => Just(Step::Pop),
        3 => (any::<usize>(), any::<u64>()).prop_map(|(at, value)| Step::Insert(at, value)),
        2 => any::<usize>().prop_map(Step::Remove),
        2 => any::<usize>().prop_map(Step::SwapRemove),
        1 => any::<usize>().prop_map(Step::Truncate),
        1 => (0usize..200).prop_map(Step::Reserve),
        2 => Just(Step::ShrinkToFit),
        1 => Just(Step::Clone),
        2 => (any::<usize>(), any::<usize>()).prop_map(|(from, to)| Step::Drain(from, to)),
        1 => Just(Step::IntoBoxedSlice),
        3 => (0usize..300).prop_map(Step::Block),
        2 => any::<u64>().prop_map(Step::Box),
    ]
}

type List<'a, const ALIGN: usize> = ArenaVec<Counted<'a>, &'a Arena<ALIGN>>;

/// A list in the arena beside one of std's.
fn on_list<'a, const ALIGN: usize>(
    list: &mut List<'a, ALIGN>,
    std: &mut Vec<u64>,
    step: &Step,
    alive: &'a Cell<usize>,
) -> Result<(), TestCaseError> {
    let arena = *list.allocator();
    let (len, value) = (std.len(), |one: Counted<'_>| one.0);
    match *step {
        Step::Push(number) => {
            list.push(Counted::new(number, alive));
            std.push(number);
        }
        Step::Pop => prop_assert_eq!(list.pop().map(value), std.pop()),
        Step::Insert(at, number) => {
            list.insert(at % (len + 1), Counted::new(number, alive));
            std.insert(at % (len + 1), number);
        }
        Step::Remove(at) if len > 0 => {
            prop_assert_eq!(value(list.remove(at % len)), std.remove(at % len));
        }
        Step::SwapRemove(at) if len > 0 => {
            prop_assert_eq!(value(list.swap_remove(at % len)), std.swap_remove(at % len));
        }
        Step::Remove(_) | Step::SwapRemove(_) => {}
        Step::Truncate(to) => {
            list.truncate(to % (len + 1));
            std.truncate(to % (len + 1));
        }
        Step::Reserve(more) => list.reserve(more),
        Step::ShrinkToFit => list.shrink_to_fit(),
        Step::Clone => {
            let clone = list.clone();
            *list = clone;
        }
        Step::Drain(from, to) => {
            let to = to % (len + 1);
            let from = from % (to + 1);
            let drained: Vec<u64> = list.drain(from..to).map(value).collect();
            prop_assert_eq!(drained, std.drain(from..to).collect::<Vec<_>>());
        }
        Step::IntoBoxedSlice => {
            let taken = std::mem::replace(list, ArenaVec::new_in(arena));
            *list = taken.into_boxed_slice().into_vec();
        }
        Step::Block(size) => arena.alloc_slice_fill_copy(size, 0xffu8).fill(0xee),
        Step::Box(number) => {
            let boxed = ArenaBox::new_in(Counted::new(number, alive), arena);
            prop_assert_eq!(boxed.0, number);
        }
    }
    Ok(())
}

fn run_lists<const ALIGN: usize>(steps: &[(usize, Step)]) -> Result<(), TestCaseError> {
    let alive = Cell::new(0);
    let mut arena = builder().min_align::<ALIGN>().build().unwrap();
    for _ in 0..2 {
        let mut lists: [List<'_, ALIGN>; 2] = [(); 2].map(|()| ArenaVec::new_in(&arena));
        let mut std = [Vec::new(), Vec::new()];
        for (which, step) in steps {
            on_list(&mut lists[*which], &mut std[*which], step, &alive)?;
            for (list, std) in lists.iter().zip(&std) {
                prop_assert!(list.iter().map(|one| one.0).eq(std.iter().copied()));
            }
            prop_assert_eq!(alive.get(), std.iter().map(Vec::len).sum::<usize>());
        }
        drop(lists);
        prop_assert_eq!(alive.get(), 0);
        // Once more, over the bytes that are in the memory now.
        arena.reset();
    }
    Ok(())
}

type Map<'a, const ALIGN: usize> = ArenaMap<u64, Counted<'a>, RandomState, &'a Arena<ALIGN>>;

#[derive(Clone, Debug)]
enum MapStep {
    Insert(u64, u64),
    Remove(u64),
    Entry(u64),
    Retain(u64),
    Reserve(usize),
    ShrinkToFit,
    Clone,
    Clear,
}

fn map_step() -> impl Strategy<Value = MapStep> {
    prop_oneof![
        12 => (0u64..200, any::<u64>()).prop_map(|(key, value)| MapStep::Insert(key, value)),
        6 => (0u64..200).prop_map(MapStep::Remove),
        3 => (0u64..200).prop_map(MapStep::Entry),
        1 => (1u64..5).prop_map(MapStep::Retain),
        1 => (0usize..300).prop_map(MapStep::Reserve),
        1 => Just(MapStep::ShrinkToFit),
        1 => Just(MapStep::Clone),
        1 => Just(MapStep::Clear),
    ]
}

fn on_map<'a, const ALIGN: usize>(
    map: &mut Map<'a, ALIGN>,
    std: &mut HashMap<u64, u64>,
    step: &MapStep,
    alive: &'a Cell<usize>,
) -> Result<(), TestCaseError> {
    let value = |one: Counted<'_>| one.0;
    match *step {
        MapStep::Insert(key, number) => {
            let before = map.insert(key, Counted::new(number, alive));
            prop_assert_eq!(before.map(value), std.insert(key, number));
        }
        MapStep::Remove(key) => prop_assert_eq!(map.remove(&key).map(value), std.remove(&key)),
        MapStep::Entry(key) => {
            map.entry(key).or_insert_with(|| Counted::new(0, alive)).0 ^= 1;
            *std.entry(key).or_insert(0) ^= 1;
        }
        MapStep::Retain(every) => {
            map.retain(|key, _| key % every == 0);
            std.retain(|key, _| key % every == 0);
        }
        MapStep::Reserve(more) => map.reserve(more),
        MapStep::ShrinkToFit => map.shrink_to_fit(),
        MapStep::Clone => {
            let clone = map.clone();
            *map = clone;
        }
        MapStep::Clear => {
            map.clear();
            std.clear();
        }
    }
    prop_assert_eq!(map.len(), std.len());
    prop_assert!(std.iter().all(|(key, number)| map.get(key).map(|one| one.0) == Some(*number)));
    Ok(())
}

fn run_map<const ALIGN: usize>(steps: &[MapStep]) -> Result<(), TestCaseError> {
    let alive = Cell::new(0);
    let arena = builder().min_align::<ALIGN>().build().unwrap();
    let mut map = ArenaMap::with_hasher_in(RandomState::new(), &arena);
    let mut std = HashMap::new();
    for step in steps {
        on_map(&mut map, &mut std, step, &alive)?;
        prop_assert_eq!(alive.get(), std.len());
    }
    drop(map);
    prop_assert_eq!(alive.get(), 0);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..Default::default() })]

    #[test]
    fn lists_hold_what_those_of_std_hold(
        steps in prop::collection::vec((0usize..2, step()), 1..150),
        align_log in 0usize..3,
    ) {
        [run_lists::<1>, run_lists::<8>, run_lists::<64>][align_log](&steps)?;
    }

    #[test]
    fn maps_hold_what_those_of_std_hold(
        steps in prop::collection::vec(map_step(), 1..200),
        align_log in 0usize..3,
    ) {
        [run_map::<1>, run_map::<8>, run_map::<64>][align_log](&steps)?;
    }
}
