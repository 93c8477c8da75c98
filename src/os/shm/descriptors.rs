//! Open descriptors that a forked child closes first.
//!
//! A lock on an open file description lives until its last descriptor is closed, in any process. A child that never
//! calls `exec` would keep its parent's locks, so that the parent would look alive long after its death. So the child
//! closes these descriptors (only with `close`, which is safe there), and none is opened during a fork. The bare system
//! call for forking runs no handlers: a child made by it has to close them itself, or call `exec`.

use crate::error::MapError;
use crate::os::{last_error, system_error};
use crate::sync::{AtomicPtr, AtomicUsize, OnceLock, Ordering};
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::ptr;

/// A place in the table. It belongs to one [`Descriptor`] until that is dropped, even in a forked child.
#[derive(Debug)]
struct Entry {
    /// The descriptor plus 1; 0 if the place is free, [`CLOSED`] if its descriptor is closed.
    number: AtomicUsize,
    next: *const Entry,
}

/// Means, in a child, that the `Descriptor` of the place still exists. If the place were free, the next descriptor
/// would take it, and the copy of the parent's `Descriptor` would unlock and close that one.
const CLOSED: usize = usize::MAX;

/// A list of entries that are never freed, as many as there ever were descriptors together. So a child can walk it
/// without a lock.
#[derive(Debug)]
struct Table {
    first: AtomicPtr<Entry>,
    /// Forks that began and that ended in this process. The numbers differ while a fork is under way.
    begun: AtomicUsize,
    ended: AtomicUsize,
}

// SAFETY: entries are immutable except for their atomic, and live for ever.
unsafe impl Send for Table {}
// SAFETY: as above.
unsafe impl Sync for Table {}

static TABLE: OnceLock<Result<Table, MapError>> = OnceLock::new();

fn table() -> Result<&'static Table, MapError> {
    let made = TABLE.get_or_init(|| {
        // SAFETY: the handlers live as long as the program, and the table exists before any of them looks for it.
        match unsafe { libc::pthread_atfork(Some(before), Some(in_parent), Some(in_child)) } {
            0 => {
                let [begun, ended] = [0; 2].map(AtomicUsize::new);
                Ok(Table { first: AtomicPtr::new(ptr::null_mut()), begun, ended })
            }
            errno => Err(system_error("pthread_atfork", errno)),
        }
    });
    made.as_ref().map_err(|&error| error)
}

fn ready_table() -> Option<&'static Table> {
    TABLE.get()?.as_ref().ok()
}

extern "C" fn before() {
    // SeqCst, here and wherever these two are used: if `open` took a fork to be over, or not begun, that fork must see
    // the descriptor entered in the table.
    if let Some(table) = ready_table() {
        table.begun.fetch_add(1, Ordering::SeqCst);
    }
}

extern "C" fn in_parent() {
    if let Some(table) = ready_table() {
        table.ended.fetch_add(1, Ordering::SeqCst);
    }
}

/// Async-signal-safe: loads, swaps and `close`.
extern "C" fn in_child() {
    let Some(table) = ready_table() else { return };
    let mut place = table.first.load(Ordering::Acquire).cast_const();
    // SAFETY: null or an entry, which lives for ever.
    while let Some(entry) = unsafe { place.as_ref() } {
        if let Some(fd) = entry.close_in_child() {
            // SAFETY: the child's copy of a descriptor, which its `Descriptor` no longer uses.
            unsafe { libc::close(fd) };
        }
        place = entry.next;
    }
    // Forks of other threads never end in the child.
    table.ended.swap(table.begun.load(Ordering::SeqCst), Ordering::SeqCst);
}

impl Entry {
    fn open(number: usize) -> Option<RawFd> {
        (number != CLOSED).then(|| number.checked_sub(1)).flatten().map(|fd| fd as RawFd)
    }

    fn number(&self) -> Option<RawFd> {
        Entry::open(self.number.load(Ordering::Relaxed))
    }

    /// Frees the place. Returns the descriptor to close, unless it is closed.
    fn take(&self) -> Option<RawFd> {
        Entry::open(self.number.swap(0, Ordering::SeqCst))
    }

    /// Keeps the place. Returns the descriptor to close.
    fn close_in_child(&self) -> Option<RawFd> {
        let fd = self.number()?;
        self.number.swap(CLOSED, Ordering::SeqCst);
        Some(fd)
    }

