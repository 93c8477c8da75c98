//! The C library's allocator, which is Node's own.

use crate::os;
use crate::sync::{AtomicUsize, LazyLock, Ordering};
use napi_derive::napi;

/// Microseconds that all finished trims took.
static TRIMMED: LazyLock<AtomicUsize> = LazyLock::new(AtomicUsize::default);

/// Starts to give freed memory that the C library keeps back to the system, on another thread. Only
/// with glibc. Returns false if no thread can be created.
#[napi(catch_unwind)]
pub fn trim_malloc() -> bool {
    os::trim_malloc(|took| {
        TRIMMED.fetch_add(took.as_micros() as usize, Ordering::Relaxed);
    })
}

/// Milliseconds that all finished trims took.
#[napi(catch_unwind)]
pub fn trimmed_ms() -> f64 {
    TRIMMED.load(Ordering::Relaxed) as f64 / 1e3
}

/// Bytes that the C library's allocator keeps free, resident or not; null if it does not tell. It
/// takes the lock of each of its arenas for a moment.
#[napi(catch_unwind)]
pub fn malloc_kept() -> Option<f64> {
    os::malloc_kept().map(|bytes| bytes as f64)
}
