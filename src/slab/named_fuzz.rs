//! Tests with segments of arbitrary bytes. Opening and using them must fail or serve correctly, and
//! never panic, hang, or access anything beyond the slots.

use super::thread_cache::ThreadCache;
use super::token::Token;
use super::{SegmentOptions, Slab, SlabOptions};
use crate::memory::segment::tests::Owned;
use crate::sync::Arc;
use std::fs::OpenOptions;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::ptr::NonNull;
use std::time::Duration;

const SIZES: [usize; 2] = [64, 4096];

/// Pseudo-random numbers, the same in each run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        self.next() as usize % end
    }

    /// Returns a damaged form of `word`.
    fn damaged(&mut self, word: u64) -> u64 {
        let (bit, other) = (self.next() % 64, self.next());
        let all =
            [0, 1, 2, u64::MAX, 1 << 63, word ^ 1 << bit, word.wrapping_add(1), word << 1, other];
        all[self.below(all.len())]
    }
}

/// Uses whatever the slab offers. Who holds which slot is not checked: the damaged words decide
/// that.
fn try_everything(slab: Slab, numbers: &mut Numbers) {
    let slab = Arc::new(slab);
    let within = |block: NonNull<[u8]>| {
        assert!(slab.pools.locate(block.cast()).is_ok(), "beyond the slots");
        // SAFETY: mapped, as was just checked; the test is the only one that uses it.
        unsafe { block.cast::<u8>().add(block.len() - 1).write(1) };
    };
    let mut blocks: Vec<_> = SIZES.iter().filter_map(|&size| slab.allocate(size).ok()).collect();
    if let Ok(mut cache) = ThreadCache::new(&slab) {
        for turn in 0..40 {
            let block = cache.allocate(SIZES[turn % 2]);
            block.iter().copied().for_each(within);
            if let (Ok(block), 1..) = (block, turn % 4) {
                // SAFETY: not used afterwards.
                let _ = unsafe { cache.deallocate(block.cast()) };
            }
        }
        cache.flush();
    }
    let owner = slab.claimant().unwrap();
    if let Some(block) = blocks.pop() {
        let (pool, slot) = slab.pools.locate(block.cast()).unwrap();
        if let Ok(token) = slab.send_as(pool, slot, 64, owner) {
            let received = slab.receive_as(token, owner);
            assert!(received.is_ok_and(|all| all.length == 64), "nobody interferes");
        }
    }
    if let Ok(received) = slab.receive_as(Token::from_bits(numbers.next()), owner) {
        let block = slab.pools()[received.pool].block(received.slot);
        assert!((1..=block.len()).contains(&received.length));
        within(block);
    }
    for block in blocks {
        within(block);
        // SAFETY: not used afterwards.
        let _ = unsafe { slab.deallocate(block.cast()) };
    }
    let _ = (slab.recover(), slab.registry().members(), slab.stats(), slab.cache_limit(0));
}

#[test]
fn ten_thousand_damaged_segments_are_errors_or_serve_within_their_slots() {
    let (name, mut numbers) = (Owned::new(), Numbers(0x9E37_79B9_7F4A_7C15));
    let options = SlabOptions::fixed(&SIZES, 100, 1 << 20);
    let slab = Slab::create(&name.0, &options, &SegmentOptions::default()).unwrap();
    let (records_at, words) =
        (slab.shared.as_ref().unwrap().sharing.bytes().1, slab.pools.records.len() / 8);
    drop(slab);
    let file = OpenOptions::new().read(true).write(true).open(name.path()).unwrap();
    let mut intact = vec![0; file.metadata().unwrap().len() as usize];
    file.read_exact_at(&mut intact, 0).unwrap();
    // The header, the registry's globals and first entries, the last words of the registry, the
    // records.
    let page = crate::memory::page_size() / 8;
    let places: [Range<usize>; 4] = [
        0..16,
        page..page + 40,
        records_at / 8 - 16..records_at / 8,
        records_at / 8..records_at / 8 + words,
    ];
    let (mut served, mut refused) = (0, 0);
    for round in 0..10_000 {
        let mut bytes = intact[..records_at + words * 8].to_vec();
        let place = places[round % places.len()].clone();
        for _ in 0..1 << numbers.below(7) {
            let index = (place.start + numbers.below(place.len())) * 8;
            let word = u64::from_ne_bytes(bytes[index..index + 8].try_into().unwrap());
            bytes[index..index + 8].copy_from_slice(&numbers.damaged(word).to_ne_bytes());
        }
        file.write_all_at(&bytes, 0).unwrap();
        match Slab::open(&name.0, Duration::ZERO) {
            Ok(slab) => {
                served += 1;
                try_everything(slab, &mut numbers);
            }
            Err(_) => refused += 1,
        }
    }
    assert!(served > 5000 && refused > 1000, "{served} served, {refused} refused");
}
