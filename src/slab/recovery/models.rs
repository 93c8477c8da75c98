//! Models: every interleaving of processes that join, recover and receive, where one of them dies
//! at any of its writes.

use super::{Recovered, free_lost};
use crate::slab::locks::{HeapLocks, dying::Process};
use crate::slab::models::{bounded, slab};
use crate::slab::registry::Registry;
use crate::slab::token::Token;
use crate::slab::transit::{Pending, Tick, Transit};
use crate::slab::word::{Owner, SlotState};
use crate::slab::{Slab, SlabOptions};
use crate::sync::{Arc, Mutex, Words, crash};
use std::ptr::NonNull;

/// The words of a registry that processes share, and of a slab of two slots.
struct World {
    words: Words,
    locks: Arc<HeapLocks>,
    slab: Slab,
}

impl World {
    fn new(entries: usize) -> World {
        // SAFETY: under loom the words lie in the row itself.
        let words = unsafe { Words::over(NonNull::dangling(), 8 + 8 * entries) };
        let locks = Arc::new(HeapLocks::new(entries));
        let mut slab = slab(&SlabOptions::fixed(&[4096], 2, 1 << 20));
        let own = Process::among(&locks);
        slab.registry = Arc::new(Registry::shared(words.clone(), Box::new(own)));
        World { words, locks, slab }
    }

    /// Adds a process.
    fn process(&self) -> (Registry, Process) {
        let process = Process::among(&self.locks);
        (Registry::shared(self.words.clone(), Box::new(process.clone())), process)
    }

    /// A process that claims slots and dies.
    fn dead(&self, slots: usize) -> Owner {
        let (registry, process) = self.process();
        let owner = registry.join().unwrap();
        assert_eq!(self.claim(owner, slots), slots);
        process.die();
        owner
    }

    fn claim(&self, owner: Owner, want: usize) -> usize {
        self.slab.pools()[0].table.claim_surely(owner, SlotState::Held, want, &mut |_| {})
    }

    /// Recovers as the process of `registry` would.
    fn recover(&self, registry: &Registry) -> Vec<Recovered> {
        let tables = std::iter::once(&self.slab.pools()[0].table);
        free_lost(registry, tables, registry.find_dead())
    }

    /// Checks what must hold in every case: the count of the living is right, and all slots but
    /// `held` are free and found.
    fn assert_whole(&self, alive: usize, held: usize) {
        self.slab.recover();
        assert_eq!(self.slab.registry().members().len(), alive);
        let counts = self.slab.pools()[0].table.count_slots();
        assert_eq!((counts.held, counts.free), (held, 2 - held));
        let (registry, _) = self.process();
        let finder = registry.join().expect("a number is free");
        assert_eq!(self.claim(finder, 2), 2 - held, "all that are free can be found");
    }
}

/// Runs `run` with the step before which a process dies, from 0 on, until a run ends without a
/// death. There must be at least `least` steps.
fn at_every_step(least: usize, run: impl Fn(usize) -> bool + Copy + Send + Sync + 'static) {
    for steps in 0.. {
        let ended = std::sync::Arc::new(std::sync::Mutex::new(true));
        let seen = std::sync::Arc::clone(&ended);
        bounded(2, move || *seen.lock().unwrap() &= run(steps));
        if *ended.lock().unwrap() {
            assert!(steps >= least, "every step was tried: {steps}");
            return;
        }
    }
}

#[test]
fn two_that_join_at_once_get_a_number_each_at_whichever_step_one_dies() {
    at_every_step(5, |steps| {
        let world = Arc::new(World::new(3));
        let (registry, process) = world.process();
        let other = loom::thread::spawn(move || {
            let mut joined = None;
            let ended = crash::after(steps, || joined = registry.join());
            (ended, joined)
        });
        let own = world.slab.registry().join().unwrap();
        let (ended, joined) = other.join().unwrap();
        if let Some(other) = joined {
            assert_ne!(own.index(), other.index());
            assert!(world.slab.registry().is_alive(other));
        }
        assert_eq!(ended, joined.is_some());
        process.die();
        world.slab.recover();
        assert!(world.slab.registry().is_alive(own));
        assert_eq!(world.slab.registry().alive(), 1, "counted anew");
        world.assert_whole(1, 0);
        ended
    });
}

