//! Scenarios of the arena that is leased to JavaScript, without Node.

use super::LeaseEnd::{Quarantine, Release, Steal};
use super::{ChunkState, Lease, LeasedArena};
use crate::error::{AllocError, MapError, SpanError};
use crate::layout::HUGE_PAGE;
use crate::memory::{Depot, HugePages, Mapping, MemoryOptions, Pages, page_size};
use crate::random_tests::rounds;
use crate::sync::Arc;
use std::io::ErrorKind;

const KIB: usize = 1024;
const NODE_THAT_IS_NOT_THERE: u32 = 1023;

fn arena(limit: usize) -> (LeasedArena, Arc<Depot>) {
    let depot = Arc::new(Depot::new(64 << 20));
    (LeasedArena::new(limit, 64 * KIB, false, Arc::clone(&depot)), depot)
}

/// A lease with an ArrayBuffer over it.
fn pinned(arena: &mut LeasedArena, need: usize, own_chunk: bool) -> Lease {
    let lease = arena.lease(need, need, own_chunk).unwrap();
    lease.chunk.pin().unwrap();
    lease
}

fn write(lease: &Lease, value: u8) {
    // SAFETY: a live lease of the test's arena, which nobody else touches.
    unsafe { lease.ptr.write_bytes(value, lease.len) }
}

fn shows(lease: &Lease, value: u8) -> bool {
    // SAFETY: as above; the test reads only while the chunk exists.
    (0..lease.len).all(|index| unsafe { lease.ptr.add(index).read() } == value)
}

#[test]
fn a_whole_chunk_has_its_size_class_and_is_clean_when_fresh() {
    let (mut arena, _) = arena(1 << 20);
    let lease = arena.lease(1, 33 * KIB, true).unwrap();
    assert_eq!((lease.len, lease.clean_from), (40 * KIB, 0));
    assert!(shows(&lease, 0));
    assert!(lease.epoch > 0);
    assert_eq!(arena.used(), 40 * KIB);
}

#[test]
fn adopted_memory_counts_toward_the_limit_until_it_is_disowned() {
    let (mut arena, _) = arena(100 * KIB);
    arena.adopt(60 * KIB).unwrap();
    assert_eq!((arena.used(), arena.stats().peak), (60 * KIB, 60 * KIB));
    let refused = arena.lease(41 * KIB, 41 * KIB, true).unwrap_err();
    let limit = AllocError::Limit { requested: 41 * KIB, used: 60 * KIB, limit: 100 * KIB };
    assert_eq!(refused, limit);
    arena.lease(40 * KIB, 40 * KIB, true).unwrap();
    let full = AllocError::Limit { requested: 1, used: 100 * KIB, limit: 100 * KIB };
    assert_eq!(arena.adopt(1), Err(full));
    arena.check().unwrap();
    arena.disown(60 * KIB).unwrap();
    assert_eq!(
        (arena.used(), arena.disown(1)),
        (40 * KIB, Err(SpanError::NotAdopted { bytes: 1 }))
    );
    arena.check().unwrap();
}

#[test]
fn a_limit_that_is_lowered_takes_nothing_away_and_refuses_until_enough_has_gone() {
    let (mut arena, _) = arena(200 * KIB);
    let first = arena.lease(64 * KIB, 64 * KIB, true).unwrap();
    arena.lease(64 * KIB, 64 * KIB, true).unwrap();
    arena.set_limit(100 * KIB);
    let refused = arena.lease(1, 1, true).unwrap_err();
    let limit = AllocError::Limit { requested: 1, used: 128 * KIB, limit: 100 * KIB };
    assert_eq!((refused, arena.adopt(1)), (limit, Err(limit)));
    arena.end(first.id, first.epoch, 0, Release).unwrap();
    assert_eq!(arena.lease(1, 64 * KIB, true).unwrap().len, 36 * KIB);
    arena.set_limit(200 * KIB);
    assert_eq!(arena.lease(1, 64 * KIB, true).unwrap().len, 64 * KIB);
    arena.check().unwrap();
}

