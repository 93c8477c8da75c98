//! Node-API bindings: check, call, convert. One file per noun.
//!
//! Every export catches panics (one would abort Node otherwise) and throws errors whose `code`
//! is an ERR_RALLOC code. No call runs JavaScript while it borrows an arena.

mod array_buffer;
mod contained;
mod convert;
mod deaths;
mod depot;
#[cfg(feature = "test-exports")]
mod for_test;
mod inherited;
mod leased_arena;
#[cfg(any(ralloc_os = "linux", ralloc_os = "macos"))]
mod loop_watch;
#[cfg(all(ralloc_os = "linux", target_env = "gnu"))]
mod malloc;
#[cfg(not(any(ralloc_os = "windows", ralloc_os = "heap")))]
mod process;
mod shared_slab;
mod slab;
mod socket;

use napi_derive::napi;

/// The version of the core, as in Cargo.toml.
#[napi(catch_unwind)]
pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}
