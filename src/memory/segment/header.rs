//! The first page of a segment, as 64-bit words:
//!
//! ```text
//!  0 magic   1 layout version   2 page size   3 state   4 total length   5 length of the registry
//!  6 length of the records   7 length of the slots   8 identity   9 transit time   10 pools
//!  11, 13, ... slot size of each pool   12, 14, ... its count
//! ```
//! The pages of the registry, the records and the slots follow. All lengths are whole pages, in
//! bytes. Slots of 2 MiB or more begin at a multiple of 2 MiB, so that huge pages can hold them;
//! the pages that this skips are never present.
//!
//! The header is written before the file has a name, and never afterwards; the state is always 2. A
//! process that opens a segment copies its header once, checks every number of the copy, and uses
//! only that copy.

use crate::error::{SegmentError, SegmentField};
use crate::layout::place_after;
use crate::os::{page_size, view_granule};
use crate::sync::{Ordering, Words};

/// "ralloc" and a byte that no text contains, in little-endian order.
pub const MAGIC: u64 = u64::from_le_bytes(*b"ralloc\x01\xf5");
/// The version of everything in the segment, including the words of slots and of the registry.
/// Changes with any of them.
pub const LAYOUT_VERSION: u64 = 2;
/// Earlier versions wrote 1 while they made a segment under its name.
const READY: u64 = 2;
/// The most pools that the header has room for.
pub const MAX_POOLS: usize = 31;

const POOLS: usize = 10;
const FIRST_POOL: usize = 11;
const WORDS: usize = FIRST_POOL + 2 * MAX_POOLS;
const _: () =
    assert!(WORDS * 8 <= 4096, "the header is in the first page, however small pages are");

/// Bytes of the words that tell a segment from other files.
pub const PREFIX: usize = 4 * 8;
/// One pool of a slab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolGeometry {
    /// Bytes of a slot.
    pub size: u64,
    pub count: u64,
}

/// Where a segment's parts lie. Invariant: lengths are whole pages, and their sum with the header's
/// page is below `MAX_BYTES`.
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

/// Computes the sizes that a slab of these pools needs, or returns the index of an invalid pool.
/// The numbers are untrusted.
pub type Plan = fn(&[PoolGeometry]) -> Result<Geometry, usize>;

/// The contents of the header, without the geometry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Distinguishes the tokens of this slab from those of others.
    pub identity: u32,
    /// How many milliseconds a sent slot outlives its sender.
    pub transit_ms: u64,
}

/// Checks that a file is a segment, by its first bytes: fewer than [`PREFIX`] if the file is
/// shorter.
pub fn check_prefix(bytes: &[u8]) -> Result<(), SegmentError> {
    let mut words = [0; PREFIX / 8];
    for (word, bytes) in words.iter_mut().zip(bytes.chunks_exact(8)) {
        *word = u64::from_ne_bytes(bytes.try_into().unwrap_or_default());
    }
    check_first(words)
}

/// Returns an error unless a number has its expected value.
pub fn check(field: SegmentField, found: u64, expected: u64) -> Result<(), SegmentError> {
    match found == expected {
        true => Ok(()),
        false => Err(SegmentError::Invalid { field, found, expected }),
    }
}

/// The error for a file that is being made under its name, as by an earlier version.
pub fn unfinished() -> SegmentError {
    SegmentError::Invalid { field: SegmentField::State, found: 1, expected: READY }
}

fn check_first([magic, version, page, state]: [u64; 4]) -> Result<(), SegmentError> {
    check(SegmentField::Magic, magic, MAGIC)?;
    if version != LAYOUT_VERSION {
        return Err(SegmentError::Version { found: version, expected: LAYOUT_VERSION });
    }
    check(SegmentField::PageSize, page, page_size() as u64)?;
    check(SegmentField::State, state, READY)
}

/// Writes it. No other process has the file yet.
pub fn write(words: &Words, geometry: &Geometry, settings: &Settings) {
    // Relaxed: the system call that gives the file its name comes after it.
    let set = |index: usize, value: u64| words.at(index).store(value, Ordering::Relaxed);
    let lengths = [geometry.registry_bytes, geometry.record_bytes, geometry.slot_bytes];
    let first = [MAGIC, LAYOUT_VERSION, page_size() as u64, READY, geometry.total() as u64];
    (0..).zip(first).for_each(|(index, word)| set(index, word));
    (5..).zip(lengths).for_each(|(index, length)| set(index, length as u64));
    set(8, settings.identity.into());
    set(9, settings.transit_ms);
    set(POOLS, geometry.pools.len() as u64);
    for (index, pool) in geometry.pools.iter().enumerate() {
        set(FIRST_POOL + 2 * index, pool.size);
        set(FIRST_POOL + 2 * index + 1, pool.count);
    }
}

/// Copies the header of a file of `len` bytes, and checks it.
pub fn read(words: &Words, len: u64, plan: Plan) -> Result<(Geometry, Settings), SegmentError> {
    let mut copy = [0; WORDS];
    for (index, word) in copy.iter_mut().enumerate() {
        *word = words.at(index).load(Ordering::Relaxed);
    }
    check_first([copy[0], copy[1], copy[2], copy[3]])?;
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
