//! Replacing the program of this process.

use std::ffi::{CStr, CString, c_int};
use std::ptr;

/// Standard input, output and error.
const STDIO: [c_int; 3] = [0, 1, 2];
/// Signals that Node ignores. Unlike a handler, that would outlive the call.
const IGNORED: [c_int; 2] = [libc::SIGPIPE, libc::SIGXFSZ];

/// Replaces the program of this process by `file`, with the environment of the C library. `args`
/// begins with the program's name. It gets what a shell gives a program: descriptors 0 to 2 and
/// those in `keep`, no blocked signal, and the default actions. Returns the error number if the
/// system refuses; then only `keep` has an effect.
pub fn exec(file: &CStr, args: &[CString], keep: &[c_int]) -> c_int {
    let mut argv: Vec<_> = args.iter().map(|arg| arg.as_ptr()).collect();
    argv.push(ptr::null());
    for &fd in STDIO.iter().chain(keep) {
        // SAFETY: sets the descriptor's flags, of which there is only FD_CLOEXEC. A number that is
        // none is refused.
        unsafe { libc::fcntl(fd, libc::F_SETFD, 0) };
    }
    // SAFETY: signal sets are plain data, and both calls write to locals.
    let (none, mut blocked) = unsafe { (std::mem::zeroed(), std::mem::zeroed()) };
    // SAFETY: as above.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &none, &mut blocked) };
    // SAFETY: no handler is installed, only an action of the system.
    let before = IGNORED.map(|signal| unsafe { libc::signal(signal, libc::SIG_DFL) });
    // SAFETY: `file` and all of `argv` end with a NUL, and `argv` with a null; they live until the
    // call returns.
    unsafe { libc::execv(file.as_ptr(), argv.as_ptr()) };
    let error = std::io::Error::last_os_error().raw_os_error();
    for (signal, action) in IGNORED.into_iter().zip(before) {
        // SAFETY: the action that the signal had.
        unsafe { libc::signal(signal, action) };
    }
    // SAFETY: the signals that were blocked.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &blocked, ptr::null_mut()) };
    error.unwrap_or(libc::EINVAL)
}
