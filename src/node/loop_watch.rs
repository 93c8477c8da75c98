//! The thread that writes into the file of a flight recorder while the event loop is blocked, and
//! the signal by which the process ends.

use super::array_buffer;
use super::convert::{Result, UNSUPPORTED, Value, coded};
use crate::os::{self, Board};
use crate::sync::{Arc, LazyLock, Mutex};
use napi::Env;
use napi_derive::napi;
use std::ffi::CString;

/// The board of the one thread, by which it is stopped.
static RUNNING: LazyLock<Mutex<Option<Arc<Board>>>> = LazyLock::new(Mutex::default);

/// Starts the thread, in the place of one before. Returns the board, an ArrayBuffer: its first 8
/// bytes are the sequence of the last record, a number that must change every 200 ms; from the ninth
/// on is the last request.
#[napi(catch_unwind)]
pub fn watch_loop(env: Env, fd: i32, from: u32, size: u32, group: Option<String>) -> Result<Value> {
    unwatch_loop();
    let board = Arc::new(Board::default());
    let made = array_buffer::create_over_board(&env, Arc::clone(&board))?;
    let started = os::watch_loop(Arc::clone(&board), fd, (from, size), group);
    started.map_err(|error| coded(UNSUPPORTED, error))?;
    *RUNNING.lock() = Some(board);
    Ok(made)
}

/// Ends the thread, at its next look, and notes no signal more.
#[napi(catch_unwind)]
pub fn unwatch_loop() {
    os::forget_signals();
    if let Some(board) = RUNNING.lock().take() {
        board.stop();
    }
}

/// Has a signal that ends this process noted in the cell at `from` of the file `fd`, once there is a
/// board; `removed` is the path of a file that goes then. Returns whether it will be.
#[napi(catch_unwind)]
pub fn note_signals(fd: i32, from: u32, removed: Option<String>) -> bool {
    let Some(board) = RUNNING.lock().clone() else { return false };
    let Ok(file) = os::own_file(fd) else { return false };
    let Ok(removed) = removed.map(CString::new).transpose() else { return false };
    os::note_signals(file, from, board, removed);
    true
}

/// Has it noted again: somebody has listened to it, and listens no more.
#[napi(catch_unwind)]
pub fn note_signal(signal: i32) {
    os::note_signal(signal);
}
