//! A string of fixed capacity in an arena, written piece by piece.

use std::fmt;
use std::mem::MaybeUninit;

/// From [`crate::Arena::alloc_str_uninit`]: grows up to its capacity, without unsafe code.
///
/// ```
/// use std::fmt::Write;
///
/// let arena = ralloc_core::Arena::new();
/// let mut line = arena.alloc_str_uninit(32);
/// write!(line, "{} bytes left", line.room()).unwrap();
/// assert_eq!(line.finish(), "32 bytes left");
/// ```
pub struct UninitStr<'a> {
    bytes: &'a mut [MaybeUninit<u8>],
    /// Invariant: at most `bytes.len()`. That many bytes from the front are written: whole strs one
    /// after another, so UTF-8.
    len: usize,
}

impl<'a> UninitStr<'a> {
    pub(in crate::arena) fn new(bytes: &'a mut [MaybeUninit<u8>]) -> UninitStr<'a> {
        UninitStr { bytes, len: 0 }
    }

    /// Adds all of `text`. If it does not fit, returns `false` and changes nothing.
    ///
    /// ```
    /// let arena = ralloc_core::Arena::new();
    /// let mut text = arena.alloc_str_uninit(8);
    /// assert!(text.push_str("12345") && !text.push_str("6789"));
    /// assert_eq!((text.as_str(), text.room()), ("12345", 3));
    /// ```
    #[must_use = "nothing is added when it does not fit"]
    pub fn push_str(&mut self, text: &str) -> bool {
        if text.len() > self.room() {
            return false;
        }
        for (place, &byte) in self.bytes[self.len..].iter_mut().zip(text.as_bytes()) {
            place.write(byte);
        }
        self.len += text.len();
        true
    }

    /// Bytes that still fit. [`UninitStr::push_str`] has an example.
    pub fn room(&self) -> usize {
        self.bytes.len() - self.len
    }

    /// The text added so far. [`UninitStr::push_str`] has an example.
    pub fn as_str(&self) -> &str {
        let bytes: *const [MaybeUninit<u8>] = &self.bytes[..self.len];
        // SAFETY: initialised and UTF-8, by the invariant of `len`.
        unsafe { str::from_utf8_unchecked(&*(bytes as *const [u8])) }
    }

    /// Returns the text, which lives as long as the arena's allocation. The unused room is lost
    /// until then.
    ///
    /// ```
    /// let arena = ralloc_core::Arena::new();
    /// let mut text = arena.alloc_str_uninit(8);
    /// assert!(text.push_str("seven"));
    /// let finished: &mut str = text.finish();
    /// finished.make_ascii_uppercase();
    /// assert_eq!(finished, "SEVEN");
    /// ```
    pub fn finish(self) -> &'a mut str {
        let bytes: *mut [MaybeUninit<u8>] = &mut self.bytes[..self.len];
        // SAFETY: initialised and UTF-8, by the invariant of `len`.
        unsafe { str::from_utf8_unchecked_mut(&mut *(bytes as *mut [u8])) }
    }
}

/// Fails if the text does not fit; what `write!` wrote before stays.
impl fmt::Write for UninitStr<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push_str(text).then_some(()).ok_or(fmt::Error)
    }
}

impl fmt::Debug for UninitStr<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}
