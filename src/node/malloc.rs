//! The C library's allocator, which is Node's own.

use crate::os;
use crate::sync::{AtomicUsize, OnceLock, Ordering};
use napi_derive::napi;

/// Microseconds of all trims that are over.
static TRIMMED: OnceLock<AtomicUsize> = OnceLock::new();

fn trimmed() -> &'static AtomicUsize {
    TRIMMED.get_or_init(AtomicUsize::default)
}

/// Begins to give back to the system what was freed and is kept, on another thread. Only where the C library is glibc. False where no thread is
/// to be had.
#[napi(catch_unwind)]
pub fn trim_malloc() -> bool {
    os::trim_malloc(|took| {
        trimmed().fetch_add(took.as_micros() as usize, Ordering::Relaxed);
    })
}

/// Milliseconds of all trims that are over.
#[napi(catch_unwind)]
pub fn trimmed_ms() -> f64 {
    trimmed().load(Ordering::Relaxed) as f64 / 1e3
}
