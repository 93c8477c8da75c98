//! Tests of what a process keeps mapped when arenas, slabs and collections come and go.
#![cfg(all(target_os = "linux", not(loom)))]

use ralloc_core::memory::depot;
use ralloc_core::slab::SlabOptions;
use ralloc_core::{Arena, Slab};
use std::fs::read_to_string;
use std::process::Command;

const LARGE: usize = 100 << 20;

/// Runs `work` in a process that runs only the test of this name, because it measures and limits
/// the whole process.
fn alone(test: &str, work: impl FnOnce()) {
    if std::env::var_os("RALLOC_TEST_ALONE").is_some() {
        return work();
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    let output = child.args([test, "--exact"]).env("RALLOC_TEST_ALONE", "yes").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

/// How many ranges of memory the process has, and its bytes of address space.
fn mapped() -> (usize, usize) {
    let ranges = read_to_string("/proc/self/maps").unwrap().lines().count();
    let pages = read_to_string("/proc/self/statm").unwrap();
    let pages: usize = pages.split(' ').next().unwrap().parse().unwrap();
    (ranges, pages * ralloc_core::memory::page_size())
}

/// Runs `work` once, then `times` more, and checks that the process keeps no more memory than after
/// the first run.
fn leaves_nothing(times: usize, mut work: impl FnMut()) {
    work();
    let ((ranges, bytes), reserved) = (mapped(), depot::stats().reserved);
    (0..times).for_each(|_| work());
    let (ranges_after, bytes_after) = mapped();
    assert!(ranges_after < ranges + 40, "{ranges} ranges, then {ranges_after}");
    assert!(bytes_after < bytes + LARGE, "{bytes} bytes mapped, then {bytes_after}");
    assert!(depot::stats().reserved <= reserved, "{:?}", depot::stats());
}

fn growing() -> SlabOptions {
    let mut options = SlabOptions::fixed(&[4096], 0, 8 << 20);
    options.pools[0].max_count = 256;
    options
}

#[test]
fn two_thousand_slabs_one_after_another_leave_no_ranges() {
    alone("two_thousand_slabs_one_after_another_leave_no_ranges", || {
        for options in [growing(), SlabOptions::fixed(&[4096], 256, 8 << 20)] {
            leaves_nothing(2000, || {
                Slab::new(&options).unwrap().allocate(1).unwrap();
            });
        }
    });
}

#[test]
fn two_thousand_shared_slabs_one_after_another_leave_no_ranges() {
    alone("two_thousand_shared_slabs_one_after_another_leave_no_ranges", || {
        let options = SlabOptions::fixed(&[4096], 256, 8 << 20);
        leaves_nothing(2000, || {
            let slab = Slab::shared(&options).unwrap();
            let other = Slab::attach(slab.share().unwrap()).unwrap();
            other.allocate(1).unwrap();
        });
    });
}

// Not with the feature `debug`, which writes to all of these bytes and would take minutes.
#[cfg(not(feature = "debug"))]
#[test]
fn two_hundred_arenas_of_100_mib_leave_no_addresses() {
    alone("two_hundred_arenas_of_100_mib_leave_no_addresses", || {
        leaves_nothing(200, || {
            let arena = Arena::builder().limit(1 << 30).build().unwrap();
            arena.try_alloc_uninit_slice::<u8>(LARGE).unwrap();
        });
    });
}

#[cfg(feature = "allocator-api2")]
#[cfg(not(feature = "debug"))]
#[test]
fn a_vector_of_100_mib_grown_and_dropped_in_one_arena_leaves_no_addresses() {
    alone("a_vector_of_100_mib_grown_and_dropped_in_one_arena_leaves_no_addresses", || {
        use allocator_api2::vec::Vec;

        let arena = Arena::builder().limit(1 << 30).build().unwrap();
        leaves_nothing(200, || {
            let mut bytes: Vec<u8, &Arena> = Vec::new_in(&arena);
            bytes.try_reserve_exact(LARGE / 2).unwrap();
            bytes.try_reserve_exact(LARGE).unwrap();
        });
        assert_eq!(arena.stats().oversize, 0);
    });
}

#[test]
fn a_process_at_the_end_of_its_addresses_gives_up_what_waits_in_its_depot() {
    alone("a_process_at_the_end_of_its_addresses_gives_up_what_waits_in_its_depot", || {
        // Sixteen chunks of 16 MiB: the depot keeps eight with their memory, and only the addresses
        // of the others.
        let arena = || Arena::builder().first_chunk(16 << 20).chunk_cap(16 << 20).build().unwrap();
        let arenas: Vec<Arena> = (0..16).map(|_| arena()).collect();
        arenas.iter().for_each(|arena| assert_eq!(*arena.alloc(1), 1));
        drop(arenas);
        assert_eq!((depot::stats().reserved, depot::stats().committed), (256 << 20, 128 << 20));
        let most = (mapped().1 + (64 << 20)) as u64;
        let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
        // SAFETY: reads the local.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) }, 0);
        let arena = Arena::builder().limit(1 << 30).build().unwrap();
        assert!(arena.try_alloc_uninit_slice::<u8>(LARGE).is_ok());
        assert_eq!(depot::stats().chunks, 0);
    });
}