    fn put(&self, fd: RawFd) -> bool {
        let number = fd as usize + 1;
        self.number.compare_exchange(0, number, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }
}

impl Table {
    fn enter(&self, fd: RawFd) -> &'static Entry {
        let mut place = self.first.load(Ordering::Acquire).cast_const();
        // SAFETY: null or an entry, which lives for ever.
        while let Some(entry) = unsafe { place.as_ref() } {
            if entry.put(fd) {
                return entry;
            }
            place = entry.next;
        }
        // No lock: another thread could hold it during a fork, and the child would wait for ever.
        let number = AtomicUsize::new(fd as usize + 1);
        let place = Box::into_raw(Box::new(Entry { number, next: ptr::null() }));
        let mut first = self.first.load(Ordering::Relaxed);
        loop {
            // SAFETY: just made, and in no list yet.
            unsafe { (*place).next = first };
            // Release pairs with the acquires above and in `in_child`.
            let (set, unset) = (Ordering::AcqRel, Ordering::Relaxed);
            match self.first.compare_exchange(first, place, set, unset) {
                // SAFETY: just made, and never freed.
                Ok(_) => return unsafe { &*place },
                Err(now) => first = now,
            }
        }
    }

    /// How many forks have ended; `None` while one is under way.
    fn forks(&self) -> Option<usize> {
        let ended = self.ended.load(Ordering::SeqCst);
        let begun = self.begun.load(Ordering::SeqCst);
        (begun == ended).then_some(begun)
    }
}

/// Numbers below this are reused often, so a bug elsewhere may close one of them a second time.
const LEAST: RawFd = 512;

/// Moves the descriptor to a high number, which others are unlikely to get, if the limit on numbers allows: closing it
/// by mistake would lose a lock.
pub fn aside(fd: OwnedFd) -> OwnedFd {
    // SAFETY: no memory is touched.
    match unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_DUPFD_CLOEXEC, LEAST) } {
        // SAFETY: just made, and nobody else's.
        other @ 0.. => unsafe { OwnedFd::from_raw_fd(other) },
        _ => fd,
    }
}

/// The only descriptor of an open file description, which is not mapped. Closed in a forked child.
#[derive(Debug)]
pub struct Descriptor(&'static Entry);

// SAFETY: the entry is an atomic number.
unsafe impl Send for Descriptor {}
// SAFETY: as above.
unsafe impl Sync for Descriptor {}

impl Descriptor {
    /// Keeps the descriptor that `open` returns, which must be closed on `exec` and have its own file description.
    /// Calls `open` again if the process was forked meanwhile, because the child may have the descriptor open.
    pub fn new(
        mut open: impl FnMut() -> Result<OwnedFd, MapError>,
    ) -> Result<Descriptor, MapError> {
        let table = table()?;
        loop {
            let Some(forks) = table.forks() else {
                std::thread::yield_now();
                continue;
            };
            let descriptor = Descriptor(table.enter(aside(open()?).into_raw_fd()));
            if table.forks() == Some(forks) {
                return Ok(descriptor);
            }
        }
    }

    /// Its number. In a forked child an error, which names `syscall`.
    pub fn fd(&self, syscall: &'static str) -> Result<RawFd, MapError> {
        self.0.number().ok_or(system_error(syscall, libc::EBADF))
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        if let Some(fd) = self.0.take() {
            // SAFETY: our own descriptor, which nothing uses from now on.
            let closed = unsafe { libc::close(fd) };
            debug_assert!(closed == 0, "{}", last_error("close"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    fn null() -> Result<OwnedFd, MapError> {
        File::open("/dev/null").map(OwnedFd::from).map_err(|_| last_error("open"))
    }

    #[test]
    fn a_descriptor_has_no_number_that_the_next_file_would_have() {
        let descriptor = Descriptor::new(null).unwrap();
        assert!(descriptor.fd("fcntl").unwrap() >= LEAST);
    }

    #[test]
    fn a_forked_child_finds_descriptors_closed_and_its_parent_open() {
        let [first, second] = [0; 2].map(|_| Descriptor::new(null).unwrap());
        let fds = [&first, &second].map(|one| one.fd("fcntl").unwrap());
        // SAFETY: no memory is touched, here and below.
        let open = |fd| unsafe { libc::fcntl(fd, libc::F_GETFD) } == libc::FD_CLOEXEC;
        // SAFETY: the child only looks at descriptors and ends.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let closed = fds.iter().all(|&fd| !open(fd)) && first.fd("fcntl").is_err();
            // Descriptors that the child opens get places of their own until the copies are dropped.
            let news = [0; 2].map(|_| Descriptor::new(null).unwrap());
            let apart = [&first, &second].iter().all(|copy| copy.fd("fcntl").is_err());
            drop((first, second));
            let kept = news.iter().all(|new| new.fd("fcntl").is_ok_and(open));
            // SAFETY: ends the child.
            unsafe { libc::_exit(i32::from(!(closed && apart && kept))) };
        }
        let mut status = -1;
        // SAFETY: waits for the child just made, and writes to the local.
        assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
        assert_eq!((status, fds.map(open)), (0, [true; 2]));
        assert!(Descriptor::new(null).is_ok(), "the fork is over");
    }

    #[test]
    fn what_was_opened_while_another_thread_forked_is_opened_again() {
        let mut opened = 0;
        let descriptor = Descriptor::new(|| {
            opened += 1;
            if opened == 1 {
                before();
                in_parent();
            }
            null()
        });
        assert!(descriptor.is_ok() && opened >= 2);
    }
}
