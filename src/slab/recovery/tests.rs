//! Participants of several processes, simulated in one. Each has a mapping of its own, a registry
//! over the same words, and locks that become free when it dies.

use crate::error::SlabError;
use crate::slab::locks::{HeapLocks, dying::Process};
use crate::slab::registry::{Registry, SHARED_WORDS};
use crate::slab::slot_table::SlotTable;
use crate::slab::token::Token;
use crate::slab::transit::{Tick, Transit};
use crate::slab::word::{MAX_PARTICIPANTS, Owner, SlotState, Word};
use crate::slab::{Recovered, Slab, SlabOptions};
use crate::sync::{Arc, Ordering, Words};
use proptest::prelude::*;
use std::ptr::NonNull;
use std::time::Duration;

/// The memory that processes share.
pub(super) struct Machine {
    words: Words,
    locks: Arc<HeapLocks>,
    first: Slab,
}

impl Machine {
    pub(super) fn new(options: &SlabOptions) -> Machine {
        // Leaked, because nothing tells when its last user is gone.
        let row = NonNull::from(Vec::leak(vec![0u64; SHARED_WORDS]));
        // SAFETY: leaked, and reached by this row alone.
        let words = unsafe { Words::over(row.cast(), SHARED_WORDS) };
        let locks = Arc::new(HeapLocks::new(MAX_PARTICIPANTS));
        Machine { words, locks, first: Slab::shared(options).unwrap() }
    }

    /// Adds a process.
    pub(super) fn process(&self) -> (Slab, Process) {
        let mut slab = Slab::attach(self.first.share().unwrap()).unwrap();
        slab.end_mapping_owner(); // which belongs to the registry that is replaced here
        let process = Process::among(&self.locks);
        let registry = Registry::shared(self.words.clone(), Box::new(process.clone()));
        slab.registry = Arc::new(registry);
        (slab, process)
    }
}

fn fixed(count: u32) -> Machine {
    Machine::new(&SlabOptions::fixed(&[64], count, 64 << 20))
}

fn claim(slab: &Slab, owner: Owner, want: usize) -> Vec<u32> {
    let mut slots = Vec::new();
    slab.claim(0, owner, SlotState::Held, want, &mut |slot| slots.push(slot)).unwrap();
    slots
}

#[test]
fn a_search_for_the_dead_is_put_off_by_a_second_at_most_whatever_the_clock_does() {
    let machine = fixed(1);
    let (living, _) = machine.process();
    let clock = std::cell::Cell::new(0);
    // Whether a participant that has just died is found at a time, by a search that seems to take
    // so many milliseconds.
    let finds = |at: u64, takes: u64| {
        let (slab, dying) = machine.process();
        slab.join().unwrap();
        dying.die();
        clock.set(at);
        let found = living.look_at(|| clock.replace(clock.get().wrapping_add(takes)));
        living.recover();
        found
    };
    let hour = 3_600_000;
    assert!(finds(hour, 0));
    assert!(!finds(hour, 0) && finds(hour + 1, 0), "at most once in a millisecond");
    assert!(finds(2 * hour, 300), "stopped during the search");
    assert!(!finds(2 * hour + 600, 0) && finds(2 * hour + 1300, 0));
    assert!(finds(3 * hour, hour) && finds(4 * hour + 1000, 0), "paused for an hour");
    assert!(finds(hour, 0), "the clock went back");
    assert!(finds(5 * hour, 1_u64.wrapping_neg()), "and during the search");
    assert!(finds(5 * hour + 1000, 0));
}

#[test]
fn who_finds_no_slot_gets_those_of_the_dead() {
    let machine = fixed(8);
    let [(first, dying), (second, _)] = [(); 2].map(|()| machine.process());
    let [a, b] = [&first, &second].map(|slab| slab.join().unwrap());
    assert_eq!(claim(&first, a, 8).len(), 8);
    assert_eq!(claim(&second, b, 1), [], "it lives");
    assert_eq!(second.recover(), []);
    dying.die();
    // The dead are searched for once in a millisecond.
    let found = (0..).map(|_| claim(&second, b, 8).len()).find(|&found| found > 0);
    assert_eq!(found, Some(8));
    assert!(!second.registry().is_alive(a) && second.registry().is_alive(b));
}

