//! Models: every interleaving of threads on the words of a few slots, with at most three
//! preemptions (two if a participant dies; LOOM_MAX_PREEMPTIONS if that is fewer), and every step
//! at which a participant can die.

use super::dead_owners::DeadOwners;
use super::registry::Registry;
use super::slot_table::SlotTable;
use super::word::{Owner, SlotState, Word};
use super::{PoolOptions, Slab, SlabOptions};
use crate::sync::{Arc, Words, crash};
use loom::cell::UnsafeCell;
use std::ptr::NonNull;

const A: usize = 1;
const B: usize = 2;

fn model(run: impl Fn() + Sync + Send + 'static) {
    bounded(3, run);
}

pub(super) fn bounded(preemptions: usize, run: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    let most = builder.preemption_bound.unwrap_or(preemptions);
    builder.preemption_bound = Some(most.min(preemptions));
    builder.check(run);
}

fn owner(index: usize) -> Owner {
    Owner::new(index, 1)
}

/// A table whose slots have contents that loom watches: loom reports a race if a use is not ordered
/// after the last holder's.
struct Watched {
    table: SlotTable,
    slots: Vec<UnsafeCell<usize>>,
}

// SAFETY: loom checks every access to the cells.
unsafe impl Sync for Watched {}
// SAFETY: as above.
unsafe impl Send for Watched {}

impl Watched {
    /// A table that clears summaries, as a pool of more than 64 slots does.
    fn new(count: usize) -> Arc<Watched> {
        Watched::with(count, SlotTable::clear_always)
    }

    /// A table that does not, as a pool of up to 64 slots.
    fn small(count: usize) -> Arc<Watched> {
        Watched::with(count, |_| {})
    }

    fn with(count: usize, prepare: impl FnOnce(&mut SlotTable)) -> Arc<Watched> {
        // SAFETY: under loom the words lie in the row itself.
        let mut table =
            SlotTable::new(count, |_, len| unsafe { Words::over(NonNull::dangling(), len) });
        prepare(&mut table);
        table.grow(0..count as u32);
        Arc::new(Watched { table, slots: (0..count).map(|_| UnsafeCell::new(0)).collect() })
    }

    fn claim(&self, by: usize, state: SlotState) -> Option<u32> {
        let mut found = None;
        self.table.claim(owner(by), state, 1, &mut |slot| found = Some(slot));
        found
    }

    /// Uses a slot as its only holder.
    fn stamp(&self, slot: u32, by: usize) {
        // SAFETY: loom checks it.
        self.slots[slot as usize].with_mut(|value| unsafe { *value = by });
    }

    fn stamped(&self, slot: u32) -> usize {
        // SAFETY: loom checks it.
        self.slots[slot as usize].with(|value| unsafe { *value })
    }

    fn free(&self, slot: u32) -> Result<(), Word> {
        self.table.free(slot, self.table.word(slot))
    }

    fn free_all(&self) -> usize {
        self.table.count_slots().free
    }
}

/// As [`Watched::new`].
pub(super) fn slab(options: &SlabOptions) -> Slab {
    let mut slab = Slab::new(options).unwrap();
    slab.pools.all_mut().iter_mut().for_each(|pool| pool.table.clear_always());
    slab
}

fn spawn(
    pool: &Arc<Watched>,
    work: impl FnOnce(&Watched) + 'static,
) -> loom::thread::JoinHandle<()> {
    let pool = Arc::clone(pool);
    loom::thread::spawn(move || work(&pool))
}

#[test]
fn a_slot_freed_by_one_is_used_by_another_after_it() {
    model(|| freed_and_used(Watched::new(1)));
    model(|| freed_and_used(Watched::small(1)));
}

fn freed_and_used(pool: Arc<Watched>) {
    let round = |pool: &Watched, by| {
        let Some(slot) = pool.claim(by, SlotState::Held) else { return };
        pool.stamp(slot, by);
        assert_eq!(pool.stamped(slot), by);
        pool.free(slot).unwrap();
    };
    let other = spawn(&pool, move |pool| round(pool, B));
    round(&pool, A);
    other.join().unwrap();
    assert_eq!(pool.claim(A, SlotState::Held), Some(0), "found again, whatever became of its hint");
}

