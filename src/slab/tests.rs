//! Tests that need the inside of the crate: words, participants that die, tokens, and a clock that
//! is passed in.

use super::token::{Received, Token};
use super::word::{MAX_PARTICIPANTS, Owner, SlotState};
use super::{PoolOptions, Slab, SlabOptions, ThreadCache};
use crate::error::{FreeError, SlabError};
use crate::random_tests::rounds;
use crate::sync::Arc;
use std::ptr::NonNull;
use std::time::{Duration, Instant};

const MIB: usize = 1 << 20;

fn slab(sizes: &[usize], count: u32) -> Arc<Slab> {
    Arc::new(Slab::new(&SlabOptions::fixed(sizes, count, 64 * MIB)).unwrap())
}

fn free(slab: &Slab, block: NonNull<[u8]>) -> Result<(), FreeError> {
    // SAFETY: the tests use no block that they have freed.
    unsafe { slab.deallocate(block.cast()) }
}

fn free_cached(cache: &mut ThreadCache, block: NonNull<[u8]>) -> Result<(), FreeError> {
    // SAFETY: as above.
    unsafe { cache.deallocate(block.cast()) }
}

fn address(block: NonNull<[u8]>) -> usize {
    block.cast::<u8>().addr().get()
}

fn fill(block: NonNull<[u8]>, value: u8) {
    // SAFETY: a live block of the test.
    unsafe { block.cast::<u8>().write_bytes(value, block.len()) }
}

#[test]
fn a_slot_whose_freer_died_before_its_hint_is_found_once_the_dead_is_recovered() {
    let (slots, freed) = (rounds(5000), rounds(4500));
    let slab = slab(&[64], slots as u32);
    let pool = &slab.pools()[0].table;
    let blocks: Vec<_> = (0..slots).map(|_| slab.allocate(64).unwrap()).collect();
    let cache = ThreadCache::new(&slab).unwrap();
    // As if the participant had died between the word and the hint: the word alone becomes free.
    let word = pool.word(freed as u32);
    pool.change(freed as u32, word, word.next(SlotState::Free, Owner::NOBODY)).unwrap();
    assert!(slab.allocate(64).is_err(), "a full pool is not searched at every call");
    slab.reclaim(cache.die());
    assert_eq!(slab.allocate(64).unwrap(), blocks[freed]);
    assert!(slab.allocate(64).is_err());
}

#[test]
fn what_the_dead_sent_is_searched_for_once_for_each_that_left_without_its_tokens_being_received() {
    let slab = slab(&[64], 3);
    let table = &slab.pools()[0].table;
    let (a, b) = (slab.join().unwrap(), slab.join().unwrap());
    let claim = |owner| {
        let mut found = None;
        slab.claim(0, owner, SlotState::Held, 1, &mut |slot| found = Some(slot)).unwrap();
        found
    };
    let (first, second) = (claim(a).unwrap(), claim(b).unwrap());
    claim(b).unwrap();
    slab.send_as(0, first, 8, a).unwrap();
    slab.reclaim(a);
    assert_eq!(claim(b), Some(first), "what it had sent, since no other slot is free");
    // The registry does not count this one, as if it had been done before that search.
    let word = table.word(second);
    table.change(second, word, word.next(SlotState::Sent, a)).unwrap();
    assert_eq!(claim(b), None, "nobody left since");
    drop(ThreadCache::new(&slab).unwrap());
    assert_eq!(claim(b), None, "who left has sent nothing");
    let c = slab.join().unwrap();
    table.change(first, table.word(first), table.word(first).next(SlotState::Sent, c)).unwrap();
    slab.reclaim(c);
    assert!(claim(b).is_some() && claim(b).is_some() && claim(b).is_none());
}

