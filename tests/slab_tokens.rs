//! Tests of blocks that are sent by token from one thread or mapping to another, through the public
//! API.
#![cfg(not(loom))]

use ralloc_core::Slab;
use ralloc_core::error::{FreeError, SlabError};
use ralloc_core::slab::{PoolOptions, SlabOptions, ThreadCache, Token};
use std::ptr::NonNull;
use std::sync::{Arc, mpsc};

const MIB: usize = 1 << 20;

fn slab(sizes: &[usize], count: u32) -> Slab {
    Slab::new(&SlabOptions::fixed(sizes, count, 64 * MIB)).unwrap()
}

fn send(slab: &Slab, block: NonNull<[u8]>) -> Result<Token, SlabError> {
    // SAFETY: the tests use no block that they have sent.
    unsafe { slab.send(block) }
}

fn free(slab: &Slab, block: NonNull<[u8]>) -> Result<(), FreeError> {
    // SAFETY: the tests use no block that they have freed.
    unsafe { slab.deallocate(block.cast()) }
}

fn part(block: NonNull<[u8]>, length: usize) -> NonNull<[u8]> {
    NonNull::slice_from_raw_parts(block.cast(), length)
}

fn write(block: NonNull<[u8]>, bytes: &[u8]) {
    assert!(bytes.len() <= block.len());
    // SAFETY: a block of the test, and room by the assertion.
    unsafe { block.cast::<u8>().copy_from_nonoverlapping(NonNull::from(bytes).cast(), bytes.len()) }
}

fn bytes(block: &NonNull<[u8]>) -> &[u8] {
    // SAFETY: the test holds the block while it reads the bytes, all of which were written.
    unsafe { block.as_ref() }
}

#[test]
fn a_block_arrives_with_its_bytes_and_its_length_and_is_freed_by_whoever_received_it() {
    let slab = slab(&[64, 4096], 4);
    for length in [1, 63, 64, 65, 4095, 4096] {
        let sent: Vec<u8> = (0..length).map(|at| (at * 7) as u8).collect();
        let block = slab.allocate(length).unwrap();
        write(block, &sent);
        let token = send(&slab, part(block, length)).unwrap();
        assert!(token.bits() < 1 << 53);
        let on_another_thread = || {
            let block = slab.receive(Token::from_bits(token.bits())).unwrap();
            assert_eq!(bytes(&block), sent);
            free(&slab, block)
        };
        std::thread::scope(|threads| threads.spawn(on_another_thread).join()).unwrap().unwrap();
    }
    assert!(slab.stats().iter().all(|pool| (pool.free, pool.refused) == (4, 0)));
}

#[test]
fn a_block_is_received_at_the_address_that_it_has_in_the_mapping_of_the_receiver() {
    let first = Slab::shared(&SlabOptions::fixed(&[64], 8, MIB)).unwrap();
    let second = Slab::attach(first.share().unwrap()).unwrap();
    let block = first.allocate(64).unwrap();
    write(block, b"hello");
    let token = send(&first, part(block, 5)).unwrap();
    assert_eq!((first.stats()[0].sent, second.stats()[0].sent), (1, 1));
    let received = second.receive(token).unwrap();
    assert_ne!(received, part(block, 5));
    assert_eq!(bytes(&received), b"hello");
    assert_eq!(free(&first, received), Err(FreeError::Foreign), "of the other mapping");
    let back = send(&second, received).unwrap();
    assert_eq!(first.receive(back), Ok(part(block, 5)), "there and back");
    assert_eq!(free(&first, block), Ok(()));
}

#[test]
fn a_block_that_is_under_way_belongs_to_nobody() {
    let slab = slab(&[64], 1);
    let block = slab.allocate(64).unwrap();
    let token = send(&slab, block).unwrap();
    assert_eq!(send(&slab, block), Err(SlabError::Free(FreeError::NotHeld)));
    assert_eq!(free(&slab, block), Err(FreeError::NotHeld));
    assert!(slab.allocate(64).is_err(), "it is the only one");
    assert_eq!(slab.recover(), []);
    assert_eq!(slab.receive(token), Ok(block), "however long it waits");
}

#[test]
fn a_token_is_good_once_for_its_own_send_in_its_own_slab() {
    let (own, other) = (slab(&[64], 8), slab(&[64], 8));
    let block = own.allocate(64).unwrap();
    let first = send(&own, block).unwrap();
    assert_eq!([other.receive(first), other.revoke(first)], [Err(SlabError::Stale); 2]);
    assert_eq!(own.revoke(first), Ok(block));
    let second = send(&own, block).unwrap();
    assert_ne!(first, second);
    assert_eq!([own.receive(first), own.revoke(first)], [Err(SlabError::Stale); 2]);
    assert_eq!(own.receive(second), Ok(block));
    assert_eq!([own.receive(second), own.revoke(second)], [Err(SlabError::Stale); 2]);
}

