//! Tests of slabs that several processes share, some of which are killed.

#[cfg(not(ralloc_files))]
use super::Token;
use super::thread_cache::ThreadCache;
use super::transit::Message;
use super::{Recovered, SegmentOptions, Slab, SlabOptions};
use crate::error::{FreeError, MapError, SegmentError, SegmentField, SlabError};
use crate::memory::MemoryOptions;
use crate::memory::segment::peers::{
    Peer, is_child, number, say, signal, until, wait_for_parent, wait_to_be_killed,
};
use crate::memory::segment::tests::{LONG, Owned};
use crate::os::shm;
use crate::sync::Arc;
#[cfg(not(ralloc_files))]
use std::os::fd::IntoRawFd;
use std::ptr::NonNull;
#[cfg(not(ralloc_files))]
use std::time::Duration;

const SIZES: [usize; 2] = [64, 4096];
const COUNT: usize = 512;

fn options() -> SlabOptions {
    SlabOptions::fixed(&SIZES, COUNT as u32, 8 << 20)
}

fn how() -> SegmentOptions {
    SegmentOptions { wait: LONG, ..SegmentOptions::default() }
}

fn create(name: &Owned) -> Slab {
    Slab::create(&name.0, &options(), &how()).unwrap()
}

fn held(slab: &Slab) -> usize {
    slab.stats().iter().map(|pool| pool.held + pool.cached).sum()
}

fn free(slab: &Slab, block: NonNull<[u8]>) {
    // SAFETY: held by the test, and not used afterwards.
    unsafe { slab.deallocate(block.cast()) }.unwrap();
}

/// Runs in the children.
fn run(what: &str, name: &str) {
    if what == "make" {
        say("here");
        wait_for_parent();
        let slab = Slab::open_or_create(name, &options(), &how()).unwrap();
        let block = slab.allocate(64).unwrap();
        // SAFETY: held by this process, and not used once it is sent.
        let token = unsafe {
            block.cast::<u32>().write(std::process::id());
            slab.send(block).unwrap()
        };
        say(&format!("sent {}", token.bits()));
        wait_to_be_killed();
    }
    let slab = Arc::new(Slab::open(name, LONG).unwrap());
    match what {
        "hold" => {
            let mut cache = ThreadCache::new(&slab).unwrap();
            let mut gone = ThreadCache::new(&slab).unwrap();
            for size in SIZES {
                slab.allocate(size).unwrap();
                cache.allocate(size).unwrap();
                gone.allocate(size).unwrap();
            }
            drop(gone);
            say(&format!("holds {}", held(&slab)));
            wait_to_be_killed();
        }
        "hold and close everything" => {
            let mut cache = ThreadCache::new(&slab).unwrap();
            SIZES.iter().for_each(|&size| assert!(cache.allocate(size).is_ok()));
            shm::close_all();
            say(&format!("holds {}", held(&slab)));
            wait_for_parent();
            let recovered: Vec<u32> = slab.recover().iter().map(|one| one.pid).collect();
            let other = ThreadCache::new(&slab).unwrap();
            say(&format!("recovered {recovered:?}, {}", slab.recovers()));
            drop(other);
            wait_to_be_killed();
        }
        "become a daemon" => {
            let mut cache = ThreadCache::new(&slab).unwrap();
            let block = cache.allocate(64).unwrap();
            slab.allocate(64).unwrap();
            shm::daemon();
            let stats = slab.stats();
            // SAFETY: nothing is freed.
            let freed = unsafe { [slab.deallocate(block.cast()), cache.deallocate(block.cast())] };
            let is_refused = [slab.allocate(64), cache.allocate(64)] == [Err(SlabError::Forked); 2]
                && freed == [Err(FreeError::Forked); 2]
                && (slab.recover(), slab.recovers()) == (vec![], false)
                && stats.iter().all(|pool| pool.held + pool.count == 0)
                && slab.bind(0).is_err()
                && slab.descriptor().is_err();
            let own = Slab::open(name, LONG).unwrap();
            drop((cache, slab));
            own.allocate(64).unwrap();
            say(&format!("refused {is_refused} {}", std::process::id()));
            wait_to_be_killed();
        }
        "stamp" => {
            let mut cache = ThreadCache::new(&slab).unwrap();
            let (mut blocks, mut turn) = (Vec::new(), 0usize);
            say("stamps");
            loop {
                turn += 1;
                if blocks.len() < COUNT / 8
                    && let Ok(block) = cache.allocate(SIZES[turn % 2])
                {
                    // SAFETY: held by this process, here and below.
                    unsafe { block.cast::<u32>().write(std::process::id()) };
                    blocks.push(block);
                }
                if turn % 3 == 0 && !blocks.is_empty() {
                    let block = blocks.swap_remove(turn.wrapping_mul(31) % blocks.len());
                    // SAFETY: as above.
                    let stamp = unsafe { block.cast::<u32>().read() };
                    assert_eq!(stamp, std::process::id(), "another one has it");
                    // SAFETY: not used afterwards.
                    unsafe { cache.deallocate(block.cast()) }.unwrap();
                }
            }
        }
        _ => panic!("{what}"),
    }
}