#[test]
fn cut_spans_share_a_chunk_and_never_overlap() {
    let (mut arena, _) = arena(1 << 20);
    let one = pinned(&mut arena, 1, false);
    let two = pinned(&mut arena, 5000, false);
    assert_eq!((one.len, two.len), (4096, 8192));
    assert_eq!(one.ptr.addr().get() + one.len, two.ptr.addr().get());
    assert_eq!((arena.used(), arena.chunks().len()), (64 * KIB, 1));
    assert_eq!((one.clean_from, two.clean_from), (0, 0));
    let large = pinned(&mut arena, 60 * KIB, false);
    assert_eq!((large.len, arena.used()), (60 * KIB, 128 * KIB), "a new cut chunk");
    let larger = pinned(&mut arena, 100 * KIB, false);
    assert_eq!(larger.len, 112 * KIB, "larger than a cut chunk: whole");
    arena.check().unwrap();
}

#[test]
fn the_limit_clips_the_last_chunk_to_the_byte_and_then_refuses() {
    let (mut arena, _) = arena(100_000);
    let first = arena.lease(1, 64 * KIB, true).unwrap();
    let last = arena.lease(1, 64 * KIB, true).unwrap();
    assert_eq!(first.len + last.len, 100_000);
    write(&last, 1);
    let refused = arena.lease(1, 1, true).unwrap_err();
    assert_eq!(refused, AllocError::Limit { requested: 1, used: 100_000, limit: 100_000 });
    arena.end(last.id, last.epoch, last.len, Release).unwrap();
    assert_eq!(arena.used(), 64 * KIB, "no pin: back in the depot at once");
}

#[test]
fn at_the_limit_the_tail_of_the_cut_chunk_still_serves_a_smaller_need() {
    let (mut arena, _) = arena(64 * KIB);
    let _first = pinned(&mut arena, 50 * KIB, false);
    let tail = arena.lease(4 * KIB, 60 * KIB, false).unwrap();
    assert_eq!(tail.len, 4 * KIB);
}

#[test]
fn a_refusal_by_the_system_names_the_call_and_changes_nothing() {
    let (mut arena, _) = arena(usize::MAX / 4);
    let before = arena.stats();
    let refused = arena.lease(1 << 55, 1 << 55, true).unwrap_err();
    let AllocError::Map(error @ MapError::System { syscall, .. }) = refused else {
        panic!("want the system's error, got {refused}");
    };
    let call = if cfg!(windows) { "VirtualAlloc" } else { "mmap" };
    assert_eq!((error.io_kind(), syscall), (ErrorKind::OutOfMemory, call));
    assert_eq!(arena.stats(), before);
    arena.check().unwrap();
}

#[test]
fn a_released_chunk_waits_in_limbo_and_serves_again_before_its_finalizer() {
    let (mut arena, depot) = arena(1 << 20);
    let first = pinned(&mut arena, 16 * KIB, true);
    write(&first, 7);
    arena.end(first.id, first.epoch, 16 * KIB, Release).unwrap();
    assert_eq!(arena.stats().sums.of(ChunkState::Limbo), 16 * KIB);
    let again = pinned(&mut arena, 16 * KIB, true);
    assert_eq!((again.ptr, again.clean_from), (first.ptr, again.len));
    assert_ne!(again.epoch, first.epoch);
    first.chunk.unpin(false);
    assert_eq!(
        arena.stats().sums.of(ChunkState::Leased),
        16 * KIB,
        "the late finalizer only counts"
    );
    arena.end(again.id, again.epoch, 0, Release).unwrap();
    again.chunk.unpin(false);
    assert_eq!((arena.used(), depot.stats().chunks), (0, 1));
}

#[test]
fn a_quarantined_span_keeps_its_bytes_and_closes_its_chunk() {
    let (mut arena, depot) = arena(1 << 20);
    let one = pinned(&mut arena, 4 * KIB, false);
    let two = pinned(&mut arena, 4 * KIB, false);
    write(&one, 1);
    arena.end(one.id, one.epoch, 100, Quarantine).unwrap();
    assert_eq!((arena.quarantined(), two.chunk.state()), (64 * KIB, ChunkState::Quarantined));
    let three = pinned(&mut arena, 4 * KIB, false);
    assert!(!Arc::ptr_eq(&three.chunk, &one.chunk), "no further span is cut from it");
    arena.hold(two.id, two.epoch).unwrap();
    arena.unhold(two.id, two.epoch).unwrap();
    arena.end(two.id, two.epoch, 0, Release).unwrap();
    two.chunk.unpin(false);
    assert!(shows(&one, 1));
    assert_eq!(depot.stats().chunks, 0);
    one.chunk.unpin(false);
    assert_eq!((arena.quarantined(), depot.stats().chunks), (0, 1));
    arena.check().unwrap();
}

