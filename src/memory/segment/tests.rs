//! Tests in one process: what is refused, and what two participants see of each other.

use super::*;
use std::fs;
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt};

pub const LONG: Duration = Duration::from_secs(30);

/// A name that is unlinked when this value is dropped, whatever it names by then.
pub struct Owned(pub String);

impl Drop for Owned {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.path());
    }
}

impl Owned {
    pub fn new() -> Owned {
        let id = crate::sync::unique_id();
        Owned(format!("/ralloc-segment-test-{}-{id}", std::process::id()))
    }

    pub fn path(&self) -> String {
        format!("/dev/shm{}", self.0)
    }
}

fn pages(bytes: u64) -> usize {
    (bytes as usize).next_multiple_of(page_size())
}

pub(super) fn plan(pools: &[PoolGeometry]) -> Result<Geometry, usize> {
    let fits = |pool: &PoolGeometry| {
        pool.size.is_power_of_two() && pool.size <= 1 << 20 && pool.count <= 1 << 16
    };
    if let Some(index) = pools.iter().position(|pool| !fits(pool)) {
        return Err(index);
    }
    let slots = pools.iter().map(|pool| pages(pool.size * pool.count)).sum();
    let records = pages(pools.iter().map(|pool| 16 * pool.count).sum());
    let registry_bytes = 2 * page_size();
    Ok(Geometry { pools: pools.to_vec(), registry_bytes, record_bytes: records, slot_bytes: slots })
}

pub(super) fn geometry() -> Geometry {
    plan(&[(64, 100), (4096, 10)].map(|(size, count)| PoolGeometry { size, count })).unwrap()
}

pub(super) const SETTINGS: Settings = Settings { identity: 77, transit_ms: 30_000 };

fn new<'a>(geometry: &'a Geometry) -> New<'a> {
    New { geometry, settings: SETTINGS, node: None, place: &|_| Ok(()), fill: &|_| Ok(()) }
}

fn create(name: &Owned) -> Segment {
    Segment::create(&name.0, &new(&geometry()), plan, LONG).unwrap()
}

fn open(name: &Owned) -> Result<Segment, SegmentError> {
    Segment::open(&name.0, plan, Duration::ZERO)
}

fn slots(segment: &Segment) -> Mapping {
    let (at, len) = (segment.geometry().slots_at(), segment.geometry().slot_bytes);
    segment.memory().map(at, len).unwrap()
}

/// The number on Linux, where these tests run.
const ENOENT: i32 = 2;
const EEXIST: i32 = 17;
const EISDIR: i32 = 21;
const ELOOP: i32 = 40;

fn errno(error: SegmentError) -> i32 {
    match error {
        SegmentError::Map(MapError::System { errno, .. }) => errno,
        other => panic!("{other}"),
    }
}

#[test]
fn what_is_created_is_opened_with_the_same_geometry_and_shows_the_same_bytes() {
    let name = Owned::new();
    let first = create(&name);
    let second = open(&name).unwrap();
    let third = Segment::open_or_create(&name.0, &new(&geometry()), plan, LONG).unwrap();
    let fourth = first.again(plan).unwrap();
    for other in [&second, &third, &fourth] {
        assert_eq!((other.geometry(), other.settings()), (&geometry(), SETTINGS));
        let [mine, theirs] = [&first, other].map(slots);
        // SAFETY: within a live mapping, here and below.
        unsafe { mine.base().add(5000).write(9) };
        // SAFETY: as above.
        assert_eq!(unsafe { theirs.base().add(5000).read() }, 9);
        // SAFETY: not used after its segment.
        let [mine, theirs] = [&first, other].map(|one| unsafe { one.registry() });
        assert_eq!(mine.len() * 8, geometry().registry_bytes);
        let value = mine.at(7).fetch_add(1, crate::sync::Ordering::Relaxed);
        assert_eq!(theirs.at(7).load(crate::sync::Ordering::Relaxed), value + 1);
    }
    let facts = fs::metadata(name.path()).unwrap();
    assert_eq!(
        (facts.len(), facts.permissions().mode() & 0o777),
        (geometry().total() as u64, 0o600)
    );
}

