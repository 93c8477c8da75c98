//! Slabs that processes share, and that outlive each of them.

use super::locks::SegmentLocks;
use super::options::PoolOptions;
use super::registry::{Registry, SHARED_WORDS};
use super::shared::{Sharing, attach_over, fill};
use super::token::Identity;
use super::transit::Transit;
use super::word::MAX_PARTICIPANTS;
use super::{MAX_POOLS, SharedSlab, Slab, SlabOptions};
use crate::error::{MapError, SegmentError, SegmentField, SlabError};
use crate::memory::segment::{self, Geometry, New, PoolGeometry, Segment, Settings};
use crate::memory::{HugePages, Mapping, MemoryOptions, SharedKind, SharedMemory, page_size};
use crate::sync::Arc;
use std::cell::RefCell;
#[cfg(ralloc_os = "linux")]
use std::os::fd::AsFd;
use std::time::Duration;

const _: () = assert!(MAX_POOLS <= segment::MAX_POOLS);

/// The options of a slab that processes share, besides its pools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentOptions {
    /// How long a sent slot can still be received after its sender is gone. Set by the process that
    /// creates the slab.
    pub transit: Duration,
    /// How long to wait for another process that is creating a slab. On Linux, a call that creates
    /// one does so afterwards.
    pub wait: Duration,
}

impl Default for SegmentOptions {
    /// 30 s and 5 s.
    fn default() -> SegmentOptions {
        SegmentOptions { transit: Duration::from_secs(30), wait: Duration::from_secs(5) }
    }
}

impl SegmentOptions {
    /// The default: 30 s and 5 s.
    ///
    /// ```
    /// use ralloc_core::slab::SegmentOptions;
    /// use std::time::Duration;
    ///
    /// let options = SegmentOptions::new().wait(Duration::from_secs(1));
    /// assert_eq!(options.transit, Duration::from_secs(30));
    /// ```
    pub fn new() -> SegmentOptions {
        SegmentOptions::default()
    }

    setters! { transit: Duration, wait: Duration }
}

/// Slabs that processes share, on Linux, macOS and Windows. Calls return [`MapError::Unsupported`]
/// on other systems, on Linux without `/dev/shm` or `/proc`, and on macOS and Windows for slabs
/// without a name.
///
/// All memory is reserved from the start, and slots contain the bytes that another process left
/// there. If a process dies, by any signal and at any instruction, the slab still works: the slots
/// that the process held are freed when another one joins, when slots run out, and by
/// [`Slab::recover`].
///
/// A name begins with a slash and has no other, as for `shm_open`. The memory is the file of that
/// name in `/dev/shm`, or in a folder of temporary files on macOS and Windows. The file stays until
/// [`Slab::unlink`], even if no process uses it. Only its user can open it (mode 0600; on Windows
/// because of its folder). Processes of that user must not truncate it, or punch holes into it
/// while the file system is full: the others would die of SIGBUS.
///
/// A forked child cannot use its copy: every call fails, as with
/// [`SlabError::Forked`], counts are 0, and the bytes are not
/// there on Linux: touching them raises SIGSEGV. The child must open the slab anew.
impl Slab {
    /// Creates a slab under a name that others [open](Slab::open). The NUMA node of its
    /// [`MemoryOptions`] applies to the memory, whoever opens it; the other options apply to this
    /// process's mapping. Errors: those of [`Slab::new`]; [`SegmentError`], also if the name exists
    /// (`EEXIST`) or there is no room. On error no slab is left.
    ///
    /// ```
    /// # #[cfg(target_os = "linux")] {
    /// use ralloc_core::slab::{SegmentOptions, Slab, SlabOptions};
    ///
    /// let name = format!("/frames-{}", std::process::id());
    /// let options = SlabOptions::fixed(&[4096], 16, 1 << 20);
    /// let slab = Slab::create(&name, &options, &SegmentOptions::default()).unwrap();
    /// let other = Slab::open(&name, SegmentOptions::default().wait).unwrap(); // in another process
    /// let block = slab.allocate(4096).unwrap();
    /// assert_eq!(other.stats()[0].held, 1);
    /// drop(slab); // or a kill of its process
    /// assert_eq!(other.stats()[0].held, 0);
    /// Slab::unlink(&name).unwrap();
    /// # }
    /// ```
    pub fn create(
        name: &str,
        options: &SlabOptions,
        how: &SegmentOptions,
    ) -> Result<Slab, SlabError> {
        made(SharedKind::Named, options, how, &|new| Segment::create(name, new, plan, how.wait))
    }