#[test]
fn two_that_claim_two_slots_get_one_each() {
    model(|| {
        let pool = Watched::new(2);
        let other = spawn(&pool, |pool| {
            let slot = pool.claim(B, SlotState::Held).expect("two for two");
            pool.stamp(slot, B);
        });
        let slot = pool.claim(A, SlotState::Held).expect("two for two");
        pool.stamp(slot, A);
        other.join().unwrap();
        assert_eq!(pool.stamped(slot), A);
        assert_eq!(pool.claim(A, SlotState::Held), None);
    });
}

#[test]
fn a_slot_handed_over_is_freed_into_the_other_s_magazine_while_its_claimer_claims() {
    model(|| {
        let pool = Watched::new(2);
        let slot = pool.claim(A, SlotState::Held).unwrap();
        pool.stamp(slot, A);
        let other = spawn(&pool, move |pool| {
            assert_eq!(pool.stamped(slot), A);
            let word = pool.table.word(slot);
            pool.table.change(slot, word, word.next(SlotState::Cached, owner(B))).unwrap();
            // From the magazine again, then back to it and out.
            let word = pool.table.word(slot);
            pool.table.set_own(slot, word.to(SlotState::Held, owner(B)));
            pool.stamp(slot, B);
            pool.table.set_own(slot, pool.table.word(slot).next(SlotState::Cached, owner(B)));
            pool.table.flush(&[slot]);
        });
        let own = pool.claim(A, SlotState::Held).expect("one is free throughout");
        pool.stamp(own, A);
        other.join().unwrap();
        let last = pool.claim(A, SlotState::Held).expect("flushed");
        assert_ne!(own, last);
        assert_eq!(pool.stamped(last), if last == slot { B } else { 0 });
    });
}

#[test]
fn a_block_freed_twice_at_once_is_freed_once() {
    model(|| {
        let pool = Watched::new(2);
        let slot = pool.claim(A, SlotState::Held).unwrap();
        let word = pool.table.word(slot);
        let other = Arc::clone(&pool);
        let other = loom::thread::spawn(move || other.table.free(slot, word).is_ok());
        let own = pool.table.free(slot, word).is_ok();
        assert!(own != other.join().unwrap());
        assert_eq!(pool.free_all(), 2);
    });
}

#[test]
fn refills_and_flushes_in_batches_lose_no_slot() {
    model(|| refilled_and_flushed(Watched::new(3)));
    model(|| refilled_and_flushed(Watched::small(3)));
}

fn refilled_and_flushed(pool: Arc<Watched>) {
    let batch = |pool: &Watched, by: usize| {
        let mut slots = Vec::new();
        pool.table.claim(owner(by), SlotState::Cached, 2, &mut |slot| slots.push(slot));
        slots.iter().for_each(|&slot| pool.stamp(slot, by));
        pool.table.flush(&slots);
    };
    let other = spawn(&pool, move |pool| batch(pool, B));
    batch(&pool, A);
    other.join().unwrap();
    let mut found = 0;
    while pool.claim(A, SlotState::Held).is_some() {
        found += 1;
    }
    assert_eq!(found, 3);
}

#[test]
fn a_sent_slot_is_received_or_revoked_but_not_both() {
    model(|| {
        let options = SlabOptions::fixed(&[4096], 2, 1 << 20);
        let slab = Arc::new(slab(&options));
        let (a, b) = (slab.registry().join().unwrap(), slab.registry().join().unwrap());
        let mut slot = 0;
        slab.pools()[0].table.claim(a, SlotState::Held, 1, &mut |found| slot = found);
        let token = slab.send_as(0, slot, 64, a).unwrap();
        let other = Arc::clone(&slab);
        let other = loom::thread::spawn(move || other.receive_as(token, b).is_ok());
        let revoked = slab.revoke_as(token, a).is_ok();
        let received = other.join().unwrap();
        assert!(revoked != received);
        let word = slab.pools()[0].table.word(slot);
        assert!(word.is(SlotState::Held, if received { b } else { a }));
    });
}

