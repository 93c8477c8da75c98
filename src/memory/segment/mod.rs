//! Memory that processes share, with a name or without.
//!
//! **Creation.** A file gets its name when the segment in it is complete (`os::shm::Draft`). Before
//! that nobody else can open it, and it is gone if its creator dies. A file that has a name is
//! never written by `create`, whatever its bytes say.
//!
//! **Mapped means locked.** A process takes a shared lock on the file before it reads a byte, and
//! keeps it as long as it has the file mapped. Byte 1 + i belongs to participant i alone, and tells
//! who is alive. `os::shm` explains what a lock proves.
//!
//! **Trust.** Other processes of the same user must not truncate a segment, or punch holes into it
//! while the file system is full: the next access of a page that is gone raises SIGBUS. Files of
//! other users, and files that they could open, are refused; files without a name (only Linux has
//! them) are sealed against resizing. Everything else in a segment is treated as written by a
//! stranger (`header`).

mod header;
mod name;
#[cfg(all(test, not(loom), ralloc_os = "linux"))]
pub mod peers;
#[cfg(all(test, not(loom), ralloc_os = "linux"))]
mod processes;
#[cfg(all(test, not(loom), ralloc_os = "linux"))]
pub mod tests;

use header::check;
pub use header::{Geometry, MAX_POOLS, Plan, PoolGeometry, Settings};

use super::mapping::Mapping;
use super::shared_memory::SharedMemory;
use crate::error::{MapError, SegmentError, SegmentField, SegmentPlace};
use crate::os::shm::{self, Draft, SharedFile};
use crate::os::{FileFacts, page_size};
use crate::sync::Words;
use std::io::ErrorKind;
use std::time::{Duration, Instant};

/// The lock of participant 0; those of the others follow.
const FIRST: usize = 1;
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
    /// Decides where the pages of the slots come from, before any exists.
    pub place: &'a dyn Fn(&SharedMemory) -> Result<(), MapError>,
    /// Writes registry, records and slots, which are zero, before anyone else has them.
    pub fill: &'a dyn Fn(&SharedMemory) -> Result<(), MapError>,
}

/// A segment as one participant has it: mapped and locked. Both end with this value, and with the
/// process.
#[derive(Debug)]
pub struct Segment {
    /// The header and the registry. The caller of [`Segment::registry`] promises that this outlives
    /// the rows it returns.
    head: Mapping,
    memory: SharedMemory,
    /// Dropped last: it has the locks.
    file: SharedFile,
    geometry: Geometry,
    settings: Settings,
    /// Whether this value made the file. What [`New::place`] mapped is of it then, and otherwise of
    /// a draft that another process was faster than.
    is_made: bool,
}

impl Segment {
    /// Creates a segment. Errors: EEXIST if there is one.
    pub fn create(
        name: &str,
        new: &New<'_>,
        plan: Plan,
        wait: Duration,
    ) -> Result<Segment, SegmentError> {
        Attempt { name, new: Some(new), exclusive: true, plan }.run(wait)
    }

    /// Opens an existing segment. Errors: ENOENT if there is none and nobody makes one, or has not
    /// in the time `wait`.
    pub fn open(name: &str, plan: Plan, wait: Duration) -> Result<Segment, SegmentError> {
        Attempt { name, new: None, exclusive: false, plan }.run(wait)
    }

    /// Opens an existing segment if it has the pools of `new`, or creates one.
    pub fn open_or_create(
        name: &str,
        new: &New<'_>,
        plan: Plan,
        wait: Duration,
    ) -> Result<Segment, SegmentError> {
        Attempt { name, new: Some(new), exclusive: false, plan }.run(wait)
    }

    /// Creates a segment without a name, which cannot be resized. Others open it by its
    /// [`Segment::descriptor`].
    pub fn anonymous(new: &New<'_>) -> Result<Segment, SegmentError> {
        check_room(new, false)?;
        let file = SharedFile::anonymous()?;
        let mapped = make(&file, new)?;
        file.seal()?;
        Ok(Segment::made(file, mapped, new))
    }

