//! Watched bytes, as raw memory: they are filled and compared, and no reference to them is formed.

use std::ptr::NonNull;

/// The least bytes of a red zone: as many as JavaScript's.
pub(crate) const ZONE: usize = 32;
/// The byte that fills red zones.
pub(super) const RED: u8 = 0xFB;
/// The byte that fills freed memory.
pub(super) const DEAD: u8 = 0xDE;
/// The byte that fills memory which was handed out uninitialised.
pub(super) const FRESH: u8 = 0xAD;

const WORD: usize = size_of::<usize>();

/// A range of memory that belongs to whoever keeps the record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    start: NonNull<u8>,
    pub(super) len: usize,
}

// SAFETY: an address and a length; the caller of `new` has promised that the bytes may be read and
// written.
unsafe impl Send for Extent {}
// SAFETY: as above.
unsafe impl Sync for Extent {}

/// Bytes that have changed.
pub(super) struct Broken {
    /// Offset of the first one in the extent, and how many.
    pub first: usize,
    pub count: usize,
    /// The current value of the first one.
    pub found: u8,
}

impl Extent {
    /// # Safety
    /// `len` bytes from `start` on are valid for reads and writes, from any thread that has the
    /// ledger, until the ledger forgets or closes. Only the ledger uses those that are in a red
    /// zone or free.
    pub unsafe fn new(start: NonNull<u8>, len: usize) -> Extent {
        Extent { start, len }
    }

    pub fn address(self) -> usize {
        self.start.addr().get()
    }

    pub fn end(self) -> usize {
        self.address() + self.len
    }

    /// The first byte after `offset` bytes. Panics beyond the end.
    pub fn at(self, offset: usize) -> NonNull<u8> {
        assert!(offset <= self.len, "beyond the extent");
        // SAFETY: within it, as just checked.
        unsafe { self.start.add(offset) }
    }

    /// The bytes from `from` up to `to`, both addresses within it.
    pub fn part(self, from: usize, to: usize) -> Extent {
        let start = self.at(from - self.address());
        assert!(from <= to && to <= self.end(), "beyond the extent");
        Extent { start, len: to - from }
    }

    /// Writes `byte` to the bytes from one offset up to another.
    pub fn fill(self, from: usize, to: usize, byte: u8) {
        assert!(from <= to && to <= self.len, "beyond the extent");
        // SAFETY: within the extent, whose bytes may be written by the promise to `new`.
        unsafe { self.at(from).write_bytes(byte, to - from) };
    }

    /// The bytes between two offsets that are not `byte`.
    pub(super) fn broken(self, from: usize, to: usize, byte: u8) -> Option<Broken> {
        assert!(from <= to && to <= self.len, "beyond the extent");
        let other = |&offset: &usize| self.byte(offset) != byte;
        // Usually nothing has changed, and there may be many bytes, so the middle is compared by
        // words.
        let unaligned = (self.address() + from).wrapping_neg() % WORD;
        let words = to.min(from + unaligned);
        let first = (from..words).find(other).or_else(|| {
            let rest = words + self.whole_words(words, to, usize::from_ne_bytes([byte; WORD]));
            (rest..to).find(other)
        })?;
        let count = (first..to).filter(other).count();
        Some(Broken { first, count, found: self.byte(first) })
    }

    /// Bytes of whole words from an aligned offset up to another that equal `word`, up to the first
    /// one that does not.
    fn whole_words(self, from: usize, to: usize, word: usize) -> usize {
        let words = self.start.as_ptr().wrapping_add(from).cast::<usize>();
        let same = |at: &usize| {
            // SAFETY: aligned, and within the extent, by the checks in `broken` and the range
            // below; it may be read by the promise to `new`. Volatile, because a stale pointer may
            // be used for a write at this moment.
            unsafe { words.wrapping_add(*at).read_volatile() == word }
        };
        (0..(to - from) / WORD).take_while(same).count() * WORD
    }

    /// The byte at an offset.
    fn byte(self, offset: usize) -> u8 {
        assert!(offset < self.len, "beyond the extent");
        // SAFETY: within the extent; volatile as above.
        unsafe { self.start.add(offset).read_volatile() }
    }
}