#[test]
fn a_pool_that_two_threads_grow_at_once_has_every_slot_once() {
    model(|| {
        let pools = vec![PoolOptions { size: 1 << 20, count: 1, max_count: 2, min_count: 1 }];
        let options = SlabOptions { pools, max_bytes: 4 << 20, memory: Default::default() };
        let slab = Arc::new(slab(&options));
        let other = Arc::clone(&slab);
        let other = loom::thread::spawn(move || other.allocate(1).unwrap().cast::<u8>().addr());
        let own = slab.allocate(1).unwrap().cast::<u8>().addr();
        assert_ne!(own, other.join().unwrap());
        assert!(slab.allocate(1).is_err());
        slab.check().unwrap();
    });
}

#[test]
fn two_that_need_a_slot_of_an_empty_pool_get_them_from_one_segment() {
    model(|| {
        let pools = vec![PoolOptions { size: 1 << 19, count: 0, max_count: 4, min_count: 0 }];
        let options = SlabOptions { pools, max_bytes: 4 << 20, memory: Default::default() };
        let slab = Arc::new(slab(&options));
        let other = Arc::clone(&slab);
        let other = loom::thread::spawn(move || other.allocate(1).unwrap().cast::<u8>().addr());
        let own = slab.allocate(1).unwrap().cast::<u8>().addr();
        assert_ne!(own, other.join().unwrap());
        assert_eq!(slab.stats()[0].count, 2, "the second one used what the first one brought");
        slab.check().unwrap();
    });
}

#[test]
fn who_meets_a_segment_that_is_about_to_be_dropped_is_never_told_that_the_pool_is_exhausted() {
    model(|| {
        let pools = vec![PoolOptions { size: 1 << 19, count: 2, max_count: 2, min_count: 0 }];
        let options = SlabOptions { pools, max_bytes: 4 << 20, memory: Default::default() };
        let slab = Arc::new(slab(&options));
        let other = Arc::clone(&slab);
        let other = loom::thread::spawn(move || {
            (0..2).map(|_| other.allocate(1).unwrap().cast::<u8>().addr()).collect::<Vec<_>>()
        });
        slab.trim(std::time::Duration::ZERO);
        let blocks = other.join().unwrap();
        assert_ne!(blocks[0], blocks[1]);
        slab.check().unwrap();
    });
}

#[test]
fn a_segment_is_dropped_or_claimed_but_not_both() {
    model(|| {
        let pool = Watched::new(2);
        let other = Arc::clone(&pool);
        let other = loom::thread::spawn(move || other.claim(B, SlotState::Held));
        let dropped = pool.table.drop_slots(0..2);
        let claimed = other.join().unwrap();
        assert!(!(dropped && claimed.is_some()));
        let counts = pool.table.count_slots();
        let there = if dropped { 0 } else { 2 };
        assert_eq!((counts.absent, counts.free + counts.held), (2 - there, there));
    });
}

/// A participant's whole life. Any of its writes may be the last.
fn life(pool: &Watched) {
    let mut slots = Vec::new();
    pool.table.claim(owner(B), SlotState::Cached, 2, &mut |slot| slots.push(slot));
    for &slot in &slots {
        pool.table.set_own(slot, pool.table.word(slot).to(SlotState::Held, owner(B)));
        pool.stamp(slot, B);
        pool.table.set_own(slot, pool.table.word(slot).next(SlotState::Cached, owner(B)));
    }
    pool.table.flush(&slots);
    if let Some(slot) = pool.claim(B, SlotState::Held) {
        let _ = pool.free(slot);
    }
}

#[test]
fn a_participant_that_dies_at_any_step_loses_no_slot_while_another_works() {
    dies_at_any_step(Watched::new);
    dies_at_any_step(Watched::small);
}