#[test]
fn caches_of_a_growing_pool_keep_a_quarter_of_the_slots_that_are_there() {
    let pools = vec![PoolOptions { size: 16384, count: 64, max_count: 1 << 16, min_count: 64 }];
    let max_bytes = 64 * 16384 + 4096;
    let options = SlabOptions { pools, max_bytes, memory: Default::default() };
    let slab = Arc::new(Slab::new(&options).unwrap());
    let mut idle = [0; 2].map(|_| ThreadCache::new(&slab).unwrap());
    let mut awake = ThreadCache::new(&slab).unwrap();
    for cache in &mut idle {
        let blocks: Vec<_> = (0..40).filter_map(|_| cache.allocate(16384).ok()).collect();
        blocks.into_iter().for_each(|block| free_cached(cache, block).unwrap());
    }
    let found = (0..).map_while(|_| awake.allocate(16384).ok()).count();
    let cached: usize = idle.iter().map(|cache| cache.cached(0)).sum();
    assert_eq!(found + cached, 64);
    assert!(cached <= 64 / 4, "{cached} of 64 slots are out of reach");
}

#[test]
fn a_thread_that_never_has_more_than_its_cache_has_room_for_gives_nothing_back() {
    for (count, live) in [(4096, 64), (128, 32), (4, 1)] {
        let slab = slab(&[64], count);
        let mut cache = ThreadCache::new(&slab).unwrap();
        for _ in 0..10 {
            let blocks: Vec<_> = (0..live).map(|_| cache.allocate(64).unwrap()).collect();
            blocks.into_iter().for_each(|block| free_cached(&mut cache, block).unwrap());
            let counters = &slab.pools()[0].table.counters;
            assert_eq!((counters.claimed.get(), counters.freed.get()), (live, 0));
        }
    }
}

// A system without virtual memory cannot have addresses without memory.
#[cfg(not(ralloc_os = "heap"))]
#[test]
fn what_a_pool_may_grow_to_takes_no_memory_before_it_is_there() {
    let pools = vec![PoolOptions { size: 4096, count: 1, max_count: 1 << 28, min_count: 0 }];
    let slab =
        Slab::new(&SlabOptions { pools, max_bytes: 64 * MIB, memory: Default::default() }).unwrap();
    assert_eq!((slab.pools()[0].segments.noted(), slab.stats()[0].count), (1, 1));
    let blocks: Vec<_> = (0..1000).map(|_| slab.allocate(4096).unwrap()).collect();
    assert_eq!(slab.pools()[0].segments.noted(), 4);
    blocks.into_iter().for_each(|block| free(&slab, block).unwrap());
    assert_eq!(slab.trim(Duration::ZERO), 4 * MIB);
    assert_eq!(slab.allocate(4096).map(|block| block.len()), Ok(4096));
    assert_eq!(slab.stats()[0].count, 256, "the first segment came back");
}

#[test]
fn a_number_that_is_used_up_is_given_again_when_no_block_names_it() {
    let slab = slab(&[64], 64);
    let join_all = || -> Vec<_> {
        (0..MAX_PARTICIPANTS).map_while(|_| ThreadCache::new(&slab).ok()).collect()
    };
    let caches = join_all();
    assert!(caches.len() == MAX_PARTICIPANTS && ThreadCache::new(&slab).is_err());
    drop(caches);
    slab.registry().wear_out();
    let mut last = join_all();
    let (old, block) = (last[6].owner(), last[6].allocate(64).unwrap());
    drop(last);
    let mut anew = join_all();
    assert_eq!(anew.len(), MAX_PARTICIPANTS - 1);
    assert!(anew.iter().all(|cache| cache.owner().index() != old.index()), "its block is out");
    free_cached(&mut anew[0], block).unwrap();
    anew[0].flush();
    assert_eq!(ThreadCache::new(&slab).map(|cache| cache.owner()), Ok(Owner::new(7, 1)));
}

