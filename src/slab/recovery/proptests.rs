//! Random programs of three processes that die, against a model that only counts.

use super::tests::Machine;
use crate::slab::locks::dying::Process;
use crate::slab::token::Token;
use crate::slab::{Slab, SlabOptions, ThreadCache};
use crate::sync::Arc;
use proptest::prelude::*;
use std::ptr::NonNull;

const SIZES: [usize; 2] = [16, 64];
const COUNT: u32 = 40;

#[derive(Clone, Debug)]
enum Step {
    Allocate { who: usize, size: usize },
    Free { who: usize, which: usize },
    Send { who: usize, which: usize },
    Receive { who: usize, which: usize },
    Flush { who: usize },
    Recover { who: usize },
    Kill { who: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let who = 0..3usize;
    let which = any::<usize>;
    prop_oneof![
        10 => (who.clone(), 1..65usize).prop_map(|(who, size)| Step::Allocate { who, size }),
        6 => (who.clone(), which()).prop_map(|(who, which)| Step::Free { who, which }),
        4 => (who.clone(), which()).prop_map(|(who, which)| Step::Send { who, which }),
        3 => (who.clone(), which()).prop_map(|(who, which)| Step::Receive { who, which }),
        1 => who.clone().prop_map(|who| Step::Flush { who }),
        1 => who.clone().prop_map(|who| Step::Recover { who }),
        1 => who.prop_map(|who| Step::Kill { who }),
    ]
}

/// A process, with one thread.
struct Actor {
    slab: Arc<Slab>,
    process: Process,
    cache: ThreadCache,
    /// The blocks that it holds, each with the stamp it wrote there.
    held: Vec<(NonNull<[u8]>, u64)>,
}

impl Actor {
    fn new(machine: &Machine) -> Actor {
        let (slab, process) = machine.process();
        let slab = Arc::new(slab);
        let cache = ThreadCache::new(&slab).unwrap();
        Actor { slab, process, cache, held: Vec::new() }
    }

    fn take(&mut self, which: usize) -> Option<(NonNull<[u8]>, u64)> {
        (!self.held.is_empty()).then(|| self.held.swap_remove(which % self.held.len()))
    }

    fn verify(&self) {
        for &(block, stamp) in &self.held {
            // SAFETY: a held block of at least 8 bytes.
            assert_eq!(unsafe { block.cast::<u64>().read() }, stamp);
        }
    }

    fn free(&mut self, block: NonNull<[u8]>) {
        // SAFETY: held, and not used any more.
        unsafe { self.cache.deallocate(block.cast()) }.unwrap();
    }
}

struct World {
    machine: Machine,
    actors: Vec<Actor>,
    /// Tokens that nobody has received, with the stamp of their slots.
    mail: Vec<(Token, u64)>,
    /// Whether a process died that had sent something.
    lost_mail: bool,
    stamp: u64,
}

impl World {
    fn new() -> World {
        let machine = Machine::new(&SlabOptions::fixed(&SIZES, COUNT, 1 << 20));
        let actors = (0..3).map(|_| Actor::new(&machine)).collect();
        World { machine, actors, mail: Vec::new(), lost_mail: false, stamp: 0 }
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Allocate { who, size } => {
                let Ok(block) = self.actors[who].cache.allocate(size) else { return };
                self.stamp += 1;
                // SAFETY: a held block of at least 8 bytes.
                unsafe { block.cast::<u64>().write(self.stamp) };
                self.actors[who].held.push((block, self.stamp));
            }
            Step::Free { who, which } => {
                if let Some((block, _)) = self.actors[who].take(which) {
                    self.actors[who].free(block);
                }
            }
            Step::Send { who, which } => {
                let Some((block, stamp)) = self.actors[who].take(which) else { return };
                let Actor { slab, cache, .. } = &self.actors[who];
                let (pool, slot) = slab.pools.locate(block.cast()).unwrap();
                let token = slab.send_as(pool, slot, block.len(), cache.owner()).unwrap();
                self.mail.push((token, stamp));
            }
            Step::Receive { who, which } if !self.mail.is_empty() => {
                let (token, stamp) = self.mail.swap_remove(which % self.mail.len());
                let Actor { slab, cache, held, .. } = &mut self.actors[who];
                match slab.receive_as(token, cache.owner()) {
                    Ok(received) => {
                        held.push((slab.pools()[received.pool].block(received.slot), stamp))
                    }
                    // The sender is dead, and slots had run out.
                    Err(_) => assert!(self.lost_mail),
                }
            }
            Step::Flush { who } => self.actors[who].cache.flush(),
            Step::Recover { who } => drop(self.actors[who].slab.recover()),
            Step::Kill { who } => {
                let actor = std::mem::replace(&mut self.actors[who], Actor::new(&self.machine));
                actor.cache.die();
                actor.process.die();
                self.lost_mail = true;
            }
            Step::Receive { .. } => {}
        }
    }

    /// Checks that every held block was claimed once, and that nobody has written there since.
    fn check(&self) {
        self.actors.iter().for_each(Actor::verify);
    }

    /// The living free all that they hold; then what the dead had must come back.
    fn end(mut self) {
        for actor in &mut self.actors {
            while let Some((block, _)) = actor.take(0) {
                actor.free(block);
            }
            actor.cache.flush();
        }
        let Actor { slab, cache, .. } = &self.actors[0];
        for (token, _) in self.mail {
            if let Ok(received) = slab.receive_as(token, cache.owner()) {
                slab.pools.free_slot(received.pool, received.slot).unwrap();
            }
        }
        slab.recover();
        for counts in slab.check().unwrap() {
            assert_eq!(counts.free, COUNT as usize, "{counts:?}");
        }
        assert_eq!(slab.registry().members().len(), 3);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn no_slot_is_lost_or_had_twice_whoever_dies(steps in prop::collection::vec(step(), 1..300)) {
        let mut world = World::new();
        for step in steps {
            world.run(step);
            world.check();
        }
        world.end();
    }
}
