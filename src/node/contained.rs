//! A value owned by a class of the binding, whose drop may panic.

use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A value whose drop may panic. napi-rs drops a class's value in a finalizer of Node-API, which no
/// `#[napi(catch_unwind)]` covers. A panic that leaves the finalizer aborts Node, so it is caught
/// here.
#[derive(Default)]
pub struct Contained<T>(ManuallyDrop<T>);

impl<T> Contained<T> {
    pub fn new(value: T) -> Contained<T> {
        Contained(ManuallyDrop::new(value))
    }
}

impl<T> Deref for Contained<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> Drop for Contained<T> {
    fn drop(&mut self) {
        // SAFETY: dropped once, and not used after.
        let _ = catch_unwind(AssertUnwindSafe(|| unsafe { ManuallyDrop::drop(&mut self.0) }));
    }
}
