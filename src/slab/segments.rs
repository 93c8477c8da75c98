//! Growth: which segments of a pool are there. A segment is a run of its slots; while it is absent,
//! its words say so, and its pages take no memory.

use super::options::{PoolOptions, record_bytes, segment_slots};
use super::{Place, Slab};
use crate::error::MapError;
use crate::memory::Mapping;
use crate::sync::{AtomicUsize, Mutex, Ordering};
use std::ops::Range;
use std::time::{Duration, Instant};

#[derive(Debug, Default)]
struct Segment {
    there: bool,
    /// Since when it is idle, and the mark by which that is told.
    idle: Option<(Instant, u64)>,
}

/// The segments of one pool.
#[derive(Debug)]
pub struct Segments {
    /// Slots in each; the last one may have fewer. A power of two.
    pub(super) each: usize,
    /// Slots in all, those from the start, and those that stay when segments are dropped.
    pub(super) count: usize,
    first: usize,
    least: usize,
    list: Mutex<Vec<Segment>>,
    /// Slots of the segments that are there.
    slots: AtomicUsize,
}

impl Segments {
    /// `there`: all of them are; else none.
    pub(super) fn new(options: &PoolOptions, there: bool) -> Segments {
        let (each, count) = (segment_slots(options), options.max_count as usize);
        let list = (0..count.div_ceil(each)).map(|_| Segment { there, idle: None }).collect();
        let slots = AtomicUsize::new(count * usize::from(there));
        let (first, least) = (options.count as usize, options.min_count as usize);
        Segments { each, count, first, least, list: Mutex::new(list), slots }
    }

    /// Slots of the segments that are there.
    pub(super) fn slots(&self) -> usize {
        self.slots.load(Ordering::Relaxed)
    }

    pub(super) fn range(&self, index: usize) -> Range<u32> {
        let start = index * self.each;
        start as u32..(start + self.each).min(self.count) as u32
    }
}

impl Place {
    /// Offset of a slot in the slab's mapping.
    fn offset_in(&self, mapping: &Mapping, slot: u32) -> usize {
        let first = self.base.addr().get() - mapping.base().addr().get();
        first + ((slot as usize) << self.size_log)
    }

    pub(super) fn bytes_of(&self, slots: &Range<u32>) -> usize {
        slots.len() << self.size_log
    }
}

impl Slab {
    /// Brings the slots that every pool has from the start.
    pub(super) fn grow_to_counts(&self) -> Result<(), MapError> {
        for (pool, place) in self.places.iter().enumerate() {
            if self.shared.is_some() {
                place.pool.grow(0..place.pool.count() as u32);
            }
            while place.segments.slots() < place.segments.first {
                self.grow(pool)?;
            }
        }
        Ok(())
    }

    /// Brings one more segment of a pool: false when all are there or the limit does not allow it.
    pub(super) fn grow(&self, pool: usize) -> Result<bool, MapError> {
        let place = &self.places[pool];
        let mut slots = self.slots.lock();
        let mut list = place.segments.list.lock();
        let Some(index) = list.iter().position(|segment| !segment.there) else { return Ok(false) };
        let range = place.segments.range(index);
        let bytes = place.bytes_of(&range);
        let charge = bytes + record_bytes(range.len());
        if slots.committed + charge > self.max_bytes {
            return Ok(false);
        }
        let Some(mapping) = &mut slots.mapping else { return Ok(false) };
        mapping.commit(place.offset_in(mapping, range.start), bytes)?;
        slots.committed += charge;
        list[index] = Segment { there: true, idle: None };
        place.segments.slots.fetch_add(range.len(), Ordering::Relaxed);
        place.pool.grow(range);
        Ok(true)
    }

    /// Drops segments of which no slot was used for `idle`, as of `now`, down to what each pool began
    /// with: the bytes given back. Their content is lost, their addresses stay.
    pub(crate) fn trim_at(&self, now: Instant, idle: Duration) -> usize {
        let mut slots = self.slots.lock();
        if self.shared.is_some() {
            return 0; // the others have their segments' list of their own
        }
        let mut bytes = 0;
        for place in &self.places {
            let mut list = place.segments.list.lock();
            for (index, segment) in list.iter_mut().enumerate().rev() {
                let range = place.segments.range(index);
                let spare = place.segments.slots() >= place.segments.least + range.len();
                if !segment.there || !place.is_idle(segment, &range, now, idle) || !spare {
                    continue;
                }
                if !place.pool.drop_slots(range.clone()) {
                    continue;
                }
                let len = place.bytes_of(&range);
                if let Some(mapping) = &mut slots.mapping {
                    // Should the advice fail, the memory is kept: no harm.
                    let _ = mapping.decommit(place.offset_in(mapping, range.start), len);
                }
                slots.committed -= len + record_bytes(range.len());
                place.segments.slots.fetch_sub(range.len(), Ordering::Relaxed);
                *segment = Segment::default();
                bytes += len;
            }
        }
        bytes
    }

    /// [`Slab::trim_at`] now.
    pub fn trim(&self, idle: Duration) -> usize {
        self.trim_at(Instant::now(), idle)
    }
}

impl Place {
    /// Whether no slot of the segment was used for `idle`; begins to count when it first finds so.
    fn is_idle(
        &self,
        segment: &mut Segment,
        range: &Range<u32>,
        now: Instant,
        idle: Duration,
    ) -> bool {
        let Some(mark) = self.pool.idle_mark(range.clone()) else {
            segment.idle = None;
            return false;
        };
        match segment.idle {
            Some((since, seen)) if seen == mark => now.saturating_duration_since(since) >= idle,
            _ => {
                segment.idle = Some((now, mark));
                idle.is_zero()
            }
        }
    }
}