#[test]
#[cfg(not(ralloc_files))]
fn who_comes_too_late_to_make_it_has_the_slots_of_the_one_that_is_there() {
    if is_child(run) {
        return;
    }
    let test = "who_comes_too_late_to_make_it_has_the_slots_of_the_one_that_is_there";
    for step in ["begun", "made"] {
        let name = Owned::new();
        let mut late = Peer::new(test, "make", &name.0, step);
        assert_eq!(late.says(), "here");
        late.tell();
        until(step, || late.says() == step);
        let slab =
            Slab::open_or_create(&name.0, &options(), &SegmentOptions::new().wait(Duration::ZERO))
                .unwrap();
        late.tell();
        let token = number(&late.says(), "sent ").parse().unwrap();
        let block = slab.receive(Token::from_bits(token)).unwrap();
        // SAFETY: received, so this process holds it.
        assert_eq!(unsafe { block.cast::<u32>().read() }, late.child.id());
        free(&slab, block);
    }
}

#[test]
fn what_a_killed_process_held_comes_back_and_it_is_named() {
    if is_child(run) {
        return;
    }
    let (name, test) = (Owned::new(), "what_a_killed_process_held_comes_back_and_it_is_named");
    let slab = create(&name);
    let mine = slab.allocate(64).unwrap();
    let mut peer = Peer::new(test, "hold", &name.0, "");
    let all: usize = number(&peer.says(), "holds ").parse().unwrap();
    assert!(all > 7 && held(&slab) == all);
    signal("-STOP", &peer.child.id().to_string());
    assert_eq!((slab.recover(), held(&slab)), (vec![], all), "it is alive");
    peer.kill();
    let mut recovered: Vec<Recovered> = Vec::new();
    until("it is dead", || {
        recovered.extend(slab.recover());
        held(&slab) == 1
    });
    assert!(recovered.iter().all(|one| one.pid == peer.child.id()));
    assert_eq!(recovered.iter().map(|one| one.slots).sum::<usize>(), all - 1);
    free(&slab, mine);
    assert_eq!((held(&slab), slab.recover()), (0, vec![]));
}

#[test]
#[cfg(not(ralloc_files))]
fn a_process_that_closes_all_descriptors_stays_alive_and_finds_the_dead() {
    if is_child(run) {
        return;
    }
    let (name, test) =
        (Owned::new(), "a_process_that_closes_all_descriptors_stays_alive_and_finds_the_dead");
    let slab = create(&name);
    let [mut closes, mut dies] =
        ["hold and close everything", "hold"].map(|does| Peer::new(test, does, &name.0, ""));
    let held_by_it = |peer: &mut Peer| number(&peer.says(), "holds ").parse::<usize>().unwrap();
    let all = held_by_it(&mut closes).max(held_by_it(&mut dies));
    assert_eq!((slab.recover(), held(&slab)), (vec![], all));
    dies.kill();
    dies.child.wait().unwrap();
    closes.tell();
    let found = closes.says();
    assert!(found.contains(&dies.child.id().to_string()) && found.ends_with("true"), "{found}");
    closes.kill();
    closes.child.wait().unwrap();
    assert!(slab.recover().iter().any(|one| one.pid == closes.child.id()));
    assert_eq!(held(&slab), 0);
}

#[test]
#[cfg(not(ralloc_files))]
fn a_process_that_becomes_a_daemon_has_to_open_the_slab_anew_and_what_it_held_comes_back() {
    if is_child(run) {
        return;
    }
    let (name, test) = (
        Owned::new(),
        "a_process_that_becomes_a_daemon_has_to_open_the_slab_anew_and_what_it_held_comes_back",
    );
    let slab = create(&name);
    let mut peer = Peer::new(test, "become a daemon", &name.0, "");
    let daemon = number(&peer.says(), "refused true ");
    until("what its parent held is free", || slab.recover().is_empty() && held(&slab) == 1);
    assert_eq!(slab.recover(), [], "the daemon is alive");
    signal("-KILL", &daemon);
    until("it is dead", || !slab.recover().is_empty());
    assert_eq!(held(&slab), 0);
}

