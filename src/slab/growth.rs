//! Growing and shrinking a pool, one segment at a time.
//!
//! A segment is a run of slots; `SlabOptions::slots_per_segment` decides its size (about 1 MiB).
//! Usually all of its slots are present or none. If the limit or `count` ends within a segment,
//! only its first slots are: `Slab::next_growth` decides how many come. The words of absent slots
//! say that they are absent, and their pages take no memory.

use super::options::PoolOptions;
use super::pools::{Pools, Slots};
use crate::error::MapError;
use crate::memory::Mapping;
use crate::memory::depot::map_new;
use crate::sync::{AtomicUsize, Mutex, Ordering};
use std::ops::Range;
use std::time::{Duration, Instant};

#[derive(Debug, Default)]
struct Segment {
    /// Slots that are present, counted from the first one.
    present: u32,
    /// Since when the segment is idle, and its `SlotTable::idle_mark` at that time.
    idle: Option<(Instant, u64)>,
}

impl Segment {
    /// Returns true if the mark has not changed for `idle`, so that no slot was used. The time
    /// counts from the first call that found this mark.
    fn is_idle(&mut self, mark: Option<u64>, now: Instant, idle: Duration) -> bool {
        let Some(mark) = mark else {
            self.idle = None;
            return false;
        };
        match self.idle {
            Some((since, seen)) if seen == mark => now.saturating_duration_since(since) >= idle,
            _ => {
                self.idle = Some((now, mark));
                idle.is_zero()
            }
        }
    }
}

/// The segments that were ever present; the others are absent.
#[derive(Debug, Default)]
struct List {
    segments: Vec<Segment>,
    /// No slot of a segment before this one is absent.
    absent_from: usize,
}

impl List {
    fn bring(&mut self, index: usize, slots: u32) {
        if index == self.segments.len() {
            self.segments.push(Segment::default());
        }
        let Segment { present, idle } = &mut self.segments[index];
        (*present, *idle) = (*present + slots, None);
    }

    fn remove(&mut self, index: usize) {
        self.segments[index] = Segment::default();
        self.absent_from = self.absent_from.min(index);
    }
}

/// One step of a pool's growth: a segment, and which of its slots are added.
struct Growth {
    segment: usize,
    slots: Range<u32>,
}

/// The segments of one pool.
#[derive(Debug)]
pub(super) struct Segments {
    /// Slots in each segment; the last one may have fewer. A power of two.
    pub(super) slots_per_segment: usize,
    /// The most slots the pool can have.
    pub(super) max_count: usize,
    /// Slots that are present from the start.
    count: usize,
    /// Slots that stay when idle segments are dropped.
    min_count: usize,
    /// Whether segments are added or dropped after the start.
    varies: bool,
    list: Mutex<List>,
    /// Slots of the segments that are present.
    slots: AtomicUsize,
    /// How often absent slots became free. Written under the lock of the list.
    growths: AtomicUsize,
}

impl Segments {
    /// Creates segments that are all present for ever, or all absent.
    pub(super) fn new(options: &PoolOptions, slots_per_segment: usize, present: bool) -> Segments {
        let &PoolOptions { count, max_count, min_count, .. } = options;
        let [count, max_count, min_count] = [count, max_count, min_count].map(|n| n as usize);
        let varies = !present && min_count < max_count;
        let (list, growths) = (Mutex::default(), AtomicUsize::default());
        let slots = AtomicUsize::new(max_count * usize::from(present));
        Segments { slots_per_segment, max_count, count, min_count, varies, list, slots, growths }
    }

    /// Returns how often the pool has grown. Read before a claim, it tells [`Slab::grow`] whether
    /// another thread has added slots since.
    pub(super) fn growths(&self) -> usize {
        // Acquire pairs with the release in `note_growth`: a later claim finds the added slots.
        self.growths.load(Ordering::Acquire)
    }

    fn note_growth(&self) {
        self.growths.fetch_add(1, Ordering::Release);
    }

