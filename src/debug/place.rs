//! A place in the program, with its backtrace if one was taken.
#![forbid(unsafe_code)]

use crate::sync::{AtomicUsize, LazyLock, Ordering};
use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

/// 1 if backtraces are taken whatever the environment says.
static FORCED: LazyLock<AtomicUsize> = LazyLock::new(AtomicUsize::default);

/// Takes a backtrace at every allocation and every end from now on. With `false`, as at first, only
/// if `RUST_BACKTRACE` or `RUST_LIB_BACKTRACE` asks for it. A backtrace takes some microseconds and
/// a few hundred bytes; its names are looked up when it is shown.
///
/// std takes backtraces under a lock. If another thread had that lock during a fork, the child
/// waits for ever at its first call of the crate.
///
/// ```
/// # #[cfg(feature = "debug")] {
/// use ralloc_core::{Arena, debug};
///
/// debug::set_backtraces(true);
/// let mut arena = Arena::new();
/// let handle = arena.handle_of(arena.alloc_layout(std::alloc::Layout::new::<u64>()).cast()).unwrap();
/// arena.reset();
/// let (refused, _) = debug::catch(|| handle.get().unwrap_err());
/// assert!(refused.finding().allocated.as_ref().unwrap().backtrace().is_some());
/// # }
/// ```
pub fn set_backtraces(on: bool) {
    // Relaxed: it orders nothing.
    FORCED.swap(on.into(), Ordering::Relaxed);
}

/// A line of the program that called the crate, and a backtrace if one was taken.
#[derive(Clone, Debug)]
pub struct Place {
    location: &'static Location<'static>,
    backtrace: Option<Arc<Backtrace>>,
}

impl Place {
    /// This line, with the backtrace of now.
    pub(super) fn at(location: &'static Location<'static>) -> Place {
        // Relaxed: as above.
        let taken = match FORCED.load(Ordering::Relaxed) {
            0 => Backtrace::capture(),
            _ => Backtrace::force_capture(),
        };
        let there = taken.status() == BacktraceStatus::Captured;
        Place { location, backtrace: there.then(|| Arc::new(taken)) }
    }

    /// File, line and column of the call. If the method of a trait made the call, as with an
    /// allocator, it is a line of this crate; the backtrace tells more.
    pub fn location(&self) -> &'static Location<'static> {
        self.location
    }

    /// The frames, if they were taken: see [`set_backtraces`].
    pub fn backtrace(&self) -> Option<&Backtrace> {
        self.backtrace.as_deref()
    }
}

/// `src/main.rs:10:5`; with `{:#}` the backtrace follows, if there is one.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.location.fmt(f)?;
        match &self.backtrace {
            Some(backtrace) if f.alternate() => write!(f, "\n{backtrace}"),
            _ => Ok(()),
        }
    }
}