#[test]
#[cfg(not(ralloc_files))]
fn a_slab_without_a_name_whose_descriptor_was_closed_keeps_its_blocks_and_says_what_it_cannot_do() {
    if is_child(|_, _| {
        let slab = Arc::new(Slab::anonymous(&options(), &how()).unwrap());
        let passed = slab.descriptor().unwrap();
        let other = Slab::from_fd(&passed).unwrap();
        let block = slab.allocate(64).unwrap();
        shm::close_all();
        let _ = passed.into_raw_fd();
        assert!(!slab.recovers() && slab.recover().is_empty());
        assert_eq!(ThreadCache::new(&slab).err(), Some(crate::error::SlabError::OutOfTouch));
        assert_eq!((slab.allocate(64).is_ok(), held(&other)), (true, 2));
        free(&slab, block);
        drop(slab);
        assert_eq!(held(&other), 0);
        say("done");
    }) {
        return;
    }
    let test = "a_slab_without_a_name_whose_descriptor_was_closed_keeps_its_blocks_and_says_what_it_cannot_do";
    assert_eq!(Peer::new(test, "all", "", "").says(), "done");
}

#[test]
fn slots_of_a_killed_process_are_found_by_who_runs_out_of_them_and_by_who_joins() {
    if is_child(run) {
        return;
    }
    let name = Owned::new();
    let test = "slots_of_a_killed_process_are_found_by_who_runs_out_of_them_and_by_who_joins";
    let slab = create(&name);
    let mut peer = Peer::new(test, "hold", &name.0, "");
    peer.says();
    peer.kill();
    let mut blocks = Vec::new();
    until("all slots are here", || {
        while let Ok(Some(block)) = slab.try_allocate(64) {
            blocks.push(block);
        }
        blocks.len() == COUNT
    });
    blocks.into_iter().for_each(|block| free(&slab, block));
    let mut peer = Peer::new(test, "hold", &name.0, "");
    peer.says();
    peer.kill();
    until("a join frees all", || {
        Slab::open(&name.0, LONG).unwrap();
        held(&slab) == 0
    });
}

#[test]
fn two_processes_that_are_killed_at_random_moments_share_no_slot_and_lose_none() {
    if is_child(run) {
        return;
    }
    let name = Owned::new();
    let test = "two_processes_that_are_killed_at_random_moments_share_no_slot_and_lose_none";
    let slab = create(&name);
    let mut survivor = Peer::new(test, "stamp", &name.0, "");
    assert_eq!(survivor.says(), "stamps");
    for round in 0..20 {
        let mut peer = Peer::new(test, "stamp", &name.0, "");
        assert_eq!(peer.says(), "stamps");
        let claimed = slab.stats()[0].held;
        until("it has some", || slab.stats()[0].held != claimed);
        for _ in 0..round * 1000 {
            std::hint::spin_loop();
        }
        peer.kill();
        peer.child.wait().unwrap();
        let recovered = slab.recover();
        assert!(recovered.iter().all(|one| one.pid == peer.child.id()), "{recovered:?}");
        assert!(survivor.child.try_wait().unwrap().is_none(), "it goes on");
    }
    survivor.kill();
    survivor.child.wait().unwrap();
    slab.recover();
    let counts = slab.check().unwrap();
    assert!(counts.iter().all(|pool| pool.free == COUNT), "{counts:?}");
}

#[test]
fn a_slab_without_a_name_is_shared_by_its_descriptor() {
    let first = Slab::anonymous(&options(), &how()).unwrap();
    let descriptor = first.descriptor().unwrap();
    let second = Slab::from_fd(&descriptor).unwrap();
    let block = first.allocate(100).unwrap();
    assert_eq!((block.len(), held(&second)), (4096, 1));
    drop(first);
    assert_eq!(held(&second), 0, "who is gone holds nothing");
    let own = Slab::new(&options()).unwrap();
    assert!(matches!(own.descriptor(), Err(MapError::Unsupported { .. })));
}

