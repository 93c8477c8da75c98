//! Tests with many threads on one slab. Each stamps its slots and checks that the stamp is still
//! there.

use super::dead_owners::DeadOwners;
use super::word::SlotState;
use super::{PoolOptions, Slab, SlabOptions, ThreadCache};
use crate::error::FreeError;
use crate::random_tests::rounds;
use crate::sync::Arc;
use std::ptr::NonNull;
use std::sync::{Barrier, mpsc};
use std::thread;

type Block = NonNull<[u8]>;

/// A block on its way to another thread.
struct Message(Block, u64);
// SAFETY: a block belongs to whoever holds it, on whatever thread.
unsafe impl Send for Message {}

fn stamp(block: Block, value: u64) {
    // SAFETY: a held block of at least 8 bytes, aligned to 8.
    unsafe { block.cast::<u64>().write(value) };
    let last = block.len() / 8 - 1;
    // SAFETY: as above; its last word.
    unsafe { block.cast::<u64>().add(last).write(value) };
}

fn assert_stamp(block: Block, value: u64) {
    let last = block.len() / 8 - 1;
    // SAFETY: as above.
    let found = unsafe { (block.cast::<u64>().read(), block.cast::<u64>().add(last).read()) };
    assert_eq!(found, (value, value), "somebody else wrote into a held slot");
}

fn free(cache: &mut ThreadCache, block: Block) -> Result<(), FreeError> {
    // SAFETY: no test uses a block after it.
    unsafe { cache.deallocate(block.cast()) }
}

/// A small generator of numbers (xorshift*), seeded by the thread.
struct Random(u64);
impl Random {
    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) % most
    }
}

fn churn(slab: &Arc<Slab>, thread: u64, rounds: u64) {
    let mut cache = ThreadCache::new(slab).unwrap();
    let mut random = Random(thread * 2 + 1);
    let mut held: Vec<Message> = Vec::new();
    for round in 0..rounds {
        if held.len() < 24 && random.below(2) == 0 {
            let size = 8 << random.below(6);
            let block = match round % 3 {
                0 => cache.try_allocate(size).unwrap(),
                1 => cache.allocate(size).ok(),
                _ => slab.allocate(size).ok(),
            };
            if let Some(block) = block {
                assert!(block.len() >= size);
                let value = thread << 48 | round;
                stamp(block, value);
                held.push(Message(block, value));
            }
        } else if !held.is_empty() {
            let at = random.below(held.len() as u64) as usize;
            let Message(block, value) = held.swap_remove(at);
            assert_stamp(block, value);
            free(&mut cache, block).unwrap();
        }
        if round % 1000 == 999 {
            cache.flush();
        }
    }
    for Message(block, value) in held {
        assert_stamp(block, value);
        free(&mut cache, block).unwrap();
    }
}

fn all_free(slab: &Slab) {
    for (counts, pool) in slab.check().unwrap().iter().zip(slab.pools().iter()) {
        assert_eq!(counts.free + counts.absent, pool.table.max_count(), "{counts:?}");
    }
}

#[test]
fn no_slot_has_two_holders_and_none_is_lost_among_2_to_16_threads() {
    for threads in [2, 3, 8, 16] {
        let options = SlabOptions::fixed(&[8, 16, 64, 256], 100, 1 << 20);
        let slab = Arc::new(Slab::new(&options).unwrap());
        thread::scope(|scope| {
            for thread in 0..threads {
                let slab = &slab;
                scope.spawn(move || churn(slab, thread, rounds(20_000) as u64));
            }
        });
        all_free(&slab);
        assert_eq!(slab.registry().alive(), 0);
    }
}

#[test]
fn threads_that_grow_a_pool_at_once_find_all_of_it_and_no_more() {
    let most = rounds(8192);
    let pools = vec![PoolOptions::growing(1024, most as u32).count(1).min_count(1)];
    let slab = Arc::new(
        Slab::new(&SlabOptions { pools, max_bytes: 16 << 20, memory: Default::default() }).unwrap(),
    );
    let start = Barrier::new(4);
    let found: usize = thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    start.wait();
                    let mut cache = ThreadCache::new(&slab).unwrap();
                    let mut found = 0;
                    while let Ok(block) = cache.allocate(1000) {
                        stamp(block, 1);
                        found += 1;
                    }
                    cache.flush();
                    found
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    // Another thread's magazine may have held slots when this one gave up.
    let rest = (0..).take_while(|_| slab.allocate(1000).is_ok()).count();
    assert_eq!(found + rest, most);
    slab.check().unwrap();
}