#[test]
fn a_stolen_chunk_is_freed_and_never_leased_again() {
    let (mut arena, depot) = arena(1 << 20);
    let lease = pinned(&mut arena, 16 * KIB, true);
    arena.end(lease.id, lease.epoch, 0, Quarantine).unwrap();
    let lease = pinned(&mut arena, 16 * KIB, true);
    arena.end(lease.id, lease.epoch, 0, Steal).unwrap();
    assert_eq!(arena.stats().sums.of(ChunkState::Stolen), 16 * KIB);
    lease.chunk.unpin(false);
    assert_eq!((arena.stats().sums.of(ChunkState::Stolen), depot.stats().chunks), (0, 0));
    assert_eq!(depot.stats().unmapped, 0, "its addresses are kept");
    let next = arena.lease(1, 16 * KIB, true).unwrap();
    assert_ne!(next.ptr, lease.ptr);
}

#[test]
fn a_held_span_can_neither_be_released_nor_renewed_but_given_up() {
    let (mut arena, _) = arena(1 << 20);
    let lease = pinned(&mut arena, 16 * KIB, true);
    let (id, epoch) = (lease.id, lease.epoch);
    assert_eq!(arena.unhold(id, epoch), Err(SpanError::NotHeld { id }));
    arena.hold(id, epoch).unwrap();
    assert_eq!(arena.stats().sums.of(ChunkState::Held), 16 * KIB);
    assert_eq!(arena.hold(id, epoch), Err(SpanError::Held { id }));
    assert_eq!(arena.end(id, epoch, 0, Release), Err(SpanError::Held { id }));
    let renewed = arena.renew(id, epoch, lease.ptr.as_ptr(), lease.len);
    assert_eq!(renewed.unwrap_err(), SpanError::Held { id });
    arena.end(id, epoch, 0, Quarantine).unwrap();
    assert_eq!((arena.stats().sums.of(ChunkState::Held), arena.quarantined()), (0, 16 * KIB));
}

#[test]
fn wrong_ids_epochs_and_buffers_are_errors_that_change_nothing() {
    let (mut arena, _) = arena(1 << 20);
    let lease = pinned(&mut arena, 16 * KIB, true);
    let (id, epoch, ptr) = (lease.id, lease.epoch, lease.ptr.as_ptr());
    let before = arena.stats();
    assert_eq!(arena.hold(id + 1, epoch), Err(SpanError::Unknown { id: id + 1 }));
    assert_eq!(arena.end(id, epoch + 1, 0, Steal), Err(SpanError::Stale { id, epoch: epoch + 1 }));
    assert!(arena.renew(id, epoch, ptr.wrapping_add(1), lease.len).is_err());
    assert!(arena.renew(id, epoch, ptr, lease.len - 1).is_err());
    assert_eq!(arena.stats(), before);
    assert_eq!(arena.renew(id, epoch, ptr, lease.len).unwrap().ptr, lease.ptr);
    arena.end(id, epoch, 0, Release).unwrap();
    assert_eq!(arena.end(id, epoch, 0, Release), Err(SpanError::Unknown { id }));
}

#[test]
fn a_cancelled_lease_gives_its_piece_of_the_cut_chunk_back() {
    let (mut arena, _) = arena(1 << 20);
    let _kept = pinned(&mut arena, 4 * KIB, false);
    let before = arena.stats();
    let cancelled = arena.lease(8 * KIB, 8 * KIB, false).unwrap();
    arena.cancel(&cancelled);
    assert_eq!(arena.stats(), before);
    let next = arena.lease(4 * KIB, 4 * KIB, false).unwrap();
    assert_eq!((next.ptr, next.clean_from), (cancelled.ptr, 0));
    arena.check().unwrap();
}