    /// Opens the segment of a descriptor, which stays the caller's: one without a name, passed by a
    /// parent process.
    #[cfg(ralloc_os = "linux")]
    pub fn from_fd(fd: std::os::fd::BorrowedFd<'_>, plan: Plan) -> Result<Segment, SegmentError> {
        let file = SharedFile::of_fd(fd)?;
        let is_sealed = file.is_sealed()?;
        check(SegmentField::Kind, file.facts()?.is_regular.into(), 1)?;
        check(SegmentField::Seals, is_sealed.into(), 1)?;
        check_prefix(&file)?;
        attach(file, plan)
    }

    /// The same segment with locks of its own, as in another process.
    #[cfg(all(test, not(loom), ralloc_os = "linux"))]
    pub fn again(&self, plan: Plan) -> Result<Segment, SegmentError> {
        attach(self.file.again()?, plan)
    }

    /// A descriptor for [`Segment::from_fd`] in a child, closed on `exec`. It does not carry any
    /// locks.
    #[cfg(ralloc_os = "linux")]
    pub fn descriptor(&self) -> Result<std::os::fd::OwnedFd, MapError> {
        self.file.descriptor()
    }

    /// Removes a name. Processes that have the segment keep it. Errors: ENOENT, and
    /// [`SegmentError::Invalid`] for a file that is not a segment, or belongs to another user.
    pub fn unlink(name: &str) -> Result<(), SegmentError> {
        name::check(name)?;
        let file = SharedFile::open(name)?;
        // Whatever its mode: that others could open it is a reason to remove it.
        check_own(&file)?;
        match check_prefix(&file) {
            Ok(()) | Err(SegmentError::Version { .. }) => {}
            // Written with another page size, or damaged after the magic number: it is a segment
            // and may be removed.
            Err(SegmentError::Invalid { field, .. }) if field != SegmentField::Magic => {}
            Err(error) => return Err(error),
        }
        Ok(shm::unlink(name)?)
    }

    /// The names of this user's segments in alphabetical order, including those of other versions.
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

    /// Whether it can tell who is alive. Not if the process has lost the descriptor of a file
    /// without a name, or whose name is gone.
    pub fn is_in_touch(&self) -> bool {
        self.file.facts().is_ok()
    }

    /// Whether locks can be taken, which takes one more descriptor on Linux.
    pub fn can_lock(&self) -> bool {
        #[cfg(ralloc_os = "linux")]
        return self.descriptor().is_ok();
        #[cfg(not(ralloc_os = "linux"))]
        self.is_in_touch()
    }

    fn made(file: SharedFile, Mapped { memory, head }: Mapped, new: &New<'_>) -> Segment {
        let (geometry, settings) = (new.geometry.clone(), new.settings);
        Segment { file, memory, head, geometry, settings, is_made: true }
    }

    /// Whether it was made by the call that returned it, and not opened.
    pub fn is_made(&self) -> bool {
        self.is_made
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
        // SAFETY: within the mapping by the geometry, in whole pages, and reached only by such
        // rows; the caller promises the lifetime.
        unsafe {
            let start = self.head.base().add(self.geometry.registry_at());
            Words::over(start, self.geometry.registry_bytes / 8)
        }
    }

    /// Takes the lock of a participant. Returns false if another segment or process has it. The
    /// lock ends with `unlock`, with this segment, or with the process, however it ends.
    pub fn try_lock(&self, participant: usize) -> Result<bool, MapError> {
        self.file.try_lock(FIRST + participant)
    }

    pub fn unlock(&self, participant: usize) -> Result<(), MapError> {
        self.file.unlock(FIRST + participant)
    }

    /// Whether a participant of another [`Segment`] has the lock: in this process or another one.
    pub fn is_locked_by_another(&self, participant: usize) -> Result<bool, MapError> {
        self.file.is_locked_by_another(FIRST + participant)
    }
}

/// A call that creates or opens a named segment.
struct Attempt<'a> {
    name: &'a str,
    new: Option<&'a New<'a>>,
    exclusive: bool,
    plan: Plan,
}

