//! The thread that writes into the file of a flight recorder while the event loop is blocked.

use super::array_buffer;
use super::convert::{Result, UNSUPPORTED, Value};
use crate::os::{self, Board};
use crate::sync::{Arc, Mutex, OnceLock};
use napi::{Env, Error};
use napi_derive::napi;
use std::thread::Thread;

/// The one thread, and the board by which it is stopped.
type Running = Mutex<Option<(Arc<Board>, Thread)>>;

fn running() -> &'static Running {
    static RUNNING: OnceLock<Running> = OnceLock::new();
    RUNNING.get_or_init(Mutex::default)
}

/// Starts the thread, in the place of one before. Returns the board, an ArrayBuffer: its first byte
/// must change every 200 ms, from its ninth on is the last request.
#[napi(catch_unwind)]
pub fn watch_loop(env: Env, fd: i32, from: u32, size: u32, group: Option<String>) -> Result<Value> {
    unwatch_loop();
    let board = Arc::new(Board::default());
    let made = array_buffer::create_over_board(&env, Arc::clone(&board))?;
    let thread = os::watch_loop(Arc::clone(&board), fd, (from, size), group);
    let thread = thread.map_err(|error| Error::new(UNSUPPORTED, error.to_string()))?;
    *running().lock() = Some((board, thread));
    Ok(Value(made))
}

/// Ends the thread.
#[napi(catch_unwind)]
pub fn unwatch_loop() {
    if let Some((board, thread)) = running().lock().take() {
        board.stop();
        thread.unpark();
    }
}
