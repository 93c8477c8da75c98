//! An owned range of pages with a guard page on either side.

use crate::error::MapError;
use crate::{layout, os};
use std::ptr::NonNull;

/// Bytes of a page on this system.
pub fn page_size() -> usize {
    os::page_size()
}

/// A page-aligned range of private anonymous memory, unmapped when dropped.
///
/// It hands out raw pointers only and never forms a reference to its bytes, so that they may
/// be shared with JavaScript. Whoever dereferences [`Mapping::base`] promises that the bytes
/// are committed and the mapping alive.
#[derive(Debug)]
pub struct Mapping {
    /// First usable byte. Invariant: page-aligned; the reservation is
    /// `base - page .. base + len + page`, this value's alone, and its first and last page
    /// (the guards) are never committed.
    base: NonNull<u8>,
    /// Usable bytes. Invariant: a positive multiple of the page size.
    len: usize,
}

// SAFETY: the pages belong to no thread, and every method that changes them takes `&mut self`
// or `self`; shared access reads the two numbers only.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Reserves address space for `len` bytes (rounded up to pages, at least one). Touching it
    /// faults until it is committed. Errors: the system's, or `ENOMEM` for an absurd size.
    pub fn reserve(len: usize) -> Result<Mapping, MapError> {
        let page = page_size();
        let len = layout::align_up(len.max(1), page).ok_or_else(os::too_large)?;
        let start = os::reserve(len + 2 * page)?;
        let base = start.as_ptr().wrapping_add(page);
        // The reservation is longer than a page, so its second page is not null.
        let base = NonNull::new(base).ok_or_else(os::too_large)?;
        Ok(Mapping { base, len })
    }

    /// Reserves `len` bytes and commits all of them: zero pages, which take memory only when
    /// they are touched.
    pub fn committed(len: usize) -> Result<Mapping, MapError> {
        let mut mapping = Mapping::reserve(len)?;
        mapping.commit(0, mapping.len)?;
        Ok(mapping)
    }

    /// First usable byte.
    pub fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// Usable bytes, a multiple of the page size.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Never: a mapping has at least one page.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Makes `len` bytes from `offset` readable and writable; both are rounded outward to
    /// pages. Pages that are committed already keep their bytes. Panics beyond the end.
    pub fn commit(&mut self, offset: usize, len: usize) -> Result<(), MapError> {
        let page = page_size();
        let start = offset & !(page - 1);
        let end = (offset + len).next_multiple_of(page);
        assert!(start <= end && end <= self.len, "commit beyond the mapping");
        if start == end {
            return Ok(());
        }
        // SAFETY: whole pages within our reservation, by the assertion.
        unsafe { os::commit(self.base.as_ptr().wrapping_add(start), end - start) }
    }

    /// Gives the memory of the whole pages between `offset` and `offset + len` back. They
    /// must have been committed, stay accessible, and lose their bytes (they then read as zero
    /// on Linux, as zero or their old bytes elsewhere). Panics beyond the end.
    pub fn decommit(&mut self, offset: usize, len: usize) -> Result<(), MapError> {
        assert!(offset + len <= self.len, "decommit beyond the mapping");
        let page = page_size();
        let start = offset.next_multiple_of(page);
        let end = (offset + len) & !(page - 1);
        if start >= end {
            return Ok(());
        }
        // SAFETY: whole pages within our reservation, by the assertion; `&mut self` says that
        // nobody relies on their bytes.
        unsafe { os::decommit(self.base.as_ptr().wrapping_add(start), end - start) }
    }

    /// Bytes of this mapping that are in RAM now.
    pub fn resident(&self) -> Result<usize, MapError> {
        // SAFETY: our own mapped pages.
        unsafe { os::resident(self.base.as_ptr(), self.len) }
    }

    /// Ends the ownership without unmapping, for memory that another isolate may still see:
    /// its pages are replaced by fresh zero pages and its addresses stay taken for ever.
    pub fn abandon(self) {
        // SAFETY: our own pages; what still looks at them sees zeros, which is the purpose.
        // Should the call fail, the old pages stay, which is as safe and only costs memory.
        let _ = unsafe { os::replace(self.base.as_ptr(), self.len) };
        #[allow(clippy::disallowed_methods, reason = "the addresses stay taken, on purpose")]
        std::mem::forget(self);
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        let page = page_size();
        let start = self.base.as_ptr().wrapping_sub(page);
        // SAFETY: the whole reservation of `reserve`, which nobody uses once its owner drops
        // it. An error here could only mean that the range is not ours: a bug.
        let released = unsafe { os::release(start, self.len + 2 * page) };
        debug_assert!(released.is_ok(), "{released:?}");
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

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
        let error = Mapping::reserve(usize::MAX).unwrap_err();
        assert_eq!(error.code, Some("ENOMEM"));
        let error = Mapping::reserve(1 << 55).unwrap_err();
        assert!(!error.syscall.is_empty() && error.errno != 0, "{error}");
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
    #[should_panic(expected = "beyond")]
    fn commit_beyond_the_end_panics() {
        let mut mapping = Mapping::reserve(1).unwrap();
        let _ = mapping.commit(0, page_size() + 1);
    }
}