impl Attempt<'_> {
    fn run(&self, wait: Duration) -> Result<Segment, SegmentError> {
        name::check(self.name)?;
        let (start, mut pause) = (Instant::now(), FIRST_PAUSE);
        loop {
            let waited = start.elapsed();
            let left = wait.saturating_sub(waited);
            if let Some(segment) = self.attempt(!left.is_zero())? {
                return Ok(segment);
            }
            if left.is_zero() {
                return Err(SegmentError::Timeout { waited: waited.as_millis() as u64 });
            }
            std::thread::sleep(pause.min(left));
            pause = (2 * pause).min(LONGEST_PAUSE);
        }
    }

    /// Tries to open or create it; `None` while another process creates it.
    fn attempt(&self, patience: bool) -> Result<Option<Segment>, SegmentError> {
        let name = self.name;
        if let Some(file) = find(name)? {
            return self.existing(file).map(Some);
        }
        step("missing");
        let Some(new) = self.new else {
            if patience && shm::is_being_made(name) {
                return Ok(None);
            }
            // It may have got its name in between.
            return self.existing(SharedFile::open(name)?).map(Some);
        };
        let Some(draft) = Draft::new(name, patience)? else { return Ok(None) };
        step("begun");
        if let Some(file) = find(name)? {
            return self.existing(file).map(Some);
        }
        check_room(new, true)?;
        let mapped = make(draft.file(), new)?;
        step("made");
        match draft.publish(name)? {
            Some(file) => {
                step("named");
                Ok(Some(Segment::made(file, mapped, new)))
            }
            // Another one was faster, and its name may be gone by now.
            None => find(name)?.map(|file| self.existing(file)).transpose(),
        }
    }

    fn existing(&self, file: SharedFile) -> Result<Segment, SegmentError> {
        check_file(&file)?;
        check_prefix(&file)?;
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
        let head = memory.map(0, geometry.records_at())?;
        Ok(Mapped { memory, head })
    }
}

/// The header's words. They must not be used longer than the mapping.
fn header_words(head: &Mapping) -> Words {
    // SAFETY: the first page of a live mapping, reached only by such rows; the callers keep the
    // mapping.
    unsafe { Words::over(head.base(), page_size() / 8) }
}

/// Makes a segment out of an empty file that nobody else has.
fn make(file: &SharedFile, new: &New<'_>) -> Result<Mapped, SegmentError> {
    // First, because it asks for the limit on the size of files: a write beyond it would end the
    // process.
    file.resize(new.geometry.total())?;
    lock(file)?;
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
    Ok(mapped)
}

/// Opens the segment of a file.
fn attach(file: SharedFile, plan: Plan) -> Result<Segment, SegmentError> {
    lock(&file)?;
    let len = file.facts()?.len;
    if cfg!(windows) && len < page_size() as u64 {
        check(SegmentField::Length, len, page_size() as u64)?; // mapping it would extend it
    }
    // The first page exists, because the file is not empty: its header was read before.
    let page = SharedMemory::over(file.pages(page_size(), 0)?, page_size(), 0);
    let head = page.map(0, page_size())?;
    let (geometry, settings) = header::read(&header_words(&head), len, plan)?;
    let Mapped { memory, head } = Mapped::new(&file, &geometry)?;
    Ok(Segment { file, memory, head, geometry, settings, is_made: false })
}

/// Takes the lock of those who have the file mapped. An error if somebody else has it alone.
fn lock(file: &SharedFile) -> Result<(), SegmentError> {
    if file.share()? { Ok(()) } else { Err(header::unfinished()) }
}

/// The file of a name, if there is one.
fn find(name: &str) -> Result<Option<SharedFile>, MapError> {
    match SharedFile::open(name) {
        Err(error) if error.io_kind() == ErrorKind::NotFound => Ok(None),
        file => file.map(Some),
    }
}

/// Returns an error unless the file is a segment of this version, by its first bytes.
fn check_prefix(file: &SharedFile) -> Result<(), SegmentError> {
    let mut bytes = [0; header::PREFIX];
    let read = file.read(&mut bytes)?;
    header::check_prefix(&bytes[..read])
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

/// Returns an error unless there is room for the file: in the file system if it has a name, in the
/// machine's memory, and on its node.
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
    #[cfg(all(test, not(loom), ralloc_os = "linux"))]
    peers::stop_at(_name);
}