#[test]
fn the_dead_give_back_what_they_held_and_cached() {
    let slab = slab(&[64, 1024], 256);
    let mut cache = ThreadCache::new(&slab).unwrap();
    let mut other = ThreadCache::new(&slab).unwrap();
    let kept = other.allocate(64).unwrap();
    let held: Vec<_> = (0..10).map(|_| cache.allocate(64).unwrap()).collect();
    let _large = cache.allocate(1000).unwrap();
    free_cached(&mut cache, held[3]).unwrap();
    let before = slab.stats();
    assert!(before[0].cached > 0);
    let dead = cache.die();
    slab.reclaim(dead);
    other.flush();
    let counts = slab.check().unwrap();
    assert_eq!((counts[0].held, counts[0].cached, counts[1].free), (1, 0, 256));
    let next = ThreadCache::new(&slab).unwrap();
    assert_ne!(next.owner(), dead);
    slab.reclaim(dead_again(&slab, next));
    assert_eq!(slab.check().unwrap()[0].held, 1, "it had nothing");
    free_cached(&mut other, kept).unwrap();
}

fn dead_again(slab: &Slab, cache: ThreadCache) -> Owner {
    let dead = cache.die();
    assert!(slab.registry().is_alive(dead), "until it is recovered");
    dead
}

#[test]
fn what_is_sent_belongs_to_the_receiver_alone() {
    let slab = slab(&[64, 256], 8);
    let (a, b) = (slab.registry().join().unwrap(), slab.registry().join().unwrap());
    let pool = &slab.pools()[1].table;
    let mut slots = Vec::new();
    pool.claim(a, SlotState::Held, 2, &mut |slot| slots.push(slot));
    let token = slab.send_as(1, slots[0], 64, a).unwrap();
    assert!(token.bits() < 1 << 53);
    let not_held = Err(SlabError::Free(FreeError::NotHeld));
    assert_eq!(slab.send_as(1, slots[0], 64, a), not_held, "sent already");
    assert_eq!(slab.send_as(1, slots[1], 64, b), not_held, "another's");
    assert_eq!(slab.revoke_as(token, b), Err(SlabError::Stale), "only its sender may");
    assert_eq!(slab.receive_as(token, b), Ok(Received { pool: 1, slot: slots[0], length: 64 }));
    assert_eq!(slab.receive_as(token, b), Err(SlabError::Stale), "twice");
    assert_eq!(slab.revoke_as(token, a), Err(SlabError::Stale), "received already");
    let again = slab.send_as(1, slots[0], 64, b).unwrap();
    assert_ne!(again, token);
    assert_eq!(slab.receive_as(token, a), Err(SlabError::Stale), "an old token");
    assert_eq!(slab.revoke_as(again, b), Ok(Received { pool: 1, slot: slots[0], length: 64 }));
    for bits in [0, 5, (1 << 22) - 1, (1 << 53) - 1, u64::MAX] {
        let forged = Token::from_bits(bits);
        assert_eq!(slab.receive_as(forged, b), Err(SlabError::Stale), "{bits}");
    }
}

#[test]
fn a_token_fits_its_own_slab_alone() {
    let options = SlabOptions::fixed(&[64], 8, MIB);
    let slabs: Vec<_> = (0..rounds(200)).map(|_| Slab::new(&options).unwrap()).collect();
    let sends = |slab: &Slab| {
        let owner = slab.registry().join().unwrap();
        let mut slots = Vec::new();
        slab.pools()[0].table.claim(owner, SlotState::Held, 1, &mut |slot| slots.push(slot));
        assert_eq!(slots, [0]);
        (owner, slab.send_as(0, 0, 64, owner).unwrap())
    };
    let sent: Vec<_> = slabs.iter().map(sends).collect();
    for (index, slab) in slabs.iter().enumerate() {
        for (other, &(_, token)) in sent.iter().enumerate().filter(|&(other, _)| other != index) {
            let owner = sent[index].0;
            assert_eq!(slab.receive_as(token, owner), Err(SlabError::Stale), "{index} {other}");
            assert_eq!(slab.revoke_as(token, owner), Err(SlabError::Stale), "{index} {other}");
        }
    }
    for (slab, (owner, token)) in slabs.iter().zip(sent) {
        assert_eq!(slab.revoke_as(token, owner), Ok(Received { pool: 0, slot: 0, length: 64 }));
    }
}

