//! Memory that processes share, with a name or without.
//!
//! **Creation.** A file that exists may not be ready. A process that has the options for a segment takes the lock on
//! byte 0 of the file, looks again, and writes the segment from the first byte on. The state becomes ready last. Locks
//! end with their process, so if the creator dies, the next process takes over. While a participant has its lock,
//! nothing is truncated or overwritten, whatever the header says.
//!
//! **Liveness.** Byte 1 + i of the locks belongs to participant i. `os::shm` explains what a lock proves.
//!
//! **Trust.** Other processes of the same user must not truncate a segment. Files of other users, and files that they
//! could open, are refused; files without a name (only Linux has them) are sealed. Everything else in a segment is
//! treated as written by a stranger (`header`).

mod header;
mod name;
#[cfg(all(test, ralloc_os = "linux"))]
pub mod peers;
#[cfg(all(test, ralloc_os = "linux"))]
mod processes;
#[cfg(all(test, ralloc_os = "linux"))]
pub mod tests;

use header::check;
pub use header::{Geometry, MAX_POOLS, Plan, PoolGeometry, Settings};
use name::Name;

use super::mapping::Mapping;
use super::options::MemoryOptions;
use super::shared_memory::SharedMemory;
use crate::error::{MapError, SegmentError, SegmentField, SegmentPlace};
use crate::os::page_size;
use crate::os::shm::{self, FileFacts, SharedFile};
use crate::sync::Words;
use std::io::ErrorKind;
use std::time::{Duration, Instant};

/// The lock of the process that creates a segment; those of participants follow.
const MAKER: usize = 0;
/// The pause before looking again at a file that another process is creating.
const FIRST_PAUSE: Duration = Duration::from_micros(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(5);
/// Permission bits of other users, which must all be clear.
const OTHERS: u32 = 0o077;

/// The properties of a new segment.
pub struct New<'a> {
    pub geometry: &'a Geometry,
    pub settings: Settings,
    /// The NUMA node from which `place` takes the slots' memory.
    pub node: Option<u32>,
    /// Decides where the pages of the slots come from, before any exists. Not undone if this process dies.
    pub place: &'a dyn Fn(&SharedMemory) -> Result<(), MapError>,
    /// Writes registry, records and slots, which are zero, before anyone else has them. If this process dies meanwhile,
    /// the next one's call begins with zeros again.
    pub fill: &'a dyn Fn(&SharedMemory) -> Result<(), MapError>,
}

/// A segment as one participant has it: mapped, with a file description for its locks. Both end with the process.
#[derive(Debug)]
pub struct Segment {
    file: SharedFile,
    memory: SharedMemory,
    /// The header and the registry. The caller of [`Segment::registry`] promises that this outlives the rows it
    /// returns.
    head: Mapping,
    geometry: Geometry,
    settings: Settings,
}

impl Segment {
    /// Creates a segment, or creates an unfinished one anew. Errors: EEXIST if a finished one exists.
    pub fn create(
        name: &str,
        new: &New<'_>,
        plan: Plan,
        wait: Duration,
    ) -> Result<Segment, SegmentError> {
        Attempt { name: Name::new(name)?, new: Some(new), exclusive: true, plan }.run(wait)
    }

    /// Opens an existing segment. Errors: ENOENT if there is none, and [`SegmentError::Timeout`].
    pub fn open(name: &str, plan: Plan, wait: Duration) -> Result<Segment, SegmentError> {
        Attempt { name: Name::new(name)?, new: None, exclusive: false, plan }.run(wait)
    }

    /// Opens an existing segment if it has the pools of `new`, or creates one.
    pub fn open_or_create(
        name: &str,
        new: &New<'_>,
        plan: Plan,
        wait: Duration,
    ) -> Result<Segment, SegmentError> {
        Attempt { name: Name::new(name)?, new: Some(new), exclusive: false, plan }.run(wait)
    }

