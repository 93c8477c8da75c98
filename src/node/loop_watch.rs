//! The thread that writes into the file of a flight recorder while the event loop is blocked.

use super::array_buffer;
use super::convert::{Result, UNSUPPORTED, Value};
use crate::os::{self, Board};
use crate::sync::{Arc, Mutex, OnceLock};
use napi::{Env, Error};
use napi_derive::napi;

/// The board of the one thread, by which it is stopped.
fn running() -> &'static Mutex<Option<Arc<Board>>> {
    static RUNNING: OnceLock<Mutex<Option<Arc<Board>>>> = OnceLock::new();
    RUNNING.get_or_init(Mutex::default)
}

/// Starts the thread, in the place of one before. Returns the board, an ArrayBuffer: its first byte
/// must change every 200 ms, from its ninth on is the last request.
#[napi(catch_unwind)]
pub fn watch_loop(env: Env, fd: i32, from: u32, size: u32, group: Option<String>) -> Result<Value> {
    unwatch_loop();
    let board = Arc::new(Board::default());
    let made = array_buffer::create_over_board(&env, Arc::clone(&board))?;
    let started = os::watch_loop(Arc::clone(&board), fd, (from, size), group);
    started.map_err(|error| Error::new(UNSUPPORTED, error.to_string()))?;
    *running().lock() = Some(board);
    Ok(Value(made))
}

/// Ends the thread, at its next look.
#[napi(catch_unwind)]
pub fn unwatch_loop() {
    if let Some(board) = running().lock().take() {
        board.stop();
    }
}
