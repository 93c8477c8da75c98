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
/// For each signal the handler from before, as a number, its flags, and what it blocks: a bit for
/// each signal, the lowest for signal 1.
static BEFORE: [[AtomicUsize; 3]; SIGNALS.len()] =
    [const { [AtomicUsize::new(libc::SIG_DFL), AtomicUsize::new(0), AtomicUsize::new(0)] };
        SIGNALS.len()];

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
    let [handler, flags, blocked] = BEFORE[index].each_ref().map(|one| one.load(Ordering::Relaxed));
    install(signal, handler, flags as c_int, blocked);
    // SAFETY: the signal comes again once this handler returns, since it is blocked till then.
    unsafe { libc::raise(signal) };
}

/// The signals that a set can have, each with its bit in [`BEFORE`].
fn bits() -> impl Iterator<Item = (c_int, usize)> {
    (0..usize::BITS as c_int).map(|bit| (bit + 1, 1 << bit))
}

/// Has a signal call `handler`, which is ours or the one from before, with these signals blocked.
fn install(signal: c_int, handler: usize, flags: c_int, blocked: usize) {
    // SAFETY: zeros are an action without blocked signals.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler;
    action.sa_flags = flags;
    for (one, _) in bits().filter(|(_, bit)| blocked & bit != 0) {
        // SAFETY: writes to the local. The system refuses a signal that it does not have.
        unsafe { libc::sigaddset(&mut action.sa_mask, one) };
    }
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
    // SAFETY: reads the local.
    let blocks = |one| unsafe { libc::sigismember(&before.sa_mask, one) } == 1;
    let blocked = bits().filter(|(one, _)| blocks(*one)).fold(0, |all, (_, bit)| all | bit);
    let values = [before.sa_sigaction, before.sa_flags as usize, blocked];
    BEFORE[index].iter().zip(values).for_each(|(one, value)| one.store(value, Ordering::Relaxed));
    install(signal, ours, libc::SA_RESTART | libc::SA_ONSTACK, 0);
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

#[cfg(test)]
mod tests {
    use super::*;

    static CALLS: AtomicUsize = AtomicUsize::new(0);

    extern "C" fn count(_: c_int) {
        CALLS.fetch_add(1, Ordering::Relaxed);
    }

    fn action_of(signal: c_int) -> libc::sigaction {
        // SAFETY: zeros are an action, and the call writes to the local.
        unsafe {
            let mut action = std::mem::zeroed();
            libc::sigaction(signal, ptr::null(), &mut action);
            action
        }
    }

    #[test]
    fn behind_the_note_is_the_handler_from_before_with_what_it_blocks() {
        let (signal, _) = SIGNALS[2];
        let count = count as extern "C" fn(c_int) as usize;
        install(signal, count, libc::SA_RESTART, 1 << (libc::SIGUSR2 - 1));
        arm(2);
        assert_ne!(action_of(signal).sa_sigaction, count);
        // SAFETY: the handlers do nothing but what is safe in one.
        unsafe { libc::raise(signal) };
        assert_eq!(CALLS.load(Ordering::Relaxed), 1);
        let after = action_of(signal);
        // SAFETY: reads the local.
        let blocks = [libc::SIGUSR1, libc::SIGUSR2, signal]
            .map(|one| unsafe { libc::sigismember(&after.sa_mask, one) });
        assert_eq!((after.sa_sigaction, blocks), (count, [0, 1, 0]));
        install(signal, libc::SIG_DFL, 0, 0);
    }
}
