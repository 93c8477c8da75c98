//! A slab's thread caches in a process that forks.
#![cfg(unix)]

use ralloc_core::slab::{Slab, SlabOptions, ThreadCache};
use std::collections::HashSet;
use std::sync::Arc;

#[test]
fn a_forked_child_that_drops_and_flushes_its_copies_frees_nothing_of_its_parents() {
    let slab = Arc::new(Slab::shared(&SlabOptions::fixed(&[64], 64, 1 << 20)).unwrap());
    let mut caches = [0; 2].map(|_| ThreadCache::new(&slab).unwrap());
    for cache in &mut caches {
        let block = cache.allocate(64).unwrap();
        // SAFETY: the block is held, and not used afterwards.
        unsafe { cache.deallocate(block.cast()) }.unwrap();
        assert!(cache.cached(0) > 0);
    }
    // SAFETY: the child allocates nothing and ends without running anything else.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let [dropped, mut flushed] = caches;
        drop(dropped);
        flushed.flush();
        // SAFETY: ends the child.
        unsafe { libc::_exit(0) };
    }
    let mut status = -1;
    // SAFETY: waits for the child just made, and writes to the local.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert_eq!(status, 0);
    let cached = caches.each_ref().map(|cache| cache.cached(0));
    assert_eq!(slab.stats()[0].cached, cached.iter().sum());
    let mut blocks = HashSet::new();
    while let Ok(block) = slab.allocate(64) {
        assert!(blocks.insert(block.cast::<u8>()));
    }
    for (cache, count) in caches.iter_mut().zip(cached) {
        for _ in 0..count {
            assert!(blocks.insert(cache.allocate(64).unwrap().cast::<u8>()), "handed out twice");
        }
    }
    assert_eq!(blocks.len(), 64);
}
