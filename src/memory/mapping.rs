//! An owned range of pages with its [`MemoryOptions`].

mod placed;
#[cfg(all(test, not(loom)))]
mod tests;

use super::options::{HugePages, MemoryOptions, Pages};
use super::retained;
use crate::error::MapError;
use crate::layout;
use crate::os::{self, page_size};
use std::ptr::NonNull;

/// A page-aligned range of memory, private unless a [`super::SharedMemory`] made it. Unmapped when
/// dropped, unless JavaScript has seen it: then its memory is given back and its addresses are kept
/// (`retained`).
///
/// It hands out raw pointers only and never forms a reference to its bytes, so that they may be
/// shared with JavaScript. Code that dereferences [`Mapping::base`] promises that the bytes are
/// committed and the mapping alive.
///
/// Not public, like everything that takes one: a mapping that is only reserved would crash its next
/// user.
///
/// ```compile_fail,E0603
/// use ralloc_core::memory::Mapping;
/// ```
#[derive(Debug)]
pub struct Mapping {
    /// First usable byte. Invariant: only this value owns `base .. base + len`, and `base` is a
    /// multiple of a page, or of a huge page if these were granted or advised. If it is `guarded`,
    /// an inaccessible page of its own is on either side.
    base: NonNull<u8>,
    /// Usable bytes. Invariant: a positive multiple of `options.granule()`.
    len: usize,
    /// The requested options.
    options: MemoryOptions,
    /// The kind of pages that it got. Invariant: Explicit only while its pages belong to the pool.
    pages: Pages,
    /// Whether it has a guard page on either side. All have, except those created as Explicit and
    /// those at addresses that were seen before.
    guarded: bool,
    /// Whether JavaScript has seen its addresses, in this use or in one before.
    seen: bool,
    source: Source,
    force: Force,
}

/// The owner of a mapping's pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// Its own.
    Own,
    /// A [`super::SharedMemory`], which others may have mapped too. This process mapped it; a
    /// forked child may not have the pages.
    Shared(u64),
}

/// The part of a mapping in which the options are in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Force {
    /// None: from [`Mapping::vacate`] to [`Mapping::restore`].
    Suspended,
    /// All of it.
    Whole,
    /// The parts that [`Mapping::keep`] added.
    Parts,
}

impl Force {
    /// The state of a mapping to which no option was applied yet.
    fn unless_asked(options: &MemoryOptions) -> Force {
        if options.is_plain() { Force::Whole } else { Force::Suspended }
    }
}

// SAFETY: the pages belong to no thread, and every method that changes them takes `&mut self`
// or `self`; shared access reads the plain fields only.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

/// Makes pages of this length, alignment and NUMA node.
type MakePages = fn(usize, usize, Option<u32>) -> Result<NonNull<u8>, MapError>;

