//! Operations on a part of a mapping after it was made, or on memory that others have mapped too.

use super::{Force, HugePages, Mapping, MemoryOptions, Source};
use crate::error::MapError;
use crate::layout::HUGE_PAGE;
use crate::os;

impl Mapping {
    /// Maps the bytes of `pages` from `offset` (a multiple of `os::view_granule`) on, shared with
    /// the other mappings of `pages`, with `options` in force, except for pages of the pool. `any`:
    /// addresses that were seen before will do, as for [`Mapping::reserve_any`].
    pub(in crate::memory) fn of_shared(
        pages: &os::SharedPages,
        offset: usize,
        len: usize,
        options: MemoryOptions,
        any: bool,
    ) -> Result<Mapping, MapError> {
        let plain = MemoryOptions::default();
        let advised = options.huge_pages != HugePages::No;
        // If memory and addresses both begin at a multiple of 2 MiB, a huge page of the memory can
        // be mapped as one.
        let align = match advised && offset.is_multiple_of(HUGE_PAGE) && len >= HUGE_PAGE {
            true => HUGE_PAGE,
            false => os::view_granule(),
        };
        let again = if any { Mapping::at_seen(len, align, plain) } else { None };
        let mut mapping = match again {
            Some(mapping) => mapping,
            None => Mapping::fresh(len, align, plain, os::reserve_view)?,
        };
        // SAFETY: all of our own reservation, just made; `SharedMemory` guarantees that `pages` has
        // so many bytes. If the call fails after it unmapped what was seen before, dropping the
        // mapping maps it again.
        unsafe { os::map_shared(pages, offset, mapping.base.as_ptr(), mapping.len) }?;
        mapping.source = Source::Shared(os::process_mark());
        if advised {
            mapping.advise()?;
        }
        mapping.options = MemoryOptions { huge_pages: HugePages::No, ..options };
        mapping.prepare()?;
        Ok(mapping)
    }

    /// Applies those options that take memory to a committed part: prefaults it, then locks it. For
    /// mappings from [`Mapping::reserve_any`]; all other mappings have their memory already. After
    /// an error, the part takes no memory.
    pub fn keep(&mut self, offset: usize, len: usize) -> Result<(), MapError> {
        if !self.comes_in_parts() {
            return Ok(());
        }
        let (ptr, len) = self.pages_of(offset, len);
        self.take_memory(ptr, len).inspect_err(|_| {
            let _ = self.decommit(offset, len);
        })
    }

    /// Whether memory is added part by part, with [`Mapping::keep`].
    pub fn comes_in_parts(&self) -> bool {
        self.force == Force::Parts
    }

    /// Allocates memory for every page and maps it here. Errors: EFAULT if there is none.
    pub fn populate(&mut self) -> Result<(), MapError> {
        // SAFETY: our own committed pages.
        unsafe { os::populate(self.base.as_ptr(), self.len, false) }
    }

    /// Locks committed parts of it, and the parts that [`Mapping::keep`] adds from now on. After an
    /// error, nothing more is locked than before. Memory that the call has allocated stays, because
    /// others may use these bytes by then.
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
                    // SAFETY: as above. The part that failed may be half locked.
                    let _ = unsafe { os::unlock(ptr, len) };
                }
                return locked;
            }
        }
        self.options.lock = true;
        Ok(())
    }

    /// Binds all of it to a node, and moves existing pages there. For shared memory this affects
    /// all mappings. On an error the binding is unchanged, but some pages may have moved.
    pub fn bind(&mut self, node: u32) -> Result<(), MapError> {
        let (ptr, len, before) = (self.base.as_ptr(), self.len, self.node().ok().flatten());
        // SAFETY: our own pages, here and below.
        let bound = unsafe { os::rebind(ptr, len, node) };
        if let (Err(_), Some(node)) = (bound, before) {
            // SAFETY: as above.
            let _ = unsafe { os::bind(ptr, len, node) };
        } else if bound.is_err() {
            self.unbind();
        } else if !matches!(self.source, Source::Shared(_)) {
            self.options.numa_node = Some(node);
        }
        bound
    }

    /// Lets pages that do not exist yet come from any node, if the system has several.
    pub fn unbind(&mut self) {
        // SAFETY: our own pages.
        let _ = unsafe { os::unbind(self.base.as_ptr(), self.len) };
    }

    /// The node it is bound to. Shared memory may have been bound through any of its mappings.
    pub fn node(&self) -> Result<Option<u32>, MapError> {
        // SAFETY: our own first page.
        unsafe { os::bound_to(self.base.as_ptr()) }
    }
}
