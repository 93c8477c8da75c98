//! Slices from iterators that do not know their length.

use super::{RawAlloc, Refusal, array};
use crate::arena::store::Mark;
use crate::error::AllocError;
use std::ptr::{self, NonNull};

/// `size_hint` is trusted only up to this many bytes, because it may be wrong. After that the slice
/// doubles, which copies nothing as long as it is the last block.
const BELIEVED: usize = 4096;

/// A slice that grows.
///
/// It owns its values until it is finished: they are dropped if the iterator panics or the arena
/// has no more memory. Then the arena is set back to its state before, unless other code, such as
/// the iterator, has allocated from it meanwhile.
struct Growing<'a, T, A: RawAlloc<'a>> {
    arena: A,
    /// Invariant: a block of `room` places, of which the first `len` have values; any aligned
    /// address while `room` is 0.
    start: NonNull<T>,
    len: usize,
    room: usize,
    /// The arena's state before the first block, as long as no other code has allocated, and its
    /// state after the last one.
    begun: Option<Mark>,
    now: Option<Mark>,
    lives: std::marker::PhantomData<&'a mut T>,
}

impl<'a, T, A: RawAlloc<'a>> Growing<'a, T, A> {
    /// Adds a value. `more` values are expected after it.
    #[inline]
    #[track_caller]
    fn push(&mut self, value: T, more: usize) -> Result<(), AllocError> {
        if self.len == self.room {
            self.grow(more)?;
        }
        // SAFETY: a place of the block without a value.
        unsafe { self.start.add(self.len).write(value) };
        self.len += 1;
        Ok(())
    }

    #[cold]
    #[track_caller]
    fn grow(&mut self, more: usize) -> Result<(), AllocError> {
        let size = size_of::<T>();
        let expected = more.min(BELIEVED.checked_div(size).unwrap_or(usize::MAX)).saturating_add(1);
        let double = self.len.saturating_add(self.len.max(expected));
        // If the limit leaves no room for twice as many, there may be room for a few more.
        let few = self.len.saturating_add(self.len / 8 + 1);
        match self.grow_to(double) {
            Ok(()) => Ok(()),
            // Not in a closure: with the feature `debug` the caller's place is passed down.
            Err(_) => self.grow_to(few),
        }
    }

    #[track_caller]
    fn grow_to(&mut self, room: usize) -> Result<(), AllocError> {
        let (size, layout) = (size_of::<T>(), array::<T, AllocError>(room)?);
        let start = self.start.cast();
        let stands = self.arena.mark();
        if self.room == 0 {
            self.begun = stands;
        } else if stands != self.now {
            self.begun = None;
        }
        if !self.arena.extend_last(start, self.room * size, layout.size()) {
            let block = self.arena.block_quietly(layout);
            let block = block.inspect_err(|_| self.arena.report())?.cast();
            // SAFETY: the values go to another block, which has room for more.
            unsafe { block.copy_from_nonoverlapping(self.start, self.len) };
            self.arena.cut_last(start, self.room * size, 0);
            self.start = block;
        }
        self.room = room;
        self.now = self.arena.mark();
        // Reported last, because the sink may allocate.
        self.arena.report();
        Ok(())
    }

    /// Returns the finished slice.
    fn finish(self) -> &'a mut [T] {
        let done = std::mem::ManuallyDrop::new(self);
        done.give_back(done.len);
        // SAFETY: the first `len` places have values, and only this slice has them for `'a`.
        unsafe { NonNull::slice_from_raw_parts(done.start, done.len).as_mut() }
    }

    /// Gives back the places beyond the first `kept` if the block is the last one.
    fn give_back(&self, kept: usize) {
        let size = size_of::<T>();
        self.arena.cut_last(self.start.cast(), self.room * size, kept * size);
    }
}

impl<'a, T, A: RawAlloc<'a>> Drop for Growing<'a, T, A> {
    fn drop(&mut self) {
        let values = NonNull::slice_from_raw_parts(self.start, self.len);
        // SAFETY: values that nobody else has seen.
        unsafe { ptr::drop_in_place(values.as_ptr()) };
        let begun = self.begun.filter(|_| self.arena.mark() == self.now);
        self.give_back(0);
        if let Some(begun) = begun {
            self.arena.undo(begun);
        }
    }
}

/// A slice of the values that `values` yields.
#[inline]
#[track_caller]
pub(in crate::arena) fn from_iter<'a, T: 'a, R: Refusal>(
    arena: impl RawAlloc<'a>,
    values: impl IntoIterator<Item = T>,
) -> Result<&'a mut [T], R> {
    let mut values = values.into_iter();
    // A value without a size needs no place.
    let room = if size_of::<T>() == 0 { usize::MAX } else { 0 };
    let start = NonNull::dangling();
    let lives = std::marker::PhantomData;
    let (begun, now) = (None, None);
    let mut slice = Growing { arena, start, len: 0, room, begun, now, lives };
    while let Some(value) = values.next() {
        let more = if slice.len == slice.room { values.size_hint().0 } else { 0 };
        if let Err(error) = slice.push(value, more) {
            drop(slice); // both before a panic
            drop(values);
            return Err(R::of(error));
        }
    }
    Ok(slice.finish())
}
