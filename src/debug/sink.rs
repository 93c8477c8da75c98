//! The sink, to which findings are reported.
#![forbid(unsafe_code)]

use super::counters::COUNTERS;
use super::finding::Finding;
use crate::sync::{LazyLock, Mutex};
use std::cell::{Cell, RefCell};
use std::io::Write;
use std::mem::{ManuallyDrop, take};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// The most findings that wait for [`take_unheard`].
const UNHEARD: usize = 1024;

type Sink = Arc<dyn Fn(&Finding) + Send + Sync>;

#[derive(Default)]
struct Ears {
    sink: Option<Sink>,
    unheard: Vec<Finding>,
}

static EARS: LazyLock<Mutex<Ears>> = LazyLock::new(Mutex::default);

thread_local! {
    /// Whether this thread is running the sink.
    static IN_SINK: Cell<bool> = const { Cell::new(false) };
    /// The findings of this thread's innermost `catch` so far.
    static CAUGHT: RefCell<Option<Vec<Finding>>> = const { RefCell::new(None) };
}

/// Calls `sink` with every finding of the process from now on, instead of writing it to standard
/// error. It is called where the misuse was found, on that thread, with no lock held, so it may use
/// the arena in question. Findings that it causes itself, and the finding at which it panics, go to
/// [`take_unheard`]; the panic goes no further.
///
/// ```
/// # #[cfg(feature = "debug")] {
/// use ralloc_core::debug;
///
/// debug::set_sink(|finding| eprintln!("{finding:#}")); // with backtraces
/// debug::clear_sink();
/// # }
/// ```
pub fn set_sink(sink: impl Fn(&Finding) + Send + Sync + 'static) {
    let old = EARS.lock().sink.replace(Arc::new(sink));
    drop(old); // foreign code: not under the lock
}

/// Removes the sink: findings are written to standard error again. [`set_sink`] has an example.
pub fn clear_sink() {
    let old = EARS.lock().sink.take();
    drop(old);
}

/// The findings that no sink has received, the oldest first, at most 1,024: see [`set_sink`].
///
/// ```
/// # #[cfg(feature = "debug")] {
/// assert!(ralloc_core::debug::take_unheard().is_empty());
/// # }
/// ```
pub fn take_unheard() -> Vec<Finding> {
    take(&mut EARS.lock().unheard)
}

/// Calls `f` and returns what was found on this thread meanwhile, which is reported nowhere else.
/// For tests. If `f` panics, the findings are [unheard](take_unheard).
///
/// ```
/// # #[cfg(feature = "debug")] {
/// use ralloc_core::{Arena, debug};
///
/// let (sum, found) = debug::catch(|| {
///     let mut arena = Arena::new();
///     let sum = *arena.alloc(3) + *arena.alloc(4);
///     arena.reset();
///     sum
/// });
/// assert!(sum == 7 && found.is_empty());
/// # }
/// ```
pub fn catch<R>(f: impl FnOnce() -> R) -> (R, Vec<Finding>) {
    /// Restores the findings of the outer `catch`, even if `f` panics.
    struct Outer(Option<Vec<Finding>>);
    impl Drop for Outer {
        fn drop(&mut self) {
            let caught = CAUGHT.replace(self.0.take());
            caught.into_iter().flatten().for_each(keep);
        }
    }
    let outer = Outer(CAUGHT.replace(Some(Vec::new())));
    let result = f();
    let found = CAUGHT.with_borrow_mut(|caught| caught.as_mut().map(take)).unwrap_or_default();
    drop(outer);
    (result, found)
}

/// Counts findings and reports them. The caller must have no lock.
pub(super) fn tell(findings: Vec<Finding>) {
    for finding in findings {
        COUNTERS.note(finding.kind);
        if let Some(finding) = caught(finding) {
            tell_one(finding);
        }
    }
}

/// Returns the finding, unless a `catch` takes it.
fn caught(finding: Finding) -> Option<Finding> {
    let mut finding = Some(finding);
    // A thread that is ending has no `catch` any more.
    let _ = CAUGHT.try_with(|caught| {
        if let Some(caught) = &mut *caught.borrow_mut() {
            caught.extend(finding.take());
        }
    });
    finding
}

fn tell_one(finding: Finding) {
    let Some(sink) = EARS.lock().sink.clone() else {
        // A program whose standard error is closed continues.
        let _ = writeln!(std::io::stderr(), "{finding}");
        return;
    };
    if IN_SINK.try_with(|inside| inside.replace(true)).unwrap_or(true) {
        return keep(finding);
    }
    // A panic must not leave a drop. Its payload is not dropped, which would be foreign code too.
    let heard = catch_unwind(AssertUnwindSafe(|| sink(&finding))).map_err(ManuallyDrop::new);
    let _ = IN_SINK.try_with(|inside| inside.set(false));
    if heard.is_err() {
        keep(finding);
    }
}

/// Keeps a finding for [`take_unheard`].
fn keep(finding: Finding) {
    let mut ears = EARS.lock();
    match ears.unheard.len() < UNHEARD {
        true => ears.unheard.push(finding),
        false => COUNTERS.lost.add(1),
    }
}