#[test]
fn creating_what_is_there_and_opening_what_is_not_change_nothing() {
    let name = Owned::new();
    assert_eq!(errno(open(&name).unwrap_err()), ENOENT);
    assert_eq!(errno(Segment::unlink(&name.0).unwrap_err()), ENOENT);
    assert!(fs::metadata(name.path()).is_err());
    let first = create(&name);
    // SAFETY: within a live mapping.
    unsafe { slots(&first).base().write(7) };
    let error = Segment::create(&name.0, &new(&geometry()), plan, LONG).unwrap_err();
    assert_eq!(errno(error), EEXIST);
    // SAFETY: as above.
    assert_eq!(unsafe { slots(&first).base().read() }, 7);
}

#[test]
fn another_geometry_than_that_of_the_segment_is_named() {
    let name = Owned::new();
    let _segment = create(&name);
    let differs = |pools: &[(u64, u64)]| {
        let pools: Vec<_> =
            pools.iter().map(|&(size, count)| PoolGeometry { size, count }).collect();
        let wanted = plan(&pools).unwrap();
        Segment::open_or_create(&name.0, &new(&wanted), plan, LONG).unwrap_err()
    };
    let invalid = |field, found, expected| SegmentError::Invalid { field, found, expected };
    assert_eq!(differs(&[(64, 100)]), invalid(SegmentField::Pools, 2, 1));
    assert_eq!(differs(&[(64, 100), (8192, 10)]), invalid(SegmentField::Size(1), 4096, 8192));
    assert_eq!(differs(&[(64, 99), (4096, 10)]), invalid(SegmentField::Count(0), 100, 99));
}

#[test]
fn each_number_of_the_header_is_checked_and_the_error_says_which_one_differs() {
    let name = Owned::new();
    drop(create(&name));
    let file = fs::OpenOptions::new().read(true).write(true).open(name.path()).unwrap();
    let page = page_size() as u64;
    let invalid = |field, found, expected| SegmentError::Invalid { field, found, expected };
    let total = geometry().total() as u64;
    for (index, value, expected) in [
        (0, 5, invalid(SegmentField::Magic, 5, header::MAGIC)),
        (1, 99, SegmentError::Version { found: 99, expected: header::LAYOUT_VERSION }),
        (2, 2 * page, invalid(SegmentField::PageSize, 2 * page, page)),
        (3, 9, invalid(SegmentField::State, 9, 2)),
        (4, total + page, invalid(SegmentField::Length, total, total + page)),
        (5, page, invalid(SegmentField::Registry, page, 2 * page)),
        (6, 0, invalid(SegmentField::Records, 0, page)),
        (7, u64::MAX, invalid(SegmentField::Slots, u64::MAX, geometry().slot_bytes as u64)),
        (8, 1 << 32, invalid(SegmentField::Identity, 1 << 32, 0)),
        (10, 0, invalid(SegmentField::Pools, 0, 1)),
        (10, 32, invalid(SegmentField::Pools, 32, 31)),
        (11, 63, SegmentError::Pool { index: 0, size: 63, count: 100 }),
        (14, u64::MAX, SegmentError::Pool { index: 1, size: 4096, count: u64::MAX }),
        (
            12,
            200,
            invalid(
                SegmentField::Slots,
                geometry().slot_bytes as u64,
                (pages(200 * 64) + 40960) as u64,
            ),
        ),
    ] {
        let mut before = [0; 8];
        file.read_exact_at(&mut before, index * 8).unwrap();
        file.write_all_at(&u64::to_ne_bytes(value), index * 8).unwrap();
        assert_eq!(open(&name).unwrap_err(), expected, "word {index}");
        file.write_all_at(&before, index * 8).unwrap();
        assert!(open(&name).is_ok());
    }
    file.set_len(total - page).unwrap();
    assert_eq!(open(&name).unwrap_err(), invalid(SegmentField::Length, total - page, total));
    file.set_len(total + 1).unwrap();
    assert_eq!(open(&name).unwrap_err(), invalid(SegmentField::Length, total + 1, total));
    // So short that a part of the header is missing.
    file.set_len(40).unwrap();
    assert_eq!(open(&name).unwrap_err(), invalid(SegmentField::Length, 40, total));
    file.set_len(8).unwrap();
    assert_eq!(
        open(&name).unwrap_err(),
        SegmentError::Version { found: 0, expected: header::LAYOUT_VERSION }
    );
}