fn dies_at_any_step(pool: fn(usize) -> Arc<Watched>) {
    for steps in 0.. {
        let ended = std::sync::Arc::new(std::sync::Mutex::new(true));
        let seen = std::sync::Arc::clone(&ended);
        bounded(2, move || {
            let pool = pool(2);
            let dying = Arc::clone(&pool);
            let dying = loom::thread::spawn(move || crash::after(steps, || life(&dying)));
            let own = [0; 2].map(|_| pool.claim(A, SlotState::Held));
            let own: Vec<u32> = own.into_iter().flatten().collect();
            own.iter().for_each(|&slot| pool.stamp(slot, A));
            *seen.lock().unwrap() &= dying.join().unwrap();
            pool.table.recover(&mut DeadOwners::of(owner(B)));
            own.into_iter().for_each(|slot| pool.free(slot).unwrap());
            let mut found = 0;
            while pool.claim(A, SlotState::Held).is_some() {
                found += 1;
            }
            assert_eq!(found, 2, "all are free and can be found");
        });
        if *ended.lock().unwrap() {
            assert!(steps > 10, "the whole life was tried");
            return;
        }
    }
}

#[test]
fn what_the_dead_sent_is_freed_once_at_whichever_step_its_finder_dies() {
    for steps in 0.. {
        let ended = std::sync::Arc::new(std::sync::Mutex::new(true));
        let seen = std::sync::Arc::clone(&ended);
        bounded(2, move || {
            let slab = Arc::new(slab(&SlabOptions::fixed(&[4096], 2, 1 << 20)));
            let [a, b, c] = [0; 3].map(|_| slab.join().unwrap());
            let mut slots = Vec::new();
            slab.pools()[0].table.claim(a, SlotState::Held, 2, &mut |slot| slots.push(slot));
            let token = slab.send_as(0, slots[0], 64, a).unwrap();
            slab.send_as(0, slots[1], 64, a).unwrap();
            slab.reclaim(a);
            let dying = Arc::clone(&slab);
            let dying = loom::thread::spawn(move || {
                crash::after(steps, || {
                    dying.claim(0, b, SlotState::Held, 1, &mut |_| {}).unwrap();
                })
            });
            let received = slab.receive_as(token, c).is_ok();
            *seen.lock().unwrap() &= dying.join().unwrap();
            slab.reclaim(b);
            let mut found = usize::from(received);
            while slab.claim(0, c, SlotState::Held, 1, &mut |_| {}).unwrap() > 0 {
                found += 1;
            }
            assert_eq!(found, 2);
            assert_eq!(slab.check().unwrap()[0].held, 2);
        });
        if *ended.lock().unwrap() {
            assert!(steps > 5, "every step was tried");
            return;
        }
    }
}

#[test]
fn a_recovery_meets_a_live_thread_that_frees_what_the_dead_had_claimed() {
    model(|| {
        let pool = Watched::new(2);
        let slot = pool.claim(B, SlotState::Held).unwrap();
        let word = pool.table.word(slot);
        let other = Arc::clone(&pool);
        let other = loom::thread::spawn(move || other.table.free(slot, word).is_ok());
        let mut dead = DeadOwners::of(owner(B));
        pool.table.recover(&mut dead);
        assert!(other.join().unwrap() != dead.all().any(|one| one.slots == 1), "one did");
        assert_eq!(pool.free_all(), 2);
    });
}

#[test]
fn a_number_is_never_two_participants_at_once() {
    model(|| {
        let registry = Arc::new(Registry::local());
        let first = registry.join().unwrap();
        let other = Arc::clone(&registry);
        let other = loom::thread::spawn(move || {
            other.unregister(first);
            other.join().unwrap()
        });
        let own = registry.join().unwrap();
        let other = other.join().unwrap();
        assert_ne!(own.index(), other.index());
        assert!(registry.is_alive(own) && registry.is_alive(other) && !registry.is_alive(first));
        assert_eq!(registry.alive(), 2);
    });
}