#[test]
fn who_joins_frees_what_the_dead_had_and_a_recovery_says_whose_it_was() {
    let machine = fixed(8);
    let (slab, dying) = machine.process();
    let a = slab.join().unwrap();
    claim(&slab, a, 3);
    dying.die();
    let (second, other) = machine.process();
    let b = second.join().unwrap();
    assert_eq!(second.check().unwrap()[0].free, 8);
    claim(&second, b, 5);
    other.die();
    let pid = std::process::id();
    assert_eq!(slab.recover(), [Recovered { pid, slots: 5 }]);
    assert_eq!((slab.recover(), slab.registry().alive()), (vec![], 0));
}

#[test]
fn members_are_those_who_live_with_their_process_and_since_when() {
    let machine = fixed(8);
    let (slab, dying) = machine.process();
    let before = crate::os::epoch_millis();
    let a = slab.join().unwrap();
    let (second, _) = machine.process();
    let b = second.join().unwrap();
    let members = second.registry().members();
    assert_eq!(members.iter().map(|member| member.owner).collect::<Vec<_>>(), [a, b]);
    assert!(members.iter().all(|member| member.pid == std::process::id()));
    assert!(members.iter().all(|member| (before..before + 60_000).contains(&member.since)));
    dying.die();
    assert_eq!(second.registry().members().len(), 1);
}

#[test]
fn a_number_comes_again_only_after_all_others() {
    let machine = fixed(8);
    let (slab, _) = machine.process();
    let names: Vec<_> = (0..2 * MAX_PARTICIPANTS)
        .map(|_| {
            let owner = slab.join().unwrap();
            slab.registry().unregister(owner);
            (owner.index(), owner.incarnation())
        })
        .collect();
    let expected = |incarnation| (1..=MAX_PARTICIPANTS).map(move |index| (index, incarnation));
    assert_eq!(names, expected(1).chain(expected(2)).collect::<Vec<_>>());
}

#[test]
fn when_all_names_are_used_up_and_borne_by_slots_a_join_says_so() {
    let machine = fixed(MAX_PARTICIPANTS as u32);
    let (slab, _) = machine.process();
    slab.registry().wear_out();
    for _ in 0..MAX_PARTICIPANTS {
        let owner = slab.join().unwrap();
        assert_eq!(claim(&slab, owner, 1).len(), 1);
        slab.registry().unregister(owner); // as a thread that leaves a block behind
    }
    assert_eq!(slab.join(), Err(SlabError::UsedUp));
    slab.pools.free_slot(0, 500).unwrap();
    let owner = slab.join().unwrap();
    assert_eq!(owner.incarnation(), 1);
    assert_eq!(slab.join(), Err(SlabError::UsedUp));
}

#[test]
fn as_many_as_there_can_be_are_too_many_until_one_dies() {
    let machine = fixed(8);
    let (slab, dying) = machine.process();
    slab.join().unwrap();
    let (second, _) = machine.process();
    assert!((1..MAX_PARTICIPANTS).all(|_| second.join().is_ok()));
    assert_eq!(second.join(), Err(SlabError::TooMany { most: MAX_PARTICIPANTS }));
    dying.die();
    assert!(second.join().is_ok());
}

/// A slot that `slab` sent, at tick 0 by its clock.
fn send(slab: &Slab, owner: Owner) -> (u32, Token) {
    let slot = claim(slab, owner, 1)[0];
    let token = slab.send_as(0, slot, 64, owner).unwrap();
    let sent = crate::slab::transit::Message::new(64, Tick::default());
    slab.pools()[0].table.set_message(slot, sent);
    (slot, token)
}

#[test]
fn what_the_dead_sent_can_be_received_until_its_transit_is_over() {
    let machine = fixed(2);
    let [(mut first, dying), (mut second, _)] = [(); 2].map(|()| machine.process());
    let transit = Transit::of(Duration::from_secs(1));
    (first.transit, second.transit) = (transit, transit);
    let [a, b] = [&first, &second].map(|slab| slab.join().unwrap());
    let (early, late) = (send(&first, a), send(&first, a));
    dying.die();
    second.recover();
    let table = &second.pools()[0].table;
    assert!(second.sweep_at(table, || Tick::of(900)), "somebody left");
    assert!(!second.sweep_at(table, || Tick::of(900)), "nothing is due yet");
    assert_eq!(second.receive_as(early.1, b).map(|received| received.slot), Ok(early.0));
    assert!(second.sweep_at(table, || Tick::of(1100)));
    assert_eq!(second.receive_as(late.1, b), Err(SlabError::Stale));
    assert_eq!(claim(&second, b, 2), [late.0]);
    assert!(!second.sweep_at(table, || Tick::of(9999)), "nothing is left");
}

