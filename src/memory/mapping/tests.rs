//! Tests of what a mapping's pages show and cost.

use super::*;
use crate::memory::late_access;
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};

fn read(mapping: &Mapping, offset: usize) -> u8 {
    assert!(offset < mapping.len());
    // SAFETY: within a live mapping whose page the test has committed.
    unsafe { mapping.base().as_ptr().wrapping_add(offset).read() }
}

fn write(mapping: &Mapping, offset: usize, value: u8) {
    assert!(offset < mapping.len());
    // SAFETY: as above.
    unsafe { mapping.base().as_ptr().wrapping_add(offset).write(value) }
}

// The heap does not know which pages are in RAM.
#[cfg(not(ralloc_os = "heap"))]
#[test]
fn committed_pages_are_zero_writable_and_counted_once_touched() {
    let page = page_size();
    let mapping = Mapping::committed(5 * page - 1).unwrap();
    assert_eq!(mapping.len(), 5 * page);
    assert_eq!(mapping.base().as_ptr().addr() % page, 0);
    assert_eq!(mapping.resident().unwrap(), 0);
    assert_eq!(read(&mapping, 5 * page - 1), 0);
    write(&mapping, 0, 7);
    write(&mapping, 3 * page, 7);
    assert_eq!(mapping.resident().unwrap(), 3 * page);
}

#[test]
fn a_reservation_is_committed_piece_by_piece() {
    let page = page_size();
    let mut mapping = Mapping::reserve(64 * page).unwrap();
    mapping.commit(2 * page, 1).unwrap();
    write(&mapping, 2 * page, 1);
    write(&mapping, 3 * page - 1, 1);
    mapping.commit(0, 64 * page).unwrap();
    assert_eq!(read(&mapping, 2 * page), 1, "committing again keeps the bytes");
}

#[test]
fn decommit_frees_whole_pages_only_and_keeps_them_accessible() {
    let page = page_size();
    let mut mapping = Mapping::committed(4 * page).unwrap();
    (0..4).for_each(|index| write(&mapping, index * page, 9));
    mapping.decommit(1, 3 * page).unwrap();
    assert_eq!(read(&mapping, 0), 9);
    assert_eq!(read(&mapping, 3 * page), 9);
    write(&mapping, page, 1);
    if cfg!(target_os = "linux") {
        assert_eq!(read(&mapping, 2 * page), 0);
    }
}

#[test]
fn an_absurd_size_is_an_error_that_names_call_and_errno() {
    for len in [usize::MAX, 1 << 55] {
        let error = Mapping::reserve(len).unwrap_err();
        let MapError::System { syscall, errno } = error else { panic!("{error}") };
        assert!(!syscall.is_empty() && errno != 0, "{error}");
        assert_eq!(error.io_kind(), ErrorKind::OutOfMemory);
    }
}

#[test]
fn abandoned_memory_reads_as_zero_and_stays_mapped() {
    let mapping = Mapping::committed(1).unwrap();
    write(&mapping, 0, 5);
    let byte = mapping.base().as_ptr();
    mapping.abandon();
    // SAFETY: abandoned pages stay mapped for ever.
    assert_eq!(unsafe { byte.read() }, 0);
}

#[test]
fn what_was_seen_stays_mapped_without_its_memory_and_is_used_again() {
    let _alone = late_access();
    let page = page_size();
    let mut mapping = Mapping::committed(64 * page).unwrap();
    write(&mapping, 0, 5);
    mapping.mark_seen();
    let byte = mapping.base().as_ptr();
    drop(mapping);
    // SAFETY: addresses that were seen stay mapped for ever.
    assert_ne!(unsafe { byte.read() }, 5);
    let len = if crate::os::JOINS { page } else { 64 * page };
    let again = Mapping::again(len, MemoryOptions::default()).unwrap();
    assert!(again.is_seen());
    write(&again, page - 1, 1);
    let longer = Mapping::again(usize::MAX, MemoryOptions::default());
    assert!(longer.is_none());
}

#[test]
fn a_part_beyond_the_end_panics_also_where_the_sum_wraps() {
    let page = page_size();
    let beyond = [(0, page + 1), (page, 1), (0, usize::MAX), (1, usize::MAX), (usize::MAX, 1)];
    for (offset, len) in beyond {
        for call in [Mapping::commit, Mapping::decommit] {
            let mut mapping = Mapping::reserve(1).unwrap();
            let called = AssertUnwindSafe(|| call(&mut mapping, offset, len));
            assert!(catch_unwind(called).is_err(), "{offset} + {len}");
        }
    }
}
