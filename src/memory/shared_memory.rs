//! Memory that is mapped at several addresses, once for each isolate that shares it.

use super::mapping::Mapping;
use super::options::MemoryOptions;
use crate::error::MapError;
use crate::{layout, os};

/// A piece of memory without a name. Lives as long as it or one of its mappings does.
#[derive(Debug)]
pub struct SharedMemory {
    /// Invariant: `len` bytes long, for ever.
    file: os::MemoryFile,
    /// A positive multiple of the page size.
    len: usize,
}

impl SharedMemory {
    /// `len` bytes (rounded up to pages, at least one), zero. Takes memory as they are touched.
    pub fn anonymous(len: usize) -> Result<SharedMemory, MapError> {
        let len = layout::align_up(len.max(1), os::page_size()).ok_or_else(os::too_large)?;
        Ok(SharedMemory { file: os::anonymous_file(len)?, len })
    }

    /// Maps `len` bytes from `offset`, both page multiples. What one mapping writes the others read.
    /// Panics beyond the end.
    pub fn map(
        &self,
        offset: usize,
        len: usize,
        options: MemoryOptions,
    ) -> Result<Mapping, MapError> {
        let end = offset.checked_add(len);
        assert!(end.is_some_and(|end| end <= self.len), "beyond the memory");
        Mapping::of_file(&self.file, offset, len, options)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::os::page_size;

    fn at(mapping: &Mapping, offset: usize) -> *mut u8 {
        mapping.base().as_ptr().wrapping_add(offset)
    }

    #[test]
    fn what_one_mapping_writes_another_reads_also_after_the_first_is_gone() {
        let page = page_size();
        let memory = SharedMemory::anonymous(3 * page).unwrap();
        let plain = MemoryOptions::default();
        let first = memory.map(0, 3 * page, plain).unwrap();
        let second = memory.map(page, 2 * page, plain).unwrap();
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
        let memory = SharedMemory::anonymous(1).unwrap();
        let plain = MemoryOptions::default();
        let mut first = memory.map(0, page_size(), plain).unwrap();
        let second = memory.map(0, page_size(), plain).unwrap();
        // SAFETY: within live mappings, here and below; abandoned pages stay mapped for ever.
        unsafe { at(&first, 0).write(7) };
        first.vacate().unwrap();
        // SAFETY: as above.
        assert_eq!(unsafe { (at(&first, 0).read(), at(&second, 0).read()) }, (0, 7));
        let byte = at(&second, 0);
        second.abandon();
        let third = memory.map(0, page_size(), plain).unwrap();
        // SAFETY: as above.
        assert_eq!(unsafe { (byte.read(), at(&third, 0).read()) }, (0, 7));
    }

    #[test]
    #[should_panic(expected = "beyond")]
    fn a_mapping_beyond_the_end_panics() {
        let memory = SharedMemory::anonymous(1).unwrap();
        let _ = memory.map(page_size(), page_size(), MemoryOptions::default());
    }
}
