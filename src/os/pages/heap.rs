//! The global allocator in place of the system's memory, for Miri: it has no calls that change
//! pages, and this way it checks every access for bytes beyond an allocation. There are no page
//! faults, nothing is shared or given back, and decommitted memory reads as zero.

pub use self::{page_size as view_granule, reserve as map, reserve as reserve_view};
pub use super::ordinary::*;

use crate::error::MapError;
use crate::layout::LEAST_PAGE;
use crate::os::{Answer, lacking, process_millis, system_error, too_large};
use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;

pub const OUT_OF_MEMORY: i32 = 12; // ENOMEM
/// No: a part of what one call has reserved cannot be given back.
pub const JOINS: bool = false;
/// More bytes than any heap has. Asked for more than its machine has, Miri ends.
const MOST: usize = 1 << 40;
/// The name of the call that it replaces.
pub const MAP_CALL: &str = "mmap";

const SHARED: &str = "memory that is mapped several times";

/// The allocation for `len` bytes at a multiple of `align`, which is found within it: asked for an
/// alignment, an allocator writes the zeros itself, which takes memory for all of a large
/// reservation.
fn layout_of(len: usize, align: usize) -> Option<Layout> {
    let size = len.checked_add(align).filter(|&size| size <= MOST)?;
    Layout::from_size_align(size, align_of::<Before>()).ok()
}

/// Stored before the bytes: how far ahead of them the allocation begins, and `align`.
#[repr(align(16))]
struct Before {
    ahead: usize,
    align: usize,
}

pub fn reserve(len: usize, align: usize, _node: Option<u32>) -> Result<NonNull<u8>, MapError> {
    let layout = layout_of(len, align).ok_or_else(too_large)?;
    // SAFETY: the layout has bytes.
    let start = unsafe { alloc_zeroed(layout) };
    if start.is_null() {
        return Err(system_error(MAP_CALL, OUT_OF_MEMORY));
    }
    let ahead = align - start.addr() % align;
    // SAFETY: `ahead` is at most `align` and a multiple of 16, as `start` and `align` are, so there
    // is room for `Before`.
    unsafe {
        let base = start.add(ahead);
        base.cast::<Before>().sub(1).write(Before { ahead, align });
        Ok(NonNull::new_unchecked(base))
    }
}

/// # Safety
/// `ptr..ptr + len` are whole pages of the caller, whose content nobody needs.
pub unsafe fn decommit(ptr: *mut u8, len: usize) -> Result<(), MapError> {
    // SAFETY: the caller's promise.
    unsafe { ptr.write_bytes(0, len) };
    Ok(())
}

/// # Safety
/// As for [`decommit`].
pub unsafe fn replace(ptr: *mut u8, len: usize) -> Result<(), MapError> {
    // SAFETY: the caller's promise.
    unsafe { decommit(ptr, len) }
}

/// # Safety
/// As for [`decommit`].
pub unsafe fn abandon(ptr: *mut u8, len: usize) -> Result<(NonNull<u8>, usize), MapError> {
    // SAFETY: the caller's promise.
    unsafe { decommit(ptr, len) }?;
    NonNull::new(ptr).map(|base| (base, len)).ok_or_else(too_large)
}

/// # Safety
/// `ptr..ptr + len` is what [`reserve`] returned, and nobody uses it any more.
pub unsafe fn release(ptr: *mut u8, len: usize) -> Result<(), MapError> {
    // SAFETY: the caller's promise; `reserve` wrote it there.
    let Before { ahead, align } = unsafe { ptr.cast::<Before>().sub(1).read() };
    let layout = layout_of(len, align).ok_or_else(too_large)?;
    // SAFETY: the layout that `reserve` used.
    unsafe { dealloc(ptr.sub(ahead), layout) };
    Ok(())
}

/// Counts pages that are not all zero, as if those that were never written took no memory. Compares
/// whole pages, which Miri does in one step; a byte takes it a microsecond.
///
/// # Safety
/// `ptr..ptr + len` are whole pages of the caller.
pub unsafe fn resident(ptr: *mut u8, len: usize) -> Result<usize, MapError> {
    type Page = [u8; LEAST_PAGE];
    // SAFETY: the caller's promise.
    let page = |index| unsafe { ptr.cast::<Page>().add(index).read() };
    let taken = (0..len / LEAST_PAGE).filter(|&index| page(index) != [0; LEAST_PAGE]);
    Ok(taken.count() * LEAST_PAGE)
}

/// The heap has no shared pages.
#[derive(Debug)]
pub enum SharedPages {}

stand_ins! { unsafe:
    commit(_: *mut u8, _: usize) -> Answer<()> = Ok(());
    release_huge(_: *mut u8, _: usize) -> Answer<()> = lacking("huge pages of 2 MiB");
    lock(_: *mut u8, _: usize) -> Answer<()> = lacking("memory that stays in RAM");
    unlock(_: *mut u8, _: usize) -> Answer<()> = Ok(());
    populate(_: *mut u8, _: usize, _: bool) -> Answer<()> = Ok(());
    map_shared(_: &SharedPages, _: usize, _: *mut u8, _: usize) -> Answer<()> = lacking(SHARED);
}

stand_ins! {
    page_size() -> usize = LEAST_PAGE;
    shared_pages(_: usize, _: usize) -> Answer<SharedPages> = lacking(SHARED);
    boot_millis() -> u64 = process_millis();
}
