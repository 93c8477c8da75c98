//! Slabs with several mappings: for the isolates of one process here, for several processes in
//! `named`.

use super::mapping_owner::MappingOwner;
use super::pools::{Pools, table_at};
use super::registry::Registry;
use super::slot_table::SlotTable;
use super::token::Identity;
use super::transit::Transit;
use super::{Slab, SlabOptions};
use crate::error::SlabError;
use crate::layout::place_after;
use crate::memory::depot::map_new;
use crate::memory::segment::Segment;
use crate::memory::{Mapping, MemoryOptions, SharedKind, SharedMemory};
use crate::os::{process_mark, view_granule};
use crate::sync::Arc;

/// The memory of a slab with several mappings, each at other addresses: first the records, then the
/// slots. It lives as long as one of the mappings. [`Slab::shared`] creates it, [`Slab::share`]
/// returns it, and [`Slab::attach`] maps it again, here on another thread:
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
    pub(super) sharing: Sharing,
    pub(super) options: SlabOptions,
    pub(super) registry: Arc<Registry>,
    pub(super) identity: Identity,
    pub(super) transit: Transit,
    /// The process that created or opened it.
    process: u64,
}

impl SharedSlab {
    pub(super) fn new(
        sharing: Sharing,
        options: SlabOptions,
        registry: Registry,
        identity: Identity,
        transit: Transit,
    ) -> Arc<SharedSlab> {
        let (registry, process) = (Arc::new(registry), process_mark());
        Arc::new(SharedSlab { sharing, options, registry, identity, transit, process })
    }

    /// Whether this is a copy made by `fork`. Its registry was copied too, or its memory is not
    /// there.
    pub(super) fn is_copy(&self) -> bool {
        self.process != process_mark()
    }

    /// Participants of all its mappings, without those that have stopped claiming; 0 in a forked
    /// child.
    pub(crate) fn participants(&self) -> usize {
        if self.is_copy() { 0 } else { self.registry.alive() }
    }
}

/// Who shares a slab, threads or processes: this alone decides where its bytes are.
#[derive(Debug)]
pub(super) enum Sharing {
    Threads(SharedMemory),
    Processes(Arc<Segment>),
}

impl Sharing {
    /// The bytes, and where the records begin.
    pub(super) fn bytes(&self) -> (&SharedMemory, usize) {
        match self {
            Sharing::Threads(memory) => (memory, 0),
            Sharing::Processes(segment) => (segment.memory(), segment.geometry().records_at()),
        }
    }

    /// The file of the memory that processes share. All of its memory is present from the start.
    pub(super) fn segment(&self) -> Option<&Segment> {
        match self {
            Sharing::Threads(_) => None,
            Sharing::Processes(segment) => Some(segment),
        }
    }
}

impl Slab {
    /// Creates a slab that cannot grow, over memory that [`Slab::attach`] can map again. Errors:
    /// those of [`Slab::new`], and [`MapError::Unsupported`](crate::error::MapError::Unsupported)
    /// if the options allow growth. Each mapping locks and prefaults the slots for itself, as the
    /// options say, but the NUMA node applies to the memory itself. Huge pages are transparent
    /// ones, if the system has any for shared memory.
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
        fill(&map_new(None, || memory.map(0, plan.record_bytes))?, options);
        let memory_options = MemoryOptions { numa_node: None, ..memory_options };
        let options = SlabOptions { memory: memory_options, ..options.clone() };
        let (sharing, identity) = (Sharing::Threads(memory), Identity::new());
        let shared = SharedSlab::new(sharing, options, Registry::local(), identity, Transit::NONE);
        attach_over(&shared, Some(slots))
    }

    /// Maps the same slab again, at other addresses. One mapping cannot free blocks that another
    /// has allocated, because blocks are identified by their address. Dropping a mapping frees its
    /// blocks.
    ///
    /// Errors: [`SlabError::TooMany`], [`SlabError::UsedUp`], [`SlabError::Forked`] in a forked
    /// child, and [`SlabError::Map`].
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
        attach_over(shared, None)
    }

    /// The argument for [`Slab::attach`]; `None` if the slab is not shared. This does not make a
    /// slab shared: [`Slab::shared`] creates one that is.
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

/// Makes all slots free, by their records.
pub(super) fn fill(records: &Mapping, options: &SlabOptions) {
    let mut start = 0;
    for count in options.pools.iter().map(|pool| pool.max_count) {
        // SAFETY: within the mapping by the plan; the mapping outlives the table.
        let table = unsafe { table_at(records, start, count as usize) };
        table.grow(0..count);
        start += SlotTable::words_for(count as usize);
    }
}

/// See [`Slab::attach`]. `slots`: a mapping of the slots that exists already.
pub(super) fn attach_over(
    shared: &Arc<SharedSlab>,
    slots: Option<Mapping>,
) -> Result<Slab, SlabError> {
    if shared.is_copy() {
        return Err(SlabError::Forked);
    }
    let SharedSlab { sharing, options, .. } = &**shared;
    let plan = options.plan()?;
    let (bytes, at) = sharing.bytes();
    let records = map_new(None, || bytes.map(at, plan.record_bytes))?;
    let slots_at = place_after(at + plan.record_bytes, plan.slot_bytes, view_granule());
    let map = || bytes.map_any(slots_at, plan.slot_bytes, options.memory);
    let slots = slots.map_or_else(|| map_new(None, map), Ok)?;
    let mut slab = Slab::over(Pools::new(options, records, slots, true), Some(Arc::clone(shared)));
    slab.mapping_owner = Some(MappingOwner::new(slab.join()?));
    Ok(slab)
}
