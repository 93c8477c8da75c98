//! Events and figures of an arena's chunks, off the hot path.
//!
//! The store notes events while it is borrowed; they are delivered when it is not. So a sink
//! may use the very arena that calls it, and what it does cannot meet a half-made change.

use crate::error::MapError;
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
    /// The chunk of the event before is for one allocation that fits no other.
    Oversize {
        /// Bytes that were asked for.
        requested: usize,
        /// The size of the chunk.
        bytes: usize,
    },
    /// An allocation was refused, for no chunk for it fits under the limit.
    LimitRefused {
        /// Bytes that were asked for.
        requested: usize,
        /// Bytes of all chunks.
        used: usize,
        /// The arena's limit on them.
        limit: usize,
    },
    /// An allocation was refused by the system.
    MapRefused {
        /// Bytes that were asked for.
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

/// A function of the user's, in std's Arc also under loom: what it shares is its own affair. A
/// type of its own for what it promises about panics.
#[derive(Clone)]
pub(super) struct Sink(Arc<dyn Fn(ArenaEvent) + Send + Sync>);

// Whatever a panic leaves broken in the function is not seen: it is not called again.
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

/// Events on their way to the sink.
pub(super) struct Delivery {
    sink: Sink,
    events: Vec<ArenaEvent>,
}

impl Delivery {
    /// Calls the sink with each event: whether it took all of them without a panic.
    pub(super) fn run(&self) -> bool {
        let deliver = || self.events.iter().for_each(|&event| (self.sink.0)(event));
        // A panic must not leave a scope's drop, nor take an allocation away that was made.
        // Its payload is not dropped: that is foreign code too and may panic again.
        catch_unwind(AssertUnwindSafe(deliver)).map_err(ManuallyDrop::new).is_ok()
    }
}

/// Notes events for a sink, if there is one.
#[derive(Debug, Default)]
pub(super) struct Reporter {
    sink: Option<Sink>,
    /// Invariant: empty without a sink, and while silent.
    pending: Vec<ArenaEvent>,
    /// While a delivery is under way, and for ever after one that panicked. The sink is kept
    /// also then: its drop is foreign code, and would run in the middle of some call.
    silent: bool,
}

impl Reporter {
    pub(super) fn new(sink: Option<Sink>) -> Reporter {
        Reporter { sink, ..Reporter::default() }
    }

    pub(super) fn has_sink(&self) -> bool {
        self.sink.is_some()
    }

    /// Notes an event, unless it comes from the sink's own use of the arena: a sink that
    /// allocates would else have no end.
    pub(super) fn note(&mut self, event: ArenaEvent) {
        if self.sink.is_some() && !self.silent {
            self.pending.push(event);
        }
    }

    /// What is to be delivered, to be followed by [`Reporter::done`].
    pub(super) fn take(&mut self) -> Option<Delivery> {
        if self.pending.is_empty() {
            return None;
        }
        let sink = self.sink.clone()?;
        self.silent = true;
        Some(Delivery { sink, events: std::mem::take(&mut self.pending) })
    }

    /// Goes on to note events, if the delivery ended well.
    pub(super) fn done(&mut self, delivered: bool) {
        self.silent = !delivered;
    }
}
