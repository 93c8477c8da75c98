//! Tests of values that own their slot of a slab.
#![cfg(not(loom))]

use ralloc_core::error::SlabError;
use ralloc_core::slab::{PoolOptions, Slab, SlabBox, SlabOptions};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

const MIB: usize = 1 << 20;

fn slab() -> Slab {
    let options =
        SlabOptions::new(MIB).pool(PoolOptions::fixed(16, 4)).pool(PoolOptions::growing(4096, 8));
    Slab::new(&options).unwrap()
}

fn held(slab: &Slab) -> usize {
    slab.stats().iter().map(|pool| pool.held).sum()
}

/// Counts its drops.
struct Counted<'a>(&'a Cell<usize>);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

#[test]
fn a_box_drops_its_value_once_and_frees_its_slot() {
    let (slab, drops) = (slab(), Cell::new(0));
    let boxes: Vec<_> = (0..4).map(|_| slab.boxed(Counted(&drops)).unwrap()).collect();
    assert_eq!((held(&slab), drops.get()), (4, 0));
    drop(boxes);
    assert_eq!((held(&slab), drops.get()), (0, 4));
    let value = slab.boxed(Counted(&drops)).unwrap().into_inner();
    assert_eq!((held(&slab), drops.get()), (0, 4));
    drop(value);
    assert_eq!(drops.get(), 5);
}

#[test]
fn a_slot_is_free_after_a_value_whose_drop_panics() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("in the drop");
        }
    }
    let slab = slab();
    let boxed = slab.boxed(Panics).unwrap();
    catch_unwind(AssertUnwindSafe(|| drop(boxed))).unwrap_err();
    assert_eq!(held(&slab), 0);
}

#[test]
fn values_of_any_size_and_alignment_lie_apart_and_aligned() {
    #[repr(align(512))]
    struct Aligned(u8);
    let slab = slab();
    let mut bytes = slab.boxed([7u8; 3000]).unwrap();
    let (aligned, none) = (slab.boxed(Aligned(9)).unwrap(), slab.boxed(()).unwrap());
    bytes.fill(8);
    assert_eq!((&raw const *aligned).addr() % 512, 0);
    assert_eq!((aligned.0, *none, bytes.iter().all(|&byte| byte == 8)), (9, (), true));
    assert_eq!((format!("{:?}", slab.boxed(5u8).unwrap()), held(&slab)), ("5".into(), 3));
}

#[test]
fn a_value_without_a_slot_is_dropped_and_the_error_says_why() {
    let (slab, drops) = (slab(), Cell::new(0));
    let refused = slab.boxed((Counted(&drops), [0u8; 5000])).map(drop);
    assert!(matches!(refused, Err(SlabError::TooLarge { largest: 4096, .. })), "{refused:?}");
    let kept: Vec<_> = (0..12).map(|n| slab.boxed(n).unwrap()).collect();
    let refused = slab.boxed(Counted(&drops)).map(drop);
    assert!(matches!(refused, Err(SlabError::Exhausted { .. })), "{refused:?}");
    assert_eq!((drops.get(), kept.iter().map(|n| **n).sum::<i32>()), (2, 66));
}

#[test]
fn a_box_is_dropped_on_another_thread() {
    let (slab, value) = (slab(), Arc::new(()));
    std::thread::scope(|scope| {
        let boxed: SlabBox<'_, Arc<()>> = slab.boxed(Arc::clone(&value)).unwrap();
        assert_eq!(Arc::strong_count(&value), 2);
        scope.spawn(move || drop(boxed));
    });
    assert_eq!((Arc::strong_count(&value), held(&slab)), (1, 0));
}

#[test]
fn no_value_is_boxed_in_a_slab_that_is_shared() {
    let shared = match Slab::shared(&SlabOptions::fixed(&[64], 8, MIB)) {
        Ok(shared) => shared,
        Err(error) => return eprintln!("skipped: {error}"),
    };
    assert_eq!(shared.boxed(1).map(drop), Err(SlabError::Shared));
}
