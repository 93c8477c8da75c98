//! The blocks of one owner that are out or have ended, and the bytes that must be there.

use super::counters::COUNTERS;
use super::extent::{DEAD, Extent, FRESH, RED};
use super::finding::{Ended, Finding, How, Kind, Owner};
use super::leaks::{LeakGroup, LeakReport};
use super::place::Place;
use super::sink::tell;
use super::watch::ON;
use crate::sync::{Arc, Mutex, MutexGuard, unique_id};
use std::collections::{BTreeMap, VecDeque};
use std::mem::take;
use std::panic::Location;
use std::ptr::NonNull;
use std::time::Instant;

/// How many ended blocks are remembered, with their places, for handles.
const REMEMBERED: usize = 1024;

/// A block that is out. Its extent is a red zone, the user's bytes, and another red zone.
#[derive(Debug)]
struct Record {
    extent: Extent,
    block: Block,
    since: Instant,
    /// Counted once here, and once by each handle.
    handles: Arc<()>,
}

impl Record {
    fn zones(&self) -> [Extent; 2] {
        let Block { address, size, .. } = self.block;
        let before = self.extent.part(self.extent.address(), address);
        [before, self.extent.part(address + size, self.extent.end())]
    }

    /// Reports damage to the zones and repairs them, so that it is reported once.
    fn overruns(&self, whose: Whose) -> Vec<Finding> {
        let broken = self.zones().map(|zone| {
            let damage = zone.damage(RED, self.block.address)?;
            zone.fill(RED);
            Some(Finding { damage: Some(damage), ..self.block.finding(Kind::Overrun, whose) })
        });
        broken.into_iter().flatten().collect()
    }
}

/// A block that was handed out, now or in the past.
#[derive(Clone, Debug)]
struct Block {
    address: usize,
    size: usize,
    allocated: Place,
    ended: Option<Ended>,
    /// Whether a use after its end was reported.
    told: bool,
}

