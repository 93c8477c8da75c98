//! What a mapping is asked for part by part, after it was made, or over memory that others have mapped too.

use super::{Force, HugePages, Mapping, MemoryOptions, Source};
use crate::error::MapError;
use crate::layout::HUGE_PAGE;
use crate::os;

impl Mapping {
    /// The bytes of `pages` from `offset` (a multiple of `os::view_granule`) on, shared with its other mappings, with
    /// `options` in force, but for pages of the pool. `any`: also at addresses that were seen before, as
    /// [`Mapping::reserve_any`].
    pub(in crate::memory) fn of_shared(
        pages: &os::SharedPages,
        offset: usize,
        len: usize,
        options: MemoryOptions,
        any: bool,
    ) -> Result<Mapping, MapError> {
        let plain = MemoryOptions::default();
        let advised = options.huge_pages != HugePages::No;
        // If memory and addresses both begin at a multiple of 2 MiB, a huge page of the memory can be mapped as one.
        let align = match advised && offset.is_multiple_of(HUGE_PAGE) && len >= HUGE_PAGE {
            true => HUGE_PAGE,
            false => os::view_granule(),
        };
        let again = if any { Mapping::at_seen(len, align, plain) } else { None };
        let mut mapping = match again {
            Some(mapping) => mapping,
            None => Mapping::fresh(len, align, plain, os::reserve_view)?,
        };
        // SAFETY: all of our own reservation, just taken; `SharedMemory` says that there are so many bytes. Should the
        // call fail after it unmapped what was seen before, dropping the mapping maps it again.
        unsafe { os::map_shared(pages, offset, mapping.base.as_ptr(), mapping.len) }?;
        mapping.source = Source::Shared;
        if advised {
            mapping.advise()?;
        }
        mapping.options = MemoryOptions { huge_pages: HugePages::No, ..options };
        mapping.prepare()?;
        Ok(mapping)
    }

    /// Brings those options into force over a part that has been committed which take memory: prefaulted, then
    /// locked. For a mapping of [`Mapping::reserve_any`]; of others all is there already. On an error the part takes none.
    pub fn keep(&mut self, offset: usize, len: usize) -> Result<(), MapError> {
        if !self.comes_in_parts() {
            return Ok(());
        }
        let (ptr, len) = self.pages_of(offset, len);
        let MemoryOptions { lock, prefault, .. } = self.options;
        let mut kept = Ok(());
        if prefault {
            // SAFETY: our own committed pages, as the caller says; here and below.
            kept = unsafe { os::populate(ptr, len, false) };
        }
        if lock && kept.is_ok() {
            // SAFETY: as above.
            kept = unsafe { os::lock(ptr, len) };
        }
        if kept.is_err() {
            let _ = self.decommit(offset, len);
        }
        kept
    }

    /// Whether [`Mapping::keep`] is what brings memory.
    pub fn comes_in_parts(&self) -> bool {
        self.force == Force::Parts
    }

    /// Allocates memory for every page, and maps it here. Errors: EFAULT if there is none.
    pub fn populate(&mut self) -> Result<(), MapError> {
        // SAFETY: our own committed pages.
        unsafe { os::populate(self.base.as_ptr(), self.len, false) }
    }

    /// Locks parts of it, which are committed, and those that [`Mapping::keep`] adds from now on. On an error nothing
    /// more is locked than before. Memory that the call has allocated stays, because others may use these bytes by then.
    pub fn lock(&mut self, parts: &[(usize, usize)]) -> Result<(), MapError> {
        if self.options.lock {
            return Ok(());
        }
        for (done, &(offset, len)) in parts.iter().enumerate() {
            let (ptr, len) = self.pages_of(offset, len);
            // SAFETY: our own committed pages, as the caller says.
            let locked = unsafe { os::lock(ptr, len) };
            if locked.is_err() {
                for &(offset, len) in &parts[..=done] {
                    let (ptr, len) = self.pages_of(offset, len);
                    // SAFETY: as above. Those of the part that failed may be locked by half.
                    let _ = unsafe { os::unlock(ptr, len) };
                }
                return locked;
            }
        }
        self.options.lock = true;
        Ok(())
    }

    /// Binds all of it to a node, and moves existing pages there. For shared memory this affects all mappings. On an
    /// error the binding is unchanged, but some pages may have moved.
    pub fn bind(&mut self, node: u32) -> Result<(), MapError> {
        let (ptr, len, before) = (self.base.as_ptr(), self.len, self.node().ok().flatten());
        // SAFETY: our own pages, here and below.
        let bound = unsafe { os::rebind(ptr, len, node) };
        if let (Err(_), Some(node)) = (bound, before) {
            // SAFETY: as above.
            let _ = unsafe { os::bind(ptr, len, node) };
        } else if bound.is_err() {
            self.unbind();
        } else if self.source != Source::Shared {
            self.options.numa_node = Some(node);
        }
        bound
    }

    /// Lets the pages that are to come be from any node, where the system has several.
    pub fn unbind(&mut self) {
        // SAFETY: our own pages.
        let _ = unsafe { os::unbind(self.base.as_ptr(), self.len) };
    }

    /// The node that it is bound to, of shared memory by whatever mapping.
    pub fn node(&self) -> Result<Option<u32>, MapError> {
        // SAFETY: our own first page.
        unsafe { os::bound_to(self.base.as_ptr()) }
    }
}
