//! Watched bytes, as raw memory: they are filled and compared, and no reference to them is formed.

use super::finding::Damage;
use super::watch::ON;
use std::ptr::NonNull;

/// The least bytes of a red zone: as many as JavaScript's.
pub(crate) const ZONE: usize = if ON { 32 } else { 0 };
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
    pub(super) start: NonNull<u8>,
    pub(super) len: usize,
}

// SAFETY: an address and a length; the caller of `new` has promised that the bytes may be read and
// written.
unsafe impl Send for Extent {}
// SAFETY: as above.
unsafe impl Sync for Extent {}

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

    /// The bytes from `from` up to `to`, both addresses within it. Panics beyond the end.
    pub fn part(self, from: usize, to: usize) -> Extent {
        assert!(self.address() <= from && from <= to && to <= self.end(), "beyond the extent");
        // SAFETY: within it, as just checked.
        let start = unsafe { self.start.add(from - self.address()) };
        Extent { start, len: to - from }
    }

    /// Writes `byte` to all of it.
    pub fn fill(self, byte: u8) {
        // SAFETY: the bytes may be written by the promise to `new`.
        unsafe { self.start.write_bytes(byte, self.len) };
    }

    /// The bytes that are not `byte`, in a block that begins at the address `block`.
    pub(super) fn damage(self, byte: u8, block: usize) -> Option<Damage> {
        let other = |&offset: &usize| self.byte(offset) != byte;
        // Usually nothing has changed, and there may be many bytes, so the middle is compared by
        // words.
        let unaligned = self.len.min(self.address().wrapping_neg() % WORD);
        let first = (0..unaligned).find(other).or_else(|| {
            let rest = unaligned + self.whole_words(unaligned, usize::from_ne_bytes([byte; WORD]));
            (rest..self.len).find(other)
        })?;
        let bytes = (first..self.len).filter(other).count();
        let offset = (self.address() + first).wrapping_sub(block).cast_signed();
        Some(Damage { offset, bytes, found: self.byte(first) })
    }

    /// Bytes of whole words from an aligned offset on that equal `word`, up to the first one that
    /// does not.
    fn whole_words(self, from: usize, word: usize) -> usize {
        let words = self.start.as_ptr().wrapping_add(from).cast::<usize>();
        let same = |at: &usize| {
            // SAFETY: aligned by the caller, and within the extent by the range below; it may be
            // read by the promise to `new`. Volatile, because a stale pointer may be used for a
            // write at this moment.
            unsafe { words.wrapping_add(*at).read_volatile() == word }
        };
        (0..(self.len - from) / WORD).take_while(same).count() * WORD
    }

    /// The byte at an offset.
    fn byte(self, offset: usize) -> u8 {
        assert!(offset < self.len, "beyond the extent");
        // SAFETY: within the extent; volatile as above.
        unsafe { self.start.add(offset).read_volatile() }
    }
}