#[test]
fn wipe_zeroes_what_was_handed_out_at_release_and_at_the_end_of_quarantine() {
    let depot = Arc::new(Depot::new(64 << 20));
    let mut arena = LeasedArena::new(1 << 20, 64 * KIB, true, Arc::clone(&depot));
    let released = pinned(&mut arena, 16 * KIB, true);
    write(&released, 5);
    arena.end(released.id, released.epoch, 16 * KIB, Release).unwrap();
    assert!(shows(&released, 0));
    let again = pinned(&mut arena, 16 * KIB, true);
    assert_eq!(again.clean_from, again.len, "wiped, but not trusted to be zero");
    write(&again, 6);
    arena.end(again.id, again.epoch, 16 * KIB, Quarantine).unwrap();
    released.chunk.unpin(false);
    assert!(shows(&again, 6), "still shown to who kept a Buffer");
    again.chunk.unpin(false);
    let next = arena.lease(1, 16 * KIB, true).unwrap();
    assert_eq!(next.ptr, again.ptr);
    assert!(shows(&next, 0));
}

#[test]
fn chunks_outlive_a_dropped_arena_until_their_finalizers_ran() {
    let (mut arena, depot) = arena(1 << 20);
    let leased = pinned(&mut arena, 16 * KIB, true);
    let limbo = pinned(&mut arena, 16 * KIB, true);
    let unpinned = arena.lease(1, 16 * KIB, true).unwrap();
    arena.end(limbo.id, limbo.epoch, 0, Release).unwrap();
    write(&leased, 3);
    drop(arena);
    assert_eq!(unpinned.chunk.state(), ChunkState::Gone);
    assert_eq!(leased.chunk.state(), ChunkState::Quarantined);
    assert!(shows(&leased, 3));
    limbo.chunk.unpin(false);
    leased.chunk.unpin(false);
    leased.chunk.unpin(false);
    assert_eq!(leased.chunk.state(), ChunkState::Gone, "a finalizer too many changes nothing");
    assert_eq!(depot.stats().chunks, 3);
}

#[test]
fn in_a_teardown_nothing_is_recycled_whichever_finalizer_comes_first() {
    let (mut arena, depot) = arena(1 << 20);
    let before = pinned(&mut arena, 16 * KIB, true);
    let after = pinned(&mut arena, 16 * KIB, true);
    before.chunk.unpin(true);
    assert_eq!(before.chunk.state(), ChunkState::Leased);
    drop(arena);
    after.chunk.unpin(true);
    for lease in [before, after] {
        assert_eq!(lease.chunk.state(), ChunkState::Gone);
        write(&lease, 1); // as another isolate may, which got the memory by a transfer
    }
    assert_eq!(depot.stats().chunks, 0);
}

#[test]
fn pages_of_a_chunk_in_use_are_given_back_and_the_rest_keeps_its_bytes() {
    let (mut arena, _) = arena(1 << 20);
    let page = page_size();
    let lease = pinned(&mut arena, 8 * page, true);
    let Lease { id, epoch, len, .. } = lease;
    write(&lease, 7);
    let parts = [(1, 2 * page), (4 * page, 2 * page), (7 * page + 1, 10), (len - page, 2 * page)];
    assert_eq!(arena.decommit(id, epoch, parts.into_iter()), Ok(3 * page));
    let byte = |at: usize| {
        // SAFETY: a live lease of the test's arena, which nobody else touches.
        unsafe { lease.ptr.add(at).read() }
    };
    assert_eq!((byte(0), byte(2 * page), byte(7 * page + 1)), (7, 7, 7));
    #[cfg(target_os = "linux")]
    assert_eq!((byte(page), byte(2 * page - 1), byte(4 * page), byte(6 * page - 1)), (0, 0, 0, 0));
    assert_eq!((arena.used(), byte(6 * page), byte(len - 1)), (len, 7, 7));
    assert_eq!(arena.decommit(id, epoch + 1, [(0, page)].into_iter()), {
        Err(SpanError::Stale { id, epoch: epoch + 1 })
    });
    arena.end(id, epoch, len, Release).unwrap();
    assert_eq!(arena.decommit(id, epoch, [(0, page)].into_iter()), Err(SpanError::Unknown { id }));
    let cut = arena.lease(100, 100, false).unwrap();
    let foreign = Err(SpanError::Foreign { id: cut.id });
    assert_eq!(arena.decommit(cut.id, cut.epoch, [(0, page)].into_iter()), foreign);
    arena.check().unwrap();
}