    /// Opens the slab of that name. If another process is still creating it, waits for up to
    /// `wait`.
    ///
    /// Fails with a [`SegmentError`]: `ENOENT` if there is no such slab, also after `wait`, and
    /// others.
    ///
    /// ```
    /// # #[cfg(target_os = "linux")] {
    /// use ralloc_core::Slab;
    /// use std::io;
    /// use std::time::Duration;
    ///
    /// let error = Slab::open("/ralloc-example-none", Duration::ZERO).unwrap_err();
    /// assert_eq!(io::Error::from(error).kind(), io::ErrorKind::NotFound);
    /// # }
    /// ```
    pub fn open(name: &str, wait: Duration) -> Result<Slab, SlabError> {
        Slab::open_with(name, wait, MemoryOptions::default())
    }

    /// Like [`Slab::open`], with the options `memory` for this process's mapping: it can be locked
    /// or prefaulted, and have huge pages if the memory has some. Errors: also [`MapError`];
    /// [`MapError::Unsupported`] for a NUMA node, which only the creator of the slab chooses.
    ///
    /// ```
    /// # #[cfg(target_os = "linux")] {
    /// use ralloc_core::memory::MemoryOptions;
    /// use ralloc_core::slab::{SegmentOptions, Slab, SlabOptions};
    /// use std::time::Duration;
    ///
    /// let name = format!("/prefaulted-{}", std::process::id());
    /// let options = SlabOptions::fixed(&[4096], 16, 1 << 20);
    /// let first = Slab::create(&name, &options, &SegmentOptions::default()).unwrap();
    /// let memory = MemoryOptions { prefault: true, ..MemoryOptions::default() };
    /// let second = Slab::open_with(&name, Duration::ZERO, memory).unwrap(); // takes no page faults
    /// Slab::unlink(&name).unwrap();
    /// # }
    /// ```
    pub fn open_with(name: &str, wait: Duration, memory: MemoryOptions) -> Result<Slab, SlabError> {
        let memory = of_mapping(SharedKind::Named, memory)?;
        over(Segment::open(name, plan, wait)?, memory, None)
    }

    /// Opens the slab of a name, or creates it if it does not exist. Errors: those of both calls;
    /// [`SegmentError::Invalid`] if it has other pools, or is bound to another NUMA node.
    ///
    /// ```
    /// # #[cfg(target_os = "linux")] {
    /// use ralloc_core::slab::{SegmentOptions, Slab, SlabOptions};
    ///
    /// let (name, how) = (format!("/cache-{}", std::process::id()), SegmentOptions::default());
    /// let slab = Slab::open_or_create(&name, &SlabOptions::fixed(&[64], 8, 1 << 20), &how).unwrap();
    /// let error = Slab::open_or_create(&name, &SlabOptions::fixed(&[64], 9, 1 << 20), &how);
    /// let said = "the count of pool 0 of the segment is 8, and must be 9";
    /// assert_eq!(error.unwrap_err().to_string(), said);
    /// Slab::unlink(&name).unwrap();
    /// # }
    /// ```
    pub fn open_or_create(
        name: &str,
        options: &SlabOptions,
        how: &SegmentOptions,
    ) -> Result<Slab, SlabError> {
        let open = |new: &New<'_>| Segment::open_or_create(name, new, plan, how.wait);
        made(SharedKind::Named, options, how, &open)
    }

    /// Creates a slab without a name, which children open by its [descriptor](Slab::descriptor).
    /// Its memory cannot be resized, and lives as long as any process has it. Errors: those of
    /// [`Slab::create`].
    ///
    /// ```
    /// # #[cfg(target_os = "linux")] {
    /// use ralloc_core::slab::{SegmentOptions, Slab, SlabOptions};
    ///
    /// let options = SlabOptions::fixed(&[64], 8, 1 << 20);
    /// let slab = Slab::anonymous(&options, &SegmentOptions::default()).unwrap();
    /// let descriptor = slab.descriptor().unwrap(); // passed to a child
    /// let other = Slab::from_fd(&descriptor).unwrap();
    /// slab.allocate(64).unwrap();
    /// assert_eq!(other.stats()[0].held, 1);
    /// # }
    /// ```
    pub fn anonymous(options: &SlabOptions, how: &SegmentOptions) -> Result<Slab, SlabError> {
        made(SharedKind::Unnamed, options, how, &Segment::anonymous)
    }