#[test]
fn what_the_living_sent_is_in_transit_for_ever() {
    let machine = fixed(2);
    let (slab, _) = machine.process();
    let (a, b) = (slab.join().unwrap(), slab.join().unwrap());
    let ((_, token), (_, lost)) = (send(&slab, a), send(&slab, b));
    slab.reclaim(b);
    assert!(slab.sweep_at(&slab.pools()[0].table, || Tick::of(60_000)));
    assert_eq!(slab.receive_as(lost, a), Err(SlabError::Stale));
    assert!(slab.revoke_as(token, a).is_ok());
}

#[test]
fn a_hint_that_somebody_took_away_comes_back_with_a_recovery() {
    let machine = fixed(5000);
    let (slab, _) = machine.process();
    let owner = slab.join().unwrap();
    slab.pools()[0].table.hints_row(|word| word.store(0, Ordering::Relaxed));
    assert_eq!(claim(&slab, owner, 1), []);
    slab.recover();
    assert_eq!(claim(&slab, owner, 5000).len(), 5000);
}

/// Does everything that a participant can do, with any content of the words.
fn use_all(slab: &Slab, tokens: &[u64]) {
    let owner = slab.join().unwrap_or(Owner::new(5, 6));
    for index in 0..slab.pools().len() {
        let mut slots = Vec::new();
        let mut note = |slot| slots.push(slot);
        slab.claim(index, owner, SlotState::Held, 70, &mut note).unwrap();
        slab.claim(index, Owner::NOBODY, SlotState::Held, 1, &mut |_| {}).unwrap();
        let pool = &slab.pools()[index];
        assert!(slots.iter().all(|&slot| (slot as usize) < pool.table.max_count()));
        let sent: Vec<_> = slots
            .iter()
            .take(3)
            .filter_map(|&slot| slab.send_as(index, slot, 5, owner).ok())
            .collect();
        for token in sent.into_iter().chain(tokens.iter().map(|&bits| Token::from_bits(bits))) {
            if let Ok(received) = slab.receive_as(token, owner) {
                assert!(received.length <= slab.pools()[received.pool].size());
            }
        }
        pool.free_held(slots.into_iter(), owner);
        assert!((0..100).filter(|&slot| slab.pools.free_slot(index, slot).is_ok()).count() <= 100);
        slab.cache_limit(index);
        slab.sweep_at(&pool.table, || Tick::of(1));
    }
    slab.recover();
    slab.stats();
    slab.registry().members();
    slab.reclaim(owner);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn no_words_that_others_may_write_make_a_participant_panic_or_reach_beyond_its_slots(
        registry in prop::collection::vec((0..SHARED_WORDS, any::<u64>()), 0..200),
        records in prop::collection::vec((0..1000usize, any::<u64>()), 0..400),
        tokens in prop::collection::vec(0..1u64 << 53, 20),
    ) {
        let sizes = SlabOptions::fixed(&[8, 64, 4096], 100, 64 << 20);
        let machine = Machine::new(&sizes);
        let (mut slab, _) = machine.process();
        slab.transit = Transit::of(Duration::from_secs(30));
        for (at, bits) in registry {
            // Usually a number that could be right, otherwise any.
            machine.words.at(at).store(if at % 3 == 0 { bits % 9 } else { bits }, Ordering::Relaxed);
        }
        for (at, bits) in records {
            let pool = &slab.pools()[at % 3];
            let words = SlotTable::words_for(100);
            pool.table.any_word(at / 3 % words).store(bits, Ordering::Relaxed);
        }
        use_all(&slab, &tokens);
        use_all(&slab, &tokens);
    }
}

#[test]
fn a_hint_beyond_the_pool_is_no_slot() {
    let machine = fixed(100);
    let (slab, _) = machine.process();
    let owner = slab.join().unwrap();
    slab.pools()[0].table.hints_row(|word| word.store(u64::MAX, Ordering::Relaxed));
    let mut slots = claim(&slab, owner, 200);
    slots.sort_unstable();
    assert_eq!(slots, (0..100).collect::<Vec<_>>());
    assert_eq!(slab.pools()[0].table.word(99).state(), SlotState::Held);
    assert_eq!(Word(0).state(), SlotState::Absent);
}
