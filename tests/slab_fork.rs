//! Tests of a slab's thread caches in a process that forks. Not with the feature `debug`: if
//! RUST_BACKTRACE is set, std takes backtraces under a lock, which another thread may have held
//! during the fork. Not on the heap, where no slab is shared.
#![cfg(all(unix, not(any(ralloc_os = "heap", loom, feature = "debug"))))]

#[cfg(target_os = "linux")]
use ralloc_core::error::{FreeError, SlabError};
#[cfg(ralloc_os = "linux")]
use ralloc_core::slab::SegmentOptions;
use ralloc_core::slab::{Slab, SlabOptions, ThreadCache};
use std::collections::HashSet;
#[cfg(ralloc_os = "linux")]
use std::mem::ManuallyDrop;
use std::sync::Arc;
#[cfg(target_os = "linux")]
use std::time::Duration;

/// Forks. Returns true if `work` did so in the child. `work` must not panic there.
fn in_a_child(work: impl FnOnce() -> bool) -> bool {
    // SAFETY: the child only runs `work` and ends without running anything else.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let status = i32::from(!work());
        // SAFETY: ends the child.
        unsafe { libc::_exit(status) };
    }
    let mut status = -1;
    // SAFETY: waits for the child just made, and writes to the local.
    let ended = unsafe { libc::waitpid(child, &mut status, 0) };
    (ended, status) == (child, 0)
}

fn shared(count: u32) -> Arc<Slab> {
    Arc::new(Slab::shared(&SlabOptions::fixed(&[64], count, 1 << 20)).unwrap())
}

