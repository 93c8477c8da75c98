//! Slabs with several mappings: for the isolates of one process here, for several processes in `named`.

use super::registry::Registry;
use super::token::Identity;
use super::transit::Transit;
use super::{Slab, SlabOptions};
use crate::error::SlabError;
use crate::layout::place_after;
use crate::memory::depot::map_new;
#[cfg(not(loom))]
use crate::memory::segment::Segment;
use crate::memory::{Mapping, MemoryOptions, SharedKind, SharedMemory};
use crate::os::{process_mark, view_granule};
use crate::sync::Arc;

/// The memory of a slab with several mappings, each at other addresses: first the records, then the slots. It lives as
/// long as one of the mappings. [`Slab::shared`] creates it, [`Slab::share`] returns it, and [`Slab::attach`] maps it
/// again, here on another thread:
///
/// ```
/// use ralloc_core::slab::{SharedSlab, Slab, SlabOptions};
/// use std::sync::Arc;
///
/// let slab = Slab::shared(&SlabOptions::fixed(&[64], 8, 1 << 20)).unwrap();
/// let shared: Arc<SharedSlab> = Arc::clone(slab.share().unwrap());
/// let other = std::thread::spawn(move || {
///     let other = Slab::attach(&shared).unwrap();
///     other.allocate(64).unwrap();
///     other // what it has allocated is free when it is dropped
/// });
/// let other = other.join().unwrap();
/// assert_eq!(slab.stats()[0].held, 1);
/// drop(other);
/// assert_eq!(slab.stats()[0].held, 0);
/// ```
#[derive(Debug)]
pub struct SharedSlab {
    pub(super) memory: SharedBy,
    pub(super) options: SlabOptions,
    pub(super) registry: Arc<Registry>,
    pub(super) identity: Identity,
    pub(super) transit: Transit,
    /// The process that created or opened it.
    process: u64,
}

impl SharedSlab {
    pub(super) fn new(
        memory: SharedBy,
        options: SlabOptions,
        registry: Registry,
        identity: Identity,
        transit: Transit,
    ) -> Arc<SharedSlab> {
        let (registry, process) = (Arc::new(registry), process_mark());
        Arc::new(SharedSlab { memory, options, registry, identity, transit, process })
    }

    /// Whether this is a copy made by `fork`. Its registry was copied too, or its memory is not there.
    pub(super) fn is_copy(&self) -> bool {
        self.process != process_mark()
    }

    /// Participants of all its mappings, without those that have stopped claiming.
    #[cfg_attr(not(feature = "node"), allow(dead_code, reason = "serves the binding alone"))]
    pub(crate) fn participants(&self) -> usize {
        self.registry.alive()
    }
}

/// Who shares a slab, which decides where its bytes are.
#[derive(Debug)]
pub(super) enum SharedBy {
    Threads(SharedMemory),
    #[cfg(not(loom))]
    Processes(Arc<Segment>),
}

impl SharedBy {
    /// The bytes, and where the records begin.
    pub(super) fn bytes(&self) -> (&SharedMemory, usize) {
        match self {
            SharedBy::Threads(memory) => (memory, 0),
            #[cfg(not(loom))]
            SharedBy::Processes(segment) => (segment.memory(), segment.geometry().records_at()),
        }
    }

    /// See [`Slab::recovers`].
    pub(super) fn is_in_touch(&self) -> bool {
        match self {
            SharedBy::Threads(_) => true,
            #[cfg(not(loom))]
            SharedBy::Processes(segment) => segment.is_in_touch(),
        }
    }

    /// Whether a participant's lock can be taken.
    pub(super) fn can_lock(&self) -> bool {
        match self {
            SharedBy::Threads(_) => true,
            #[cfg(not(loom))]
            SharedBy::Processes(segment) => segment.can_lock(),
        }
    }

    /// Whether its memory is present from the start.
    pub(super) fn is_of_processes(&self) -> bool {
        !matches!(self, SharedBy::Threads(_))
    }
}