impl Mapping {
    /// Like `reserve`, but may use addresses that JavaScript has seen before. In that case all of
    /// it is committed, its content is unknown, and an operation in flight may still write there,
    /// so use it only for memory that JavaScript gets. [`Mapping::keep`] applies the `options` that
    /// take memory. `options` must not ask for pages of the pool, which are all taken at the start.
    pub fn reserve_any(len: usize, options: MemoryOptions) -> Result<Mapping, MapError> {
        let again = Mapping::again(len, options);
        let mut mapping = match again {
            Some(mapping) => mapping,
            None => {
                let mut fresh = Mapping::fresh(len, options.granule(), options, os::reserve)?;
                if options.huge_pages != HugePages::No {
                    fresh.advise()?;
                }
                fresh
            }
        };
        mapping.place()?;
        mapping.force = Force::Parts;
        Ok(mapping)
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
            HugePages::No => Mapping::mapped(len, options, false),
            HugePages::Advise => Mapping::mapped(len, options, true),
            HugePages::Require => Mapping::explicit(len, options),
            HugePages::Prefer => Mapping::explicit(len, options).or_else(|refused| {
                match (refused, Mapping::mapped(len, options, true)) {
                    // The system has a pool, which cannot serve this, and no transparent huge
                    // pages.
                    (MapError::System { .. }, Err(MapError::Unsupported { .. })) => {
                        Mapping::mapped(len, options, false)
                    }
                    (_, mapping) => mapping,
                }
            }),
        }
    }

    /// A mapping of ordinary pages, which the kernel may be advised to make huge.
    fn mapped(len: usize, options: MemoryOptions, advised: bool) -> Result<Mapping, MapError> {
        let align = if advised { options.granule() } else { page_size() };
        let mut mapping = Mapping::fresh(len, align, options, os::map)?;
        if advised {
            mapping.advise()?;
        }
        mapping.prepare()?;
        Ok(mapping)
    }

    fn advise(&mut self) -> Result<(), MapError> {
        // SAFETY: our own pages, and the advice changes no bytes.
        unsafe { os::advise_huge(self.base.as_ptr(), self.len) }?;
        self.pages = Pages::Transparent;
        Ok(())
    }

    /// A mapping of new address space, by [`os::map`] or [`os::reserve`].
    fn fresh(
        len: usize,
        align: usize,
        options: MemoryOptions,
        make: MakePages,
    ) -> Result<Mapping, MapError> {
        let len = layout::align_up(len.max(1), options.granule()).ok_or_else(os::too_large)?;
        let base = make(len, align, options.numa_node)?;
        let mut mapping = Mapping::over(base, len, options);
        mapping.guarded = true;
        Ok(mapping)
    }

    /// A mapping of ordinary pages, which have no other owner.
    fn over(base: NonNull<u8>, len: usize, options: MemoryOptions) -> Mapping {
        let (pages, source, force) = (Pages::Normal, Source::Own, Force::unless_asked(&options));
        Mapping { base, len, options, pages, guarded: false, seen: false, source, force }
    }

    /// Like [`Mapping::with`], but may use addresses that were seen before, as
    /// [`Mapping::reserve_any`] does.
    pub fn with_any(len: usize, options: MemoryOptions) -> Result<Mapping, MapError> {
        match Mapping::again(len, options) {
            Some(mut mapping) => mapping.restore().map(|()| mapping),
            None => Mapping::with(len, options),
        }
    }

    /// A mapping of `len` bytes (rounded up to [`MemoryOptions::granule`]) at addresses that
    /// JavaScript has seen before. It is committed, with unknown content; [`Mapping::restore`]
    /// applies the `options`. `None` if there are no such addresses, or if the options need new
    /// ones.
    pub fn again(len: usize, options: MemoryOptions) -> Option<Mapping> {
        let granule = options.granule();
        let advised = match options.huge_pages {
            HugePages::No => false,
            HugePages::Advise => true,
            // The pool's pages need addresses of their own.
            HugePages::Prefer | HugePages::Require => return None,
        };
        if cfg!(windows) && options.numa_node.is_some() {
            return None; // the node is set when address space is reserved
        }
        let mut mapping = Mapping::at_seen(len, granule, options)?;
        if advised {
            mapping.advise().ok()?;
        }
        Some(mapping)
    }

    /// `len` bytes, rounded up as `options` say, at addresses that were seen and at a multiple of
    /// `align`.
    fn at_seen(len: usize, align: usize, options: MemoryOptions) -> Option<Mapping> {
        if cfg!(loom) {
            return None; // nothing is the process's there
        }
        let len = layout::align_up(len.max(1), options.granule())?;
        let mut mapping = Mapping::over(retained::process().take(len, align)?, len, options);
        mapping.mark_seen();
        Some(mapping)
    }

    /// A mapping of the pool's pages. All are allocated here: touching a missing one would end the
    /// process.
    fn explicit(len: usize, options: MemoryOptions) -> Result<Mapping, MapError> {
        let len = layout::align_up(len.max(1), options.granule()).ok_or_else(os::too_large)?;
        let base = os::map_huge(len, options.numa_node)?;
        let mut mapping = Mapping::over(base, len, options);
        (mapping.pages, mapping.force) = (Pages::Explicit, Force::Suspended);
        mapping.prepare()?;
        Ok(mapping)
    }

    /// Applies `options` to committed pages, which keep their bytes. The node comes before the
    /// pages are allocated, and those before they are locked. Each step's error names the step.
    fn prepare(&mut self) -> Result<(), MapError> {
        self.place()?;
        self.take_memory(self.base.as_ptr(), self.len)?;
        self.force = Force::Whole;
        Ok(())
    }

    /// Applies the options that take memory to committed pages of its own.
    fn take_memory(&self, ptr: *mut u8, len: usize) -> Result<(), MapError> {
        let huge = self.pages == Pages::Explicit;
        if huge || self.options.prefault {
            // SAFETY: our own committed pages, as the caller says; here and below.
            unsafe { os::populate(ptr, len, huge) }?;
        }
        if self.options.lock {
            // SAFETY: as above.
            unsafe { os::lock(ptr, len) }?;
        }
        Ok(())
    }

    /// Sets where new pages come from.
    fn place(&mut self) -> Result<(), MapError> {
        let Some(node) = self.options.numa_node else { return Ok(()) };
        // SAFETY: our own pages.
        unsafe { os::bind(self.base.as_ptr(), self.len, node) }
    }

    /// Applies the options again after [`Mapping::vacate`], except that pages of the pool are gone.
    /// After an error the mapping is as vacated as before.
    pub fn restore(&mut self) -> Result<(), MapError> {
        if self.force != Force::Suspended {
            return Ok(());
        }
        self.prepare().inspect_err(|_| {
            let _ = self.vacate();
        })
    }

    /// Gives back all its memory and takes the options out of force. The pages stay accessible, as
    /// ordinary ones, and lose their bytes (see [`Mapping::decommit`]).
    pub fn vacate(&mut self) -> Result<(), MapError> {
        self.check_inherited()?;
        let (ptr, len) = (self.base.as_ptr(), self.len);
        self.force = Force::unless_asked(&self.options);
        self.unlock(0, len);
        if matches!(self.source, Source::Shared(_)) {
            // Other mappings share the memory and keep it. A late access by a Buffer that still
            // shows this mapping reads zeros and does not fault. SAFETY: these pages are this
            // mapping's own; `&mut self` excludes every reference of Rust to them, and the caller,
            // who gives them back, has no Buffer whose bytes are still needed.
            unsafe { os::replace(ptr, len) }?;
            self.source = Source::Own;
            return Ok(());
        }
        if self.pages == Pages::Explicit {
            // The pool gets its pages back whole. A late access finds ordinary memory in their
            // place. SAFETY: our own pages; `&mut self` means that nobody still needs their bytes.
            unsafe { os::replace(ptr, len) }?;
            self.pages = Pages::Normal;
            return Ok(());
        }
        // SAFETY: as above.
        unsafe { os::decommit(ptr, len) }
    }

    /// Undoes the lock on a part, in whole pages, if it is locked.
    fn unlock(&self, offset: usize, len: usize) {
        if self.options.lock {
            // SAFETY: our own committed pages. Nothing happens if they are not locked.
            let _ = unsafe { os::unlock(self.base.as_ptr().wrapping_add(offset), len) };
        }
    }

    /// Notes that JavaScript gets to see it. From now on its addresses are never unmapped.
    pub fn mark_seen(&mut self) {
        self.seen = true;
    }

    /// Whether its addresses stay mapped after it is dropped.
    pub fn is_seen(&self) -> bool {
        self.seen
    }

    /// The requested options.
    pub fn options(&self) -> MemoryOptions {
        self.options
    }

    /// The kind of its pages.
    pub fn pages(&self) -> Pages {
        self.pages
    }

    /// Whether it keeps its memory until it is vacated, because the options say so, or because
    /// pages of the pool could not be obtained again.
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
        let (ptr, len) = self.pages_of(offset, len);
        if len == 0 {
            return Ok(());
        }
        // SAFETY: whole pages within our reservation.
        unsafe { os::commit(ptr, len) }
    }

    /// Gives back the memory of the whole pages between `offset` and `offset + len`. They must be
    /// committed. They stay accessible and lose their bytes (they then read as zero on Linux, as
    /// zero or their old bytes elsewhere). Refused for a mapping that
    /// [keeps its memory](Mapping::keeps_memory), unless memory is added part by part. Panics
    /// beyond the end.
    pub fn decommit(&mut self, offset: usize, len: usize) -> Result<(), MapError> {
        let end = self.end_of(offset, len).expect("decommit beyond the mapping");
        let page = page_size();
        let (start, end) = (offset.next_multiple_of(page), end & !(page - 1));
        if start >= end {
            return Ok(());
        }
        if self.keeps_memory() && !self.comes_in_parts() {
            return Err(MapError::Unsupported { what: "a way to empty a part of kept memory" });
        }
        self.unlock(start, end - start);
        // SAFETY: whole pages within our reservation, as just checked; `&mut self` means that
        // nobody still needs their bytes.
        unsafe { os::decommit(self.base.as_ptr().wrapping_add(start), end - start) }
    }

    /// All pages that a part touches. Panics beyond the end.
    fn pages_of(&self, offset: usize, len: usize) -> (*mut u8, usize) {
        let end = self.end_of(offset, len).expect("a part beyond the mapping");
        let page = page_size();
        // Stays within the mapping, which has whole pages.
        let (start, end) = (offset & !(page - 1), end.next_multiple_of(page));
        (self.base.as_ptr().wrapping_add(start), end - start)
    }

    /// `offset + len`; `None` if that is beyond the end, or overflows.
    fn end_of(&self, offset: usize, len: usize) -> Option<usize> {
        offset.checked_add(len).filter(|&end| end <= self.len)
    }

    /// Bytes of this mapping that are in RAM now.
    pub fn resident(&self) -> Result<usize, MapError> {
        // SAFETY: our own mapped pages.
        unsafe { os::resident(self.base.as_ptr(), self.len) }
    }

    /// Ends the ownership without unmapping, for memory that another isolate may still see. Its
    /// pages are replaced by fresh zero pages, and its addresses stay taken for ever.
    pub fn abandon(self) {
        let _ = self.replace_all();
        #[allow(clippy::disallowed_methods, reason = "the addresses stay taken, on purpose")]
        std::mem::forget(self);
    }

    /// An error in a forked child that did not inherit the pages, and may have something else at
    /// their addresses.
    fn check_inherited(&self) -> Result<(), MapError> {
        match self.source {
            Source::Shared(process) if process != os::process_mark() => {
                Err(MapError::Unsupported {
                    what: "the shared memory of the process that forked this one",
                })
            }
            _ => Ok(()),
        }
    }

    /// Replaces all of it, including guard pages, by fresh zero pages, so that the kernel can join
    /// it with neighbours of the same kind. Returns the range. On an error the old pages stay,
    /// which only costs memory.
    fn replace_all(&self) -> Result<(NonNull<u8>, usize), MapError> {
        self.check_inherited()?;
        let (ptr, len) = (self.base.as_ptr(), self.len);
        // SAFETY: our own pages, whose bytes nobody needs: the callers end the ownership. Whatever
        // still reads them sees zeros, as intended.
        unsafe {
            match self.guarded {
                true => os::abandon(ptr, len),
                false => os::replace(ptr, len).map(|()| (self.base, len)),
            }
        }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        if self.check_inherited().is_err() {
            return;
        }
        if self.seen {
            self.unlock(0, self.len);
            // If the call fails, the addresses stay taken, as they must, and are not used again.
            if let (false, Ok((base, len))) = (cfg!(loom), self.replace_all()) {
                retained::process().keep(base, len);
            }
            return;
        }
        let (ptr, len) = (self.base.as_ptr(), self.len);
        // SAFETY: the whole range that `reserve`, `map` or `map_huge` returned, which nobody uses
        // once its owner drops it. Any other error could only mean that the range is not ours,
        // which would be a bug.
        let released = unsafe {
            if self.guarded { os::release(ptr, len) } else { os::release_huge(ptr, len) }
        };
        if let Err(error) = released {
            debug_assert!(os::is_out_of_memory(&error), "{error}");
            // Splitting a range needs one more range. If the process has none left, the addresses
            // stay reserved. SAFETY: our own pages, which nobody uses.
            let _ = unsafe { os::decommit(ptr, len) };
        }
    }
}

#[cfg(all(test, not(loom)))]
mod for_tests {
    use super::{Mapping, MemoryOptions, os, page_size};
    use crate::error::MapError;

    impl Mapping {
        /// Reserves address space for `len` bytes (rounded up to pages, at least one). Touching it
        /// faults until it is committed. Errors: the system's, or `ENOMEM` for an absurd size.
        pub fn reserve(len: usize) -> Result<Mapping, MapError> {
            Mapping::fresh(len, page_size(), MemoryOptions::default(), os::reserve)
        }

        /// Two mappings of `len` bytes (whole pages) each, the second one directly after the first.
        pub fn neighbours(len: usize, behind_len: usize) -> (Mapping, Mapping) {
            let options = MemoryOptions::default();
            let both = Mapping::fresh(len + behind_len, page_size(), options, os::map).unwrap();
            let base = both.base;
            both.abandon(); // keeps its addresses
            // SAFETY: within what stays mapped for ever.
            let behind = unsafe { base.add(len) };
            let seen = |at, len| {
                let mut mapping = Mapping::over(at, len, options);
                mapping.mark_seen();
                mapping
            };
            (seen(base, len), seen(behind, behind_len))
        }
    }
}
