//! Memory that is mapped at several addresses, one for each isolate that shares it.

use super::mapping::Mapping;
use super::options::{HugePages, MemoryOptions};
use crate::error::MapError;
use crate::{layout, os};

/// The kind of memory, which decides which setting of the system applies to its huge pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SharedKind {
    Unnamed,
    Named,
}

impl SharedKind {
    /// Returns the part of `options` that this kind of memory can have. Hugetlb pages are refused:
    /// a mapping must use them entirely or not at all, and at multiples of their size. Transparent
    /// ones are granted unless the system is set to give none.
    pub fn grant(self, options: MemoryOptions) -> Result<MemoryOptions, MapError> {
        let unsupported = |what| Err(MapError::Unsupported { what });
        if cfg!(windows) && options.numa_node.is_some() {
            return unsupported("a NUMA node for shared memory"); // the node is set when the addresses are reserved
        }
        match (options.huge_pages, self) {
            (HugePages::No, _) => return Ok(options),
            (HugePages::Require, _) => return unsupported("huge pages in shared memory"),
            (_, SharedKind::Unnamed) if !os::shared_can_be_huge() => {
                return unsupported(
                    "transparent huge pages in shared memory: set /sys/kernel/mm/transparent_hugepage/shmem_enabled to advise",
                );
            }
            (_, SharedKind::Named) if !os::shm::names_can_be_huge() => {
                return unsupported(
                    "transparent huge pages in /dev/shm: mount -o remount,huge=advise /dev/shm",
                );
            }
            _ => {}
        }
        Ok(MemoryOptions { huge_pages: HugePages::Advise, ..options })
    }
}

/// Memory without a name, or of a segment's file. It lives as long as this value or one of its
/// mappings.
#[derive(Debug)]
pub struct SharedMemory {
    /// Invariant: always `len` bytes; mappings begin at `last` at most.
    pages: os::SharedPages,
    /// A positive multiple of the page size.
    len: usize,
    last: usize,
}

impl SharedMemory {
    /// `len` bytes (rounded up to pages, at least one) of zeros, which take memory when they are
    /// touched. No mapping may begin beyond `last`: the smaller `last` is, the fewer addresses are
    /// kept. Panics if `last` is beyond the end.
    pub fn anonymous(len: usize, last: usize) -> Result<SharedMemory, MapError> {
        let len = layout::align_up(len.max(1), os::page_size()).ok_or_else(os::too_large)?;
        let last = last & !(os::page_size() - 1);
        assert!(last < len, "beyond the memory");
        Ok(SharedMemory { pages: os::shared_pages(len, last)?, len, last })
    }

    /// The first `len` bytes of `pages`, a positive page multiple; mappings begin at `last` at
    /// most.
    pub fn over(pages: os::SharedPages, len: usize, last: usize) -> SharedMemory {
        SharedMemory { pages, len, last }
    }

    /// Maps `len` bytes, a page multiple, from `offset`, a multiple of [`os::view_granule`]. All
    /// mappings show the same bytes. Panics beyond the end, and for an offset beyond the last one.
    pub fn map(&self, offset: usize, len: usize) -> Result<Mapping, MapError> {
        self.map_at(offset, len, MemoryOptions::default(), false)
    }

    /// Like `map`, with options, but may use addresses that JavaScript has seen before: see
    /// [`Mapping::reserve_any`].
    pub fn map_any(
        &self,
        offset: usize,
        len: usize,
        options: MemoryOptions,
    ) -> Result<Mapping, MapError> {
        self.map_at(offset, len, options, true)
    }

    fn map_at(
        &self,
        offset: usize,
        len: usize,
        options: MemoryOptions,
        any: bool,
    ) -> Result<Mapping, MapError> {
        let end = offset.checked_add(len);
        let fits = end.is_some_and(|end| end <= self.len) && offset <= self.last;
        assert!(fits, "beyond the memory");
        Mapping::of_shared(&self.pages, offset, len, options, any)
    }
}

#[cfg(all(test, not(any(loom, ralloc_os = "heap"))))]
mod tests {
    use super::*;
    use crate::os::view_granule;

    fn at(mapping: &Mapping, offset: usize) -> *mut u8 {
        mapping.base().as_ptr().wrapping_add(offset)
    }

    #[test]
    fn what_one_mapping_writes_another_reads_also_after_the_first_is_gone() {
        let page = view_granule();
        let memory = SharedMemory::anonymous(3 * page, page).unwrap();
        let first = memory.map(0, 3 * page).unwrap();
        let second = memory.map(page, 2 * page).unwrap();
        // SAFETY: within live mappings.
        unsafe { at(&first, page + 5).write(7) };
        // SAFETY: as above.
        assert_eq!(unsafe { at(&second, 5).read() }, 7);
        drop(first);
        drop(memory);
        // SAFETY: as above.
        assert_eq!(unsafe { at(&second, 5).read() }, 7);
    }

    #[test]
    fn a_mapping_that_is_vacated_or_abandoned_takes_nothing_from_the_others() {
        let memory = SharedMemory::anonymous(1, 0).unwrap();
        let mut first = memory.map(0, os::page_size()).unwrap();
        let second = memory.map(0, os::page_size()).unwrap();
        // SAFETY: within live mappings, here and below; abandoned pages stay mapped for ever.
        unsafe { at(&first, 0).write(7) };
        first.vacate().unwrap();
        // SAFETY: as above.
        assert_eq!(unsafe { (at(&first, 0).read(), at(&second, 0).read()) }, (0, 7));
        let byte = at(&second, 0);
        second.abandon();
        let third = memory.map(0, os::page_size()).unwrap();
        // SAFETY: as above.
        assert_eq!(unsafe { (byte.read(), at(&third, 0).read()) }, (0, 7));
    }

    #[test]
    #[should_panic(expected = "beyond")]
    fn a_mapping_beyond_the_end_panics() {
        let memory = SharedMemory::anonymous(1, 0).unwrap();
        let _ = memory.map(view_granule(), view_granule());
    }
    #[test]
    fn each_mapping_has_the_pages_from_its_offset_on_however_little_is_kept() {
        let page = view_granule();
        let memory = SharedMemory::anonymous(64 * page, 2 * page).unwrap();
        let whole = memory.map(0, 64 * page).unwrap();
        let rest = memory.map(2 * page, 62 * page).unwrap();
        for index in 0..64 {
            // SAFETY: within a live mapping.
            unsafe { at(&whole, index * page).write(index as u8 + 1) };
        }
        for index in 2..64 {
            // SAFETY: as above.
            assert_eq!(unsafe { at(&rest, (index - 2) * page).read() }, index as u8 + 1);
        }
    }

    #[test]
    #[cfg(all(ralloc_os = "linux", not(ralloc_files)))]
    fn shared_memory_needs_no_file() {
        let names = |_| std::fs::read_dir("/proc/self/fd").unwrap();
        let files = || {
            let links = names(()).filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
            // Segments, which other tests have open, are files too.
            let names = links.map(|name| name.to_string_lossy().replace("ralloc-segment", ""));
            names.filter(|name| name.contains("ralloc")).count()
        };
        let all: Vec<_> = (0..50).map(|_| SharedMemory::anonymous(1, 0).unwrap()).collect();
        let _mapped = all[0].map(0, view_granule()).unwrap();
        assert_eq!(files(), 0);
    }

    #[test]
    #[should_panic(expected = "beyond")]
    fn a_mapping_beyond_the_last_offset_panics() {
        let memory = SharedMemory::anonymous(2 * view_granule(), 0).unwrap();
        let _ = memory.map(view_granule(), view_granule());
    }
}
