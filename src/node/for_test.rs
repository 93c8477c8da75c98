//! What only the tests of a clone call. A release has none of it: the feature `test-exports` is off there.

use super::contained::Contained;
use napi_derive::napi;

/// Panics, which must surface as a thrown Error.
#[napi(catch_unwind)]
pub fn panic_for_test() {
    panic!("a panic for the test");
}

/// Forks, as an addon may: 0 in the child, whose JavaScript goes on with copies of all that the process has.
#[cfg(unix)]
#[napi(catch_unwind)]
pub fn fork_for_test() -> i32 {
    crate::os::fork()
}

/// Panics when it is collected, which must not end the process.
#[napi]
pub struct PanicForTest {
    _inner: Contained<PanicWhenDropped>,
}

struct PanicWhenDropped;

impl Drop for PanicWhenDropped {
    fn drop(&mut self) {
        panic!("a panic of a drop for the test");
    }
}

#[napi]
impl PanicForTest {
    #[napi(constructor, catch_unwind)]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        PanicForTest { _inner: Contained::new(PanicWhenDropped) }
    }
}
