//! Random programs on a slab with three participants, against a model that only counts.

use super::word::SlotState;
use super::{PoolOptions, Slab, SlabOptions, ThreadCache, Token};
use crate::error::{FreeError, SlabError};
use crate::random_tests::cases;
use crate::sync::Arc;
use proptest::prelude::*;
use std::collections::HashMap;
use std::ptr::NonNull;
use std::time::Duration;

const SIZES: [usize; 3] = [8, 32, 4096];

#[derive(Clone, Debug)]
enum Step {
    Allocate { who: usize, size: usize, exact: bool },
    Free { who: usize, which: usize },
    FreeTwice { who: usize, which: usize },
    Flush { who: usize },
    Send { which: usize, length: usize },
    Take { which: usize, revoke: bool },
    Leave { who: usize },
    Die { who: usize },
    Trim,
}

fn step() -> impl Strategy<Value = Step> {
    let who = 0..4usize;
    let size = prop_oneof![0..9usize, 9..33usize, 33..4097usize, Just(4097)];
    prop_oneof![
        12 => (who.clone(), size, any::<bool>())
            .prop_map(|(who, size, exact)| Step::Allocate { who, size, exact }),
        9 => (who.clone(), any::<usize>()).prop_map(|(who, which)| Step::Free { who, which }),
        2 => (who.clone(), any::<usize>()).prop_map(|(who, which)| Step::FreeTwice { who, which }),
        1 => who.clone().prop_map(|who| Step::Flush { who }),
        3 => (any::<usize>(), any::<usize>())
            .prop_map(|(which, length)| Step::Send { which, length }),
        3 => (any::<usize>(), any::<bool>())
            .prop_map(|(which, revoke)| Step::Take { which, revoke }),
        1 => who.clone().prop_map(|who| Step::Leave { who }),
        1 => who.prop_map(|who| Step::Die { who }),
        1 => Just(Step::Trim),
    ]
}

/// A block that is out: its stamp, and the participant that it dies with (3: none).
struct Held {
    block: NonNull<[u8]>,
    stamp: u64,
    of: (usize, u32),
}

struct World {
    slab: Arc<Slab>,
    caches: Vec<Option<ThreadCache>>,
    held: Vec<Held>,
    sent: Vec<(Token, usize, Held)>,
    stamp: u64,
    generations: HashMap<usize, u32>,
}

impl World {
    fn new() -> World {
        let growing = PoolOptions { size: SIZES[1], count: 40, max_count: 400, min_count: 40 };
        let fixed = |size| PoolOptions { size, count: 24, max_count: 24, min_count: 24 };
        let pools = vec![fixed(SIZES[0]), growing, fixed(SIZES[2])];
        let slab = Arc::new(
            Slab::new(&SlabOptions { pools, max_bytes: 1 << 20, memory: Default::default() })
                .unwrap(),
        );
        let caches = (0..3).map(|_| ThreadCache::new(&slab).ok()).collect();
        let (held, sent, generations) = (Vec::new(), Vec::new(), HashMap::new());
        World { slab, caches, held, sent, stamp: 0, generations }
    }