#[test]
fn files_that_are_no_segments_are_refused_and_left_as_they_are() {
    let name = Owned::new();
    let invalid = |field, found, expected| SegmentError::Invalid { field, found, expected };
    for bytes in [&b""[..], b"x", b"a semaphore of somebody else, of more than a few bytes"] {
        fs::OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(name.path())
            .unwrap();
        fs::write(name.path(), bytes).unwrap();
        for error in [
            open(&name).unwrap_err(),
            Segment::create(&name.0, &new(&geometry()), plan, LONG).unwrap_err(),
            Segment::open_or_create(&name.0, &new(&geometry()), plan, LONG).unwrap_err(),
            Segment::unlink(&name.0).unwrap_err(),
        ] {
            assert!(
                matches!(error, SegmentError::Invalid { field: SegmentField::Magic, .. }),
                "{error}"
            );
        }
        assert_eq!(fs::read(name.path()).unwrap(), bytes);
        assert!(!Segment::list().unwrap().contains(&name.0));
    }
    fs::remove_file(name.path()).unwrap();
    drop(create(&name));
    fs::set_permissions(name.path(), fs::Permissions::from_mode(0o620)).unwrap();
    assert_eq!(open(&name).unwrap_err(), invalid(SegmentField::Mode, 0o20, 0));
    assert!(Segment::list().unwrap().contains(&name.0));
    Segment::unlink(&name.0).unwrap(); // a listed name can be unlinked
    assert!(!fs::exists(name.path()).unwrap());
    fs::create_dir(name.path()).unwrap();
    assert_eq!(errno(open(&name).unwrap_err()), EISDIR);
    fs::remove_dir(name.path()).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", name.path()).unwrap();
    assert_eq!(errno(open(&name).unwrap_err()), ELOOP);
}

#[test]
fn who_is_attached_keeps_what_was_unlinked_and_the_name_may_name_another() {
    let name = Owned::new();
    let old = create(&name);
    // SAFETY: within live mappings, here and below.
    unsafe { slots(&old).base().write(7) };
    Segment::unlink(&name.0).unwrap();
    assert_eq!(errno(open(&name).unwrap_err()), ENOENT);
    let new = create(&name);
    // SAFETY: as above.
    assert_eq!(unsafe { (slots(&old).base().read(), slots(&new).base().read()) }, (7, 0));
    assert_eq!(
        [old.try_lock(1), new.try_lock(1), open(&name).unwrap().try_lock(1)],
        [Ok(true), Ok(true), Ok(false)]
    );
    assert_eq!(old.again(plan).unwrap().is_locked_by_another(1), Ok(true));
}

#[test]
fn the_list_names_segments_finished_or_not_and_of_other_versions() {
    let names = [0; 3].map(|_| Owned::new());
    names[..2].iter().for_each(|name| drop(create(name)));
    let file = fs::OpenOptions::new().write(true).open(names[0].path()).unwrap();
    file.write_all_at(&99u64.to_ne_bytes(), 8).unwrap();
    let list = Segment::list().unwrap();
    assert_eq!(names.each_ref().map(|name| list.contains(&name.0)), [true, true, false]);
    assert!(list.is_sorted());
    Segment::unlink(&names[0].0).unwrap();
    assert!(!Segment::list().unwrap().contains(&names[0].0));
}

#[test]
fn a_segment_without_a_name_goes_by_a_descriptor_and_cannot_be_resized() {
    use std::os::fd::AsFd;
    let first = Segment::anonymous(&new(&geometry())).unwrap();
    let passed = first.descriptor().unwrap();
    let second = Segment::from_fd(passed.as_fd(), plan).unwrap();
    // SAFETY: within live mappings, here and below.
    unsafe { slots(&first).base().write(7) };
    // SAFETY: as above.
    assert_eq!(unsafe { slots(&second).base().read() }, 7);
    assert_eq!(
        [first.try_lock(0), second.try_lock(0), second.try_lock(1)],
        [Ok(true), Ok(false), Ok(true)]
    );
    assert!(fs::File::from(passed).set_len(0).is_err());
}

