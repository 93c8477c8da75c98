//! The first page of a segment, as 64-bit words:
//!
//! ```text
//!  0 magic   1 layout version   2 page size   3 state   4 total length   5 length of the registry
//!  6 length of the records   7 length of the slots   8 identity   9 transit time   10 pools
//!  11, 13, ... slot size of each pool   12, 14, ... its count
//! ```
//! The pages of the registry, the records and the slots follow. All lengths are whole pages, in bytes. Slots of 2 MiB
//! or more begin at a multiple of 2 MiB, so that huge pages can hold them; the pages that this skips are never present.
//!
//! Words 0 to 3 are written first. They tell a file that was begun from any other file, so whoever finds it unfinished
//! can begin it anew. The state becomes ready last, and nothing is written here afterwards. A process that opens a
//! segment copies its header once, checks every number of the copy, and uses only that copy.

use crate::error::{SegmentError, SegmentField};
use crate::layout::place_after;
use crate::os::{page_size, view_granule};
use crate::sync::{Ordering, Words};

/// "ralloc" and a byte that no text contains, in little-endian order.
pub const MAGIC: u64 = u64::from_le_bytes(*b"ralloc\x01\xf5");
/// The version of everything in the segment, including the words of slots and of the registry. Changes with any of them.
pub const LAYOUT_VERSION: u64 = 2;
const MAKING: u64 = 1;
const READY: u64 = 2;
/// The most pools that the header has room for.
pub const MAX_POOLS: usize = 31;

const STATE: usize = 3;
const POOLS: usize = 10;
const FIRST_POOL: usize = 11;
pub const WORDS: usize = FIRST_POOL + 2 * MAX_POOLS;
const _: () =
    assert!(WORDS * 8 <= 4096, "the header is in the first page, however small pages are");

/// Bytes of the words that tell a segment from other files.
pub const PREFIX: usize = 4 * 8;
/// The first bytes of a file, written before all others.
pub fn prefix() -> [u8; PREFIX] {
    let mut bytes = [0; PREFIX];
    let words = [MAGIC, LAYOUT_VERSION, page_size() as u64, MAKING];
    for (bytes, word) in bytes.chunks_exact_mut(8).zip(words) {
        bytes.copy_from_slice(&word.to_ne_bytes());
    }
    bytes
}

/// One pool of a slab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolGeometry {
    /// Bytes of a slot.
    pub size: u64,
    pub count: u64,
}

/// Where a segment's parts lie. Invariant: lengths are whole pages, and their sum with the header's page is below
/// `MAX_BYTES`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Geometry {
    pub pools: Vec<PoolGeometry>,
    pub registry_bytes: usize,
    pub record_bytes: usize,
    pub slot_bytes: usize,
}

impl Geometry {
    pub fn registry_at(&self) -> usize {
        page_size()
    }

    pub fn records_at(&self) -> usize {
        (self.registry_at() + self.registry_bytes).next_multiple_of(view_granule())
    }

    /// The offset of the end of the records.
    pub fn head_bytes(&self) -> usize {
        self.records_at() + self.record_bytes
    }

    pub fn slots_at(&self) -> usize {
        place_after(self.head_bytes(), self.slot_bytes, view_granule())
    }

    pub fn total(&self) -> usize {
        self.slots_at() + self.slot_bytes
    }

    /// Bytes of memory that it takes.
    pub fn taken(&self) -> usize {
        self.head_bytes() + self.slot_bytes
    }
}

/// Computes the sizes that a slab of these pools needs, or returns the index of an invalid pool. The numbers are
/// untrusted.
pub type Plan = fn(&[PoolGeometry]) -> Result<Geometry, usize>;

/// The contents of the header, without the geometry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Distinguishes the tokens of this slab from those of others.
    pub identity: u32,
    /// How many milliseconds a sent slot outlives its sender.
    pub transit_ms: u64,
}

/// Whether the file was finished, by its first bytes: fewer than [`PREFIX`] if the file is shorter.
pub fn is_finished(prefix: &[u8]) -> Result<bool, SegmentError> {
    if prefix.is_empty() {
        return Ok(false);
    }
    let mut words = [0; PREFIX / 8];
    for (word, bytes) in words.iter_mut().zip(prefix.chunks_exact(8)) {
        *word = u64::from_ne_bytes(bytes.try_into().unwrap_or_default());
    }
    check_prefix(words)?;
    Ok(words[STATE] == READY)
}