#[cfg(not(ralloc_os = "heap"))]
#[test]
fn a_token_is_good_in_every_mapping_of_its_slab() {
    let first = Slab::shared(&SlabOptions::fixed(&[64], 8, MIB)).unwrap();
    let second = Slab::attach(first.share().unwrap()).unwrap();
    let (a, b) = (first.registry().join().unwrap(), second.registry().join().unwrap());
    first.pools()[0].table.claim(a, SlotState::Held, 1, &mut |_| {});
    let token = first.send_as(0, 0, 5, a).unwrap();
    assert_eq!(second.receive_as(token, b), Ok(Received { pool: 0, slot: 0, length: 5 }));
}

#[test]
fn what_the_dead_sent_can_be_received_until_slots_run_out() {
    let slab = slab(&[64], 2);
    let (a, b) = (slab.registry().join().unwrap(), slab.registry().join().unwrap());
    let pool = &slab.pools()[0].table;
    let mut slots = Vec::new();
    pool.claim(a, SlotState::Held, 2, &mut |slot| slots.push(slot));
    let tokens: Vec<_> = slots.iter().map(|&slot| slab.send_as(0, slot, 64, a).unwrap()).collect();
    slab.reclaim(a);
    assert_eq!(slab.receive_as(tokens[0], b), Ok(Received { pool: 0, slot: slots[0], length: 64 }));
    let block = slab.allocate(64).unwrap();
    let unreceived = pool_base(&slab) + 64 * slots[1] as usize;
    assert_eq!(address(block), unreceived, "the other one was never received");
    assert_eq!(slab.receive_as(tokens[1], b), Err(SlabError::Stale));
}

fn pool_base(slab: &Slab) -> usize {
    address(slab.pools()[0].block(0))
}

#[test]
fn a_growing_pool_grows_by_segments_and_drops_those_that_idle() {
    let pools = vec![PoolOptions { size: 4096, count: 256, max_count: 1024, min_count: 256 }];
    let slab =
        Slab::new(&SlabOptions { pools, max_bytes: 3 * MIB + 16_000, memory: Default::default() })
            .unwrap();
    assert_eq!((slab.stats()[0].count, slab.stats()[0].max_count), (256, 1024));
    let blocks: Vec<_> = (0..768).map(|_| slab.allocate(4096).unwrap()).collect();
    blocks.iter().for_each(|&block| fill(block, 7));
    assert!(slab.allocate(4096).is_err(), "the fourth MiB passes the limit");
    blocks.iter().for_each(|&block| free(&slab, block).unwrap());
    let (now, second) = (Instant::now(), Duration::from_secs(1));
    assert_eq!(slab.pools.trim_at(now, second), 0, "seen idle for the first time");
    let used = slab.allocate(4096).unwrap();
    free(&slab, used).unwrap();
    let bytes = slab.pools.trim_at(now + second, second);
    assert_eq!(bytes, 2 * MIB, "all but the one that was used since");
    assert_eq!(slab.stats()[0].count, 256);
    assert_eq!(slab.pools.trim_at(now + 9 * second, second), 0, "the least stays");
    let counts = slab.check().unwrap()[0];
    assert_eq!((counts.absent, counts.free), (768, 256));
    assert_eq!((0..768).filter(|_| slab.allocate(4096).is_ok()).count(), 768, "and grows again");
}

