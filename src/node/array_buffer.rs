//! External ArrayBuffers over leased spans, their finalizer, and detaching.

use super::convert::{ArrayBuffer, CORRUPTED, Result, UNSUPPORTED, Value, corrupted};
use crate::lease::chunk::Chunk;
use crate::lease::leased_arena::Lease;
#[cfg(any(ralloc_os = "linux", ralloc_os = "macos"))]
use crate::os::Board;
use crate::slab::participant::View;
use crate::sync::{Arc, AtomicUsize};
use napi::{Env, Error, sys};
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::ptr::NonNull;

pub const OK: sys::napi_status = sys::Status::napi_ok;

/// An external ArrayBuffer over the span. Its chunk stays pinned until the finalizer has run. After
/// an error nothing is pinned.
pub fn create(env: &Env, lease: &Lease) -> Result<ArrayBuffer> {
    lease.chunk.pin().map_err(corrupted)?;
    let bytes = NonNull::slice_from_raw_parts(lease.ptr, lease.len);
    // SAFETY: the bytes stay mapped while the chunk is pinned.
    let made = unsafe { external(env, bytes, Arc::clone(&lease.chunk)) };
    made.inspect_err(|_| lease.chunk.unpin(false))
}

/// An external ArrayBuffer over a segment of a slab's slots. Until its finalizer has run, all of
/// these slots keep their owners.
pub fn create_over_slab(env: &Env, view: View, bytes: NonNull<[u8]>) -> Result<ArrayBuffer> {
    // SAFETY: the bytes stay mapped while the view has its participant, which keeps the slab.
    unsafe { external(env, bytes, Arc::new(view)) }
}

/// An external ArrayBuffer over the words of a board.
#[cfg(any(ralloc_os = "linux", ralloc_os = "macos"))]
pub fn create_over_board(env: &Env, board: Arc<Board>) -> Result<ArrayBuffer> {
    // SAFETY: the words are atomics, which may be written through a shared reference, and live as
    // long as the count.
    unsafe { external(env, board.bytes(), board) }
}

/// Fails if the runtime refuses external memory. Tried with bytes of the heap, which leave no
/// mapping behind: each new worker tries it, and a process can have 65,530 ranges of memory.
pub fn probe(env: &Env) -> Result<()> {
    let bytes = Arc::new(AtomicUsize::new(0)); // a type that may be written through a shared reference
    let start = NonNull::slice_from_raw_parts(NonNull::from(&*bytes).cast(), size_of::<usize>());
    // SAFETY: the bytes live until the finalizer drops the last count on them, and nobody sees the
    // ArrayBuffer.
    unsafe { external(env, start, bytes) }.map(drop)
}

/// The memory that an external ArrayBuffer keeps mapped as long as it exists.
trait Pinned {
    /// Called by the finalizer of the ArrayBuffer. `teardown` finds out whether it runs because its
    /// isolate ends.
    fn unpin(&self, _teardown: impl FnOnce() -> bool) {}
}

impl Pinned for Chunk {
    fn unpin(&self, teardown: impl FnOnce() -> bool) {
        self.finalize(teardown);
    }
}

impl Pinned for View {
    fn unpin(&self, teardown: impl FnOnce() -> bool) {
        if teardown() {
            self.abandon();
        }
    }
}

#[cfg(any(ralloc_os = "linux", ralloc_os = "macos"))]
impl Pinned for Board {}

/// The bytes of [`probe`].
impl Pinned for AtomicUsize {}

/// An external ArrayBuffer that has a count on `pinned` until its finalizer has run.
///
/// # Safety
/// `pinned` keeps `bytes` mapped, readable and writable.
unsafe fn external<T: Pinned>(
    env: &Env,
    bytes: NonNull<[u8]>,
    pinned: Arc<T>,
) -> Result<ArrayBuffer> {
    let (data, len) = (bytes.as_ptr().cast(), bytes.len());
    let hint = Arc::into_raw(pinned).cast_mut().cast::<c_void>();
    let mut value = ptr::null_mut();
    // SAFETY: the caller's promise; the finalizer takes over the hint.
    let status = unsafe {
        let finalize: sys::napi_finalize = Some(finalize::<T>);
        sys::napi_create_external_arraybuffer(env.raw(), data, len, finalize, hint, &mut value)
    };
    if status == OK {
        return Ok(Value(value));
    }
    if status == sys::Status::napi_no_external_buffers_allowed {
        // SAFETY: with this status the finalizer is never called, so the hint is still ours. With
        // any other status it may be called: then the count is leaked, and a late unpin is ignored.
        drop(unsafe { Arc::from_raw(hint.cast::<T>().cast_const()) });
    }
    clear_exception(env.raw());
    Err(Error::new(UNSUPPORTED, format!("this runtime refused external memory ({status})")))
}

/// The address and length of an ArrayBuffer; null and 0 when detached; `None` for other values.
pub fn location(env: &Env, buffer: &ArrayBuffer) -> Option<(*mut u8, usize)> {
    let (mut data, mut len) = (ptr::null_mut(), 0);
    // SAFETY: env and value are the current call's, the out pointers live.
    let status =
        unsafe { sys::napi_get_arraybuffer_info(env.raw(), buffer.0, &mut data, &mut len) };
    (status == OK).then_some((data.cast(), len))
}

/// Detaches an ArrayBuffer.
pub fn detach(env: &Env, buffer: &ArrayBuffer) -> Result<()> {
    // SAFETY: env and value are the current call's.
    match unsafe { sys::napi_detach_arraybuffer(env.raw(), buffer.0) } {
        OK => Ok(()),
        status => Err(Error::new(CORRUPTED, format!("cannot detach the ArrayBuffer ({status})"))),
    }
}

/// Runs once for each external ArrayBuffer, some time after it died or was detached, or when its
/// environment ends. No panic may cross into Node.
unsafe extern "C" fn finalize<T: Pinned>(
    env: sys::napi_env,
    _data: *mut c_void,
    hint: *mut c_void,
) {
    let _ = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: the count that `external` passed on, taken back exactly once.
        let pinned = unsafe { Arc::from_raw(hint.cast::<T>().cast_const()) };
        pinned.unpin(|| tearing_down(env));
    }));
}

/// Whether the environment can no longer run JavaScript, which shows that it is being torn down. A
/// pending exception would look the same, so it is set aside for the probe.
fn tearing_down(env: sys::napi_env) -> bool {
    let pending = clear_exception(env);
    let (mut script, mut result) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: a finalizer may call Node-API with its env, within a scope of its own. Every status
    // is checked, and any failure leads to the careful answer: abandon.
    unsafe {
        let mut scope = ptr::null_mut();
        if sys::napi_open_handle_scope(env, &mut scope) != OK {
            return true;
        }
        let alive = sys::napi_create_string_utf8(env, c"1".as_ptr(), 1, &mut script) == OK
            && sys::napi_run_script(env, script, &mut result) == OK;
        sys::napi_close_handle_scope(env, scope);
        if let Some(exception) = pending {
            sys::napi_throw(env, exception);
        }
        !alive
    }
}

/// Takes the pending exception, if there is one.
fn clear_exception(env: sys::napi_env) -> Option<sys::napi_value> {
    let (mut pending, mut exception) = (false, ptr::null_mut());
    // SAFETY: both calls are allowed at any time and write to live pointers.
    unsafe {
        let asked = sys::napi_is_exception_pending(env, &mut pending) == OK;
        let taken =
            asked && pending && sys::napi_get_and_clear_last_exception(env, &mut exception) == OK;
        taken.then_some(exception)
    }
}