#[test]
fn the_dead_are_recovered_once_at_whichever_step_one_of_two_recoverers_dies() {
    at_every_step(7, |steps| {
        let world = Arc::new(World::new(3));
        let dead = world.dead(2);
        let before = [0, 1].map(|slot| world.slab.pools()[0].table.word(slot).generation());
        let (other_world, (registry, process)) = (Arc::clone(&world), world.process());
        let other = loom::thread::spawn(move || {
            let mut recovered = Vec::new();
            let ended = crash::after(steps, || recovered = other_world.recover(&registry));
            (ended, recovered)
        });
        let own = world.slab.recover();
        assert!(!world.slab.registry().is_alive(dead));
        let counts = world.slab.pools()[0].table.count_slots();
        assert_eq!(counts.free, 2, "who has recovered waits for nobody");
        let (ended, theirs) = other.join().unwrap();
        process.die();
        let told: usize = own.iter().chain(&theirs).map(|one| one.slots).sum();
        assert!(told == 2 || !ended && told < 2, "each slot is told by who freed it");
        let after = [0, 1].map(|slot| world.slab.pools()[0].table.word(slot).generation());
        assert_eq!(after, before.map(|generation| generation + 1), "once");
        world.assert_whole(0, 0);
        ended
    });
}

#[test]
fn what_the_dead_sent_is_looked_for_at_whichever_step_their_recoverer_dies() {
    at_every_step(5, |steps| {
        let world = Arc::new(World::new(3));
        let (sender, process) = world.process();
        let owner = sender.join().unwrap();
        assert_eq!(world.claim(owner, 2), 2);
        world.slab.send_as(0, 1, 64, owner).unwrap();
        process.die();
        let (other_world, (registry, process)) = (Arc::clone(&world), world.process());
        let other = loom::thread::spawn(move || {
            crash::after(steps, || drop(other_world.recover(&registry)))
        });
        let table = &world.slab.pools()[0].table;
        world.slab.sweep_at(table, Tick::default);
        let ended = other.join().unwrap();
        process.die();
        world.slab.recover();
        world.slab.sweep_at(table, Tick::default);
        world.assert_whole(0, 0);
        ended
    });
}

#[test]
fn who_joins_and_claims_keeps_it_however_late_others_recover_the_one_before() {
    at_every_step(7, |steps| {
        // As many entries as there are participants: the new one can only get the dead one's
        // number.
        let world = Arc::new(World::new(2));
        let dead = world.dead(1);
        let (other_world, (registry, process)) = (Arc::clone(&world), world.process());
        let other = loom::thread::spawn(move || {
            crash::after(steps, || drop(other_world.recover(&registry)))
        });
        world.slab.recover();
        let joined = [0, 1].map(|_| world.slab.registry().join().unwrap());
        assert!(joined.iter().any(|owner| owner.index() == dead.index() && *owner != dead));
        for owner in joined {
            assert_eq!(world.claim(owner, 1), 1);
        }
        let ended = other.join().unwrap();
        process.die();
        world.slab.recover();
        assert_eq!(world.slab.pools()[0].table.count_slots().held, 2);
        assert!(joined.iter().all(|&owner| world.slab.registry().is_alive(owner)));
        ended
    });
}

#[test]
fn who_joins_at_the_moment_of_a_recovery_is_not_taken_for_dead() {
    at_every_step(6, |steps| {
        let world = Arc::new(World::new(2));
        let (registry, process) = world.process();
        let joining = Arc::clone(&world);
        let joining = loom::thread::spawn(move || {
            let mut owner = None;
            let ended = crash::after(steps, || {
                owner = registry.join();
                assert_eq!(joining.claim(owner.unwrap(), 1), 1);
            });
            (ended, owner)
        });
        world.slab.recover();
        let (ended, owner) = joining.join().unwrap();
        if ended {
            assert!(owner.is_some_and(|owner| world.slab.registry().is_alive(owner)));
            assert_eq!(world.slab.pools()[0].table.count_slots().held, 1);
        }
        process.die();
        world.assert_whole(0, 0);
        ended
    });
}