#[test]
fn what_idles_in_one_pool_makes_room_for_another_at_the_limit_and_no_more_than_that() {
    let pool = |size, max_count| PoolOptions { size, count: 0, max_count, min_count: 0 };
    let pools = vec![pool(4096, 4096), pool(MIB, 100)];
    let max_bytes = 4 * MIB + 20_000;
    let slab = Slab::new(&SlabOptions { pools, max_bytes, memory: Default::default() }).unwrap();
    let small: Vec<_> = std::iter::from_fn(|| slab.try_allocate(4096).unwrap()).collect();
    assert_eq!(small.len(), 1024);
    assert_eq!(slab.try_allocate(MIB), Ok(None), "all of it is in use");
    small[1..512].iter().for_each(|&block| free(&slab, block).unwrap());
    let large = slab.allocate(MIB).unwrap();
    assert_eq!(slab.stats()[0].count, 768, "the one idle segment went");
    assert_eq!(slab.try_allocate(MIB), Ok(None), "a slot of the other is in use");
    free(&slab, small[0]).unwrap();
    let other = slab.allocate(MIB).unwrap();
    [large, other].iter().for_each(|&block| free(&slab, block).unwrap());
    let again = (0..).map_while(|_| slab.try_allocate(4096).unwrap()).count();
    assert_eq!(again, 512, "and back");
    assert!(slab.committed() <= max_bytes);
    slab.check().unwrap();
}

#[test]
fn no_segment_is_looked_at_twice_for_room_before_a_slot_is_freed() {
    let pool = |size, max_count| PoolOptions { size, count: 0, max_count, min_count: 0 };
    let pools = vec![pool(4096, 4096), pool(MIB, 100)];
    let max_bytes = 4 * MIB + 64 * 1024;
    let slab = Slab::new(&SlabOptions { pools, max_bytes, memory: Default::default() }).unwrap();
    let small: Vec<_> = std::iter::from_fn(|| slab.try_allocate(4096).unwrap()).collect();
    assert_eq!(slab.try_allocate(MIB), Ok(None));
    // Bypasses the counters: only a walk over the words could see it.
    let table = &slab.pools()[0].table;
    (0..256).for_each(|slot| {
        let word = table.word(slot);
        table.change(slot, word, word.next(SlotState::Free, Owner::NOBODY)).unwrap();
    });
    assert_eq!(slab.try_allocate(MIB), Ok(None));
    free(&slab, small[1000]).unwrap();
    assert!(slab.try_allocate(MIB).unwrap().is_some());
}

#[test]
fn a_slab_never_has_more_than_its_footprint() {
    for size in [8, 64, 4096] {
        for count in (1..rounds(600)).chain([131_071, 131_072, 131_073, 140_001].map(rounds)) {
            let options = SlabOptions::fixed(&[size], count as u32, 1 << 30);
            let slab = Slab::new(&options).unwrap();
            let (committed, footprint) = (slab.committed(), slab.footprint());
            assert!(committed <= footprint, "{count} of {size}: {committed} of {footprint}");
            assert_eq!(footprint % 4096, 0);
        }
    }
}

#[test]
fn the_peak_of_a_pool_is_never_above_what_was_there() {
    let slab = slab(&[64], 7);
    // As if a thread had freed a slot and another one had claimed it before the first one counted.
    slab.pools()[0].table.counters.peak.raise(9);
    assert_eq!((slab.stats()[0].peak, slab.stats()[0].count), (7, 7));
}

#[test]
fn a_batch_of_frees_takes_what_its_owner_holds_and_nothing_else() {
    let slab = slab(&[64], 1024);
    let (a, b) = (slab.registry().join().unwrap(), slab.registry().join().unwrap());
    let (pool, table) = (&slab.pools()[0], &slab.pools()[0].table);
    let (mut mine, mut others) = (Vec::new(), Vec::new());
    table.claim(a, SlotState::Held, 300, &mut |slot| mine.push(slot));
    table.claim(b, SlotState::Held, 10, &mut |slot| others.push(slot));
    mine.reverse();
    let batch = mine.iter().chain(&others).chain(&mine[..5]).chain(&[1024, u32::MAX]);
    assert_eq!(pool.free_held(batch.copied(), a), 300);
    let counts = slab.check().unwrap()[0];
    assert_eq!((counts.free, counts.held), (1014, 10));
    assert_eq!(
        (0..1014).filter(|_| slab.allocate(64).is_ok()).count(),
        1014,
        "all are found again"
    );
}