#[test]
fn what_is_no_held_block_or_has_no_such_length_is_refused_and_stays_as_it_was() {
    let slab = slab(&[64], 8);
    let (block, freed) = (slab.allocate(64).unwrap(), slab.allocate(64).unwrap());
    free(&slab, freed).unwrap();
    let mut own = [0; 64];
    let foreign = NonNull::from(&mut own[..]);
    // SAFETY: within the block.
    let interior = NonNull::slice_from_raw_parts(unsafe { block.cast::<u8>().add(8) }, 8);
    let slot = SlabError::Free;
    assert_eq!(send(&slab, foreign), Err(slot(FreeError::Foreign)));
    assert_eq!(send(&slab, interior), Err(slot(FreeError::Interior)));
    assert_eq!(send(&slab, freed), Err(slot(FreeError::NotHeld)));
    for length in [0, 65, 128, isize::MAX as usize] {
        let refused = send(&slab, part(block, length));
        assert_eq!(refused, Err(SlabError::Length { length, longest: 64 }));
    }
    assert_eq!((slab.stats()[0].held, slab.stats()[0].sent), (1, 0));
    assert_eq!(free(&slab, block), Ok(()));
}

#[test]
fn slots_beyond_those_that_a_token_can_name_are_refused() {
    let most = 1 << 22;
    // Only a few of its slots are present.
    let small = PoolOptions { size: 8, count: 64, max_count: most, min_count: 64 };
    let large = PoolOptions { size: 16, count: 2, max_count: 2, min_count: 2 };
    let pools = vec![small, large];
    let options = SlabOptions { pools, max_bytes: 256 * MIB, memory: Default::default() };
    let slab = Slab::new(&options).unwrap();
    let (named, unnamed) = (slab.allocate(8).unwrap(), slab.allocate(16).unwrap());
    assert!(send(&slab, named).is_ok());
    let refused = send(&slab, unnamed).unwrap_err();
    let most = most as usize;
    assert_eq!(refused, SlabError::Number { number: most, most });
    let text = "cannot send slot 4194304: tokens name the first 4194304 of a slab";
    assert_eq!(refused.to_string(), text);
}

#[test]
fn blocks_of_a_cache_are_sent_and_received_ones_are_freed_into_one() {
    let slab = Arc::new(slab(&[64], 64));
    let mut cache = ThreadCache::new(&slab).unwrap();
    let token = send(&slab, cache.allocate(64).unwrap()).unwrap();
    drop(cache);
    let mut cache = ThreadCache::new(&slab).unwrap();
    let block = slab.receive(token).unwrap();
    // SAFETY: the block is held, and not used afterwards.
    unsafe { cache.deallocate(block.cast()) }.unwrap();
    assert_eq!(cache.allocate(64), Ok(block), "from the cache");
}

#[test]
fn threads_hand_blocks_round_a_ring_and_each_arrives_with_what_was_written_last() {
    const THREADS: usize = 4;
    const BLOCKS: usize = 8;
    const LAPS: u64 = 500;
    let slab = slab(&[64], BLOCKS as u32);
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..THREADS).map(|_| mpsc::channel()).unzip();
    for _ in 0..BLOCKS {
        let block = slab.allocate(64).unwrap();
        write(block, &0u64.to_ne_bytes());
        senders[0].send((send(&slab, part(block, 8)).unwrap(), 0)).unwrap();
    }
    std::thread::scope(|threads| {
        for (at, inbox) in receivers.into_iter().enumerate() {
            let (slab, next) = (&slab, senders[(at + 1) % THREADS].clone());
            threads.spawn(move || {
                for _ in 0..BLOCKS as u64 * LAPS {
                    let (token, count): (Token, u64) = inbox.recv().unwrap();
                    let block = slab.receive(token).unwrap();
                    assert_eq!(bytes(&block), count.to_ne_bytes());
                    if count + 1 == THREADS as u64 * LAPS {
                        free(slab, block).unwrap();
                        continue;
                    }
                    write(block, &(count + 1).to_ne_bytes());
                    next.send((send(slab, block).unwrap(), count + 1)).unwrap();
                }
            });
        }
    });
    assert_eq!((slab.stats()[0].free, slab.stats()[0].refused), (BLOCKS, 0));
}

#[test]
#[cfg(ralloc_os = "linux")]
fn between_mappings_of_processes_only_the_sender_revokes_and_what_it_sent_outlives_it() {
    use ralloc_core::slab::SegmentOptions;

    let how = SegmentOptions::default();
    let first = Slab::anonymous(&SlabOptions::fixed(&[64], 8, MIB), &how).unwrap();
    let second = Slab::from_fd(first.descriptor().unwrap()).unwrap();
    let third = Slab::from_fd(first.descriptor().unwrap()).unwrap();
    let block = first.allocate(64).unwrap();
    write(block, b"first");
    let token = send(&first, part(block, 5)).unwrap();
    assert_eq!(second.revoke(token), Err(SlabError::Stale), "another's");
    assert_eq!(first.revoke(token), Ok(part(block, 5)));
    let token = send(&first, part(block, 5)).unwrap();
    drop(first);
    while second.try_allocate(64).unwrap().is_some() {}
    let received = third.receive(token).expect("within the time of transit");
    assert_eq!(bytes(&received), b"first");
    drop(third);
    assert_eq!(second.stats()[0].free, 1, "what it received ended with it");
}
