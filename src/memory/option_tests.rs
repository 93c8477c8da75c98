//! Tests of memory with options: what the system grants is in force, and what it refuses is a typed
//! error. Each test prints which it got (`-- --nocapture`).

use super::depot::{self, RETIREMENT};
use super::{Depot, HugePages, Mapping, MemoryOptions, Pages};
use crate::error::MapError;
use crate::layout::HUGE_PAGE;
use crate::random_tests::rounds;
use crate::sync::Arc;
use std::time::{Duration, Instant};

const KIB: usize = 1024;
const NODE_THAT_IS_NOT_THERE: u32 = 1023;

fn plain() -> MemoryOptions {
    MemoryOptions::default()
}

fn write(mapping: &Mapping, value: u8) {
    // SAFETY: a live mapping of the test, committed, which nobody else touches.
    unsafe { mapping.base().write_bytes(value, mapping.len()) }
}

fn shows(mapping: &Mapping, value: u8) -> bool {
    // SAFETY: as above.
    (0..mapping.len()).step_by(512).all(|at| unsafe { mapping.base().add(at).read() } == value)
}

/// Returns the mapping. If the system has a good reason to refuse it, prints a line and returns
/// `None`.
fn granted(options: MemoryOptions, len: usize) -> Option<Mapping> {
    match Mapping::with(len, options) {
        Ok(mapping) => {
            eprintln!("granted: {options:?} as {:?}", mapping.pages());
            Some(mapping)
        }
        Err(error) => {
            eprintln!("refused: {options:?}: {error}");
            match error {
                MapError::System { syscall, errno } => {
                    let calls = ["mmap", "mlock", "mbind", "madvise"];
                    assert!(!cfg!(target_os = "linux") || calls.contains(&syscall), "{syscall}");
                    assert_ne!(errno, 0, "{error}");
                }
                MapError::Unsupported { what } => assert!(!what.is_empty()),
            }
            None
        }
    }
}

/// The kernel's description of the mapping: the lines of /proc/self/smaps about the range that
/// contains it.
#[cfg(target_os = "linux")]
fn smaps(mapping: &Mapping) -> String {
    let base = mapping.base().addr().get();
    let has = |line: &str| {
        let (start, rest) = line.split_once('-')?;
        let number = |hex| usize::from_str_radix(hex, 16).ok();
        Some((number(start)?..number(rest.split(' ').next()?)?).contains(&base))
    };
    let text = std::fs::read_to_string("/proc/self/smaps").unwrap();
    let lines: Vec<&str> = text.lines().skip_while(|line| has(line) != Some(true)).collect();
    let flags = lines.iter().position(|line| line.starts_with("VmFlags")).expect("it is listed");
    lines[..=flags].join("\n")
}

#[test]
fn every_combination_is_granted_whole_or_refused_by_name() {
    let sizes = [HugePages::No, HugePages::Advise, HugePages::Prefer, HugePages::Require];
    for huge_pages in sizes {
        for bits in 0..8 {
            let numa_node = (bits & 4 != 0).then_some(0);
            let (lock, prefault) = (bits & 1 != 0, bits & 2 != 0);
            let options = MemoryOptions { huge_pages, lock, numa_node, prefault };
            let Some(mut mapping) = granted(options, 100 * KIB) else { continue };
            assert_eq!(mapping.options(), options);
            assert!(mapping.len() >= 100 * KIB && mapping.len().is_multiple_of(options.granule()));
            if mapping.pages() != Pages::Normal {
                assert!(mapping.base().addr().get().is_multiple_of(HUGE_PAGE));
            }
            match huge_pages {
                HugePages::No => assert_eq!(mapping.pages(), Pages::Normal),
                HugePages::Advise => assert_eq!(mapping.pages(), Pages::Transparent),
                HugePages::Prefer => {}
                HugePages::Require => assert_eq!(mapping.pages(), Pages::Explicit),
            }
            assert!(shows(&mapping, 0), "fresh pages are zero: {options:?}");
            write(&mapping, 7);
            let again = mapping.pages() != Pages::Explicit;
            mapping.vacate().unwrap();
            if again {
                mapping.restore().unwrap();
            }
            write(&mapping, 9);
            assert!(shows(&mapping, 9));
        }
    }
}

// The heap does not know which pages are in RAM.
#[cfg(not(ralloc_os = "heap"))]
#[test]
fn a_prefaulted_mapping_is_in_ram_at_once_and_again_after_it_was_vacated() {
    let Some(mut mapping) = granted(MemoryOptions { prefault: true, ..plain() }, 256 * KIB) else {
        panic!("every platform can touch its pages");
    };
    assert_eq!(mapping.resident().unwrap(), 256 * KIB);
    mapping.vacate().unwrap();
    if cfg!(target_os = "linux") {
        assert_eq!(mapping.resident().unwrap(), 0);
    }
    mapping.restore().unwrap();
    assert_eq!(mapping.resident().unwrap(), 256 * KIB);
}

#[cfg(target_os = "linux")]
#[test]
fn a_locked_mapping_is_locked_until_it_is_vacated_and_again_when_restored() {
    let Some(mut mapping) = granted(MemoryOptions { lock: true, ..plain() }, 64 * KIB) else {
        return;
    };
    let locked = |mapping: &Mapping| smaps(mapping).contains(" lo");
    assert!(locked(&mapping));
    assert_eq!(mapping.resident().unwrap(), 64 * KIB);
    mapping.vacate().unwrap();
    assert!(!locked(&mapping));
    assert_eq!(mapping.resident().unwrap(), 0, "the memory went, for it was unlocked before");
    mapping.restore().unwrap();
    assert!(locked(&mapping));
}