#[test]
fn tokens_go_from_one_mapping_to_another_as_in_one_process() {
    let name = Owned::new();
    let (first, second) = (create(&name), Slab::open(&name.0, LONG).unwrap());
    let block = first.allocate(64).unwrap().cast::<u8>();
    let (eight, at) = (NonNull::slice_from_raw_parts(block, 8), first.pools.locate(block));
    // SAFETY: held by the test, here and below, and not used once it is sent.
    let token = unsafe {
        block.cast::<u64>().write(7);
        first.send(eight).unwrap()
    };
    assert_eq!(second.revoke(token), Err(SlabError::Stale), "the sender alone");
    assert_eq!(first.revoke(token), Ok(eight));
    // SAFETY: as above.
    let token = unsafe { first.send(eight) }.unwrap();
    drop(first);
    let received = second.receive(token).unwrap();
    assert_eq!((received.len(), second.pools.locate(received.cast())), (8, at));
    // SAFETY: received.
    assert_eq!(unsafe { received.cast::<u64>().read() }, 7);
    assert_eq!(second.receive(token), Err(SlabError::Stale));
}

#[test]
fn blocks_of_a_cache_that_is_gone_are_held_until_they_are_freed() {
    let name = Owned::new();
    let slab = Arc::new(create(&name));
    let mut cache = ThreadCache::new(&slab).unwrap();
    let owner = cache.owner();
    let block = cache.allocate(64).unwrap();
    drop(cache);
    assert_eq!((slab.recover(), held(&slab)), (vec![], 1));
    assert!(slab.registry().is_alive(owner));
    free(&slab, block);
    drop(ThreadCache::new(&slab).unwrap());
    assert!(!slab.registry().is_alive(owner));
    assert_eq!(slab.registry().alive(), 1);
}

#[test]
fn a_forked_child_can_allocate_and_send_nothing_with_its_copy_and_frees_nothing_by_dropping_it() {
    let name = Owned::new();
    let slab = create(&name);
    let block = slab.allocate(64).unwrap();
    // SAFETY: held by the test, and not used once it is sent.
    let token = unsafe { slab.send(slab.allocate(64).unwrap()) }.unwrap();
    let child = shm::fork(&|| {
        if slab.allocate(64) != Err(SlabError::Forked) || !slab.recover().is_empty() {
            shm::end(1);
        }
        // SAFETY: nothing is sent.
        let is_refused = unsafe { slab.send(block) } == Err(SlabError::Forked)
            && [slab.receive(token), slab.revoke(token)] == [Err(SlabError::Forked); 2];
        if !is_refused {
            shm::end(2);
        }
        // SAFETY: the child's copy, which it does not use again.
        unsafe { std::ptr::from_ref(&slab).cast_mut().drop_in_place() };
    });
    assert_eq!(shm::wait(child), 0);
    assert_eq!(held(&slab), 1);
    free(&slab, block);
    free(&slab, slab.revoke(token).unwrap());
}

#[test]
fn a_slab_that_can_grow_or_differs_from_the_one_that_is_there_is_refused() {
    let name = Owned::new();
    let mut growing = options();
    growing.pools[0].max_count += 1;
    let error = Slab::create(&name.0, &growing, &how()).unwrap_err();
    assert!(matches!(error, SlabError::Map(MapError::Unsupported { .. })), "{error}");
    let _slab = create(&name);
    let other =
        SlabOptions { memory: MemoryOptions::default(), ..SlabOptions::fixed(&[64], 512, 8 << 20) };
    let error = Slab::open_or_create(&name.0, &other, &how()).unwrap_err();
    let (field, found, expected) = (SegmentField::Pools, 2, 1);
    assert_eq!(error, SlabError::Segment(SegmentError::Invalid { field, found, expected }));
    assert!(Slab::list().unwrap().contains(&name.0));
    Slab::unlink(&name.0).unwrap();
    assert!(!Slab::list().unwrap().contains(&name.0));
}

#[test]
fn what_is_received_has_bytes_and_is_within_its_slot_whatever_another_process_wrote() {
    let slab = Slab::anonymous(&SlabOptions::fixed(&[64], 8, 1 << 20), &SegmentOptions::default())
        .unwrap();
    for bits in [0, u64::MAX, 65, 1 << 40] {
        let block = slab.allocate(64).unwrap();
        // SAFETY: held, and not used before it is received.
        let token = unsafe { slab.send(block) }.unwrap();
        let (_, slot) = slab.pools.locate(block.cast()).unwrap();
        slab.pools()[0].table.set_message(slot, Message(bits));
        let received = slab.receive(token).unwrap();
        assert_eq!(received.cast::<u8>(), block.cast());
        assert!((1..=64).contains(&received.len()), "{bits:x}");
        // SAFETY: held, and not used any more.
        unsafe { slab.deallocate(received.cast()) }.unwrap();
    }
}
