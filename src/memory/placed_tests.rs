//! Tests of operations on a part of a mapping after it was made, or on memory that others have
//! mapped too.

use super::{Mapping, MemoryOptions, SharedKind, SharedMemory, late_access};
use crate::error::MapError;
use crate::layout::HUGE_PAGE;
use crate::memory::HugePages;
use crate::os::page_size;
use std::io::ErrorKind;

const ABSENT_NODE: u32 = 1023;

fn plain() -> MemoryOptions {
    MemoryOptions::default()
}

/// Whether the system has NUMA nodes, and lets programs choose one.
fn binds(mapping: &mut Mapping) -> bool {
    match mapping.bind(0) {
        Ok(()) => true,
        Err(error @ MapError::System { syscall: "mbind", .. })
            if error.io_kind() == ErrorKind::PermissionDenied =>
        {
            false
        }
        Err(MapError::Unsupported { .. }) => false,
        Err(error) => panic!("{error}"),
    }
}

/// Whether the pages of a part are locked, according to the kernel's entry for the range that
/// begins there.
fn is_locked(mapping: &Mapping, offset: usize) -> bool {
    let text = std::fs::read_to_string("/proc/self/smaps").unwrap();
    let address = mapping.base().addr().get() + offset;
    let has = |line: &str| {
        let (start, end) = line.split(' ').next()?.split_once('-')?;
        let number = |hex| usize::from_str_radix(hex, 16).ok();
        Some((number(start)?..number(end)?).contains(&address))
    };
    let mut lines = text.lines().skip_while(|line| has(line) != Some(true));
    lines.find(|line| line.starts_with("VmFlags")).is_some_and(|line| line.contains(" lo"))
}

#[test]
fn private_memory_is_bound_at_any_time_and_stays_so_where_the_next_node_is_refused() {
    let mut mapping = Mapping::committed(64 * page_size()).unwrap();
    // SAFETY: committed memory of the test.
    unsafe { mapping.base().write_bytes(7, mapping.len()) };
    if !binds(&mut mapping) {
        return;
    }
    assert_eq!(mapping.node(), Ok(Some(0)));
    assert_eq!(mapping.options().numa_node, Some(0));
    let error = mapping.bind(ABSENT_NODE).unwrap_err();
    assert!(matches!(error, MapError::System { syscall: "mbind", .. }));
    assert_eq!(error.io_kind(), ErrorKind::InvalidInput);
    assert_eq!(mapping.node(), Ok(Some(0)));
    mapping.unbind();
    assert_eq!(mapping.node(), Ok(None));
    assert!(mapping.bind(ABSENT_NODE).is_err());
    assert_eq!(mapping.node(), Ok(None), "as before");
    // SAFETY: as above.
    assert_eq!(unsafe { mapping.base().add(mapping.len() - 1).read() }, 7);
}

#[test]
fn the_node_of_shared_memory_is_that_of_all_its_mappings_and_of_those_to_come() {
    let memory = SharedMemory::anonymous(8 * page_size(), 0).unwrap();
    let map = |options| memory.map_any(0, 8 * page_size(), options);
    let (mut first, mut second) = (map(plain()).unwrap(), map(plain()).unwrap());
    if !binds(&mut first) {
        return;
    }
    assert_eq!((second.node(), map(plain()).unwrap().node()), (Ok(Some(0)), Ok(Some(0))));
    second.unbind();
    assert_eq!(first.node(), Ok(None), "by whatever mapping");
    first.bind(0).unwrap();
    assert_eq!(second.node(), Ok(Some(0)));
    drop((first, second));
    assert_eq!(map(plain()).unwrap().node(), Ok(Some(0)), "it outlives its mappings");
    let absent = MemoryOptions { numa_node: Some(ABSENT_NODE), ..plain() };
    assert!(map(absent).is_err());
    assert_eq!(map(plain()).unwrap().node(), Ok(Some(0)));
}

