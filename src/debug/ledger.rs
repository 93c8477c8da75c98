//! The blocks of one owner that are out or have ended, and the bytes that must be there.

use super::counters::COUNTERS;
use super::extent::{DEAD, Extent, FRESH, RED};
use super::finding::{Damage, Ended, Finding, How, Kind, Owner};
use super::leaks::{LeakGroup, LeakReport};
use super::place::Place;
use super::sink::tell;
use crate::sync::{Arc, Mutex, MutexGuard, unique_id};
use std::collections::{BTreeMap, VecDeque};
use std::mem::take;
use std::ptr::NonNull;
use std::time::Instant;

/// How many ended blocks are remembered, with their places, for handles.
const REMEMBERED: usize = 1024;

/// A block that is out. Its extent is `front` bytes of red zone, `size` bytes of the user's, and
/// another red zone.
#[derive(Debug)]
struct Record {
    extent: Extent,
    front: usize,
    size: usize,
    allocated: Place,
    since: Instant,
}

impl Record {
    fn address(&self) -> usize {
        self.extent.address() + self.front
    }

    fn end(&self) -> usize {
        self.front + self.size
    }

    fn write_zones(&self) {
        self.extent.fill(0, self.front, RED);
        self.extent.fill(self.end(), self.extent.len, RED);
    }

    /// Reports damage to the zones and repairs them, so that it is reported once.
    fn overruns(&self, whose: Whose, ended: Option<&Ended>) -> Vec<Finding> {
        let zones = [(0, self.front), (self.end(), self.extent.len)];
        let broken = zones.map(|(from, to)| {
            let broken = self.extent.broken(from, to, RED)?;
            self.extent.fill(from, to, RED);
            let offset = broken.first.cast_signed() - self.front.cast_signed();
            let damage = Damage { offset, bytes: broken.count, found: broken.found };
            let past = Past::of(self, ended.cloned());
            Some(Finding { damage: Some(damage), ..past.finding(Kind::Overrun, whose) })
        });
        broken.into_iter().flatten().collect()
    }
}

/// A block that was handed out, in the past.
#[derive(Clone, Debug)]
struct Past {
    address: usize,
    size: usize,
    allocated: Place,
    ended: Option<Ended>,
    /// Whether a use after its end was reported.
    told: bool,
}

impl Past {
    fn of(record: &Record, ended: Option<Ended>) -> Past {
        let (address, size, told) = (record.address(), record.size, false);
        Past { address, size, allocated: record.allocated.clone(), ended, told }
    }

    fn finding(&self, kind: Kind, whose: Whose) -> Finding {
        let Past { address, size, allocated, ended, .. } = self.clone();
        Finding { address, size, allocated: Some(allocated), ended, ..whose.finding(kind) }
    }
}

/// The owner of a ledger.
#[derive(Clone, Copy, Debug)]
struct Whose {
    owner: Owner,
    id: u64,
}

impl Whose {
    fn finding(self, kind: Kind) -> Finding {
        let Whose { owner, id: owner_id } = self;
        let (address, size, count) = (0, 0, 1);
        let (damage, allocated, ended, used) = (None, None, None, None);
        Finding { kind, owner, owner_id, address, size, count, damage, allocated, ended, used }
    }
}

#[derive(Debug)]
struct State {
    whose: Whose,
    /// The generation of the next block.
    next: u64,
    /// Blocks by generation, which is the order of allocation; below, their generations by address.
    alive: BTreeMap<u64, Record>,
    by_address: BTreeMap<usize, u64>,
    /// Free, poisoned extents, by first address. Invariant: no two overlap.
    poisoned: BTreeMap<usize, (Extent, Past)>,
    /// Ended blocks by generation, the latest at the back.
    past: VecDeque<(u64, Past)>,
    /// The number of handles by generation. Invariant: none is 0.
    handles: BTreeMap<u64, usize>,
    found: Vec<Finding>,
}

impl State {
    /// Removes a part of memory from the poisoned extents, and notes where the poison was damaged.
    fn use_again(&mut self, part: Extent) {
        for (extent, past) in self.take_poisoned(part) {
            self.look_at_poison(extent, &past);
        }
    }