    /// Creates a segment without a name, which cannot be resized. Others open it by its [`Segment::descriptor`].
    pub fn anonymous(new: &New<'_>) -> Result<Segment, SegmentError> {
        check_room(new, false)?;
        let file = SharedFile::anonymous()?;
        let mapped = make(&file, new)?;
        file.seal()?;
        Ok(Segment::of(file, mapped, new.geometry.clone(), new.settings))
    }

    /// Opens the segment of a descriptor, which stays the caller's: one without a name, passed by a parent process.
    #[cfg(ralloc_os = "linux")]
    pub fn from_fd(fd: std::os::fd::BorrowedFd<'_>, plan: Plan) -> Result<Segment, SegmentError> {
        let file = SharedFile::of_fd(fd)?;
        let is_sealed = file.is_sealed()?;
        check(SegmentField::Kind, file.facts()?.is_regular.into(), 1)?;
        check(SegmentField::Seals, is_sealed.into(), 1)?;
        if !is_finished(&file)? {
            return Err(header::unfinished());
        }
        attach(file, plan)
    }

    /// The same segment with locks of its own, as in another process.
    #[cfg(all(test, ralloc_os = "linux"))]
    pub fn again(&self, plan: Plan) -> Result<Segment, SegmentError> {
        attach(self.file.again()?, plan)
    }

    /// A descriptor for [`Segment::from_fd`] in a child, closed on `exec`. It does not carry any locks.
    #[cfg(ralloc_os = "linux")]
    pub fn descriptor(&self) -> Result<std::os::fd::OwnedFd, MapError> {
        self.file.descriptor()
    }

    /// Removes a name. Processes that have the segment keep it. Errors: ENOENT, and [`SegmentError::Invalid`] for a file that
    /// is not a segment, or belongs to another user.
    pub fn unlink(name: &str) -> Result<(), SegmentError> {
        let name = Name::new(name)?;
        let file = SharedFile::open(name.as_str(), false)?;
        // Whatever its mode: that others could open it is a reason to remove it.
        check_own(&file)?;
        match is_finished(&file) {
            Ok(_) | Err(SegmentError::Version { .. }) => {}
            // Written with another page size, or damaged after the magic number: it is a segment and may be removed.
            Err(SegmentError::Invalid { field, .. }) if field != SegmentField::Magic => {}
            Err(error) => return Err(error),
        }
        Ok(shm::unlink(name.as_str())?)
    }

    /// The names of this user's segments in alphabetical order, including those of other versions and unfinished ones.
    pub fn list() -> Result<Vec<String>, MapError> {
        let mut names = Vec::new();
        shm::names(&mut [0; 8], |name, magic| {
            if magic == header::MAGIC.to_ne_bytes() {
                names.push(name.to_owned());
            }
        })?;
        names.sort_unstable();
        Ok(names)
    }

    fn of(file: SharedFile, mapped: Mapped, geometry: Geometry, settings: Settings) -> Segment {
        let Mapped { memory, head } = mapped;
        Segment { file, memory, head, geometry, settings }
    }

    /// The geometry, which was checked when the segment was opened.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    pub fn settings(&self) -> Settings {
        self.settings
    }

    /// The memory of the whole segment. Map it from the records on.
    pub fn memory(&self) -> &SharedMemory {
        &self.memory
    }

    /// The registry's words.
    ///
    /// # Safety
    /// The row is not used after the segment is dropped.
    pub unsafe fn registry(&self) -> Words {
        // SAFETY: within the mapping by the geometry, in whole pages, and reached only by such rows; the caller
        // promises the lifetime.
        unsafe {
            let start = self.head.base().add(self.geometry.registry_at());
            Words::over(start, self.geometry.registry_bytes / 8)
        }
    }

    /// Takes the lock of a participant. Returns false if another segment or process has it. The lock ends with
    /// `unlock`, with this segment, or with the process, however it ends.
    pub fn try_lock(&self, participant: usize) -> Result<bool, MapError> {
        self.file.try_lock(MAKER + 1 + participant)
    }

    pub fn unlock(&self, participant: usize) -> Result<(), MapError> {
        self.file.unlock(MAKER + 1 + participant)
    }

    /// Whether a participant of another [`Segment`] has the lock: in this process or another one.
    pub fn is_locked_by_another(&self, participant: usize) -> Result<bool, MapError> {
        self.file.is_locked_by_another(MAKER + 1 + participant)
    }
}

