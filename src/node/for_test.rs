//! Exports that only the tests of a clone call. Releases are built without them: the feature
//! `test-exports` is off there.

use super::contained::Contained;
use crate::lifetime::{Evidence, decide};
use napi_derive::napi;

/// Panics. The panic must become a thrown Error.
#[napi(catch_unwind)]
pub fn panic_for_test() {
    panic!("a panic for the test");
}

/// Forks, as an addon may. Returns 0 in the child, whose JavaScript continues with copies of
/// everything that the process has.
#[cfg(not(any(ralloc_os = "windows", ralloc_os = "heap")))]
#[napi(catch_unwind)]
pub fn fork_for_test() -> i32 {
    crate::os::fork()
}

/// Presses Ctrl+C in this process's console; returns false if there is none.
#[cfg(ralloc_os = "windows")]
#[napi(catch_unwind)]
pub fn press_ctrl_c_for_test() -> bool {
    crate::os::press_ctrl_c().is_ok()
}

/// The decision that tools/placement/rules.js must make for the same evidence (numbers in the order
/// of the fields): strategy, certainty, reason.
#[napi(catch_unwind)]
pub fn decide_for_test(evidence: Vec<f64>) -> Vec<u32> {
    let mut numbers = evidence.into_iter();
    let mut next = || numbers.next().expect("12 numbers");
    let decision = decide(&Evidence {
        bytes: next(),
        samples: next(),
        with_request: next(),
        with_request_samples: next(),
        outlived: next(),
        outlived_samples: next(),
        moved: next(),
        ended: next(),
        alive: next(),
        long: next(),
        alike: next(),
        repeats: next(),
    });
    vec![decision.strategy as u32, decision.certainty as u32, decision.reason as u32]
}

/// Panics when it is collected, which must not end the process.
#[napi]
#[derive(Default)]
pub struct PanicForTest {
    _inner: Contained<PanicWhenDropped>,
}

#[derive(Default)]
struct PanicWhenDropped;

impl Drop for PanicWhenDropped {
    fn drop(&mut self) {
        panic!("a panic of a drop for the test");
    }
}

#[napi]
impl PanicForTest {
    #[napi(constructor, catch_unwind)]
    pub fn new() -> Self {
        Self::default()
    }
}