    /// Removes the parts of a range from the poisoned extents and returns them. Parts of an extent
    /// outside of the range stay poisoned.
    fn take_poisoned(&mut self, part: Extent) -> Vec<(Extent, Past)> {
        let (from, to) = (part.address(), part.end());
        let before = self.poisoned.range(..from).next_back().map(|(&start, _)| start);
        let within = self.poisoned.range(from..to).map(|(&start, _)| start);
        let starts: Vec<usize> = before.into_iter().chain(within).collect();
        let mut taken = Vec::new();
        for start in starts {
            let Some((extent, past)) = self.poisoned.remove(&start) else { continue };
            let (begin, end) = (extent.address().max(from).min(extent.end()), extent.end().min(to));
            for rest in [extent.part(start, begin), extent.part(end.max(begin), extent.end())] {
                if rest.len > 0 {
                    self.poisoned.insert(rest.address(), (rest, past.clone()));
                }
            }
            if begin < end {
                taken.push((extent.part(begin, end), past));
            }
        }
        taken
    }

    /// Notes where a part of an ended block is no longer poison.
    fn look_at_poison(&mut self, part: Extent, past: &Past) {
        if let Some(broken) = part.broken(0, part.len, DEAD) {
            let first = part.address() + broken.first;
            let offset = first.wrapping_sub(past.address).cast_signed();
            let damage = Damage { offset, bytes: broken.count, found: broken.found };
            let finding = past.finding(Kind::WriteAfterFree, self.whose);
            self.found.push(Finding { damage: Some(damage), ..finding });
        }
    }

    fn poison(&mut self, part: Extent, past: Past) {
        part.fill(0, part.len, DEAD);
        if part.len > 0 {
            self.poisoned.insert(part.address(), (part, past));
        }
    }

    /// Notes that a block has ended, after it was removed from the tables.
    fn bury(&mut self, serial: u64, record: Record, ended: &Ended) {
        COUNTERS.ended.add(1);
        self.by_address.remove(&record.address());
        self.found.extend(record.overruns(self.whose, Some(ended)));
        let past = Past::of(&record, Some(ended.clone()));
        if self.past.len() == REMEMBERED {
            self.past.pop_front();
        }
        self.past.push_back((serial, past.clone()));
        self.poison(record.extent, past);
    }

    /// Ends the block that contains an address other than as its first byte, if there is one.
    fn bury_over(&mut self, address: usize, ended: &Ended) {
        let before = self.by_address.range(..address).next_back();
        let Some(serial) = before.map(|(_, &serial)| serial) else { return };
        let reaches =
            |record: &Record| (record.extent.address() + 1..record.extent.end()).contains(&address);
        if self.alive.get(&serial).is_some_and(reaches)
            && let Some(record) = self.alive.remove(&serial)
        {
            self.bury(serial, record, ended);
        }
    }

    fn bury_since(&mut self, serial: u64, ended: &Ended) {
        for (serial, record) in self.alive.split_off(&serial) {
            self.bury(serial, record, ended);
        }
    }

    /// The blocks for which `is` returns true, by line.
    fn blocks(&self, is: impl Fn(&u64, &Record) -> bool) -> LeakReport {
        let blocks = self.alive.iter().filter(|(serial, record)| is(serial, record));
        LeakReport::of(
            blocks.map(|(_, record)| {
                (record.address(), record.size, record.since, &record.allocated)
            }),
        )
    }

    fn note_groups(&mut self, kind: Kind, report: LeakReport) {
        for LeakGroup { count, bytes, address, allocated, .. } in report.groups {
            let (size, allocated) = (bytes, Some(allocated));
            let finding = self.whose.finding(kind);
            self.found.push(Finding { count, size, address, allocated, ..finding });
        }
    }

    fn record_at(&mut self, address: usize) -> Option<(u64, &mut Record)> {
        let serial = *self.by_address.get(&address)?;
        Some((serial, self.alive.get_mut(&serial)?))
    }
}

/// The blocks of one owner. Handles share it, and may keep it for longer.
#[derive(Clone, Debug)]
pub(crate) struct Ledger(Arc<Mutex<State>>);

