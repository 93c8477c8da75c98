//! Events and figures of an arena's chunks, off the hot path.
//!
//! The store notes events while it is borrowed, and they are delivered when it is not. So a sink
//! may use the very arena that calls it, and never sees a half-made change.

use crate::error::MapError;
use crate::sync::Mutex;
use std::fmt;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind};
use std::sync::Arc;

/// Something that happened to an arena's chunks.
///
/// ```
/// use ralloc_core::{Arena, ArenaEvent};
/// use std::sync::atomic::{AtomicUsize, Ordering};
///
/// static CHUNKS: AtomicUsize = AtomicUsize::new(0);
///
/// let count = |event| {
///     if let ArenaEvent::Mapped { .. } | ArenaEvent::Recycled { .. } = event {
///         CHUNKS.fetch_add(1, Ordering::Relaxed);
///     }
/// };
/// let arena = Arena::builder().diagnostics(count).build()?;
/// arena.alloc(7);
/// assert_eq!(CHUNKS.load(Ordering::Relaxed), 1);
/// # Ok::<(), ralloc_core::error::OptionsError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ArenaEvent {
    /// A chunk came from the system.
    Mapped {
        /// The size of the chunk.
        bytes: usize,
    },
    /// A chunk came from the depot.
    Recycled {
        /// The size of the chunk.
        bytes: usize,
    },
    /// The chunk of the preceding event is for one allocation that fits no other.
    Oversize {
        /// Requested bytes.
        requested: usize,
        /// The size of the chunk.
        bytes: usize,
    },
    /// An allocation was refused, because no chunk for it fits the limit.
    LimitRefused {
        /// Requested bytes.
        requested: usize,
        /// Bytes of all chunks.
        used: usize,
        /// The arena's limit.
        limit: usize,
    },
    /// The system refused an allocation.
    MapRefused {
        /// Requested bytes.
        requested: usize,
        /// Why.
        error: MapError,
    },
    /// A chunk went to the depot.
    GivenBack {
        /// The size of the chunk.
        bytes: usize,
    },
    /// Free pages of a chunk went back to the system.
    Decommitted {
        /// The size of those pages.
        bytes: usize,
    },
}

/// A function of the user's. In std's Arc even under loom, because models do not cover what it
/// shares. It is a type of its own because of what it promises about panics.
#[derive(Clone)]
pub(super) struct Sink(Arc<dyn Fn(ArenaEvent) + Send + Sync>);

// Nobody sees what a panic leaves broken in the function: it is not called again.
impl UnwindSafe for Sink {}
impl RefUnwindSafe for Sink {}

impl Sink {
    pub(super) fn new(sink: impl Fn(ArenaEvent) + Send + Sync + 'static) -> Sink {
        Sink(Arc::new(sink))
    }
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sink")
    }
}

/// Notes events for a sink, if there is one, and calls it with them later. All clones are one.
#[derive(Clone, Debug, Default)]
pub(super) struct Reporter(Option<Arc<Events>>);

#[derive(Debug)]
struct Events {
    sink: Sink,
    /// Those to tell. `None` while the sink is called, and for ever after it panicked. Even then
    /// the sink is kept: dropping it would run foreign code in the middle of some call.
    due: Mutex<Option<Vec<ArenaEvent>>>,
}

impl Reporter {
    pub(super) fn new(sink: Option<Sink>) -> Reporter {
        let events = |sink| Arc::new(Events { sink, due: Mutex::new(Some(Vec::new())) });
        Reporter(sink.map(events))
    }

    /// Notes an event, unless it comes from the sink's own use of the arena; a sink that allocates
    /// would otherwise never end.
    pub(super) fn note(&self, event: ArenaEvent) {
        if let Some(events) = &self.0 {
            events.due.lock().iter_mut().for_each(|due| due.push(event));
        }
    }

    /// Calls the sink with the events, which may use the arena. Events that other threads cause
    /// meanwhile are not noted.
    pub(super) fn report(&self) {
        let Some(Events { sink, due }) = self.0.as_deref() else { return };
        let Some(events) = due.lock().take_if(|due| !due.is_empty()) else { return };
        let deliver = || events.into_iter().for_each(|event| (sink.0)(event));
        // A panic must not leave a scope's drop, nor lose an allocation that was made. Its payload
        // is not dropped, which would be foreign code that may panic again.
        if catch_unwind(AssertUnwindSafe(deliver)).map_err(ManuallyDrop::new).is_ok() {
            *due.lock() = Some(Vec::new());
        }
    }
}