#[cfg(target_os = "linux")]
#[test]
fn an_advised_mapping_carries_the_advice_and_whole_huge_pages_where_the_kernel_gives_them() {
    let advised = MemoryOptions { huge_pages: HugePages::Advise, ..plain() };
    let Some(mapping) = granted(advised, 2 * HUGE_PAGE) else { return };
    write(&mapping, 1);
    let smaps = smaps(&mapping);
    assert!(smaps.contains(" hg"), "{smaps}");
    let line = smaps.lines().find(|line| line.starts_with("AnonHugePages")).unwrap();
    eprintln!("after touching {} KiB: {line}", mapping.len() / KIB);
    let kib: usize = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(kib.is_multiple_of(2048) && kib <= 4096);
}

#[cfg(target_os = "linux")]
#[test]
fn a_bound_mapping_is_bound_by_the_kernels_word() {
    let Some(mapping) = granted(MemoryOptions { numa_node: Some(0), ..plain() }, 64 * KIB) else {
        return;
    };
    write(&mapping, 1);
    let text = std::fs::read_to_string("/proc/self/numa_maps").unwrap();
    let start = format!("{:x} ", mapping.base().addr());
    let line = text.lines().find(|line| line.starts_with(&start)).unwrap();
    assert!(line.contains("bind:0"), "{line}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_node_that_is_not_there_is_the_systems_error_and_leaves_nothing() {
    for node in [NODE_THAT_IS_NOT_THERE, 32_000, u32::MAX] {
        let options = MemoryOptions { numa_node: Some(node), ..plain() };
        assert!(granted(options, 64 * KIB).is_none());
        let depot = Depot::with(options, 0);
        let (probed, obtained) = (depot.probe(), depot.obtain(64 * KIB));
        assert_eq!(probed, obtained.map(drop));
        assert_eq!(depot.stats().chunks, 0);
    }
}

#[test]
fn an_absurd_size_is_refused_with_every_option() {
    for huge_pages in [HugePages::No, HugePages::Advise, HugePages::Prefer, HugePages::Require] {
        for len in [usize::MAX, 1 << 55] {
            assert!(granted(MemoryOptions { huge_pages, ..plain() }, len).is_none());
        }
    }
}

#[test]
fn memory_kept_on_purpose_is_not_emptied_in_part() {
    let Some(mut mapping) = granted(MemoryOptions { prefault: true, ..plain() }, 64 * KIB) else {
        panic!("every platform can touch its pages");
    };
    write(&mapping, 3);
    assert!(matches!(mapping.decommit(0, 32 * KIB), Err(MapError::Unsupported { .. })));
    assert!(shows(&mapping, 3));
}

#[test]
fn a_depot_with_options_keeps_no_memory_and_prepares_it_again() {
    let options = MemoryOptions { prefault: true, ..plain() };
    let depot = Depot::with(options, 0);
    let (mapping, fresh) = depot.obtain(64 * KIB).unwrap();
    assert!(fresh);
    let base = mapping.base();
    depot.recycle(mapping);
    let stats = depot.stats();
    assert_eq!((stats.chunks, stats.committed, stats.reserved), (1, 0, 64 * KIB));
    let (again, fresh) = depot.obtain(64 * KIB).unwrap();
    assert_eq!((again.base(), fresh), (base, false));
    if cfg!(not(ralloc_os = "heap")) {
        assert_eq!(again.resident().unwrap(), 64 * KIB);
    }
    depot.recycle(again);
    let later = Instant::now() + RETIREMENT + Duration::from_secs(1);
    depot.trim_at(later, Duration::ZERO);
    assert_eq!((depot.stats().chunks, depot.stats().unmapped), (0, 1));
}

#[test]
fn each_kind_of_options_has_a_depot_of_its_own_and_the_sums_cover_all() {
    let (bound, ahead) = (
        MemoryOptions { numa_node: Some(0), prefault: true, ..plain() },
        MemoryOptions { prefault: true, ..plain() },
    );
    assert!(Arc::ptr_eq(&depot::of(plain()), &depot::global()));
    assert!(Arc::ptr_eq(&depot::of(ahead), &depot::of(ahead)));
    assert!(!Arc::ptr_eq(&depot::of(ahead), &depot::of(bound)));
    // Another test makes depots, for which those that nobody has would be forgotten with their
    // counts.
    let (ahead, bound) = (depot::of(ahead), depot::of(bound));
    let size = 7 * 16 * KIB; // a class that no other test of this process uses
    let (mapping, _) = ahead.obtain(size).unwrap();
    let base = mapping.base();
    ahead.recycle(mapping);
    for other in [&depot::global(), &bound] {
        assert!(other.take(size).is_none_or(|mapping| mapping.base() != base));
    }
    let sums = depot::trim(Duration::ZERO);
    assert!(sums.reserved >= size && sums.chunks >= 1 && sums.hits + sums.misses >= 3, "{sums:?}");
    assert!((0.0..=1.0).contains(&sums.hit_rate()));
}

#[test]
fn depots_that_nobody_uses_are_forgotten() {
    let options = |node| MemoryOptions { numa_node: Some(node), lock: true, ..plain() };
    let kept = depot::of(options(5000));
    for node in 0..rounds(1000) as u32 {
        depot::of(options(6000 + node));
    }
    assert!(Arc::ptr_eq(&kept, &depot::of(options(5000))), "in use: the same one");
    let before = Arc::downgrade(&depot::of(options(6999)));
    // Another test may be counting all depots, which keeps this one alive for a moment. Only a
    // depot that is made has others forgotten.
    for node in 7000.. {
        depot::of(options(node));
        if before.upgrade().is_none() {
            break;
        }
        std::thread::yield_now();
    }
}