#[test]
fn blocks_are_freed_by_another_thread_than_their_allocator() {
    let slab = Arc::new(Slab::new(&SlabOptions::fixed(&[64], 512, 1 << 20)).unwrap());
    let (sender, receiver) = mpsc::sync_channel::<Message>(100);
    thread::scope(|scope| {
        scope.spawn(|| {
            let sender = sender;
            let mut cache = ThreadCache::new(&slab).unwrap();
            for round in 0..rounds(100_000) as u64 {
                let block = loop {
                    match cache.allocate(64) {
                        Ok(block) => break block,
                        Err(_) => thread::yield_now(),
                    }
                };
                stamp(block, round);
                sender.send(Message(block, round)).unwrap();
            }
        });
        scope.spawn(|| {
            let mut cache = ThreadCache::new(&slab).unwrap();
            for Message(block, value) in receiver {
                assert_stamp(block, value);
                free(&mut cache, block).unwrap();
            }
        });
    });
    all_free(&slab);
}

#[test]
fn eight_participants_share_four_slots() {
    let slab = Arc::new(Slab::new(&SlabOptions::fixed(&[64], 4, 1 << 20)).unwrap());
    thread::scope(|scope| {
        for thread in 0..8 {
            let slab = &slab;
            scope.spawn(move || {
                let mut cache = ThreadCache::new(slab).unwrap();
                let mut served = 0;
                while served < rounds(2_000) {
                    let Ok(block) = cache.allocate(64) else {
                        thread::yield_now();
                        continue;
                    };
                    stamp(block, thread);
                    assert_stamp(block, thread);
                    free(&mut cache, block).unwrap();
                    served += 1;
                }
            });
        }
    });
    all_free(&slab);
}

#[test]
fn seven_that_sleep_leave_three_quarters_of_128_slots_to_the_eighth() {
    let slab = Arc::new(Slab::new(&SlabOptions::fixed(&[64], 128, 1 << 20)).unwrap());
    let mut sleepers: Vec<ThreadCache> = (0..7).map(|_| ThreadCache::new(&slab).unwrap()).collect();
    let mut awake = ThreadCache::new(&slab).unwrap();
    for cache in &mut sleepers {
        let blocks: Vec<_> = (0..16).map(|_| cache.allocate(64).unwrap()).collect();
        blocks.into_iter().for_each(|block| free(cache, block).unwrap());
    }
    let found = (0..).map_while(|_| awake.allocate(64).ok()).count();
    assert!(found >= 128 - 128 / 4, "{found}");
    let cached: usize = sleepers.iter().map(|cache| cache.cached(0)).sum();
    assert_eq!(found + cached, 128);
}

#[test]
fn a_thread_that_dies_amid_its_work_gives_everything_back() {
    let slab = Arc::new(Slab::new(&SlabOptions::fixed(&[64, 256], 256, 1 << 20)).unwrap());
    for round in 0..rounds(50) as u64 {
        let dead = thread::scope(|scope| {
            let dying = scope.spawn(|| {
                let mut cache = ThreadCache::new(&slab).unwrap();
                let mut random = Random(round * 2 + 1);
                for _ in 0..random.below(300) {
                    let block = cache.allocate(64).or_else(|_| cache.allocate(256));
                    if let (Ok(block), 0) = (block, random.below(3)) {
                        free(&mut cache, block).unwrap();
                    }
                }
                cache.die()
            });
            scope.spawn(|| churn(&slab, round, 500));
            dying.join().unwrap()
        });
        slab.reclaim(dead);
        all_free(&slab);
    }
}

#[test]
fn a_token_is_received_once_however_many_try() {
    let slab = Slab::new(&SlabOptions::fixed(&[64], 8, 1 << 20)).unwrap();
    let owners: Vec<_> = (0..4).map(|_| slab.registry().join().unwrap()).collect();
    for _ in 0..rounds(500) {
        let mut slot = 0;
        slab.pools()[0].table.claim(owners[0], SlotState::Held, 1, &mut |found| slot = found);
        let token = slab.send_as(0, slot, 64, owners[0]).unwrap();
        let received: usize = thread::scope(|scope| {
            let take = |owner| {
                scope.spawn({
                    let slab = &slab;
                    move || slab.receive_as(token, owner).is_ok()
                })
            };
            let threads: Vec<_> = owners[1..].iter().map(|&owner| take(owner)).collect();
            let revoked = slab.revoke_as(token, owners[0]).is_ok();
            threads.into_iter().map(|t| usize::from(t.join().unwrap())).sum::<usize>()
                + usize::from(revoked)
        });
        assert_eq!(received, 1);
        owners.iter().for_each(|&owner| {
            slab.pools()[0].table.recover(&mut DeadOwners::of(owner));
        });
    }
    all_free(&slab);
}