/// A call that creates or opens a named segment.
struct Attempt<'a> {
    name: Name<'a>,
    new: Option<&'a New<'a>>,
    exclusive: bool,
    plan: Plan,
}

impl Attempt<'_> {
    fn run(&self, wait: Duration) -> Result<Segment, SegmentError> {
        let (start, mut pause) = (Instant::now(), FIRST_PAUSE);
        loop {
            if let Some(segment) = self.attempt()? {
                return Ok(segment);
            }
            let waited = start.elapsed();
            let Some(left) = wait.checked_sub(waited).filter(|left| !left.is_zero()) else {
                return Err(SegmentError::Timeout { waited: waited.as_millis() as u64 });
            };
            std::thread::sleep(pause.min(left));
            pause = (2 * pause).min(LONGEST_PAUSE);
        }
    }

    /// Tries to open or create it; `None` while another process creates it. Looks up the name each time, because it may
    /// belong to another file by now.
    fn attempt(&self) -> Result<Option<Segment>, SegmentError> {
        let name = self.name.as_str();
        let file = match (SharedFile::open(name, false), self.new) {
            (Err(error), Some(new)) if error.io_kind() == ErrorKind::NotFound => {
                // Checked before a file exists.
                check_room(new, true)?;
                SharedFile::open(name, true)?
            }
            (file, _) => file?,
        };
        step("opened");
        check_file(&file)?;
        if is_finished(&file)? {
            return self.finished(file).map(Some);
        }
        let Some(new) = self.new else {
            // In this order: the file may have become ready since, and a participant may have joined.
            let is_damaged = is_used(&file)? && !is_finished(&file)?;
            return if is_damaged { Err(header::unfinished()) } else { Ok(None) };
        };
        step("unfinished");
        if !file.try_lock(MAKER)? || !file.is_named(name)? {
            return Ok(None);
        }
        step("locked");
        if is_finished(&file)? {
            file.unlock(MAKER)?;
            return self.finished(file).map(Some);
        }
        if is_used(&file)? {
            return Err(header::unfinished());
        }
        // The bytes of an unfinished file do not matter, but they may take memory.
        let made = file.resize(0).map_err(SegmentError::from);
        let made = made.and_then(|()| check_room(new, true));
        let made = made.and_then(|()| make(&file, new));
        if made.is_err() && file.is_named(name)? {
            shm::unlink(name)?;
        }
        let mapped = made?;
        file.unlock(MAKER)?;
        Ok(Some(Segment::of(file, mapped, new.geometry.clone(), new.settings)))
    }

    fn finished(&self, file: SharedFile) -> Result<Segment, SegmentError> {
        if self.exclusive {
            return Err(shm::already_there().into());
        }
        let segment = attach(file, self.plan)?;
        if let Some(new) = self.new {
            header::compare(&segment.geometry, new.geometry)?;
        }
        Ok(segment)
    }
}

/// A file's memory, with its header and registry mapped.
struct Mapped {
    memory: SharedMemory,
    head: Mapping,
}

impl Mapped {
    /// Maps a file that has as many bytes as `geometry` says.
    fn new(file: &SharedFile, geometry: &Geometry) -> Result<Mapped, MapError> {
        let (len, last) = (geometry.total(), geometry.slots_at());
        let memory = SharedMemory::over(file.pages(len, last)?, len, last);
        let head = memory.map(0, geometry.records_at(), MemoryOptions::default())?;
        Ok(Mapped { memory, head })
    }
}