/// Returns an error unless a number has its expected value.
pub fn check(field: SegmentField, found: u64, expected: u64) -> Result<(), SegmentError> {
    match found == expected {
        true => Ok(()),
        false => Err(SegmentError::Invalid { field, found, expected }),
    }
}

/// The error for a segment that should be finished but says that it is not.
pub fn unfinished() -> SegmentError {
    SegmentError::Invalid { field: SegmentField::State, found: MAKING, expected: READY }
}

fn check_prefix([magic, version, page, state]: [u64; 4]) -> Result<(), SegmentError> {
    check(SegmentField::Magic, magic, MAGIC)?;
    if version != LAYOUT_VERSION {
        return Err(SegmentError::Version { found: version, expected: LAYOUT_VERSION });
    }
    check(SegmentField::PageSize, page, page_size() as u64)?;
    match state {
        MAKING | READY => Ok(()),
        found => check(SegmentField::State, found, READY),
    }
}

/// Writes all but the state.
pub fn write(words: &Words, geometry: &Geometry, settings: &Settings) {
    // Relaxed: readers first see the state that `publish` sets.
    let set = |index: usize, value: u64| words.at(index).store(value, Ordering::Relaxed);
    let lengths = [geometry.registry_bytes, geometry.record_bytes, geometry.slot_bytes];
    set(4, geometry.total() as u64);
    (5..).zip(lengths).for_each(|(index, length)| set(index, length as u64));
    set(8, settings.identity.into());
    set(9, settings.transit_ms);
    set(POOLS, geometry.pools.len() as u64);
    for (index, pool) in geometry.pools.iter().enumerate() {
        set(FIRST_POOL + 2 * index, pool.size);
        set(FIRST_POOL + 2 * index + 1, pool.count);
    }
}

/// Makes the segment usable by others.
pub fn publish(words: &Words) {
    // Release pairs with the acquire in `read`: a process that reads READY also sees everything written before it.
    words.at(STATE).store(READY, Ordering::Release);
}

/// Copies the header of a file of `len` bytes, and checks it.
pub fn read(words: &Words, len: u64, plan: Plan) -> Result<(Geometry, Settings), SegmentError> {
    let state = words.at(STATE).load(Ordering::Acquire);
    let word = |index: usize| words.at(index).load(Ordering::Relaxed);
    check_prefix([word(0), word(1), word(2), state])?;
    check(SegmentField::State, state, READY)?;
    let mut copy = [0; WORDS];
    (0..).zip(&mut copy).for_each(|(index, copied)| *copied = word(index));
    // Checked first: if the file was cut off, other checks would fail too, without saying why.
    check(SegmentField::Length, len, copy[4])?;
    let count = copy[POOLS];
    if count == 0 || count > MAX_POOLS as u64 {
        let expected = count.clamp(1, MAX_POOLS as u64);
        return Err(SegmentError::Invalid { field: SegmentField::Pools, found: count, expected });
    }
    let words = copy[FIRST_POOL..].chunks_exact(2).take(count as usize);
    let pools: Vec<_> = words.map(|pair| PoolGeometry { size: pair[0], count: pair[1] }).collect();
    let geometry = plan(&pools).map_err(|index| {
        let PoolGeometry { size, count } = pools[index];
        SegmentError::Pool { index, size, count }
    })?;
    check(SegmentField::Registry, copy[5], geometry.registry_bytes as u64)?;
    check(SegmentField::Records, copy[6], geometry.record_bytes as u64)?;
    check(SegmentField::Slots, copy[7], geometry.slot_bytes as u64)?;
    check(SegmentField::Total, copy[4], geometry.total() as u64)?;
    check(SegmentField::Identity, copy[8], copy[8] & u64::from(u32::MAX))?;
    Ok((geometry, Settings { identity: copy[8] as u32, transit_ms: copy[9] }))
}

/// Checks that a segment has the requested pools.
pub fn compare(found: &Geometry, wanted: &Geometry) -> Result<(), SegmentError> {
    check(SegmentField::Pools, found.pools.len() as u64, wanted.pools.len() as u64)?;
    for (index, (found, wanted)) in found.pools.iter().zip(&wanted.pools).enumerate() {
        check(SegmentField::Size(index), found.size, wanted.size)?;
        check(SegmentField::Count(index), found.count, wanted.count)?;
    }
    Ok(())
}