#[test]
fn who_leaves_at_the_moment_of_a_recovery_is_not_taken_for_dead() {
    at_every_step(3, |steps| {
        let world = Arc::new(World::new(2));
        let (registry, process) = world.process();
        let leaver = registry.join().unwrap();
        assert_eq!(world.claim(leaver, 1), 1);
        let other =
            loom::thread::spawn(move || crash::after(steps, || registry.unregister(leaver)));
        world.slab.recover();
        let held = world.slab.pools()[0].table.count_slots().held;
        assert_eq!(held, 1, "what it handed out stays with whoever has it");
        let ended = other.join().unwrap();
        process.die();
        // If it died before it left, everything it had is free.
        let left = !world.slab.registry().is_alive(leaver);
        world.assert_whole(0, usize::from(left));
        ended
    });
}

#[test]
fn what_the_dead_sent_is_received_or_comes_back_when_its_transit_is_over_but_not_both() {
    at_every_step(2, |steps| {
        let mut world = World::new(3);
        world.slab.transit = Transit::of(std::time::Duration::from_secs(1));
        let (sender, process) = world.process();
        let owner = sender.join().unwrap();
        assert_eq!(world.claim(owner, 1), 1);
        let slot =
            (0..2).find(|&slot| world.slab.pools()[0].table.word(slot).is(SlotState::Held, owner));
        let token = world.slab.send_as(0, slot.unwrap(), 64, owner).unwrap();
        process.die();
        let receiver = world.slab.registry().join().unwrap();
        world.slab.recover();
        let table = &world.slab.pools()[0].table;
        world.slab.sweep_at(table, || Tick::of(crate::os::boot_millis()));
        assert_eq!(table.count_slots().sent, 1, "not before");
        let world = Arc::new(world);
        let other = Arc::clone(&world);
        let other = loom::thread::spawn(move || {
            crash::after(steps, || {
                let mut pending = Pending::new(Transit::NONE, Tick::default());
                let is_gone = |owner| !other.slab.registry().is_alive(owner);
                other.slab.pools()[0].table.sweep_sent(is_gone, |message| pending.is_over(message));
            })
        });
        let received = world.slab.receive_as(token, receiver);
        let ended = other.join().unwrap();
        if ended {
            let counts = world.slab.pools()[0].table.count_slots();
            assert_eq!((counts.sent, counts.held), (0, usize::from(received.is_ok())));
        }
        ended
    });
}

#[test]
fn a_slot_is_the_senders_or_the_receivers_at_whichever_step_the_sender_dies() {
    at_every_step(5, |steps| {
        let world = Arc::new(World::new(3));
        let (registry, process) = world.process();
        let receiver = world.slab.registry().join().unwrap();
        let mail = Arc::new(Mutex::new(None::<Token>));
        let (sender_world, sent) = (Arc::clone(&world), Arc::clone(&mail));
        let sender = loom::thread::spawn(move || {
            crash::after(steps, || {
                let owner = registry.join().unwrap();
                let (slab, mut slot) = (&sender_world.slab, None);
                slab.pools()[0].table.claim(owner, SlotState::Held, 1, &mut |one| slot = Some(one));
                let token = slab.send_as(0, slot.unwrap(), 64, owner).unwrap();
                *sent.lock() = Some(token);
            })
        });
        let early = mail.lock().take().map(|token| world.slab.receive_as(token, receiver));
        let ended = sender.join().unwrap();
        process.die();
        world.slab.recover();
        let late = mail.lock().take().map(|token| world.slab.receive_as(token, receiver));
        let received = early.or(late).is_some_and(|received| received.is_ok());
        assert_eq!(received, ended, "what was sent can be received though its sender is dead");
        // What was sent while its token was lost comes back.
        let table = &world.slab.pools()[0].table;
        world.slab.sweep_at(table, Tick::default);
        world.assert_whole(1, usize::from(received));
        ended
    });
}
