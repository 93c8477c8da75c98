//! Replacing the program of Node's process.

use super::convert::{INVALID_ARGUMENT, Result, coded};
use crate::os;
use napi_derive::napi;
use std::ffi::CString;

fn c_string(text: String) -> Result<CString> {
    CString::new(text).map_err(|error| coded(INVALID_ARGUMENT, error))
}

/// Replaces this process's program by `file`, with the current environment. `args` begins with the
/// program's name. Descriptors 0 to 2 and those in `keep` stay open. Returns only if the system
/// refuses: its error number.
#[napi(catch_unwind)]
pub fn exec(file: String, args: Vec<String>, keep: Vec<i32>) -> Result<i32> {
    let args = args.into_iter().map(c_string).collect::<Result<Vec<_>>>()?;
    Ok(os::exec(&c_string(file)?, &args, &keep))
}