#[test]
fn a_forked_child_that_drops_and_flushes_its_copies_frees_nothing_of_its_parents() {
    let slab = shared(64);
    let mut caches = [0; 2].map(|_| ThreadCache::new(&slab).unwrap());
    for cache in &mut caches {
        let block = cache.allocate(64).unwrap();
        // SAFETY: the block is held, and not used afterwards.
        unsafe { cache.deallocate(block.cast()) }.unwrap();
        assert!(cache.cached(0) > 0);
    }
    let [dropped, flushed] = &mut caches;
    let dropped: *mut ThreadCache = dropped;
    assert!(in_a_child(|| {
        // SAFETY: the child's copy, which it does not use again: it ends without dropping it.
        unsafe { dropped.drop_in_place() };
        flushed.flush();
        true
    }));
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

#[test]
#[cfg(target_os = "linux")]
fn a_forked_child_can_neither_allocate_nor_free_with_its_copy_and_its_parent_goes_on() {
    let slab = shared(256);
    let mut cache = ThreadCache::new(&slab).unwrap();
    let held = cache.allocate(64).unwrap().cast::<u8>();
    let direct = slab.allocate(64).unwrap().cast::<u8>();
    let before = slab.stats()[0];
    assert!(cache.cached(0) > 8);
    assert!(in_a_child(|| {
        (0..100).all(|_| {
            let refused = cache.allocate(64) == Err(SlabError::Forked)
                && cache.try_allocate(64) == Err(SlabError::Forked)
                && slab.allocate(64) == Err(SlabError::Forked);
            // SAFETY: no block is freed.
            let kept = [held, direct].map(|block| unsafe { cache.deallocate(block) });
            refused && kept == [Err(FreeError::Forked); 2] && cache.cached(0) == 0
        })
    }));
    let after = slab.stats()[0];
    assert_eq!((after.held, after.cached), (before.held, before.cached));
    let mut blocks = HashSet::from([held, direct]);
    while let Ok(block) = cache.allocate(64) {
        assert!(blocks.insert(block.cast()), "handed out twice");
    }
    assert_eq!(blocks.len(), 256);
    // SAFETY: held by this process, and not used afterwards.
    assert_eq!(unsafe { cache.deallocate(held) }, Ok(()));
}

#[test]
#[cfg(target_os = "linux")]
fn the_child_of_a_child_is_refused_too_and_caches_of_slabs_that_are_not_shared_go_on() {
    let own = Arc::new(Slab::new(&SlabOptions::fixed(&[64], 256, 1 << 20)).unwrap());
    let (slab, mut private) = (shared(256), ThreadCache::new(&own).unwrap());
    let mut cache = ThreadCache::new(&slab).unwrap();
    let block = private.allocate(64).unwrap().cast::<u8>();
    cache.allocate(64).unwrap();
    assert!(in_a_child(|| {
        let refused = in_a_child(|| cache.allocate(64) == Err(SlabError::Forked));
        // The child has a copy of its parent's slab.
        // SAFETY: held in this copy, and not used afterwards.
        let freed = unsafe { private.deallocate(block) }.is_ok();
        refused && freed && private.allocate(64).is_ok()
    }));
    // SAFETY: as above, in this process.
    assert_eq!(unsafe { private.deallocate(block) }, Ok(()));
}

#[test]
#[cfg(target_os = "linux")]
fn a_forked_child_takes_no_part_in_its_parents_slabs_whatever_it_calls() {
    #[cfg(not(ralloc_os = "windows"))]
    let slabs = [shared(8), Arc::new(of_processes())];
    #[cfg(ralloc_os = "windows")]
    let slabs = [shared(8)];
    for slab in slabs {
        let [held, sent] = [0; 2].map(|_| slab.allocate(64).unwrap());
        // SAFETY: held, and not used before it is received.
        let token = unsafe { slab.send(sent) }.unwrap();
        let before = slab.stats();
        let is_refused = || {
            let joins = [ThreadCache::new(&slab).err(), Slab::attach(slab.share().unwrap()).err()];
            // SAFETY: the block is neither freed nor sent.
            let (freed, sent) = unsafe { (slab.deallocate(held.cast()), slab.send(held)) };
            joins == [Some(SlabError::Forked); 2]
                && [slab.allocate(64).map(Some), slab.try_allocate(64)]
                    == [Err(SlabError::Forked); 2]
                && (freed, sent) == (Err(FreeError::Forked), Err(SlabError::Forked))
                && [slab.receive(token), slab.revoke(token)] == [Err(SlabError::Forked); 2]
                && (slab.recover(), slab.trim(Duration::ZERO)) == (vec![], 0)
        };
        assert!(in_a_child(|| is_refused() && in_a_child(is_refused)));
        assert_eq!(slab.stats(), before);
        assert_eq!(slab.receive(token), Ok(sent));
        let other = Slab::attach(slab.share().unwrap()).unwrap();
        assert!(ThreadCache::new(&slab).is_ok());
        drop(other);
        // SAFETY: held by this process, and not used afterwards.
        assert_eq!(unsafe { slab.deallocate(held.cast()) }, Ok(()));
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_forked_child_shares_slabs_that_it_makes_itself() {
    let parents = shared(8);
    assert!(in_a_child(|| {
        let own = shared(8);
        let other = Slab::attach(own.share().unwrap());
        let cache = ThreadCache::new(&own);
        parents.allocate(64) == Err(SlabError::Forked)
            && other.is_ok_and(|other| other.allocate(64).is_ok())
            && cache.is_ok_and(|mut cache| cache.allocate(64).is_ok())
    }));
}

/// A slab with two slots that processes share.
#[cfg(ralloc_os = "linux")]
fn of_processes() -> Slab {
    let options = SlabOptions::fixed(&[64], 2, 1 << 20);
    Slab::anonymous(&options, &SegmentOptions::default()).unwrap()
}

#[test]
#[cfg(ralloc_os = "linux")]
fn a_forked_child_that_opens_a_slab_anew_and_drops_its_copy_stays_alive_to_its_parent() {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    let slab = of_processes();
    let passed = slab.descriptor().unwrap();
    let (mut ours, mut theirs) = UnixStream::pair().unwrap();
    // SAFETY: the child only does what is written here, and ends.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let work = || -> Option<()> {
            let mine = Slab::from_fd(&passed).ok()?;
            let mine = ManuallyDrop::new(mine); // dropped with the process, as after a kill
            let _held = [mine.allocate(64).ok()?, mine.allocate(64).ok()?];
            drop(slab); // the child's copy
            theirs.write_all(b"h").ok()?;
            theirs.read_exact(&mut [0]).ok()
        };
        let status = i32::from(work().is_none());
        // SAFETY: ends the child.
        unsafe { libc::_exit(status) };
    }
    drop(theirs);
    ours.read_exact(&mut [0]).unwrap();
    assert_eq!(slab.recover(), []);
    assert!(matches!(slab.allocate(64), Err(SlabError::Exhausted { .. })), "the child has both");
    ours.write_all(b"e").unwrap();
    let mut status = -1;
    // SAFETY: waits for the child just made, and writes to the local.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert_eq!(status, 0);
    assert_eq!(slab.recover().len(), 1, "now it is over");
}

#[test]
#[cfg(ralloc_os = "linux")]
fn a_forked_child_that_opened_other_slabs_takes_nobody_of_its_copy_for_dead() {
    let slab = of_processes();
    let passed = slab.descriptor().unwrap();
    let other = Slab::from_fd(&passed).unwrap();
    let _held = [0; 2].map(|_| other.allocate(64).unwrap());
    assert!(in_a_child(|| {
        let _new = [0; 3].map(|_| of_processes());
        slab.recover().is_empty()
    }));
    assert_eq!(slab.recover(), []);
    assert_eq!(slab.stats()[0].held, 2);
}

#[test]
#[cfg(ralloc_os = "linux")]
fn a_forked_child_has_none_of_the_bytes_that_processes_share() {
    let slab = of_processes();
    let block = slab.allocate(64).unwrap().cast::<u8>();
    // SAFETY: the child only reads and ends.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: faults; else ends the child.
        unsafe { libc::_exit(block.read_volatile().into()) };
    }
    let mut status = -1;
    // SAFETY: waits for the child just made, and writes to the local.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert_eq!(libc::WTERMSIG(status), libc::SIGSEGV);
    // SAFETY: held by this process, and not used afterwards.
    assert_eq!(unsafe { slab.deallocate(block) }, Ok(()));
}
