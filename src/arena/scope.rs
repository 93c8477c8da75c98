//! Scopes of an [`Arena`]: what is allocated in a scope is freed at its end.

use super::Arena;
use super::typed;
use crate::debug::Point;
use std::ops::Deref;

/// An arena within [`Arena::scope`]: allocates as the arena does, and cannot be reset.
///
/// Its own methods return references that live as long as the scope, even while an inner scope is
/// open. Through `Deref` it is an [`&Arena`](Arena) for functions that take one; what those return
/// keeps the scope borrowed.
///
/// ```
/// use ralloc_core::{Arena, Scope};
///
/// fn total(arena: &Arena, numbers: &[u32]) -> u32 {
///     arena.alloc_slice_copy(numbers).iter().sum()
/// }
///
/// let mut arena = Arena::new();
/// let sum = arena.scope(|scope: &mut Scope| *scope.alloc(4) + total(scope, &[1, 2]));
/// assert_eq!((sum, arena.stats().allocated), (7, 0));
/// ```
pub struct Scope<'a, const MIN_ALIGN: usize = 8> {
    /// The outer scope cuts nothing while an inner one is open, which borrows it mutably.
    arena: &'a Arena<MIN_ALIGN>,
    /// The arena's state at the beginning, in three words: saving it is most of a scope's cost, so
    /// the rest is computed when it is needed.
    cursor: *mut u8,
    version: u64,
    begun: Point,
}

impl<const MIN_ALIGN: usize> Arena<MIN_ALIGN> {
    /// Calls `f` with the arena and frees what it allocated when it returns or panics.
    ///
    /// ```
    /// let mut arena = ralloc_core::Arena::new();
    /// let total: u32 = arena.scope(|outer| {
    ///     let kept = outer.alloc(1);
    ///     for step in 0..3 {
    ///         outer.scope(|inner| *kept += *inner.alloc(step));
    ///     }
    ///     *kept
    /// });
    /// assert_eq!((total, arena.stats().allocated), (4, 0));
    /// ```
    ///
    /// No reference can leave it:
    ///
    /// ```compile_fail
    /// let mut arena = ralloc_core::Arena::new();
    /// let name = arena.scope(|scope| scope.alloc_str("gone"));
    /// println!("{name}");
    /// ```
    ///
    /// Nor can one leave an inner scope for the outer one, which cannot be used meanwhile:
    ///
    /// ```compile_fail
    /// let mut arena = ralloc_core::Arena::new();
    /// arena.scope(|outer| {
    ///     let mut name = outer.alloc_str("kept");
    ///     outer.scope(|inner| name = inner.alloc_str("gone"));
    ///     println!("{name}");
    /// });
    /// ```
    ///
    /// ```compile_fail
    /// let mut arena = ralloc_core::Arena::new();
    /// arena.scope(|outer| {
    ///     let name = outer.scope(|_inner| outer.alloc_str("whose?").len());
    ///     println!("{name}");
    /// });
    /// ```
    #[inline]
    #[track_caller]
    pub fn scope<R>(&mut self, f: impl FnOnce(&mut Scope<'_, MIN_ALIGN>) -> R) -> R {
        f(&mut Scope::begin(self))
    }
}

impl<'a, const MIN_ALIGN: usize> Scope<'a, MIN_ALIGN> {
    /// The caller keeps the arena from all other use until the scope is dropped.
    #[inline]
    #[track_caller]
    fn begin(arena: &'a Arena<MIN_ALIGN>) -> Self {
        let (cursor, version) = (arena.cursor.get(), arena.version.get());
        Scope { arena, cursor, version, begun: arena.ledger.point(cursor) }
    }

    /// Opens a scope within this one, like [`Arena::scope`]: what it allocates is freed when `f`
    /// returns or panics, and what this scope has allocated stays.
    ///
    /// ```
    /// let mut arena = ralloc_core::Arena::new();
    /// arena.scope(|outer| {
    ///     let kept = outer.alloc(7);
    ///     outer.scope(|inner| inner.alloc_str("freed first").len());
    ///     assert_eq!((*kept, outer.stats().allocated), (7, 8));
    /// });
    /// ```
    #[inline]
    #[track_caller]
    pub fn scope<R>(&mut self, f: impl FnOnce(&mut Scope<'_, MIN_ALIGN>) -> R) -> R {
        f(&mut Scope::begin(self.arena))
    }

    #[cold]
    #[inline(never)]
    fn end_slow(&self) {
        self.arena.go_back(self.cursor.addr(), self.version);
    }
}

impl<const MIN_ALIGN: usize> Drop for Scope<'_, MIN_ALIGN> {
    #[inline]
    fn drop(&mut self) {
        self.arena.ledger.end_scope(&self.begun);
        // The usual case: the same chunk is current, and no oversize one was added.
        if self.arena.version.get() == self.version {
            self.arena.move_back(self.cursor);
        } else {
            self.end_slow();
        }
    }
}

impl<const MIN_ALIGN: usize> Deref for Scope<'_, MIN_ALIGN> {
    type Target = Arena<MIN_ALIGN>;

    fn deref(&self) -> &Arena<MIN_ALIGN> {
        self.arena
    }
}

impl<const MIN_ALIGN: usize> std::fmt::Debug for Scope<'_, MIN_ALIGN> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Scope").field(self.arena).finish()
    }
}

/// Values, slices, strings and bytes, for as long as the scope lives.
#[allow(clippy::mut_from_ref, reason = "each call returns bytes of its own")]
impl<'a, const MIN_ALIGN: usize> Scope<'a, MIN_ALIGN> {
    typed::methods::allocation_methods!(
        'a,
        "let mut arena = ralloc_core::Arena::new();\narena.scope(|arena| {",
        "});"
    );

    #[inline(always)]
    fn raw(&self) -> &'a Arena<MIN_ALIGN> {
        self.arena
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use crate::Arena;
    use crate::debug::ZONE;
    use crate::layout::MIN_CHUNK;
    use crate::memory::{Depot, Mapping};
    use crate::sync::Arc;

    /// A block of this size takes a chunk, with its red zones if there are any.
    const WHOLE: usize = MIN_CHUNK - 2 * ZONE;

    /// Adjacent chunks, like pages of the system's pool, and everything else without guard pages.
    #[test]
    fn a_scope_ends_where_it_began_though_its_chunk_begins_where_the_next_one_ends() {
        let (first, behind) = Mapping::neighbours(MIN_CHUNK, MIN_CHUNK);
        let depot = Arc::new(Depot::new(1 << 20));
        depot.recycle(behind);
        depot.recycle(first);
        let arena = Arena::builder().first_chunk(MIN_CHUNK).chunk_cap(MIN_CHUNK);
        let mut arena = arena.depot(depot).build().unwrap();
        arena.reserve(WHOLE);
        arena.scope(|scope| {
            scope.alloc_uninit_slice::<u8>(WHOLE);
            scope.scope(|inner| inner.alloc_uninit_slice::<u8>(WHOLE).len());
            assert_eq!(scope.stats().allocated, MIN_CHUNK);
            scope.alloc_uninit_slice::<u8>(WHOLE);
        });
        assert_eq!((arena.stats().allocated, arena.stats().chunks), (0, 2));
    }
}