/// Bytes of all chunks that are in RAM.
fn resident(arena: &LeasedArena) -> usize {
    arena.chunks_in_ram().iter().map(|(_, bytes)| bytes).sum()
}

#[test]
fn trim_gives_the_memory_of_limbo_back_and_of_nothing_else() {
    let (mut arena, _) = arena(1 << 20);
    let limbo = pinned(&mut arena, 16 * KIB, true);
    let leased = pinned(&mut arena, 16 * KIB, true);
    write(&limbo, 1);
    write(&leased, 2);
    arena.end(limbo.id, limbo.epoch, 16 * KIB, Release).unwrap();
    assert_eq!(arena.trim(), 16 * KIB);
    assert_eq!(arena.trim(), 0);
    assert_eq!(resident(&arena), 16 * KIB);
    assert!(shows(&leased, 2));
    let again = arena.lease(1, 16 * KIB, true).unwrap();
    write(&again, 4);
}

#[test]
fn a_trimmed_chunk_makes_room_under_the_limit_before_its_finalizer_runs() {
    let (mut arena, _) = arena(256 * KIB);
    let small: Vec<Lease> = (0..4).map(|_| pinned(&mut arena, 64 * KIB, true)).collect();
    for lease in &small {
        arena.end(lease.id, lease.epoch, 1, Release).unwrap();
    }
    assert!(arena.lease(200 * KIB, 200 * KIB, true).is_err());
    arena.trim();
    assert_eq!((arena.used(), arena.stats().sums.of(ChunkState::Limbo)), (0, 0));
    let large = pinned(&mut arena, 200 * KIB, true);
    arena.lease(64 * KIB, 64 * KIB, true).unwrap_err();
    small.iter().for_each(|lease| lease.chunk.unpin(false));
    assert_eq!(arena.used(), large.len);
    arena.check().unwrap();
}

#[test]
fn at_the_limit_a_chunk_in_limbo_serves_whatever_its_size() {
    let (mut arena, _) = arena(256 * KIB);
    let large = pinned(&mut arena, 256 * KIB, true);
    arena.end(large.id, large.epoch, 0, Release).unwrap();
    let small = arena.lease(1, 16 * KIB, true).unwrap();
    assert_eq!(small.ptr, large.ptr);
    assert_eq!(arena.used(), 256 * KIB);
}

#[test]
fn ten_thousand_leases_leave_no_trail() {
    let (mut arena, depot) = arena(1 << 20);
    for round in 0..rounds(10_000) {
        let lease = pinned(&mut arena, 16 * KIB, round % 2 == 0);
        arena.end(lease.id, lease.epoch, 0, Quarantine).unwrap();
        lease.chunk.unpin(false);
    }
    assert_eq!((arena.used(), arena.chunks().len()), (0, 0));
    assert!(depot.stats().chunks <= 2);
    assert_eq!(arena.stats().peak, if page_size() == 4096 { 64 * KIB } else { arena.stats().peak });
}

#[test]
fn the_peak_knows_a_trimmed_chunk_that_is_leased_again() {
    let (mut arena, _) = arena(1 << 20);
    let first = pinned(&mut arena, 64 * KIB, true);
    arena.end(first.id, first.epoch, 1, Release).unwrap();
    arena.trim();
    arena.lease(200 * KIB, 200 * KIB, true).unwrap();
    arena.lease(1, 64 * KIB, true).unwrap();
    assert!(arena.stats().peak >= arena.used(), "{:?}", arena.stats());
}

#[test]
fn a_restart_counts_anew_and_changes_nothing_else() {
    let (mut arena, _) = arena(1 << 20);
    let kept = pinned(&mut arena, 16 * KIB, true);
    let gone = pinned(&mut arena, 64 * KIB, true);
    arena.end(gone.id, gone.epoch, 0, Quarantine).unwrap();
    gone.chunk.unpin(false);
    arena.restart();
    let stats = arena.stats();
    assert_eq!((stats.peak, stats.used), (kept.len, kept.len));
    assert_eq!((stats.mapped, stats.recycled, stats.sums.of(ChunkState::Leased)), (0, 0, kept.len));
    arena.check().unwrap();
}

fn huge_arena(limit: usize) -> Option<LeasedArena> {
    let options = MemoryOptions { huge_pages: HugePages::Advise, ..MemoryOptions::default() };
    Mapping::with(1, options).ok()?; // not every system has such pages
    Some(LeasedArena::new(limit, HUGE_PAGE, false, Arc::new(Depot::with(options, 0))))
}