    /// Returns true if all slots are present, and stay so.
    fn is_complete(&self) -> bool {
        !self.varies && self.slots() == self.max_count
    }

    /// The slots that are present, by segments.
    pub(super) fn present(&self) -> Vec<Range<u32>> {
        let list = self.list.lock();
        let present = |(index, segment): (usize, &Segment)| {
            let start = self.range(index).start;
            start..start + segment.present
        };
        let all = list.segments.iter().enumerate().map(present);
        all.filter(|slots| !slots.is_empty()).collect()
    }

    /// Slots that are present.
    pub(super) fn slots(&self) -> usize {
        self.slots.load(Ordering::Relaxed)
    }

    /// The first segment with absent slots, and these slots. If all are present, it is the segment
    /// after the last one, with no slots.
    fn first_absent(&self) -> Growth {
        let list = &mut *self.list.lock();
        loop {
            let segment = list.absent_from;
            let Range { start, end } = self.range(segment);
            let present = list.segments.get(segment).map_or(0, |one| one.present);
            if present == 0 || start + present < end {
                return Growth { segment, slots: start + present..end };
            }
            list.absent_from += 1;
        }
    }

    pub(super) fn range(&self, index: usize) -> Range<u32> {
        let start = index * self.slots_per_segment;
        let end = start + self.slots_per_segment;
        start.min(self.max_count) as u32..end.min(self.max_count) as u32
    }
}

impl Pools {
    /// Adds the slots that every pool has from the start.
    pub(super) fn grow_to_counts(&self) -> Result<(), MapError> {
        for (index, pool) in self.iter().enumerate() {
            let Segments { count, .. } = pool.segments;
            while pool.segments.slots() < count {
                self.grow_within(index, pool.segments.growths(), count)?;
            }
        }
        Ok(())
    }

    /// Adds slots of one segment to a pool, as many as fit the limit; if not even one fits, idle
    /// segments are dropped first. If the pool has grown since there were `growths`, adds none,
    /// because another thread has added some. Returns false if all slots are present or the limit
    /// does not allow more.
    pub(super) fn grow(&self, index: usize, growths: usize) -> Result<bool, MapError> {
        self.grow_within(index, growths, self[index].segments.max_count)
    }

    /// The same, up to `count` slots in all.
    fn grow_within(&self, index: usize, growths: usize, count: usize) -> Result<bool, MapError> {
        let pool = &self[index];
        if pool.segments.is_complete() {
            return Ok(false);
        }
        let mut slots = self.slots.lock();
        if pool.segments.growths() != growths {
            return Ok(true);
        }
        let there = pool.segments.slots();
        if there == count {
            return Ok(false);
        }
        let mut growth = self.next_growth(index, &slots, count);
        if growth.slots.is_empty() {
            let one = pool.charge_of_more(there, 1);
            let Some(most) = slots.limit.most().checked_sub(one) else { return Ok(false) };
            if !self.make_room(&mut slots, most) {
                return Ok(false);
            }
            // The segment that was dropped may be one of this pool.
            growth = self.next_growth(index, &slots, count);
        }
        let Growth { segment, slots: range } = growth;
        if range.is_empty() {
            return Ok(false);
        }
        let whole = pool.segments.range(segment);
        let mapping: &mut Mapping = &mut slots.mapping;
        if range.start == whole.start {
            // The whole segment, because JavaScript has one ArrayBuffer over it and may read all of
            // it.
            let start = pool.offset_in(mapping, whole.start);
            map_new(None, || mapping.commit(start, pool.bytes_of(&whole)))?;
        }
        // No more than was charged for.
        mapping.keep(pool.offset_in(mapping, range.start), pool.bytes_of(&range))?;
        let there = pool.segments.slots();
        slots.limit.charge(pool.charge_of_more(there, range.len()));
        pool.segments.list.lock().bring(segment, range.len() as u32);
        pool.segments.slots.fetch_add(range.len(), Ordering::Relaxed);
        pool.table.grow(range);
        pool.segments.note_growth();
        Ok(true)
    }