#[cfg(not(ralloc_os = "heap"))]
#[test]
fn a_shared_slab_is_one_slab_at_two_addresses() {
    let first = Slab::shared(&SlabOptions::fixed(&[64, 4096], 64, 64 * MIB)).unwrap();
    let second = Slab::attach(first.share().unwrap()).unwrap();
    let (a, b) = (first.registry().join().unwrap(), second.registry().join().unwrap());
    assert_ne!(a, b);
    let mut slots = Vec::new();
    first.pools()[1].table.claim(a, SlotState::Held, 64, &mut |slot| slots.push(slot));
    assert_eq!(slots.len(), 64);
    assert_eq!(second.try_allocate(4096), Ok(None), "the first has them all");
    fill(first.pools()[1].block(slots[9]), 9);
    let token = first.send_as(1, slots[9], 4096, a).unwrap();
    drop(first);
    let Received { pool, slot, length } = second.receive_as(token, b).unwrap();
    assert_eq!(length, 4096);
    let block = second.pools()[pool].block(slot);
    // SAFETY: a slot that the test holds.
    assert_eq!(unsafe { block.cast::<u8>().add(4095).read() }, 9, "the same bytes");
    second.reclaim(a);
    assert_eq!(second.check().unwrap()[1].free, 63);
    let block = second.try_allocate(4096).unwrap().unwrap();
    assert_eq!(free(&second, block), Ok(()));
}

#[cfg(not(ralloc_os = "heap"))]
#[test]
fn an_exhausted_shared_slab_hears_of_a_slot_that_another_mapping_recovers() {
    let first = Slab::shared(&SlabOptions::fixed(&[64], 8, MIB)).unwrap();
    let second = Slab::attach(first.share().unwrap()).unwrap();
    let a = first.registry().join().unwrap();
    first.pools()[0].table.claim(a, SlotState::Held, 8, &mut |_| {});
    assert!(second.allocate(64).is_err() && first.allocate(64).is_err());
    second.reclaim(a);
    assert_eq!(second.check().unwrap()[0].free, 8);
    first.allocate(64).unwrap();
}

#[cfg(not(ralloc_os = "heap"))]
#[test]
fn a_mapping_of_a_shared_slab_that_is_dropped_gives_back_what_it_and_its_caches_had() {
    let first = Arc::new(Slab::shared(&SlabOptions::fixed(&[64], 256, MIB)).unwrap());
    let mut own = ThreadCache::new(&first).unwrap();
    own.allocate(64).unwrap();
    first.allocate(64).unwrap();
    for _ in 0..3 {
        let second = Arc::new(Slab::attach(first.share().unwrap()).unwrap());
        second.allocate(64).unwrap();
        let sent = second.allocate(64).unwrap();
        // SAFETY: the block is held, and not used afterwards.
        unsafe { second.send(sent) }.unwrap();
        let mut stays = ThreadCache::new(&second).unwrap();
        // More than are noted before the list is searched for those without blocks.
        for turn in 0..200 {
            let mut cache = ThreadCache::new(&second).unwrap();
            let block = cache.allocate(64).unwrap();
            if turn % 2 == 0 {
                free_cached(&mut cache, block).unwrap();
            }
        }
        stays.allocate(64).unwrap();
        drop(stays);
        assert_eq!(first.stats()[0].held, 104);
        drop(second);
        assert_eq!((first.stats()[0].held, first.stats()[0].cached), (2, own.cached(0)));
    }
    let all = std::iter::from_fn(|| own.allocate(64).ok()).count();
    assert_eq!(all, 254, "what was sent is back too: none is left, and its sender is gone");
    first.check().unwrap();
}