impl Block {
    fn finding(&self, kind: Kind, whose: Whose) -> Finding {
        let Block { address, size, allocated, ended, .. } = self.clone();
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
pub(super) struct State {
    whose: Whose,
    /// The generation of the next block.
    pub(super) next: u64,
    /// Blocks by generation, which is the order of allocation; below, their generations by address.
    alive: BTreeMap<u64, Record>,
    by_address: BTreeMap<usize, u64>,
    /// Free, poisoned extents, by first address. Invariant: no two overlap.
    poisoned: BTreeMap<usize, (Extent, Block)>,
    /// Ended blocks by generation, the latest at the back.
    past: VecDeque<(u64, Block)>,
    found: Vec<Finding>,
}

impl State {
    /// Removes a part of memory from the poisoned extents, and notes where the poison was damaged.
    fn use_again(&mut self, part: Extent) {
        for (extent, past) in self.take_poisoned(part.address(), part.end()) {
            self.look_at_poison(extent, &past);
        }
    }

    /// Removes the parts between two addresses from the poisoned extents and returns them. What is
    /// outside stays poisoned.
    fn take_poisoned(&mut self, from: usize, to: usize) -> Vec<(Extent, Block)> {
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
    fn look_at_poison(&mut self, part: Extent, past: &Block) {
        let damage = part.damage(DEAD, past.address);
        let finding = |_| Finding { damage, ..past.finding(Kind::WriteAfterFree, self.whose) };
        self.found.extend(damage.map(finding));
    }

    fn poison(&mut self, part: Extent, past: Block) {
        part.fill(DEAD);
        if part.len > 0 {
            self.poisoned.insert(part.address(), (part, past));
        }
    }

    /// Notes that a block has ended, after it was removed from the table.
    fn bury(&mut self, serial: u64, mut record: Record, ended: &Ended) {
        COUNTERS.ended.add(1);
        record.block.ended = Some(ended.clone());
        self.by_address.remove(&record.block.address);
        self.found.extend(record.overruns(self.whose));
        if self.past.len() == REMEMBERED {
            self.past.pop_front();
        }
        self.past.push_back((serial, record.block.clone()));
        self.poison(record.extent, record.block);
    }

    /// Ends the block that contains an address other than as its first byte, if there is one.
    pub(super) fn bury_over(&mut self, address: usize, ended: &Ended) {
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

    pub(super) fn bury_since(&mut self, serial: u64, ended: &Ended) {
        for (serial, record) in self.alive.split_off(&serial) {
            self.bury(serial, record, ended);
        }
    }

    /// The blocks for which `is` returns true, by line.
    fn blocks(&self, is: impl Fn(&Record) -> bool) -> LeakReport {
        let blocks = self.alive.values().filter(|record| is(record));
        LeakReport::of(blocks.map(|Record { block, since, .. }| {
            (block.address, block.size, *since, &block.allocated)
        }))
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

/// The blocks of one owner; nothing without the feature. Handles share it, and may keep it for
/// longer.
#[derive(Clone, Debug)]
pub(crate) struct Ledger([Arc<Mutex<State>>; ON as usize]);

const _: () = assert!(ON || size_of::<Ledger>() == 0);

impl Ledger {
    #[inline(always)]
    pub fn new(owner: Owner) -> Ledger {
        let state = || State {
            whose: Whose { owner, id: unique_id() },
            next: 0,
            alive: BTreeMap::new(),
            by_address: BTreeMap::new(),
            poisoned: BTreeMap::new(),
            past: VecDeque::new(),
            found: Vec::new(),
        };
        Ledger(std::array::from_fn(|_| Arc::new(Mutex::new(state()))))
    }

    /// Only for calls that there are with the feature.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.first().expect("the feature is on").lock()
    }

    /// Calls `f` with the line that called the owner, and reports what it notes after the lock is
    /// released. `None` without the feature.
    #[inline(always)]
    #[track_caller]
    pub(super) fn telling<R>(&self, f: impl FnOnce(&mut State, Place) -> R) -> Option<R> {
        let state = self.0.first()?;
        let place = Place::at(Location::caller());
        let mut state = state.lock();
        let result = f(&mut state, place);
        let found = take(&mut state.found);
        drop(state);
        tell(found);
        Some(result)
    }

    /// Watches a block of `size` bytes at an address in an extent that is its own.
    #[track_caller]
    pub(super) fn begin(&self, extent: Extent, address: usize, size: usize) {
        COUNTERS.watched.add(1);
        self.telling(|state, allocated| {
            state.use_again(extent);
            let block = Block { address, size, allocated, ended: None, told: false };
            let (since, handles) = (Instant::now(), Arc::default());
            let record = Record { extent, block, since, handles };
            record.zones().into_iter().for_each(|zone| zone.fill(RED));
            extent.part(address, address + size).fill(FRESH);
            let serial = state.next;
            state.next += 1;
            if let Some(lost) = state.by_address.insert(address, serial) {
                // Freed in another way, for example by the recovery of a dead thread's blocks.
                state.alive.remove(&lost);
            }
            state.alive.insert(serial, record);
        });
    }

    /// Ends the block at an address. Returns false if there is none.
    #[track_caller]
    pub(super) fn end(&self, address: usize) -> bool {
        let ended = self.telling(|state, place| {
            let serial = state.by_address.get(&address).copied()?;
            let record = state.alive.remove(&serial)?;
            state.bury(serial, record, &Ended { how: How::Freed, place: Some(place) });
            Some(())
        });
        ended.flatten().is_some()
    }

    /// Reports a second free of the block at an address, if it was the last block there and is
    /// remembered.
    #[track_caller]
    pub(super) fn tell_double_free(&self, address: usize) {
        self.telling(|state, place| {
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
        self.state().blocks(|record| is_out(record.block.address))
    }

    /// Reports them, with a finding for each line.
    pub fn tell_leaks(&self, is_out: impl Fn(usize) -> bool) {
        self.telling(|state, _| {
            let report = state.blocks(|record| is_out(record.block.address));
            state.note_groups(Kind::Leak, report);
        });
    }

    /// The extent of the block at an address, if there is one.
    pub(super) fn extent_of(&self, address: usize) -> Option<Extent> {
        self.state().record_at(address).map(|(_, record)| record.extent)
    }

    /// Resizes a block to `size` bytes in `extent`, which begins at the same address as its extent
    /// and belongs to the block. Bytes that it gains are fresh; bytes that it loses beyond the
    /// extent are poisoned. Returns false if there is no such block.
    #[track_caller]
    pub(super) fn resize(&self, address: usize, size: usize, extent: Extent) -> bool {
        let resized = self.telling(|state, place| {
            let whose = state.whose;
            let (_, record) = state.record_at(address)?;
            let (overruns, old) = (record.overruns(whose), record.extent);
            let mut past = record.block.clone();
            past.ended = Some(Ended { how: How::Freed, place: Some(place) });
            (record.extent, record.block.size) = (extent, size);
            let (zones, end) = (record.zones(), address + past.size);
            state.found.extend(overruns);
            match extent.end() > old.end() {
                true => state.use_again(extent.part(old.end(), extent.end())),
                false => state.poison(old.part(extent.end(), old.end()), past),
            }
            extent.part(end.min(address + size), address + size).fill(FRESH);
            zones.into_iter().for_each(|zone| zone.fill(RED));
            Some(())
        });
        resized.flatten().is_some()
    }

    /// Forgets memory from an address on, because it no longer belongs to the owner, or has lost
    /// its bytes.
    pub fn forget(&self, address: usize, len: usize) {
        self.telling(|state, _| drop(state.take_poisoned(address, address.saturating_add(len))));
    }

    /// Checks all red zones and all poison. Returns damage that was not reported yet, the oldest
    /// block first.
    pub fn verify(&self) -> Result<(), Vec<Finding>> {
        COUNTERS.verified.add(1);
        let mut state = self.state();
        let whose = state.whose;
        let overruns: Vec<_> =
            state.alive.values().flat_map(|record| record.overruns(whose)).collect();
        state.found.extend(overruns);
        for (extent, past) in state.poisoned.values().cloned().collect::<Vec<_>>() {
            state.look_at_poison(extent, &past);
            extent.fill(DEAD);
        }
        let found = take(&mut state.found);
        found.iter().for_each(|finding| COUNTERS.note(finding.kind));
        if found.is_empty() { Ok(()) } else { Err(found) }
    }

    /// Ends all remaining blocks, because the owner is dropped.
    pub fn close(&self) {
        self.telling(|state, _| {
            let kept = state.blocks(|record| Arc::strong_count(&record.handles) > 1);
            state.note_groups(Kind::Kept, kept);
            for (extent, past) in take(&mut state.poisoned).into_values() {
                state.look_at_poison(extent, &past);
            }
            state.bury_since(0, &Ended { how: How::Dropped, place: None });
            state.poisoned.clear();
        });
    }

    /// The generation of the block at an address and the count of its handles, for a new one.
    pub(super) fn stamp(&self, address: usize) -> Option<(u64, Arc<()>)> {
        let mut state = self.state();
        let (serial, record) = state.record_at(address)?;
        Some((serial, Arc::clone(&record.handles)))
    }

    /// A block by its generation. If it has ended, the error has what is still known.
    pub(super) fn alive(&self, serial: u64) -> Result<NonNull<[u8]>, Box<Finding>> {
        let state = self.state();
        if let Some(Record { extent, block, .. }) = state.alive.get(&serial) {
            let Extent { start, len } = extent.part(block.address, block.address + block.size);
            return Ok(NonNull::slice_from_raw_parts(start, len));
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
}
