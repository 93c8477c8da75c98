//! An owned range of pages, as [`MemoryOptions`] ask for them.

use super::options::{HugePages, MemoryOptions, Pages};
use crate::error::MapError;
use crate::layout;
use crate::os::{self, page_size};
use std::ptr::NonNull;

/// A page-aligned range of memory, private unless a [`super::SharedMemory`] made it, unmapped when dropped.
///
/// It hands out raw pointers only and never forms a reference to its bytes, so that they may
/// be shared with JavaScript. Whoever dereferences [`Mapping::base`] promises that the bytes
/// are committed and the mapping alive.
///
/// Not public, nor is what takes one: a mapping that is reserved only would crash whoever got it next.
///
/// ```compile_fail,E0603
/// use ralloc_core::memory::Mapping;
/// ```
#[derive(Debug)]
pub struct Mapping {
    /// First usable byte. Invariant: `base .. base + len` is this value's alone, and `base` a
    /// multiple of a page, of a huge page where they were granted or advised. An inaccessible
    /// page lies on either side where it is `guarded`.
    base: NonNull<u8>,
    /// Usable bytes. Invariant: a positive multiple of `options.granule()`.
    len: usize,
    /// As it was asked for.
    options: MemoryOptions,
    /// What it got. Invariant: Explicit only while its pages are of the pool.
    pages: Pages,
    /// Whether it was reserved with a guard page on either side: all but those born Explicit.
    guarded: bool,
    /// Whether its pages are those of a [`super::SharedMemory`], which others may have mapped too.
    shared: bool,
    /// Whether `options` are in force: false from [`Mapping::vacate`] to [`Mapping::restore`].
    ready: bool,
}