    /// Returns the absent slots of a segment that are to be added: as many as fit the limit, and at
    /// most `count` slots in all.
    fn next_growth(&self, index: usize, bytes: &Slots, count: usize) -> Growth {
        let pool = &self[index];
        let Growth { segment, slots } = pool.segments.first_absent();
        let (there, left) = (pool.segments.slots(), bytes.limit.room());
        let fits = |more| pool.charge_of_more(there, more) <= left;
        let (mut least, mut most) = (0, slots.len().min(count.saturating_sub(there)));
        if !fits(1) {
            most = 0; // during an overload, every call gets here
        }
        while least < most {
            let middle = least + (most - least).div_ceil(2);
            (least, most) = if fits(middle) { (middle, most) } else { (least, middle - 1) };
        }
        Growth { segment, slots: slots.start..slots.start + least as u32 }
    }

    /// Drops idle segments until at most `most` bytes are committed. Returns false if too many
    /// remain. Then the next call does nothing unless slots were freed since; otherwise every claim
    /// of an overload would visit all segments.
    fn make_room(&self, slots: &mut Slots, most: usize) -> bool {
        let freed = self.iter().map(|pool| pool.table.counters.freed.get());
        let freed = Some(freed.fold(0, u64::wrapping_add));
        if slots.nothing_idle_at == freed {
            return false;
        }
        self.drop_idle(slots, Instant::now(), Duration::ZERO, most);
        let made = slots.limit.used() <= most;
        slots.nothing_idle_at = freed.filter(|_| !made);
        made
    }

    /// [`Slab::trim`](super::Slab::trim) as if it were `now`. The content of the segments is lost,
    /// their addresses stay reserved.
    pub(crate) fn trim_at(&self, now: Instant, idle: Duration) -> usize {
        self.drop_idle(&mut self.slots.lock(), now, idle, 0)
    }

    /// Drops segments in which no slot was used for `idle`, while more than `most` bytes are
    /// committed. Returns the dropped bytes.
    fn drop_idle(&self, slots: &mut Slots, now: Instant, idle: Duration, most: usize) -> usize {
        if self.shared {
            return 0; // other mappings would not notice: each has its own list of segments
        }
        let mut bytes = 0;
        for pool in self.iter() {
            let mut list = pool.segments.list.lock();
            for index in (0..list.segments.len()).rev() {
                if slots.limit.used() <= most {
                    return bytes;
                }
                let segment = &mut list.segments[index];
                let whole = pool.segments.range(index);
                let range = whole.start..whole.start + segment.present;
                let there = pool.segments.slots();
                let spare = there >= pool.segments.min_count + range.len();
                let mark = || pool.table.idle_mark(range.clone());
                if range.is_empty() || !segment.is_idle(mark(), now, idle) || !spare {
                    continue;
                }
                if !pool.table.drop_slots(range.clone()) {
                    // For claims that have met absent slots in the meantime.
                    pool.segments.note_growth();
                    continue;
                }
                let (start, len) = (pool.block(whole.start).addr().get(), pool.bytes_of(&whole));
                self.ledger.forget(start, len);
                let offset = pool.offset_in(&slots.mapping, whole.start);
                // If the advice fails, the memory is kept, which does no harm.
                let _ = slots.mapping.decommit(offset, len);
                slots.limit.discharge(pool.charge_of_more(there - range.len(), range.len()));
                pool.segments.slots.fetch_sub(range.len(), Ordering::Relaxed);
                list.remove(index);
                bytes += pool.bytes_of(&range);
            }
        }
        bytes
    }
}

#[cfg(all(test, not(loom)))]
mod for_tests {
    use super::Segments;

    impl Segments {
        /// Entries in the list, which takes memory for each.
        pub(in crate::slab) fn noted(&self) -> usize {
            self.list.lock().segments.len()
        }
    }
}
