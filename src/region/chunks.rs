//! The chunks of a region, found by number and by address.

use crate::memory::Mapping;
use std::ptr::NonNull;

/// A chunk, from which spans are cut.
#[derive(Debug)]
pub struct Chunk {
    pub mapping: Mapping,
    /// The span at its first byte. It is always the same record, which grows and shrinks.
    pub first: u32,
    pub granules: u32,
}

/// Chunks by number. The number of a chunk that is gone is used again.
#[derive(Debug, Default)]
pub struct Chunks {
    all: Vec<Option<Chunk>>,
    /// First addresses and numbers. Invariant: sorted; of all existing chunks and of no others.
    by_address: Vec<(usize, u32)>,
    /// Bytes of all mappings.
    pub bytes: usize,
}

impl Chunks {
    /// Bytes kept for a chunk, except for its spans and where they begin.
    pub const BYTES_EACH: usize =
        size_of::<Option<Chunk>>() + size_of::<(usize, u32)>() + size_of::<Box<[u32]>>();

    /// How many numbers were ever used.
    pub fn numbers(&self) -> usize {
        self.all.len()
    }

    pub fn count(&self) -> usize {
        self.by_address.len()
    }

    /// The number of the next chunk that is added.
    pub fn next_number(&self) -> u32 {
        self.all.iter().position(Option::is_none).unwrap_or(self.all.len()) as u32
    }

    /// Adds a chunk under a number from [`Chunks::next_number`].
    pub fn add(&mut self, number: u32, chunk: Chunk) {
        let address = chunk.mapping.base().addr().get();
        let index = self.by_address.partition_point(|&(first, _)| first < address);
        // Exact, because what is kept for chunks counts toward the limit.
        self.by_address.reserve_exact(1);
        self.by_address.insert(index, (address, number));
        self.bytes += chunk.mapping.len();
        if number as usize == self.all.len() {
            self.all.reserve_exact(1);
            self.all.push(None);
        }
        self.all[number as usize] = Some(chunk);
    }

    pub fn remove(&mut self, number: u32) -> Option<Chunk> {
        let chunk = self.all[number as usize].take()?;
        self.by_address.retain(|&(_, at)| at != number);
        self.bytes -= chunk.mapping.len();
        Some(chunk)
    }

    #[inline]
    pub fn get(&self, number: u32) -> Option<&Chunk> {
        self.all.get(number as usize)?.as_ref()
    }

    pub fn get_mut(&mut self, number: u32) -> Option<&mut Chunk> {
        self.all.get_mut(number as usize)?.as_mut()
    }

    /// The number of the chunk that contains the address, and the distance from its first byte.
    #[inline]
    pub fn find(&self, address: NonNull<u8>) -> Option<(u32, usize)> {
        let address = address.addr().get();
        let after = self.by_address.partition_point(|&(first, _)| first <= address);
        let (first, number) = *self.by_address.get(after.checked_sub(1)?)?;
        let offset = address - first;
        (offset < self.get(number)?.mapping.len()).then_some((number, offset))
    }
}

#[cfg(all(test, not(loom)))]
mod for_tests {
    use super::{Chunk, Chunks};

    impl Chunks {
        /// The chunks, with their numbers.
        pub fn iter(&self) -> impl Iterator<Item = (u32, &Chunk)> {
            let numbered = self.all.iter().enumerate();
            numbered.filter_map(|(number, chunk)| Some((number as u32, chunk.as_ref()?)))
        }
    }
}
