//! Tests of named files, on each system that has them.

use super::super::{map_shared, release, reserve_view, view_granule};
use super::*;
use std::io::ErrorKind;

/// A file with a name of its own, which is removed when this value is dropped.
pub struct Named(String);

impl Named {
    pub fn new() -> Named {
        let id = crate::sync::unique_id();
        Named(format!("/ralloc-file-test-{}-{id}", std::process::id()))
    }

    pub fn make(&self) -> SharedFile {
        Draft::new(&self.0, true).unwrap().unwrap().publish(&self.0).unwrap().unwrap()
    }

    pub fn open(&self) -> SharedFile {
        SharedFile::open(&self.0).unwrap()
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        let _ = unlink(&self.0);
    }
}

/// Writes to the start of a file that has more bytes.
fn write(file: &SharedFile, bytes: &[u8]) {
    let (pages, len) = (file.pages(view_granule(), 0).unwrap(), view_granule());
    let base = reserve_view(len, view_granule(), None).unwrap();
    // SAFETY: the range just made and existing pages; then accesses within the range.
    unsafe {
        map_shared(&pages, 0, base.as_ptr(), len).unwrap();
        base.as_ptr().copy_from(bytes.as_ptr(), bytes.len());
        release(base.as_ptr(), len).unwrap();
    }
}

fn names_of(len: usize) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut prefix = vec![0; len];
    names(&mut prefix, |name, bytes| found.push((name.to_owned(), bytes.to_vec()))).unwrap();
    found
}

#[test]
fn a_lock_is_of_an_open_file_and_ends_with_it() {
    let name = Named::new();
    let [first, second] = [name.make(), name.open()];
    assert_eq!([first.try_lock(0), second.try_lock(1)], [Ok(true); 2]);
    assert_eq!([second.try_lock(0), second.is_locked_by_another(2)], [Ok(false); 2]);
    assert_eq!([second.is_locked_by_another(0), first.is_locked_by_another(1)], [Ok(true); 2]);
    assert_eq!(second.is_locked_by_another(0), Ok(true), "the look has changed nothing");
    first.unlock(0).unwrap();
    assert_eq!(second.try_lock(0), Ok(true));
    drop(second);
    assert_eq!([first.try_lock(0), first.try_lock(1)], [Ok(true); 2]);
}

#[test]
fn a_file_is_read_and_mapped_by_all_who_open_its_name() {
    let name = Named::new();
    let (draft, len) = (Draft::new(&name.0, true).unwrap().unwrap(), 3 * view_granule());
    draft.file().resize(len).unwrap();
    draft.file().reserve(0, len).unwrap();
    write(draft.file(), b"written");
    assert!(SharedFile::open(&name.0).is_err(), "it has no name");
    let first = draft.publish(&name.0).unwrap().unwrap();
    let second = name.open();
    assert_eq!(second.facts().unwrap().len, len as u64);
    assert_eq!(second.facts(), first.facts());
    let mut bytes = [1; 8];
    assert_eq!((second.read(&mut bytes), &bytes), (Ok(8), b"written\0"));
    assert!(names_of(7).contains(&(name.0.clone(), b"written".to_vec())));
    first.resize(0).unwrap();
    assert_eq!(second.read(&mut bytes), Ok(0));
    assert!(!names_of(7).iter().any(|(found, _)| *found == name.0), "it has not so many bytes");
}

#[test]
fn a_name_that_ends_while_its_file_is_mapped_is_free_for_another() {
    let name = Named::new();
    let (first, len) = (name.make(), view_granule());
    first.resize(len).unwrap();
    let pages = first.pages(len, 0).unwrap();
    let base = reserve_view(len, view_granule(), None).unwrap();
    // SAFETY: the range just made and existing pages; then an access within the range.
    unsafe {
        map_shared(&pages, 0, base.as_ptr(), len).unwrap();
        base.write(7);
    }
    unlink(&name.0).unwrap();
    let missing = SharedFile::open(&name.0).unwrap_err();
    assert_eq!(missing.io_kind(), ErrorKind::NotFound, "{missing}");
    let gone = unlink(&name.0).unwrap_err();
    assert_eq!(gone.io_kind(), ErrorKind::NotFound, "{gone}");
    let second = name.make();
    assert_eq!(second.facts().unwrap().len, 0);
    // SAFETY: still mapped; afterwards nothing uses it.
    unsafe {
        assert_eq!(base.read(), 7);
        release(base.as_ptr(), len).unwrap();
    }
}

#[test]
fn of_two_who_make_a_file_of_one_name_at_once_one_has_to_wait_or_comes_too_late() {
    let name = Named::new();
    let first = Draft::new(&name.0, true).unwrap().unwrap();
    assert!(is_being_made(&name.0));
    assert!(Draft::new(&name.0, true).unwrap().is_none(), "it waits");
    let impatient = Draft::new(&name.0, false).unwrap();
    assert!(first.publish(&name.0).unwrap().is_some());
    assert!(impatient.is_none_or(|late| late.publish(&name.0).unwrap().is_none()));
    drop(Draft::new(&name.0, true).unwrap().unwrap());
    assert_eq!(name.open().try_lock(0), Ok(true), "the name is the first one's");
}
