//! Alignment; size classes ([`class_size`] rounds the size of a chunk up to one); and how the
//! chunks of a Rust `Arena` and of a `Region` grow. Pure arithmetic: the page size is passed in.
#![forbid(unsafe_code)]

/// The smallest page of any system, in bytes.
pub const LEAST_PAGE: usize = 4096;
/// The smallest chunk, in bytes.
pub const MIN_CHUNK: usize = 16 * 1024;
/// Classes from [`MIN_CHUNK`] to [`MAX_CLASS`], four to a doubling.
pub const CLASSES: usize = 4 * 12 + 1;
/// The largest size that has a class of its own, in bytes. Larger chunks are not recycled.
pub const MAX_CLASS: usize = 64 * 1024 * 1024;
/// Bytes of a huge page, used if memory should lie in huge pages.
pub const HUGE_PAGE: usize = 2 * 1024 * 1024;
/// The largest size anything here works with, in bytes: sums of two of them cannot overflow.
///
/// ```
/// use ralloc_core::{Arena, MAX_BYTES};
///
/// assert!(Arena::builder().chunk_cap(MAX_BYTES + 1).build().is_err());
/// ```
pub const MAX_BYTES: usize = isize::MAX as usize / 2;

const _: () = assert!(MIN_CHUNK << ((CLASSES - 1) / 4) == MAX_CLASS);

/// `n` rounded up to a multiple of `align`, a power of two; `None` above [`MAX_BYTES`].
pub const fn align_up(n: usize, align: usize) -> Option<usize> {
    debug_assert!(align.is_power_of_two());
    if n > MAX_BYTES || align > MAX_BYTES {
        return None;
    }
    Some((n + (align - 1)) & !(align - 1))
}

/// Where shared memory of `len` bytes begins in its file, at or after `end`: at a multiple of a
/// page, or of a huge page if it is large enough for one. Sums are within [`MAX_BYTES`].
pub const fn place_after(end: usize, len: usize, page: usize) -> usize {
    end.next_multiple_of(if len >= HUGE_PAGE { HUGE_PAGE } else { page })
}

/// `n` rounded down to a multiple of `align`, a power of two.
pub const fn align_down(n: usize, align: usize) -> usize {
    debug_assert!(align.is_power_of_two());
    n & !(align - 1)
}

/// The size of the chunk that serves `n` bytes: a power of two or one of the three quarter steps
/// above it (so at most a fifth is lost), at least [`MIN_CHUNK`], a multiple of `page`. `None` if
/// it would exceed [`MAX_BYTES`].
pub const fn class_size(n: usize, page: usize) -> Option<usize> {
    if n > MAX_BYTES {
        return None;
    }
    if n <= MIN_CHUNK {
        return align_up(MIN_CHUNK, page);
    }
    let step = 1 << ((n - 1).ilog2() - 2);
    match align_up(n, step) {
        Some(size) => align_up(size, page),
        None => None,
    }
}

/// The sizes of the chunks by which something grows: each is twice the one before, up to a cap, and
/// a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkGrowth {
    first: usize,
    cap: usize,
    next: usize,
}

impl ChunkGrowth {
    pub const fn new(first: usize, cap: usize) -> ChunkGrowth {
        ChunkGrowth { first, cap, next: first }
    }

    /// Whether chunks can have these sizes.
    pub const fn is_possible(first: usize, cap: usize) -> bool {
        1 <= first && first <= cap && cap <= MAX_BYTES
    }

    /// Bytes of the next chunk, which must have at least `need` bytes; `None` above [`MAX_BYTES`].
    pub fn size(&self, need: usize, page: usize) -> Option<usize> {
        class_size(need.max(self.next), page)
    }

    /// Notes that the next chunk was added.
    pub fn advance(&mut self) {
        self.next = self.next.saturating_mul(2).min(self.cap);
    }

    /// Begins again with the size of the first chunk.
    pub fn restart(&mut self) {
        self.next = self.first;
    }

    pub const fn cap(&self) -> usize {
        self.cap
    }
}

/// The index (below [`CLASSES`]) of a class by its exact size; `None` for any other size.
pub const fn class_index(size: usize, page: usize) -> Option<usize> {
    if size > MAX_CLASS || size < MIN_CHUNK {
        return None;
    }
    match class_size(size, page) {
        Some(exact) if exact == size => {
            let log = size.ilog2() as usize;
            Some((log - MIN_CHUNK.ilog2() as usize) * 4 + ((size >> (log - 2)) & 3))
        }
        _ => None,
    }
}

/// The size of a class by its index, the inverse of [`class_index`].
pub const fn class_bytes(index: usize) -> usize {
    let base = MIN_CHUNK << (index / 4);
    base + base / 4 * (index % 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_up_to_a_mebibyte_fits_its_class_with_little_loss() {
        for page in [4096, 16384, 65536] {
            for n in (1..1 << 20).step_by(61) {
                let size = class_size(n, page).unwrap();
                assert!(size >= n && size.is_multiple_of(page) && size >= MIN_CHUNK);
                assert!(n <= MIN_CHUNK || size - n < n / 4 + page, "{n} -> {size}");
                assert_eq!(class_size(size, page), Some(size), "a class is its own class");
            }
        }
    }

    #[test]
    fn classes_are_numbered_in_order_without_gaps() {
        let mut size = MIN_CHUNK;
        for index in 0..CLASSES {
            assert_eq!(class_index(size, 4096), Some(index));
            assert_eq!(class_bytes(index), size);
            size = class_size(size + 1, 4096).unwrap();
        }
        assert_eq!(class_index(size, 4096), None, "beyond the largest");
        assert_eq!(class_index(MIN_CHUNK + 4096 + 1, 4096), None, "not a class");
    }

    #[test]
    fn classes_of_huge_pages_are_multiples_of_them_and_have_an_index() {
        for n in (1..=MAX_CLASS).step_by(999_983) {
            let size = class_size(n, HUGE_PAGE).unwrap();
            assert!(size >= n && size.is_multiple_of(HUGE_PAGE), "{n} -> {size}");
            assert_eq!(class_index(size, HUGE_PAGE).map(class_bytes), Some(size));
        }
        assert_eq!(class_index(MIN_CHUNK, HUGE_PAGE), None);
        assert_eq!(align_down(2 * HUGE_PAGE - 1, HUGE_PAGE), HUGE_PAGE);
    }

    #[test]
    fn what_has_a_huge_page_begins_at_one_and_what_has_none_at_the_next_page() {
        for (end, len, at) in [
            (0, 1, 0),
            (5000, HUGE_PAGE - 4096, 8192),
            (5000, HUGE_PAGE, HUGE_PAGE),
            (HUGE_PAGE, 3 * HUGE_PAGE, HUGE_PAGE),
            (HUGE_PAGE + 1, 3 * HUGE_PAGE, 2 * HUGE_PAGE),
        ] {
            assert_eq!(place_after(end, len, 4096), at, "{end} {len}");
        }
    }

    #[test]
    fn nothing_overflows_at_the_top() {
        assert_eq!(class_size(usize::MAX, 4096), None);
        assert_eq!(align_up(usize::MAX, 8), None);
        assert!(class_size(MAX_BYTES / 2, 4096).is_some());
        assert_eq!(align_up(MAX_BYTES, 4096).map(|n| n % 4096), Some(0));
    }
}