    /// Opens the slab of a [descriptor](Slab::descriptor), which stays the caller's. A child that
    /// knows only the number uses [`BorrowedFd::borrow_raw`](std::os::fd::BorrowedFd::borrow_raw).
    /// Errors: [`SegmentError`]. Only on Linux.
    ///
    /// Takes no bare number: anybody could guess one, and get a slab that was never passed on.
    ///
    /// ```compile_fail,E0277
    /// ralloc_core::Slab::from_fd(3);
    /// ```
    #[cfg(ralloc_os = "linux")]
    pub fn from_fd(fd: impl AsFd) -> Result<Slab, SlabError> {
        Slab::from_fd_with(fd, MemoryOptions::default())
    }

    /// Like [`Slab::from_fd`], with the options `memory`: see [`Slab::open_with`].
    #[cfg(ralloc_os = "linux")]
    pub fn from_fd_with(fd: impl AsFd, memory: MemoryOptions) -> Result<Slab, SlabError> {
        let memory = of_mapping(SharedKind::Unnamed, memory)?;
        over(Segment::from_fd(fd.as_fd(), plan)?, memory, None)
    }

    /// A descriptor for [`Slab::from_fd`] in a child, closed on `exec` unless the caller passes it
    /// on. Errors: [`MapError::Unsupported`] for a slab that processes do not share.
    #[cfg(ralloc_os = "linux")]
    pub fn descriptor(&self) -> Result<std::os::fd::OwnedFd, MapError> {
        match self.segment() {
            Some(segment) => segment.descriptor(),
            None => Err(MapError::Unsupported { what: "a descriptor of a slab of one process" }),
        }
    }

    /// Removes a name. Processes that have the slab keep it; the last of them frees its memory.
    /// Errors: [`SegmentError`], with `ENOENT` if there is no such name; also for files that are
    /// not slabs, or belong to another user.
    pub fn unlink(name: &str) -> Result<(), SegmentError> {
        Segment::unlink(name)
    }

    /// The names of all slabs of this user, in alphabetical order, including slabs of other
    /// versions. [`Slab::unlink`] accepts each. Errors: `EMFILE`, for example, if the process
    /// cannot open the files to check them.
    pub fn list() -> Result<Vec<String>, MapError> {
        Segment::list()
    }
}

