//! Chunks with one allocation each. They are found by age when many are freed together, and by
//! address when one is freed.
#![forbid(unsafe_code)]

use super::OwnedChunk;
use std::collections::BTreeMap;

/// How many of the youngest are searched one by one. Most programs have few such chunks, or free
/// the one they made last; this takes 70 ns less than adding an entry to the maps and removing it.
const YOUNG: usize = 16;

/// Finding a chunk by age or by address takes the logarithm of their number, whichever block is
/// freed first: a `Vec` of 64,000 collections drops the oldest first. The maps lie on the heap,
/// away from the blocks.
#[derive(Debug, Default)]
pub(super) struct Oversize {
    /// The youngest, in order of allocation. Invariant: fewer than [`YOUNG`].
    young: Vec<OwnedChunk>,
    /// All older ones by [`OwnedChunk::since`], which is unique: in order of allocation.
    by_age: BTreeMap<u64, OwnedChunk>,
    /// The keys of these by their first addresses. Invariant: of all of them, and of no others.
    by_address: BTreeMap<usize, u64>,
}

impl Oversize {
    /// Adds a chunk, which must be younger than all others.
    pub(super) fn push(&mut self, chunk: OwnedChunk) {
        debug_assert!(self.last().is_none_or(|last| last.since < chunk.since), "out of order");
        self.young.push(chunk);
        if self.young.len() == YOUNG {
            for chunk in self.young.drain(..YOUNG / 2) {
                self.by_address.insert(chunk.mapping.base().addr().get(), chunk.since);
                self.by_age.insert(chunk.since, chunk);
            }
        }
    }

    /// The youngest.
    pub(super) fn last(&self) -> Option<&OwnedChunk> {
        let older = || self.by_age.last_key_value().map(|(_, chunk)| chunk);
        self.young.last().or_else(older)
    }

    /// Takes the youngest out if it came after `version`.
    pub(super) fn pop_after(&mut self, version: u64) -> Option<OwnedChunk> {
        if !self.young.is_empty() {
            return self.young.pop_if(|last| last.since > version);
        }
        let last = self.by_age.last_entry().filter(|last| *last.key() > version)?;
        let chunk = last.remove();
        self.by_address.remove(&chunk.mapping.base().addr().get());
        Some(chunk)
    }

    /// Removes the chunk at this address, if there is one.
    pub(super) fn remove_at(&mut self, address: usize) -> Option<OwnedChunk> {
        let has = |chunk: &OwnedChunk| {
            address.wrapping_sub(chunk.mapping.base().addr().get()) < chunk.mapping.len()
        };
        if let Some(index) = self.young.iter().rposition(has) {
            return Some(self.young.remove(index));
        }
        let (&base, since) = self.by_address.range(..=address).next_back()?;
        if !has(self.by_age.get(since)?) {
            return None;
        }
        self.by_address.remove(&base).and_then(|since| self.by_age.remove(&since))
    }

    /// In order of allocation.
    pub(super) fn iter(&self) -> impl Iterator<Item = &OwnedChunk> {
        self.by_age.values().chain(&self.young)
    }

    /// The number of chunks.
    pub(super) fn len(&self) -> usize {
        self.by_age.len() + self.young.len()
    }
}