#[test]
fn descriptors_of_other_files_are_refused() {
    use std::os::fd::AsFd;
    let name = Owned::new();
    drop(create(&name));
    let file = fs::OpenOptions::new().read(true).write(true).open(name.path()).unwrap();
    let refused = |error: SegmentError, wanted| {
        assert!(matches!(error, SegmentError::Invalid { field, .. } if field == wanted), "{error}");
    };
    refused(Segment::from_fd(file.as_fd(), plan).unwrap_err(), SegmentField::Seals);
    let null = fs::OpenOptions::new().read(true).write(true).open("/dev/null").unwrap();
    refused(Segment::from_fd(null.as_fd(), plan).unwrap_err(), SegmentField::Kind);
    let empty = SharedFile::anonymous().unwrap();
    empty.seal().unwrap();
    refused(
        Segment::from_fd(empty.descriptor().unwrap().as_fd(), plan).unwrap_err(),
        SegmentField::Magic,
    );
}

#[test]
fn a_segment_without_room_is_an_error_with_both_figures_and_leaves_no_file() {
    let name = Owned::new();
    let free = shm::free_bytes().unwrap();
    let mut geometry = geometry();
    geometry.slot_bytes = 2 * free as usize;
    let error = Segment::create(&name.0, &new(&geometry), plan, LONG).unwrap_err();
    let SegmentError::Room { place: SegmentPlace::SharedMemory, needed, free } = error else {
        panic!("{error}")
    };
    assert!(needed == geometry.taken() as u64 && free < needed);
    assert!(
        error.to_string().contains("--shm-size") && error.to_string().contains("medium: Memory")
    );
    assert!(fs::metadata(name.path()).is_err());
}

#[test]
fn a_segment_for_which_the_machine_has_no_memory_left_is_refused_before_any_is_taken() {
    let (name, geometry) = (Owned::new(), geometry());
    let needed = geometry.taken() as u64;
    let taken = || panic!("memory was asked for");
    let refusing = New { place: &|_| taken(), ..new(&geometry) };
    for free in [0, needed - 1] {
        let _figure = shm::Figure::new(Some(free));
        let room = SegmentError::Room { place: SegmentPlace::Machine, needed, free };
        assert_eq!(Segment::anonymous(&refusing).unwrap_err(), room);
        assert_eq!(Segment::create(&name.0, &refusing, plan, LONG).unwrap_err(), room);
        assert!(fs::metadata(name.path()).is_err());
    }
    for free in [Some(needed), None] {
        let _figure = shm::Figure::new(free);
        assert!(Segment::anonymous(&new(&geometry)).is_ok(), "{free:?}");
    }
}

#[test]
fn one_that_could_not_be_made_leaves_no_name() {
    let name = Owned::new();
    let geometry = geometry();
    let full = MapError::System { syscall: "mlock", errno: 12 };
    let failing = New { fill: &|_| Err(full), ..new(&geometry) };
    let error = Segment::open_or_create(&name.0, &failing, plan, LONG).unwrap_err();
    assert_eq!(error, full.into());
    assert!(fs::metadata(name.path()).is_err());
}

#[test]
fn who_has_no_options_waits_while_another_makes_it_and_who_has_some_makes_it_when_the_time_is_over()
{
    let name = Owned::new();
    let wait = Duration::from_millis(20);
    let begun = Draft::new(&name.0, true).unwrap().unwrap();
    let start = Instant::now();
    assert_eq!(errno(Segment::open(&name.0, plan, wait).unwrap_err()), ENOENT);
    assert!(start.elapsed() >= wait);
    if cfg!(ralloc_files) {
        // The private name is taken.
        let error = Segment::open_or_create(&name.0, &new(&geometry()), plan, wait).unwrap_err();
        return assert!(matches!(error, SegmentError::Timeout { .. }), "{error}");
    }
    let made = Segment::open_or_create(&name.0, &new(&geometry()), plan, wait).unwrap();
    assert!(begun.publish(&name.0).unwrap().is_none(), "it comes too late");
    // SAFETY: within live mappings, here and below.
    unsafe { slots(&made).base().write(7) };
    // SAFETY: as above.
    assert_eq!(unsafe { slots(&open(&name).unwrap()).base().read() }, 7);
}