    /// Participant `who`, created anew if it is gone; `None` stands for the slab itself.
    fn cache(&mut self, who: usize) -> Option<&mut ThreadCache> {
        let slab = Arc::clone(&self.slab);
        let cache = self.caches.get_mut(who)?;
        Some(cache.get_or_insert_with(|| ThreadCache::new(&slab).unwrap()))
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Allocate { who, size, exact } => self.allocate(who, size, exact),
            Step::Free { who, which } if !self.held.is_empty() => {
                let held = self.held.swap_remove(which % self.held.len());
                self.verify(&held);
                assert_eq!(self.free(who, held.block), Ok(()));
            }
            Step::FreeTwice { who, which } if !self.held.is_empty() => {
                let held = self.held.swap_remove(which % self.held.len());
                assert_eq!(self.free(who, held.block), Ok(()));
                assert!(self.free((who + 1) % 4, held.block).is_err());
            }
            Step::Send { which, length } if !self.held.is_empty() => {
                let held = self.held.swap_remove(which % self.held.len());
                self.send(held, length);
            }
            Step::Take { which, revoke } if !self.sent.is_empty() => {
                let sent = self.sent.swap_remove(which % self.sent.len());
                self.take(sent, revoke);
            }
            Step::Flush { who } => self.cache(who).into_iter().for_each(ThreadCache::flush),
            Step::Leave { who } => drop(self.caches.get_mut(who).and_then(Option::take)),
            Step::Die { who } => {
                let Some(cache) = self.caches.get_mut(who).and_then(Option::take) else { return };
                let dead = cache.die();
                self.slab.reclaim(dead);
                self.held.retain(|held| held.of != (dead.index(), dead.incarnation()));
            }
            Step::Trim => drop(self.slab.trim(Duration::ZERO)),
            _ => {}
        }
    }

    fn free(&mut self, who: usize, block: NonNull<[u8]>) -> Result<(), FreeError> {
        let slab = Arc::clone(&self.slab);
        match self.cache(who) {
            // SAFETY: the world uses no block that it has freed.
            Some(cache) => unsafe { cache.deallocate(block.cast()) },
            // SAFETY: as above.
            None => unsafe { slab.deallocate(block.cast()) },
        }
    }

    fn allocate(&mut self, who: usize, size: usize, exact: bool) {
        let slab = Arc::clone(&self.slab);
        let result = match (self.cache(who), exact) {
            (Some(cache), true) => cache.try_allocate(size),
            (Some(cache), false) => cache.allocate(size).map(Some),
            (None, true) => slab.try_allocate(size),
            (None, false) => slab.allocate(size).map(Some),
        };
        let pool = SIZES.iter().position(|&slot| slot >= size);
        let block = match (result, pool) {
            (Ok(Some(block)), Some(pool)) => {
                assert!(!exact || block.len() == SIZES[pool]);
                block
            }
            (Ok(None), Some(pool)) => return self.none_free(pool..pool + 1),
            (Err(SlabError::Exhausted { .. }), Some(pool)) => return self.none_free(pool..3),
            (Err(SlabError::TooLarge { .. }), None) => return,
            (other, pool) => panic!("{other:?} from {pool:?}"),
        };
        assert!(block.len() >= size);
        self.stamp += 1;
        // SAFETY: a held block of at least 8 bytes.
        unsafe { block.cast::<u64>().write(self.stamp) };
        let owner =
            self.cache(who).map_or((0, 0), |l| (l.owner().index(), l.owner().incarnation()));
        self.advance(block);
        self.held.push(Held { block, stamp: self.stamp, of: owner });
    }

    /// Sends a block, no matter who allocated it, and checks that it can then neither be freed nor
    /// sent again.
    fn send(&mut self, held: Held, length: usize) {
        let length = 1 + length % held.block.len();
        let part = NonNull::slice_from_raw_parts(held.block.cast(), length);
        // SAFETY: the world uses no block that it has sent.
        let token = unsafe { self.slab.send(part) }.unwrap();
        // SAFETY: errors, since nobody has received it.
        let again = unsafe { (self.slab.send(part), self.slab.deallocate(part.cast())) };
        let not_held = FreeError::NotHeld;
        assert_eq!(again, (Err(SlabError::Free(not_held)), Err(not_held)));
        self.sent.push((token, length, held));
    }

    /// Receives or revokes a token, and checks that this works once.
    fn take(&mut self, (token, length, held): (Token, usize, Held), revoke: bool) {
        let taken = if revoke { self.slab.revoke(token) } else { self.slab.receive(token) };
        assert_eq!(taken, Ok(NonNull::slice_from_raw_parts(held.block.cast(), length)));
        let again = [self.slab.revoke(token), self.slab.receive(token)];
        assert_eq!(again, [Err(SlabError::Stale); 2]);
        self.verify(&held);
        self.advance(held.block);
        self.held.push(Held { of: (0, 0), ..held }); // no cache has it, so none can die with it
    }

    /// Checks that the slot's generation is higher than at its last allocation or receipt.
    fn advance(&mut self, block: NonNull<[u8]>) {
        let address = block.cast::<u8>().addr().get();
        let pool = self.slab.pools().iter().find(|pool| pool.size() == block.len()).unwrap();
        let base = pool.block(0).cast::<u8>().addr().get();
        let word = pool.table.word(((address - base) / block.len()) as u32);
        assert_eq!(word.state(), SlotState::Held);
        let before = self.generations.insert(address, word.generation());
        assert!(before.is_none_or(|before| word.generation() > before));
    }

    /// Checks that a pool which answered "exhausted" has no free slot. Slots in magazines belong to
    /// their threads.
    fn none_free(&self, pools: std::ops::Range<usize>) {
        for stats in &self.slab.stats()[pools] {
            assert_eq!(stats.free, 0, "{stats:?}");
            assert!(stats.cached <= stats.max_count / 4, "hoarded: {stats:?}");
        }
    }

    fn verify(&self, held: &Held) {
        // SAFETY: a held block.
        assert_eq!(unsafe { held.block.cast::<u64>().read() }, held.stamp);
    }

    fn check(&self) {
        let counts = self.slab.check().unwrap();
        let held: usize = counts.iter().map(|counts| counts.held).sum();
        let sent: usize = counts.iter().map(|counts| counts.sent).sum();
        assert_eq!((held, sent), (self.held.len(), self.sent.len()));
        self.held.iter().for_each(|held| self.verify(held));
    }
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn no_slot_is_held_twice_or_lost_whatever_three_participants_do(
        steps in prop::collection::vec(step(), 1..300),
    ) {
        let mut world = World::new();
        for step in steps {
            world.run(step);
            world.check();
        }
    }
}
