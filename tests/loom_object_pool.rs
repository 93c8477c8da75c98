//! Models: every interleaving of threads on one object pool.
//! `RUSTFLAGS="--cfg loom" cargo test --release --test loom_object_pool`
#![cfg(loom)]

use loom::cell::Cell;
use loom::sync::Arc;
use loom::thread::spawn;
use ralloc_core::{ObjectPool, Pooled};

/// Loom reports it if two threads touch the same object at the same time.
type Object = Cell<usize>;

fn pool(capacity: usize) -> Arc<ObjectPool<Object>> {
    Arc::new(ObjectPool::new(capacity, || Cell::new(0)).unwrap())
}

fn touch(object: &Object) {
    object.set(object.get() + 1);
}

#[test]
fn one_idle_object_is_given_to_one_thread_at_a_time() {
    loom::model(|| {
        let pool = pool(1);
        drop(pool.get());
        let other = Arc::clone(&pool);
        let other = spawn(move || touch(&other.get()));
        touch(&pool.get());
        other.join().unwrap();
        let stats = pool.stats();
        assert_eq!((stats.idle, stats.in_use, stats.hits + stats.misses), (1, 0, 3));
        assert_eq!((stats.made, stats.returned), (1 + stats.dropped, 3 - stats.dropped));
        let touched = pool.get().get();
        assert_eq!(touched, 2 - stats.dropped, "what came back is as its users left it");
    });
}

#[test]
fn two_objects_come_back_at_once_to_one_place() {
    loom::model(|| {
        let pool = pool(1);
        let (one, other) = (pool.get(), Arc::clone(&pool));
        let other = spawn(move || drop(other.get()));
        drop(one);
        other.join().unwrap();
        let stats = pool.stats();
        assert_eq!((stats.idle, stats.in_use), (1, 0));
        assert_eq!(stats.hits + stats.made, stats.returned + stats.dropped);
    });
}

#[test]
fn what_is_in_use_is_never_less_than_none_and_adds_up_in_the_end() {
    loom::model(|| {
        let pool = pool(2);
        let other = Arc::clone(&pool);
        let other = spawn(move || {
            drop(other.get());
            drop(Pooled::into_inner(other.get()));
        });
        let stats = pool.stats();
        assert!(stats.in_use <= 2, "{stats:?}");
        other.join().unwrap();
        let stats = pool.stats();
        assert_eq!((stats.in_use, stats.idle, stats.detached), (0, 0, 1));
    });
}