impl Slab {
    /// Creates a slab that cannot grow, over memory that [`Slab::attach`] can map again. Errors: those of
    /// [`Slab::new`], and [`MapError::Unsupported`](crate::error::MapError::Unsupported) if the options allow growth.
    /// Each mapping locks and prefaults the slots for itself, as the options say, but the NUMA node applies to the
    /// memory itself. Huge pages are transparent ones, if the system has any for shared memory.
    ///
    /// ```
    /// use ralloc_core::slab::{Slab, SlabOptions};
    ///
    /// let slab = Slab::shared(&SlabOptions::fixed(&[64], 8, 1 << 20)).unwrap();
    /// assert!(slab.share().is_some());
    /// ```
    pub fn shared(options: &SlabOptions) -> Result<Slab, SlabError> {
        let plan = options.shared_plan()?;
        let memory_options = SharedKind::Unnamed.grant(options.memory)?;
        let at = place_after(plan.record_bytes, plan.slot_bytes, view_granule());
        let memory = map_new(None, || SharedMemory::anonymous(at + plan.slot_bytes, at))?;
        let slots = map_new(None, || memory.map_any(at, plan.slot_bytes, memory_options))?;
        let memory_options = MemoryOptions { numa_node: None, ..memory_options };
        let options = SlabOptions { memory: memory_options, ..options.clone() };
        let (memory, identity) = (SharedBy::Threads(memory), Identity::new());
        let shared = SharedSlab::new(memory, options, Registry::local(), identity, Transit::NONE);
        let slab = Slab::attach_over(&shared, Some(slots))?;
        slab.grow_to_counts()?;
        Ok(slab)
    }

    /// Maps the same slab again, at other addresses. One mapping cannot free blocks that another has allocated, because
    /// blocks are identified by their address. Dropping a mapping frees its blocks.
    ///
    /// Errors: [`SlabError::Join`], also in a forked child ([`SlabError::Forked`]), and [`SlabError::Map`].
    ///
    /// ```
    /// use ralloc_core::slab::{Slab, SlabOptions};
    ///
    /// let first = Slab::shared(&SlabOptions::fixed(&[64], 8, 1 << 20)).unwrap();
    /// let second = Slab::attach(first.share().expect("it is shared")).unwrap();
    /// let block = first.allocate(64).unwrap();
    /// assert_eq!(second.stats()[0].held, 1); // one pool for both
    /// // SAFETY: the block is held, and not used afterwards.
    /// unsafe {
    ///     assert!(second.deallocate(block.cast()).is_err());
    ///     assert!(first.deallocate(block.cast()).is_ok());
    /// }
    /// second.allocate(64).unwrap();
    /// drop(second);
    /// assert_eq!(first.stats()[0].held, 0);
    /// ```
    pub fn attach(shared: &Arc<SharedSlab>) -> Result<Slab, SlabError> {
        Slab::attach_over(shared, None)
    }

    /// The same with a mapping of the slots that exists already.
    pub(super) fn attach_over(
        shared: &Arc<SharedSlab>,
        slots: Option<Mapping>,
    ) -> Result<Slab, SlabError> {
        if shared.is_copy() {
            return Err(SlabError::Forked.into());
        }
        let SharedSlab { memory, options, registry, .. } = &**shared;
        let plan = options.plan()?;
        let (bytes, at) = memory.bytes();
        let plain = MemoryOptions::default();
        let records = map_new(None, || bytes.map(at, plan.record_bytes, plain))?;
        let slots_at = place_after(at + plan.record_bytes, plan.slot_bytes, view_granule());
        let map = || bytes.map_any(slots_at, plan.slot_bytes, options.memory);
        let slots = slots.map_or_else(|| map_new(None, map), Ok)?;
        let owner = Some(Arc::clone(shared));
        let mut slab = Slab::new_over(options, records, slots, Arc::clone(registry), owner);
        slab.join_itself()?;
        Ok(slab)
    }

    /// The argument for [`Slab::attach`]; `None` if the slab is not shared. This does not make a slab shared:
    /// [`Slab::shared`] creates one that is.
    ///
    /// ```
    /// use ralloc_core::slab::{Slab, SlabOptions};
    ///
    /// let slab = Slab::new(&SlabOptions::fixed(&[64], 8, 1 << 20))?;
    /// assert!(slab.share().is_none());
    /// # Ok::<(), ralloc_core::error::SlabError>(())
    /// ```
    pub fn share(&self) -> Option<&Arc<SharedSlab>> {
        self.shared.as_ref()
    }
}