#[test]
fn a_file_with_a_name_is_not_made_anew_whatever_its_state_says() {
    let name = Owned::new();
    let first = create(&name);
    // SAFETY: within a live mapping, here and below.
    unsafe { slots(&first).base().write(7) };
    let file = fs::OpenOptions::new().read(true).write(true).open(name.path()).unwrap();
    file.write_all_at(&1u64.to_ne_bytes(), 3 * 8).unwrap();
    let damaged = SegmentError::Invalid { field: SegmentField::State, found: 1, expected: 2 };
    let first_byte = |first: Option<Segment>| {
        for refused in [
            open(&name).map(drop),
            Segment::create(&name.0, &new(&geometry()), plan, LONG).map(drop),
            Segment::open_or_create(&name.0, &new(&geometry()), plan, LONG).map(drop),
        ] {
            assert_eq!(refused, Err(damaged));
        }
        assert_eq!(file.metadata().unwrap().len(), geometry().total() as u64);
        // SAFETY: as above.
        first.map(|first| unsafe { slots(&first).base().read() })
    };
    assert_eq!(first_byte(Some(first)), Some(7));
    assert_eq!(first_byte(None), None, "nobody has it now");
    Segment::unlink(&name.0).unwrap();
    assert!(Segment::create(&name.0, &new(&geometry()), plan, LONG).is_ok());
}

#[test]
fn a_file_is_mapped_only_by_who_has_its_lock() {
    let name = Owned::new();
    let first = create(&name);
    let alone = SharedFile::open(&name.0).unwrap();
    assert_eq!(alone.take_alone(), Ok(false), "it is in use");
    drop(first);
    assert_eq!(alone.take_alone(), Ok(true));
    assert_eq!(open(&name).unwrap_err(), header::unfinished());
    drop(alone);
    assert!(open(&name).is_ok());
}

/// Pseudo-random numbers, the same in each run.
fn numbers() -> impl FnMut() -> u64 {
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    }
}

#[test]
fn ten_thousand_damaged_headers_are_errors_or_the_same_segment() {
    let name = Owned::new();
    drop(create(&name));
    let file = fs::OpenOptions::new().read(true).write(true).open(name.path()).unwrap();
    let mut intact = [0; 16 * 8];
    file.read_exact_at(&mut intact, 0).unwrap();
    let (mut next, mut served) = (numbers(), 0);
    for _ in 0..10_000 {
        let mut bytes = intact;
        for _ in 0..1 + next() % 3 {
            let (index, bit) = (next() as usize % 16 * 8, next() % 64);
            let word: [u8; 8] = bytes[index..index + 8].try_into().unwrap();
            let word = u64::from_ne_bytes(word);
            let edges = [
                0,
                1,
                u64::MAX,
                1 << 63,
                1 << 32,
                word ^ 1 << bit,
                word.wrapping_add(next() % 9),
                next(),
            ];
            let damaged = edges[next() as usize % edges.len()];
            bytes[index..index + 8].copy_from_slice(&damaged.to_ne_bytes());
        }
        file.write_all_at(&bytes, 0).unwrap();
        let Ok(segment) = open(&name) else { continue };
        served += 1;
        let found = segment.geometry();
        assert_eq!(found.total() as u64, file.metadata().unwrap().len());
        let slots = slots(&segment);
        // SAFETY: the last byte of a live mapping.
        unsafe { slots.base().add(slots.len() - 1).read() };
    }
    // Nothing depends on the identity, the transit time, or pools beyond the number of pools.
    assert!(served > 500, "{served}");
}