/// The header's words. They must not be used longer than the mapping.
fn header_words(head: &Mapping) -> Words {
    // SAFETY: the first page of a live mapping, reached only by such rows; the callers keep the mapping.
    unsafe { Words::over(head.base(), page_size() / 8) }
}

/// Makes a segment out of an empty file. The caller has the file's lock, or no other process knows the file.
fn make(file: &SharedFile, new: &New<'_>) -> Result<Mapped, SegmentError> {
    file.write(&header::prefix())?;
    step("marked");
    file.resize(new.geometry.total())?;
    step("resized");
    let mapped = Mapped::new(file, new.geometry)?;
    (new.place)(&mapped.memory)?;
    step("placed");
    file.reserve(0, new.geometry.head_bytes())?;
    file.reserve(new.geometry.slots_at(), new.geometry.slot_bytes)?;
    step("reserved");
    header::write(&header_words(&mapped.head), new.geometry, &new.settings);
    step("described");
    (new.fill)(&mapped.memory)?;
    step("filled");
    header::publish(&header_words(&mapped.head));
    step("ready");
    Ok(mapped)
}

/// The segment of a file that is finished.
fn attach(file: SharedFile, plan: Plan) -> Result<Segment, SegmentError> {
    let len = file.facts()?.len;
    if cfg!(windows) && len < page_size() as u64 {
        check(SegmentField::Length, len, page_size() as u64)?; // mapping it would extend it
    }
    // The first page exists, because the file is not empty: its header was read before.
    let page = SharedMemory::over(file.pages(page_size(), 0)?, page_size(), 0);
    let head = page.map(0, page_size(), MemoryOptions::default())?;
    let (geometry, settings) = header::read(&header_words(&head), len, plan)?;
    let mapped = Mapped::new(&file, &geometry)?;
    Ok(Segment::of(file, mapped, geometry, settings))
}

fn is_finished(file: &SharedFile) -> Result<bool, SegmentError> {
    let mut bytes = [0; header::PREFIX];
    let read = file.read(&mut bytes)?;
    header::is_finished(&bytes[..read])
}

/// Whether a participant has its lock. Participants join only finished files, so if the file seems unfinished then, its
/// state was overwritten. Making it anew would take away the memory of live participants.
fn is_used(file: &SharedFile) -> Result<bool, MapError> {
    file.is_any_locked_by_another(MAKER + 1)
}

/// Returns an error if another user could have created the named file, or could truncate it.
fn check_file(file: &SharedFile) -> Result<(), SegmentError> {
    let facts = check_own(file)?;
    check(SegmentField::Mode, (facts.mode & OTHERS).into(), 0)
}

/// Returns an error unless it is a file of this user.
fn check_own(file: &SharedFile) -> Result<FileFacts, SegmentError> {
    let facts = file.facts()?;
    check(SegmentField::Kind, facts.is_regular.into(), 1)?;
    check(SegmentField::Owner, facts.owner.into(), shm::user().into())?;
    Ok(facts)
}

/// Returns an error unless there is room for the file: in the file system if it has a name, in the machine's memory, and on its node.
fn check_room(new: &New<'_>, is_named: bool) -> Result<(), SegmentError> {
    let of_names = if is_named { shm::free_bytes() } else { None };
    let of_node = new.node.map(|node| (SegmentPlace::NumaNode(node), shm::node_free(node)));
    let places = [
        (SegmentPlace::SharedMemory, of_names),
        (SegmentPlace::ControlGroup, shm::headroom()),
        (SegmentPlace::Machine, shm::available()),
    ];
    let (needed, places) = (new.geometry.taken() as u64, places.into_iter().chain(of_node));
    for (place, free) in places {
        if let Some(free) = free.filter(|&free| free < needed) {
            return Err(SegmentError::Room { place, needed, free });
        }
    }
    Ok(())
}

/// A point at which a process can die while it creates a segment. Only tests use it.
#[inline(always)]
fn step(_name: &str) {
    #[cfg(all(test, ralloc_os = "linux"))]
    peers::stop_at(_name);
}
