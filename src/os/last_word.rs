//! Notes in a file which signal ends the process, without being what the process does at a signal:
//! behind the note is the disposition from before. So a signal ends a process at once, also while
//! its event loop is blocked. Whoever installs a handler later, as Node does for a listener,
//! replaces this one.
//!
//! A handler may call what POSIX says is safe in one, which allocates nothing and takes no lock.

use super::loop_watch::{Board, HEAD, seal};
use super::page_size;
use crate::sync::{Arc, AtomicPtr, AtomicUsize, Ordering};
use std::ffi::{CString, c_int};
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::ptr;

#[cfg(not(target_os = "macos"))]
use libc::__errno_location as errno_place;
#[cfg(target_os = "macos")]
use libc::__error as errno_place;

/// Those by which processes are ended, with their names; and that of abort(), by which V8 ends a
/// process that has no memory.
const SIGNALS: [(c_int, &str); 4] = [
    (libc::SIGINT, "SIGINT"),
    (libc::SIGTERM, "SIGTERM"),
    (libc::SIGHUP, "SIGHUP"),
    (libc::SIGABRT, "SIGABRT"),
];
const MOST: usize = 160;

/// What the handler needs, made before.
struct Word {
    file: File,
    from: u64,
    board: Arc<Board>,
    process: u32,
    /// Linux: /proc/self/statm, since a process may have no descriptor left.
    statm: Option<File>,
    page: usize,
    /// What is removed when the process ends by a signal that asks it to.
    removed: Option<CString>,
}

static WORD: AtomicPtr<Word> = AtomicPtr::new(ptr::null_mut());
/// For each signal the handler from before, as a number, and its flags.
static BEFORE: [[AtomicUsize; 2]; SIGNALS.len()] =
    [const { [AtomicUsize::new(libc::SIG_DFL), AtomicUsize::new(0)] }; SIGNALS.len()];

impl Word {
    /// Bytes of the process in RAM.
    fn resident(&self) -> Option<usize> {
        let mut text = [0; 128];
        let count = self.statm.as_ref()?.read_at(&mut text, 0).ok()?;
        let second = text[..count].split(|&byte| byte == b' ').nth(1)?;
        let digit = |sum: usize, &byte: &u8| sum * 10 + usize::from(byte.wrapping_sub(b'0'));
        Some(second.iter().fold(0, digit) * self.page)
    }

    fn write(&self, signal: c_int, name: &str) {
        let mut bytes = [0; MOST];
        let mut text = &mut bytes[HEAD..];
        let how = if signal == libc::SIGABRT { "abort" } else { "signal" };
        // There is room. To write text and numbers to a slice allocates nothing and takes no lock.
        let _ = write!(text, r#"{{"how":"{how}","signal":"{name}""#);
        if let Some(resident) = self.resident() {
            let _ = write!(text, r#","rss":{resident}"#);
        }
        let _ = write!(text, "}}");
        let end = MOST - text.len();
        seal(&mut bytes[..end], self.board.sequence());
        // If the disk is full, nobody knows how the process ended.
        let _ = self.file.write_all_at(&bytes[..end], self.from);
        // The first process of a container goes on after a signal.
        let goes_on = signal == libc::SIGABRT || self.process == 1;
        if let Some(path) = self.removed.as_ref().filter(|_| !goes_on) {
            // SAFETY: a path that ends with a NUL.
            unsafe { libc::unlink(path.as_ptr()) };
        }
    }
}

extern "C" fn on_signal(signal: c_int) {
    // SAFETY: the interrupted thread's own, which may be about to read it.
    let errno = unsafe { *errno_place() };
    pass_on(signal);
    // SAFETY: as above.
    unsafe { *errno_place() = errno };
}

/// Notes the signal, and has it do what it did before.
fn pass_on(signal: c_int) {
    let index = SIGNALS.iter().position(|&(one, _)| one == signal);
    let Some(index) = index else { return };
    // SAFETY: a word is never freed.
    if let Some(word) = unsafe { WORD.load(Ordering::Acquire).as_ref() } {
        // A forked child has the handler, too.
        if word.process == std::process::id() {
            word.write(signal, SIGNALS[index].1);
        }
    }
    let [handler, flags] = &BEFORE[index];
    install(signal, handler.load(Ordering::Relaxed), flags.load(Ordering::Relaxed) as c_int);
    // SAFETY: the signal comes again once this handler returns, since it is blocked till then.
    unsafe { libc::raise(signal) };
}

/// Has a signal call `handler`, which is ours or the one from before, with no signal blocked.
fn install(signal: c_int, handler: usize, flags: c_int) {
    // SAFETY: zeros are an action without blocked signals.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler;
    action.sa_flags = flags;
    // SAFETY: our handler does only what is safe in one, whatever thread it interrupts.
    unsafe { libc::sigaction(signal, &action, ptr::null_mut()) };
}

/// Has the handler note `signal`, unless it is ignored, or noted already.
fn arm(index: usize) {
    let (signal, _) = SIGNALS[index];
    // SAFETY: zeros are an action.
    let mut before: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: writes to the local.
    unsafe { libc::sigaction(signal, ptr::null(), &mut before) };
    let ours = on_signal as extern "C" fn(c_int) as usize;
    if [libc::SIG_IGN, ours].contains(&before.sa_sigaction) {
        return;
    }
    let [handler, flags] = &BEFORE[index];
    handler.store(before.sa_sigaction, Ordering::Relaxed);
    flags.store(before.sa_flags as usize, Ordering::Relaxed);
    install(signal, ours, libc::SA_RESTART | libc::SA_ONSTACK);
}

/// Has a signal that ends the process noted in the cell at `from` of `file`, with the sequence of
/// the board; `removed` is a file that goes then.
pub fn note_signals(file: File, from: u32, board: Arc<Board>, removed: Option<CString>) {
    let statm = cfg!(target_os = "linux").then(|| File::open("/proc/self/statm").ok()).flatten();
    let process = std::process::id();
    let word = Word { file, from: from.into(), board, process, statm, page: page_size(), removed };
    // Never freed: a handler on another thread may have the one before.
    WORD.store(Box::into_raw(Box::new(word)), Ordering::Release);
    (0..SIGNALS.len()).for_each(arm);
}

/// Has `signal` noted again, after somebody's handler for it has gone.
pub fn note_signal(signal: c_int) {
    let index = SIGNALS.iter().position(|&(one, _)| one == signal);
    if !WORD.load(Ordering::Acquire).is_null() {
        index.into_iter().for_each(arm);
    }
}

/// Notes nothing more. What has replaced the handler meanwhile stays.
pub fn forget_signals() {
    WORD.store(ptr::null_mut(), Ordering::Release);
}