// SAFETY: the pages belong to no thread, and every method that changes them takes `&mut self`
// or `self`; shared access reads the plain fields only.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Reserves address space for `len` bytes (rounded up to pages, at least one). Touching it
    /// faults until it is committed. Errors: the system's, or `ENOMEM` for an absurd size.
    pub fn reserve(len: usize) -> Result<Mapping, MapError> {
        Mapping::reserve_at(len, page_size(), MemoryOptions::default())
    }

    /// Reserves `len` bytes and commits all of them: zero pages, which take memory only when
    /// they are touched.
    pub fn committed(len: usize) -> Result<Mapping, MapError> {
        Mapping::with(len, MemoryOptions::default())
    }

    /// `len` bytes (rounded up to [`MemoryOptions::granule`], at least one), readable, writable and
    /// zero, with `options` in force. On an error nothing is left behind.
    pub fn with(len: usize, options: MemoryOptions) -> Result<Mapping, MapError> {
        match options.huge_pages {
            HugePages::No => Mapping::ordinary(len, options),
            HugePages::Advise => Mapping::transparent(len, options),
            HugePages::Require => Mapping::explicit(len, options),
            HugePages::Prefer => Mapping::explicit(len, options).or_else(|refused| {
                match (refused, Mapping::transparent(len, options)) {
                    // The system has a pool and nothing else: the preference was heard.
                    (MapError::System { .. }, Err(MapError::Unsupported { .. })) => {
                        Mapping::ordinary(len, options)
                    }
                    (_, mapping) => mapping,
                }
            }),
        }
    }

    fn ordinary(len: usize, options: MemoryOptions) -> Result<Mapping, MapError> {
        let mut mapping = Mapping::reserve_at(len, page_size(), options)?;
        mapping.commit(0, mapping.len)?;
        mapping.prepare()?;
        Ok(mapping)
    }

    /// Pages that the kernel is advised to make huge.
    fn transparent(len: usize, options: MemoryOptions) -> Result<Mapping, MapError> {
        let mut mapping = Mapping::reserve_at(len, options.granule(), options)?;
        mapping.commit(0, mapping.len)?;
        // SAFETY: our own pages, and the advice changes no bytes.
        unsafe { os::advise_huge(mapping.base.as_ptr(), mapping.len) }?;
        mapping.pages = Pages::Transparent;
        mapping.prepare()?;
        Ok(mapping)
    }

    fn reserve_at(len: usize, align: usize, options: MemoryOptions) -> Result<Mapping, MapError> {
        let len = layout::align_up(len.max(1), options.granule()).ok_or_else(os::too_large)?;
        let base = os::reserve(len, align, options.numa_node)?;
        let (pages, ready) = (Pages::Normal, options.is_plain());
        Ok(Mapping { base, len, options, pages, guarded: true, shared: false, ready })
    }

    /// The bytes of `pages` from `offset` (a page multiple) on, shared with its other mappings, with
    /// those of `options` in force that are about pages and not about where they are from.
    pub(super) fn of_shared(
        pages: &os::SharedPages,
        offset: usize,
        len: usize,
        options: MemoryOptions,
    ) -> Result<Mapping, MapError> {
        if options.huge_pages == HugePages::Require {
            return Err(MapError::Unsupported { what: "huge pages in shared memory" });
        }
        // Transparent ones are a matter of the system's settings for shared memory.
        let options = MemoryOptions { huge_pages: HugePages::No, ..options };
        let mut mapping = Mapping::reserve_at(len, page_size(), options)?;
        // SAFETY: all of our own reservation, just made; `SharedMemory` says that there are so many.
        unsafe { os::map_shared(pages, offset, mapping.base.as_ptr(), mapping.len) }?;
        mapping.shared = true;
        mapping.prepare()?;
        Ok(mapping)
    }

    /// Pages of the pool, all of them there: to touch one that is not would end the process.
    fn explicit(len: usize, options: MemoryOptions) -> Result<Mapping, MapError> {
        let len = layout::align_up(len.max(1), options.granule()).ok_or_else(os::too_large)?;
        let base = os::map_huge(len, options.numa_node)?;
        let pages = Pages::Explicit;
        let (guarded, shared, ready) = (false, false, false);
        let mut mapping = Mapping { base, len, options, pages, guarded, shared, ready };
        mapping.prepare()?;
        Ok(mapping)
    }

    /// Brings `options` into force over committed pages, whose bytes nobody needs. The node
    /// before the pages are found, and those before they are locked: each step names itself
    /// in its error.
    fn prepare(&mut self) -> Result<(), MapError> {
        let (ptr, len) = (self.base.as_ptr(), self.len);
        let huge = self.pages == Pages::Explicit;
        if let Some(node) = self.options.numa_node {
            // SAFETY: our own committed pages, here and below.
            unsafe { os::bind(ptr, len, node) }?;
        }
        if huge || self.options.prefault {
            // SAFETY: as above; `&mut self` says that nobody relies on their bytes.
            unsafe { os::populate(ptr, len, huge) }?;
        }
        if self.options.lock {
            // SAFETY: as above.
            unsafe { os::lock(ptr, len) }?;
        }
        self.ready = true;
        Ok(())
    }

    /// Brings the options into force again after [`Mapping::vacate`]. On an error the mapping is
    /// as vacated as before.
    pub fn restore(&mut self) -> Result<(), MapError> {
        if self.ready {
            return Ok(());
        }
        let prepared = self.prepare();
        if prepared.is_err() {
            let _ = self.vacate();
        }
        prepared
    }

    /// Gives all its memory back and takes the options out of force. The pages stay accessible,
    /// as ordinary ones, and lose their bytes (see [`Mapping::decommit`]).
    pub fn vacate(&mut self) -> Result<(), MapError> {
        let (ptr, len) = (self.base.as_ptr(), self.len);
        self.ready = self.options.is_plain();
        if self.options.lock {
            // SAFETY: our own committed pages. Were they not locked, nothing happens.
            let _ = unsafe { os::unlock(ptr, len) };
        }
        if self.shared {
            // The memory is others' to keep; whoever still touches these finds zeros.
            // SAFETY: our own pages; `&mut self` says that nobody relies on their bytes.
            unsafe { os::replace(ptr, len) }?;
            self.shared = false;
            return Ok(());
        }
        if self.pages == Pages::Explicit {
            // The pool gets them back whole; whoever still touches them finds memory as before.
            // SAFETY: our own pages; `&mut self` says that nobody relies on their bytes.
            unsafe { os::replace(ptr, len) }?;
            self.pages = Pages::Normal;
            return Ok(());
        }
        // SAFETY: as above.
        unsafe { os::decommit(ptr, len) }
    }

    /// Whether what its options ask for can be in force again: not over pages that were of the
    /// pool, which [`Mapping::vacate`] has given up.
    pub fn is_restorable(&self) -> bool {
        self.guarded
    }

    /// As it was asked for.
    pub fn options(&self) -> MemoryOptions {
        self.options
    }

    /// What its pages are.
    pub fn pages(&self) -> Pages {
        self.pages
    }

    /// Whether its memory stays until it is vacated: because it was asked to, or because pages
    /// of the pool could not be had again.
    pub fn keeps_memory(&self) -> bool {
        self.options.keeps_memory() || self.pages == Pages::Explicit
    }

    /// First usable byte.
    pub fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// Usable bytes, a multiple of the page size.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Makes `len` bytes from `offset` readable and writable; both are rounded outward to
    /// pages. Pages that are committed already keep their bytes. Panics beyond the end.
    pub fn commit(&mut self, offset: usize, len: usize) -> Result<(), MapError> {
        let end = self.end_of(offset, len).expect("commit beyond the mapping");
        let page = page_size();
        // Within the mapping, which is whole pages.
        let (start, end) = (offset & !(page - 1), end.next_multiple_of(page));
        if start == end {
            return Ok(());
        }
        // SAFETY: whole pages within our reservation, as just checked.
        unsafe { os::commit(self.base.as_ptr().wrapping_add(start), end - start) }
    }

    /// Gives the memory of the whole pages between `offset` and `offset + len` back. They
    /// must have been committed, stay accessible, and lose their bytes (they then read as zero
    /// on Linux, as zero or their old bytes elsewhere). Refused where memory was asked to stay:
    /// see [`Mapping::keeps_memory`]. Panics beyond the end.
    pub fn decommit(&mut self, offset: usize, len: usize) -> Result<(), MapError> {
        let end = self.end_of(offset, len).expect("decommit beyond the mapping");
        let page = page_size();
        let (start, end) = (offset.next_multiple_of(page), end & !(page - 1));
        if start >= end {
            return Ok(());
        }
        if self.keeps_memory() {
            return Err(MapError::Unsupported { what: "a way to empty a part of kept memory" });
        }
        // SAFETY: whole pages within our reservation, as just checked; `&mut self` says that
        // nobody relies on their bytes.
        unsafe { os::decommit(self.base.as_ptr().wrapping_add(start), end - start) }
    }

    /// `offset + len`; `None` when that is beyond the end, also when it is beyond every number.
    fn end_of(&self, offset: usize, len: usize) -> Option<usize> {
        offset.checked_add(len).filter(|&end| end <= self.len)
    }

    /// Bytes of this mapping that are in RAM now.
    pub fn resident(&self) -> Result<usize, MapError> {
        // SAFETY: our own mapped pages.
        unsafe { os::resident(self.base.as_ptr(), self.len) }
    }

    /// Ends the ownership without unmapping, for memory that another isolate may still see:
    /// its pages are replaced by fresh zero pages and its addresses stay taken for ever.
    pub fn abandon(self) {
        let (ptr, len) = (self.base.as_ptr(), self.len);
        // SAFETY: our own pages; what still looks at them sees zeros, which is the purpose.
        // Should the call fail, the old pages stay, which is as safe and only costs memory.
        let _ = unsafe { if self.guarded { os::abandon(ptr, len) } else { os::replace(ptr, len) } };
        #[allow(clippy::disallowed_methods, reason = "the addresses stay taken, on purpose")]
        std::mem::forget(self);
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        let (ptr, len) = (self.base.as_ptr(), self.len);
        // SAFETY: all that `reserve` or `map_huge` gave, which nobody uses once its owner drops
        // it. An error here could only mean that the range is not ours: a bug.
        let released = unsafe {
            if self.guarded { os::release(ptr, len) } else { os::release_huge(ptr, len) }
        };
        debug_assert!(released.is_ok(), "{released:?}");
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
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
            let MapError::System { syscall, errno, code } = error else { panic!("{error}") };
            assert!(!syscall.is_empty() && errno != 0 && code == Some("ENOMEM"), "{error}");
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
}