/// The slab of a segment that `make` creates or opens.
///
/// The memory options are applied before the segment is ready. If the system refuses them, no other
/// process has opened the segment, and it is removed as if there were no room.
fn made(
    kind: SharedKind,
    options: &SlabOptions,
    how: &SegmentOptions,
    make: &dyn Fn(&New<'_>) -> Result<Segment, SegmentError>,
) -> Result<Slab, SlabError> {
    let (geometry, asked) = (geometry_of(options)?, kind.grant(options.memory)?);
    let slots = RefCell::new(None);
    let place = |memory: &SharedMemory| {
        let MemoryOptions { huge_pages, numa_node, .. } = asked;
        let first = MemoryOptions { huge_pages, numa_node, ..MemoryOptions::default() };
        let mut mapping = memory.map_any(geometry.slots_at(), geometry.slot_bytes, first)?;
        if huge_pages != HugePages::No {
            // Prefault by touching the pages: a call that reserves memory ignores the advice and
            // uses small pages.
            mapping.populate()?;
        }
        *slots.borrow_mut() = Some(mapping);
        Ok(())
    };
    let fill = |memory: &SharedMemory| {
        fill(&memory.map(geometry.records_at(), geometry.record_bytes)?, options);
        let mut slots = slots.borrow_mut();
        let Some(mapping) = &mut *slots else { return Ok(()) };
        if asked.prefault {
            mapping.populate()?;
        }
        if asked.lock {
            mapping.lock(&[(0, geometry.slot_bytes)])?;
        }
        Ok(())
    };
    let transit_ms = u64::try_from(how.transit.as_millis()).unwrap_or(u64::MAX);
    let settings = Settings { identity: Identity::new().0, transit_ms };
    let node = asked.numa_node;
    let new = New { geometry: &geometry, settings, node, place: &place, fill: &fill };
    let segment = make(&new)?;
    let slots = slots.into_inner().filter(|_| segment.is_made());
    let memory = MemoryOptions { numa_node: None, ..asked };
    let Some(node) = asked.numa_node.filter(|_| slots.is_none()) else {
        return over(segment, memory, slots);
    };
    let page = segment.memory().map(geometry.slots_at(), page_size())?;
    let found = page.node()?.unwrap_or(u32::MAX);
    if found != node {
        let (field, expected) = (SegmentField::NumaNode, node.into());
        return Err(SegmentError::Invalid { field, found: found.into(), expected }.into());
    }
    over(segment, memory, None)
}

/// The part of `memory` that a mapping of existing memory can have.
fn of_mapping(kind: SharedKind, memory: MemoryOptions) -> Result<MemoryOptions, MapError> {
    if memory.numa_node.is_some() {
        return Err(MapError::Unsupported { what: "another NUMA node for memory that is there" });
    }
    kind.grant(memory)
}

/// The sizes of a segment's parts. Errors: those of [`Slab::shared`].
fn geometry_of(options: &SlabOptions) -> Result<Geometry, SlabError> {
    let plan = options.shared_plan()?;
    let pool =
        |pool: &PoolOptions| PoolGeometry { size: pool.size as u64, count: pool.count.into() };
    Ok(Geometry {
        pools: options.pools.iter().map(pool).collect(),
        registry_bytes: (SHARED_WORDS * 8).next_multiple_of(page_size()),
        record_bytes: plan.record_bytes,
        slot_bytes: plan.slot_bytes,
    })
}

/// The same for the pools that a segment claims to have. The error is the index of a pool that no
/// slab can have.
fn plan(pools: &[PoolGeometry]) -> Result<Geometry, usize> {
    let options = options_of(pools, MemoryOptions::default())?;
    geometry_of(&options).map_err(|error| match error {
        SlabError::Size { index, .. }
        | SlabError::Order { index, .. }
        | SlabError::Count { index, .. } => index,
        _ => pools.len() - 1,
    })
}

fn options_of(pools: &[PoolGeometry], memory: MemoryOptions) -> Result<SlabOptions, usize> {
    let pool = |(index, pool): (usize, &PoolGeometry)| {
        let size = usize::try_from(pool.size).map_err(|_| index)?;
        let count = u32::try_from(pool.count).map_err(|_| index)?;
        Ok(PoolOptions::fixed(size, count))
    };
    let pools = pools.iter().enumerate().map(pool).collect::<Result<_, usize>>()?;
    // The segment is its own limit.
    Ok(SlabOptions { pools, max_bytes: usize::MAX, memory })
}

/// The slab of a segment.
fn over(
    segment: Segment,
    memory: MemoryOptions,
    slots: Option<Mapping>,
) -> Result<Slab, SlabError> {
    let Geometry { pools, record_bytes, slot_bytes, .. } = segment.geometry();
    let damaged = |index: usize| {
        let PoolGeometry { size, count } = pools[index];
        SegmentError::Pool { index, size, count }
    };
    let mut options = options_of(pools, memory).map_err(damaged)?;
    options.max_bytes = record_bytes + slot_bytes;
    let Settings { identity, transit_ms } = segment.settings();
    let segment = Arc::new(segment);
    // SAFETY: the registry has locks that keep the segment.
    let words = unsafe { segment.registry() };
    let locks = SegmentLocks::new(Arc::clone(&segment), MAX_PARTICIPANTS);
    let registry = Registry::shared(words, Box::new(locks));
    let transit = Transit::of(Duration::from_millis(transit_ms));
    let (sharing, identity) = (Sharing::Processes(segment), Identity(identity));
    let shared = SharedSlab::new(sharing, options, registry, identity, transit);
    let slab = attach_over(&shared, slots);
    #[cfg(ralloc_os = "linux")]
    if let (Err(SlabError::OutOfTouch), Sharing::Processes(segment)) = (&slab, &shared.sharing) {
        segment.descriptor()?; // the system's error, which says why
    }
    slab
}
