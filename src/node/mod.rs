//! Node-API bindings: check, call, convert. One file per noun.
//!
//! Every export catches panics (one would abort Node otherwise) and throws errors whose `code`
//! is an ERR_RALLOC code. No call runs JavaScript while it borrows an arena.

mod array_buffer;
mod contained;
mod convert;
mod depot;
mod leased_arena;
mod slab;

use contained::Contained;
use napi_derive::napi;

/// The version of the core, as in Cargo.toml.
#[napi(catch_unwind)]
pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// For tests only: panics, which must surface as a thrown Error.
#[napi(catch_unwind)]
pub fn panic_for_test() {
    panic!("a panic for the test");
}

/// For tests only: panics when it is collected, which must not end the process.
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
