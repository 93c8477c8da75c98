//! A handle of Windows, which is closed when it is dropped.
#![allow(clippy::disallowed_methods)]

use windows_sys::Win32::Foundation::{CloseHandle, HANDLE, INVALID_HANDLE_VALUE};

/// A handle that only this value closes, when it is dropped.
#[derive(Debug)]
pub struct Handle(pub HANDLE);

// SAFETY: a handle belongs to no thread, and calls on it may come from any.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

impl Handle {
    /// The result of a call that opens something; `None` if it failed.
    pub fn new(opened: HANDLE) -> Option<Handle> {
        (!opened.is_null() && opened != INVALID_HANDLE_VALUE).then_some(Handle(opened))
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: our own handle, which nobody uses any more.
        unsafe { CloseHandle(self.0) };
    }
}