#[test]
fn chunks_of_huge_pages_are_whole_and_count_whole() {
    let Some(mut arena) = huge_arena(7 * HUGE_PAGE - 1) else { return };
    let small = arena.lease(1, 64 * KIB, true).unwrap();
    assert_eq!((small.len, arena.used()), (HUGE_PAGE, HUGE_PAGE));
    let large = arena.lease(2 * HUGE_PAGE + 1, 5 * HUGE_PAGE, true).unwrap();
    assert_eq!(large.len, 5 * HUGE_PAGE, "what the limit leaves, in whole pages");
    let stats = arena.stats();
    assert_eq!(
        (stats.used, stats.sums.reserved, stats.sums.committed),
        (6 * HUGE_PAGE, 6 * HUGE_PAGE, 6 * HUGE_PAGE)
    );
    let refused = arena.lease(1, 1, true).unwrap_err();
    let (used, limit) = (6 * HUGE_PAGE, 7 * HUGE_PAGE - 1);
    assert_eq!(refused, AllocError::Limit { requested: 1, used, limit });
    assert!(arena.chunks().iter().all(|chunk| chunk.pages == Pages::Transparent));
    arena.check().unwrap();
}

#[test]
fn memory_that_was_asked_to_stay_stays_in_limbo_and_goes_with_the_chunk() {
    let options = MemoryOptions { prefault: true, ..MemoryOptions::default() };
    let depot = Arc::new(Depot::with(options, 0));
    let mut arena = LeasedArena::new(1 << 20, 64 * KIB, false, Arc::clone(&depot));
    let lease = arena.lease(1, 64 * KIB, true).unwrap();
    lease.chunk.pin().unwrap();
    // SAFETY: a live lease of the test's arena.
    unsafe { lease.ptr.write_bytes(1, lease.len) };
    arena.end(lease.id, lease.epoch, lease.len, Release).unwrap();
    assert_eq!(lease.chunk.state(), ChunkState::Limbo);
    assert_eq!(arena.trim(), 0);
    let stats = arena.stats();
    assert_eq!(
        (stats.used, stats.sums.committed, resident(&arena)),
        (64 * KIB, 64 * KIB, 64 * KIB)
    );
    lease.chunk.unpin(false);
    assert_eq!((arena.used(), depot.stats().chunks, depot.stats().committed), (0, 1, 0));
}

#[test]
fn a_trimmed_chunk_in_limbo_is_address_space_and_counts_no_more() {
    let depot = Arc::new(Depot::new(1 << 20));
    let mut arena = LeasedArena::new(1 << 20, 64 * KIB, false, depot);
    let lease = arena.lease(1, 64 * KIB, true).unwrap();
    lease.chunk.pin().unwrap();
    // SAFETY: a live lease of the test's arena.
    unsafe { lease.ptr.write_bytes(1, lease.len) };
    arena.end(lease.id, lease.epoch, lease.len, Release).unwrap();
    assert_eq!(arena.trim(), 64 * KIB);
    let stats = arena.stats();
    assert_eq!((stats.used, stats.sums.reserved, stats.sums.committed), (0, 64 * KIB, 0));
    if cfg!(target_os = "linux") {
        assert_eq!(resident(&arena), 0);
    }
    assert_eq!(stats.sums.of(ChunkState::Limbo), 0);
    assert_eq!((arena.chunks()[0].state, arena.chunks()[0].charged), (ChunkState::Limbo, false));
}

#[test]
fn a_refusal_of_the_options_changes_nothing_in_an_arena() {
    let options =
        MemoryOptions { numa_node: Some(NODE_THAT_IS_NOT_THERE), ..MemoryOptions::default() };
    let depot = Arc::new(Depot::with(options, 0));
    let mut arena = LeasedArena::new(1 << 20, 64 * KIB, false, depot);
    let before = arena.stats();
    let Err(AllocError::Map(error)) = arena.lease(1, 64 * KIB, true) else {
        panic!("no machine has so many nodes");
    };
    eprintln!("refused: {error}");
    assert_eq!(arena.probe(), Err(error));
    assert_eq!(arena.stats(), before);
    arena.check().unwrap();
}