impl Ledger {
    pub fn new(owner: Owner) -> Ledger {
        Ledger(Arc::new(Mutex::new(State {
            whose: Whose { owner, id: unique_id() },
            next: 0,
            alive: BTreeMap::new(),
            by_address: BTreeMap::new(),
            poisoned: BTreeMap::new(),
            past: VecDeque::new(),
            handles: BTreeMap::new(),
            found: Vec::new(),
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock()
    }

    /// Reports what `f` notes, after the lock is released.
    fn telling<R>(&self, f: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.state();
        let result = f(&mut state);
        let found = take(&mut state.found);
        drop(state);
        tell(found);
        result
    }

    /// Watches a block of `size` bytes, which begins `front` bytes into an extent that is its own.
    /// It is allocated at `place`.
    pub(super) fn begin(
        &self,
        extent: Extent,
        front: usize,
        size: usize,
        place: Place,
    ) -> NonNull<u8> {
        COUNTERS.watched.add(1);
        self.telling(|state| {
            state.use_again(extent);
            let record = Record { extent, front, size, allocated: place, since: Instant::now() };
            record.write_zones();
            extent.fill(front, front + size, FRESH);
            let serial = state.next;
            state.next += 1;
            if let Some(lost) = state.by_address.insert(record.address(), serial) {
                // Freed in another way, for example by the recovery of a dead thread's blocks.
                state.alive.remove(&lost);
            }
            state.alive.insert(serial, record);
        });
        extent.at(front)
    }

    /// The generation of the next block. All older blocks have smaller ones.
    pub(super) fn next(&self) -> u64 {
        self.state().next
    }

    /// Ends all blocks from a generation on.
    pub(super) fn end_since(&self, serial: u64, how: How, place: Option<Place>) {
        self.telling(|state| state.bury_since(serial, &Ended { how, place }));
    }

    /// [`Ledger::end_since`] for an owner that goes back to the address `cursor`, from which on its
    /// memory is free. An older block that has grown beyond it has lost bytes, and ends too.
    pub(super) fn end_back_to(&self, serial: u64, cursor: usize, how: How, place: Place) {
        let ended = Ended { how, place: Some(place) };
        self.telling(|state| {
            state.bury_since(serial, &ended);
            state.bury_over(cursor, &ended);
        });
    }

    /// Ends the block at an address. Returns false if there is none.
    pub fn end(&self, address: usize, how: How, place: Place) -> bool {
        self.telling(|state| {
            let Some(serial) = state.by_address.get(&address).copied() else { return false };
            let Some(record) = state.alive.remove(&serial) else { return false };
            state.bury(serial, record, &Ended { how, place: Some(place) });
            true
        })
    }

    /// Reports a second free of the block at an address, if it was the last block there and is
    /// remembered.
    pub(super) fn tell_double_free(&self, address: usize, place: Place) {
        self.telling(|state| {
            if state.by_address.contains_key(&address) {
                return; // another block is there by now
            }
            let mut past = state.past.iter().rev();
            let Some((_, past)) = past.find(|(_, past)| past.address == address) else { return };
            let finding = past.finding(Kind::DoubleFree, state.whose);
            state.found.push(Finding { used: Some(place), ..finding });
        });
    }

    /// The blocks that are out and for whose address `is_out` returns true.
    pub fn leaks(&self, is_out: impl Fn(usize) -> bool) -> LeakReport {
        self.state().blocks(|_, record| is_out(record.address()))
    }

    /// Reports them, with a finding for each line.
    pub fn tell_leaks(&self, is_out: impl Fn(usize) -> bool) {
        self.telling(|state| {
            let report = state.blocks(|_, record| is_out(record.address()));
            state.note_groups(Kind::Leak, report);
        });
    }

    /// The extent of the block at an address, if there is one.
    pub fn extent_of(&self, address: usize) -> Option<Extent> {
        self.state().record_at(address).map(|(_, record)| record.extent)
    }

    /// Resizes a block to `size` bytes in `extent`, which begins at the same address as its extent
    /// and belongs to the block. Bytes that it gains are fresh; bytes that it loses beyond the
    /// extent are poisoned. Returns false if there is no such block.
    pub fn resize(&self, address: usize, size: usize, extent: Extent, place: Place) -> bool {
        self.telling(|state| {
            let whose = state.whose;
            let Some((_, record)) = state.record_at(address) else { return false };
            let overruns = record.overruns(whose, None);
            let (old, end) = (record.extent, record.end());
            let past = Past::of(record, Some(Ended { how: How::Freed, place: Some(place) }));
            state.found.extend(overruns);
            match extent.end() > old.end() {
                true => state.use_again(extent.part(old.end(), extent.end())),
                false => state.poison(old.part(extent.end(), old.end()), past),
            }
            let Some((_, record)) = state.record_at(address) else { return false };
            (record.extent, record.size) = (extent, size);
            if record.end() > end {
                extent.fill(end, record.end(), FRESH);
            }
            record.write_zones();
            true
        })
    }

    /// Forgets memory from an address on, because it no longer belongs to the owner, or has lost
    /// its bytes.
    pub fn forget(&self, address: usize, len: usize) {
        let mut state = self.state();
        let end = address.saturating_add(len);
        let reaches = |(&start, (extent, _)): (&usize, &(Extent, Past))| {
            (start < end && extent.end() > address).then_some(start)
        };
        let before = state.poisoned.range(..address).next_back().and_then(reaches);
        let within = state.poisoned.range(address..end).filter_map(reaches);
        let starts: Vec<usize> = before.into_iter().chain(within).collect();
        for start in starts {
            state.poisoned.remove(&start);
        }
    }

    /// Checks all red zones and all poison. Returns damage that was not reported yet, the oldest
    /// block first.
    pub fn verify(&self) -> Result<(), Vec<Finding>> {
        COUNTERS.verified.add(1);
        let mut state = self.state();
        let whose = state.whose;
        let overruns: Vec<_> =
            state.alive.values().flat_map(|record| record.overruns(whose, None)).collect();
        state.found.extend(overruns);
        for (extent, past) in state.poisoned.values().cloned().collect::<Vec<_>>() {
            state.look_at_poison(extent, &past);
            extent.fill(0, extent.len, DEAD);
        }
        let found = take(&mut state.found);
        found.iter().for_each(|finding| COUNTERS.note(finding.kind));
        if found.is_empty() { Ok(()) } else { Err(found) }
    }

    /// Ends all remaining blocks, because the owner is dropped.
    pub fn close(&self) {
        self.telling(|state| {
            let kept = state.blocks(|serial, _| state.handles.contains_key(serial));
            state.note_groups(Kind::Kept, kept);
            for (extent, past) in take(&mut state.poisoned).into_values() {
                state.look_at_poison(extent, &past);
            }
            state.bury_since(0, &Ended { how: How::Dropped, place: None });
            state.poisoned.clear();
        });
    }

    /// Returns the generation of the block at an address for a new handle, and counts the handle.
    pub(super) fn stamp(&self, address: usize) -> Option<u64> {
        let mut state = self.state();
        let (serial, _) = state.record_at(address)?;
        *state.handles.entry(serial).or_default() += 1;
        Some(serial)
    }

    /// A block by its generation. If it has ended, the error has what is still known.
    pub(super) fn alive(&self, serial: u64) -> Result<NonNull<[u8]>, Box<Finding>> {
        let state = self.state();
        if let Some(record) = state.alive.get(&serial) {
            let start = record.extent.at(record.front);
            return Ok(NonNull::slice_from_raw_parts(start, record.size));
        }
        let past = state.past.iter().find(|(other, _)| *other == serial);
        let finding = past.map(|(_, past)| past.finding(Kind::UseAfterFree, state.whose));
        Err(Box::new(finding.unwrap_or(state.whose.finding(Kind::UseAfterFree))))
    }

    /// Reports a use after the end, or only counts it if such a use of the block was reported.
    pub(super) fn tell_use(&self, serial: u64, finding: &Finding) {
        let mut state = self.state();
        let past = state.past.iter_mut().find(|(other, _)| *other == serial);
        let told = past.is_some_and(|(_, past)| std::mem::replace(&mut past.told, true));
        drop(state);
        match told {
            true => COUNTERS.note(finding.kind),
            false => tell(vec![finding.clone()]),
        }
    }

    pub(super) fn count_handle(&self, serial: u64) {
        *self.state().handles.entry(serial).or_default() += 1;
    }

    pub(super) fn uncount_handle(&self, serial: u64) {
        let mut state = self.state();
        let Some(count) = state.handles.get_mut(&serial) else { return };
        *count -= 1;
        if *count == 0 {
            state.handles.remove(&serial);
        }
    }
}
