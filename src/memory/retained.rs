//! Addresses that JavaScript has seen and nothing uses any more. They are never unmapped, and used
//! again.
//!
//! An operation in flight on a detached Buffer keeps a raw pointer as long as it likes: one that
//! waits in the queue of the thread pool writes when its turn comes, perhaps minutes later. If its
//! address were unmapped, that write would end the process. So the range stays readable and
//! writable, without memory of its own, until the process ends, and the next user of address space
//! gets it from here.
//!
//! Adjacent ranges are joined, and a request cuts off the piece it needs. So the addresses in use
//! and those kept here add up to the most that was in use at one time, plus small ranges between
//! pieces in use. No piece has guard pages: within bytes that JavaScript has seen, a guard page
//! would cause the very fault. The kernel sees joined ranges as one, and they cost only address
//! space.
#![forbid(unsafe_code)]

use crate::os;
use crate::sync::{LazyLock, Mutex};
use std::ptr::{NonNull, with_exposed_provenance_mut};

/// Retained ranges, by their addresses. All methods take `&self` and may be called from any thread.
#[derive(Debug, Default)]
pub(super) struct Retained(
    /// First addresses and lengths. Invariant: sorted, and no two are adjacent if ranges can be
    /// joined. Visiting a thousand takes a microsecond, as long as the system call that it saves.
    Mutex<Vec<(usize, usize)>>,
);

impl Retained {
    /// Keeps pages that are readable and writable, take no memory, and have no owner any more.
    pub(super) fn keep(&self, base: NonNull<u8>, len: usize) {
        let start = base.as_ptr().expose_provenance();
        let mut ranges = self.0.lock();
        let index = ranges.partition_point(|&(first, _)| first < start);
        let ends = |(first, bytes): (usize, usize)| first + bytes;
        let joins_before = os::JOINS && index > 0 && ends(ranges[index - 1]) == start;
        let after = ranges.get(index).filter(|&&(first, _)| os::JOINS && first == start + len);
        let end = after.map_or(start + len, |&range| ends(range));
        if after.is_some() {
            ranges.remove(index);
        }
        if joins_before {
            let (first, bytes) = &mut ranges[index - 1];
            *bytes = end - *first;
        } else {
            ranges.insert(index, (start, end - start));
        }
    }

    /// Takes `len` bytes (whole pages) at a multiple of `align` from the smallest range that has
    /// them. Their content is unknown, because an operation in flight may have written there since.
    /// `None` if there is no such range.
    pub(super) fn take(&self, len: usize, align: usize) -> Option<NonNull<u8>> {
        let mut ranges = self.0.lock();
        let fits = ranges.iter().enumerate().filter_map(|(index, &(start, has))| {
            let begin = start.checked_next_multiple_of(align)?;
            let fits = begin - start <= has.checked_sub(len)? && (os::JOINS || has == len);
            fits.then_some((has, index, begin))
        });
        let (_, index, begin) = fits.min()?;
        let (start, has) = ranges.remove(index);
        let after = (begin + len, start + has - begin - len);
        for rest in [after, (start, begin - start)] {
            if rest.1 > 0 {
                ranges.insert(index, rest);
            }
        }
        NonNull::new(with_exposed_provenance_mut(begin))
    }

    /// Bytes of address space that are kept.
    pub(super) fn bytes(&self) -> usize {
        self.0.lock().iter().map(|(_, bytes)| bytes).sum()
    }
}

/// The retained ranges of the process. Models have none: their mappings are only set aside.
pub(super) fn process() -> &'static Retained {
    static RETAINED: LazyLock<Retained> = LazyLock::new(Retained::default);
    &RETAINED
}

#[cfg(all(test, not(loom)))]
pub(super) mod tests {
    use super::*;
    use crate::random_tests::cases;
    use crate::sync::{MutexGuard, OnceLock};
    use proptest::prelude::*;

    /// Kept by a test that reads at addresses which it gave up, and by one that counts the pages of
    /// those it got: they can be the same, and a read brings a page.
    pub(crate) fn late_access() -> MutexGuard<'static, ()> {
        static ALONE: OnceLock<Mutex<()>> = OnceLock::new();
        ALONE.get_or_init(|| Mutex::new(())).lock()
    }

    const PAGE: usize = 4096;
    const BASE: usize = 1 << 30;

    fn keep(retained: &Retained, page: usize, pages: usize) {
        // Nothing dereferences these addresses.
        let base = NonNull::new(with_exposed_provenance_mut(BASE + page * PAGE)).unwrap();
        retained.keep(base, pages * PAGE);
    }

    fn take(retained: &Retained, pages: usize) -> Option<usize> {
        retained.take(pages * PAGE, PAGE).map(|base| (base.addr().get() - BASE) / PAGE)
    }

    #[cfg(not(any(ralloc_os = "windows", ralloc_os = "heap")))] // where ranges are joined
    #[test]
    fn neighbours_are_joined_from_either_side_and_between() {
        let retained = Retained::default();
        for page in [2, 0, 3, 1] {
            keep(&retained, page, 1);
        }
        assert_eq!(retained.bytes(), 4 * PAGE);
        assert_eq!(take(&retained, 5), None);
        assert_eq!(take(&retained, 4), Some(0));
        assert_eq!((take(&retained, 1), retained.bytes()), (None, 0));
    }

    #[cfg(not(any(ralloc_os = "windows", ralloc_os = "heap")))] // where ranges are joined
    #[test]
    fn the_smallest_that_fits_is_cut_and_its_rest_stays() {
        let retained = Retained::default();
        keep(&retained, 0, 10);
        keep(&retained, 20, 4);
        assert_eq!(take(&retained, 3), Some(20));
        assert_eq!(take(&retained, 1), Some(23));
        assert_eq!(take(&retained, 2), Some(0));
        assert_eq!(retained.bytes(), 8 * PAGE);
        // The part before a multiple of the alignment is kept too.
        let aligned = retained.take(PAGE, 4 * PAGE).unwrap();
        assert_eq!(aligned.addr().get(), BASE + 4 * PAGE);
        assert_eq!((take(&retained, 5), take(&retained, 2)), (Some(5), Some(2)));
        assert_eq!(retained.bytes(), 0);
    }

    proptest! {
        #![proptest_config(cases(256))]

        /// Whatever sizes are requested, no byte is handed out twice or lost, and once all is
        /// returned there is one range.
        #[test]
        fn any_order_of_uses_gives_back_what_there_was(steps in prop::collection::vec((1..40usize, any::<prop::sample::Index>()), 1..200)) {
            let (retained, all) = (Retained::default(), 256);
            keep(&retained, 0, all);
            let mut used: Vec<(usize, usize)> = Vec::new();
            for (pages, which) in steps {
                match take(&retained, pages) {
                    Some(start) => {
                        let apart = |&(at, len): &(usize, usize)| start + pages <= at || at + len <= start;
                        prop_assert!(start + pages <= all && used.iter().all(apart));
                        used.push((start, pages));
                    }
                    None if used.is_empty() => prop_assert!(!os::JOINS),
                    None => {
                        let (start, pages) = used.swap_remove(which.index(used.len()));
                        keep(&retained, start, pages);
                    }
                }
                let in_use: usize = used.iter().map(|(_, pages)| pages).sum();
                prop_assert_eq!(retained.bytes(), (all - in_use) * PAGE);
            }
            used.drain(..).for_each(|(start, pages)| keep(&retained, start, pages));
            if os::JOINS {
                prop_assert_eq!(take(&retained, all), Some(0));
            }
        }
    }
}
