//! The feature `debug` when it is off: types of no size, with the methods of `watch` and `ledger`
//! that owners call. They do nothing and are inlined, so that owners call them without a `cfg`.

use crate::error::AllocError;
use std::alloc::Layout;
use std::ptr::NonNull;

pub(crate) const ON: bool = false;
pub(crate) const ZONE: usize = 0;

#[inline(always)]
pub(crate) fn dirty(dirty: usize) -> usize {
    dirty
}

#[inline(always)]
pub(crate) fn with_zones<const MIN_ALIGN: usize>(bytes: usize) -> usize {
    bytes
}

pub(crate) enum Owner {
    Arena,
    Slab,
    Region,
}

#[derive(Debug)]
pub(crate) struct Point;

#[derive(Clone, Debug)]
pub(crate) struct Ledger;

const _: () = assert!(size_of::<Ledger>() == 0 && size_of::<Point>() == 0);

impl Ledger {
    #[inline(always)]
    pub fn new(_owner: Owner) -> Ledger {
        Ledger
    }

    #[inline(always)]
    pub fn block<const MIN_ALIGN: usize>(
        &self,
        layout: Layout,
        cut: impl FnOnce(Layout) -> Result<NonNull<u8>, AllocError>,
    ) -> Result<NonNull<u8>, AllocError> {
        cut(layout)
    }

    #[inline(always)]
    pub fn extend<const MIN_ALIGN: usize>(
        &self,
        start: NonNull<u8>,
        old: usize,
        new: usize,
        extend: impl FnOnce(NonNull<u8>, usize, usize) -> Option<NonNull<u8>>,
    ) -> bool {
        extend(start, old, new).is_some()
    }

    #[inline(always)]
    pub fn cut<const MIN_ALIGN: usize>(
        &self,
        start: NonNull<u8>,
        old: usize,
        new: usize,
        _is_last: impl FnOnce(NonNull<u8>, usize) -> bool,
        cut: impl FnOnce(NonNull<u8>, usize, usize),
    ) {
        cut(start, old, new);
    }

    #[inline(always)]
    pub unsafe fn watch(&self, _block: impl FnOnce() -> (NonNull<[u8]>, usize)) {}

    #[inline(always)]
    pub fn free(&self, _address: impl FnOnce() -> usize, _is_held: impl FnOnce(usize) -> bool) {}

    #[inline(always)]
    pub fn reset(&self) {}

    #[inline(always)]
    pub fn point(&self, _cursor: *mut u8) -> Point {
        Point
    }

    #[inline(always)]
    pub fn rewind(&self, _point: &Point) {}

    #[inline(always)]
    pub fn end_scope(&self, _point: &Point) {}

    #[inline(always)]
    pub fn forget(&self, _address: usize, _len: usize) {}

    #[inline(always)]
    pub fn tell_leaks(&self, _is_out: impl Fn(usize) -> bool) {}

    #[inline(always)]
    pub fn close(&self) {}
}