#[test]
fn what_comes_in_parts_is_there_part_by_part_and_goes_so() {
    let _alone = late_access();
    let page = page_size();
    let options = MemoryOptions { prefault: true, ..plain() };
    let mut mapping = Mapping::reserve_any(64 * page, options).unwrap();
    assert_eq!(mapping.resident(), Ok(0));
    mapping.commit(0, 32 * page).unwrap();
    mapping.keep(0, 8 * page).unwrap();
    assert_eq!(mapping.resident(), Ok(8 * page));
    mapping.keep(16 * page, 1).unwrap();
    assert_eq!(mapping.resident(), Ok(9 * page));
    mapping.decommit(0, 32 * page).unwrap();
    assert_eq!(mapping.resident(), Ok(0));
    let mut whole = Mapping::with(64 * page, options).unwrap();
    whole.keep(0, 8 * page).unwrap(); // all of it is present already
    assert_eq!(whole.resident(), Ok(64 * page));
}

#[test]
fn parts_are_locked_as_they_come_and_unlocked_as_they_go() {
    let _alone = late_access();
    let page = page_size();
    let mut mapping = Mapping::reserve_any(64 * page, plain()).unwrap();
    mapping.commit(0, 48 * page).unwrap();
    let Ok(()) = mapping.lock(&[(0, 4 * page), (16 * page, 4 * page)]) else { return };
    mapping.keep(32 * page, 4 * page).unwrap();
    let locked = |mapping: &Mapping| [0, 8, 16, 24, 32, 40].map(|at| is_locked(mapping, at * page));
    assert_eq!(locked(&mapping), [true, false, true, false, true, false]);
    assert_eq!(mapping.resident(), Ok(12 * page));
    mapping.decommit(16 * page, 4 * page).unwrap();
    assert_eq!(locked(&mapping), [true, false, false, false, true, false]);
    assert_eq!(mapping.resident(), Ok(8 * page));
}

#[test]
fn where_one_part_cannot_be_locked_none_is_and_all_bytes_stay() {
    let page = page_size();
    let mut mapping = Mapping::reserve(64 * page).unwrap();
    mapping.commit(0, 8 * page).unwrap();
    // SAFETY: committed memory of the test, here and below.
    unsafe { mapping.base().write(7) };
    // Memory that is not committed cannot be locked.
    let error = mapping.lock(&[(0, 4 * page), (16 * page, 4 * page)]).unwrap_err();
    assert!(matches!(error, MapError::System { syscall: "mlock", .. }), "{error}");
    assert!(!is_locked(&mapping, 0) && !is_locked(&mapping, 16 * page));
    assert_eq!(mapping.options(), plain());
    // SAFETY: as above.
    assert_eq!(unsafe { mapping.base().read() }, 7);
}

#[test]
fn shared_memory_that_is_advised_begins_at_huge_pages_also_where_it_was_seen_before() {
    let memory = SharedMemory::anonymous(4 * HUGE_PAGE, HUGE_PAGE).unwrap();
    let advised = MemoryOptions { huge_pages: HugePages::Advise, ..plain() };
    for round in 0..3 {
        let map = memory.map_any(HUGE_PAGE, 3 * HUGE_PAGE, advised);
        let mut mapping = match map {
            Err(MapError::Unsupported { .. }) => return, // a kernel without them
            mapping => mapping.unwrap(),
        };
        assert!(mapping.base().addr().get().is_multiple_of(HUGE_PAGE), "{round}");
        assert_eq!(mapping.len(), 3 * HUGE_PAGE);
        mapping.mark_seen();
    }
}

#[test]
fn shared_memory_has_no_pages_of_the_pool_and_others_where_the_system_gives_them() {
    for kind in [SharedKind::Unnamed, SharedKind::Named] {
        let ask = |huge_pages| kind.grant(MemoryOptions { huge_pages, lock: true, ..plain() });
        assert_eq!(ask(HugePages::No), Ok(MemoryOptions { lock: true, ..plain() }));
        assert!(matches!(ask(HugePages::Require), Err(MapError::Unsupported { .. })));
        let [advise, prefer] = [HugePages::Advise, HugePages::Prefer].map(ask);
        assert_eq!(advise, prefer);
        match advise {
            Ok(granted) => assert!(granted.huge_pages == HugePages::Advise && granted.lock),
            Err(error) => assert!(error.to_string().contains("huge"), "{error}"),
        }
    }
}
