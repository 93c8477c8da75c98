//! Linux: calls that differ from other Unix systems.
#![allow(clippy::disallowed_methods)]

pub use super::unix::*;
pub use super::unix::{page_size as view_granule, reserve as reserve_view};
use crate::error::MapError;
pub use crate::os::shared_pages::{SharedPages, map_shared, shared_pages};
use crate::os::{done, last_error, system_error, touch};
use crate::sync::{AtomicU64, OnceLock, Ordering, Words};
use std::ffi::{c_int, c_ulong};
use std::ptr::{self, NonNull};
#[cfg(all(feature = "node", target_env = "gnu"))]
use std::time::{Duration, Instant};

/// Address space that does not count as committed: only touched pages do.
pub const RESERVE_FLAGS: c_int = libc::MAP_NORESERVE;
/// 2 MiB (as a binary logarithm) in those bits of mmap's flags that hold the size of huge pages.
const HUGE_2MB: c_int = 21 << 26;
/// Linux 5.14; not in every libc that we build with.
const MADV_POPULATE_WRITE: c_int = 23;
/// Since Linux 6.13; also not in every libc.
const MADV_GUARD_INSTALL: c_int = 102;
const NO_NODES: &str = "binding memory to a NUMA node";
/// Flags of mbind and one of get_mempolicy. No libc has them; libnuma does.
const MOVE_STRICTLY: c_ulong = 1 | 1 << 1;
const OF_ADDRESS: c_ulong = 1 << 1;
/// More nodes than any kernel can be built for; the system's own answer is EINVAL.
const MAX_NODES: u32 = 32_000;

/// Advice that frees pages at once; they read as zero afterwards.
///
/// MADV_FREE would be the cheaper advice, and the wrong one here. For 64 KiB that were touched it
/// takes 5 µs against 7, and the next touch 4–8 µs against 25. But the process keeps every byte
/// (1,000 such chunks: RSS 64 MiB after MADV_FREE, 1.5 MiB after MADV_DONTNEED) until the machine
/// runs short. Trimming happens in idle seconds so that a user, or a container's limit, sees the
/// memory go; and pages that read as zero show no old bytes to their next user.
pub const DISCARD: c_int = libc::MADV_DONTNEED;

/// Bytes of this process in RAM.
#[cfg(all(any(feature = "node", test), not(loom)))]
pub fn process_resident() -> Option<usize> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    text.split(' ').nth(1)?.parse::<usize>().ok().map(|pages| pages * super::page_size())
}

/// Starts to give back freed memory that the C library keeps, from V8's compilers, Node and its
/// libraries. This takes milliseconds, in which other threads that allocate may wait for one of the
/// library's arenas, so it has a thread of its own. That thread calls `done` with the time it took.
/// Returns false if no thread can be created.
#[cfg(all(feature = "node", target_env = "gnu"))]
pub fn trim_malloc(done: fn(Duration)) -> bool {
    start_thread(move || {
        let begun = Instant::now();
        // SAFETY: any thread may call it at any time. 0: nothing is kept at the end of the heap.
        unsafe { libc::malloc_trim(0) };
        done(begun.elapsed());
    })
}

/// Bytes that the C library's allocator keeps free, resident or not. `None` before glibc 2.33,
/// which has figures of 32 bits only. Takes a lock of each arena in turn, and walks its free lists.
#[cfg(all(feature = "node", target_env = "gnu"))]
pub fn malloc_kept() -> Option<usize> {
    // glibc's `struct mallinfo2`: arena, ordblks, smblks, hblks, hblkhd, usmblks, fsmblks,
    // uordblks, fordblks, keepcost.
    #[repr(C)]
    struct Mallinfo2([usize; 10]);
    // SAFETY: a lookup by name. Where it is found it is glibc's function, which has had this type
    // since it came.
    let mallinfo2 = unsafe {
        let symbol = libc::dlsym(libc::RTLD_DEFAULT, c"mallinfo2".as_ptr());
        std::mem::transmute::<*mut std::ffi::c_void, Option<extern "C" fn() -> Mallinfo2>>(symbol)
    };
    let Mallinfo2(figures) = mallinfo2?();
    Some(figures[8])
}

/// Makes pages inaccessible. Since Linux 6.13 by a mark on the page, so that the range around it
/// stays one range; before, each guard page, or two adjacent ones, is a separate range, of which a
/// process may have 65,530.
///
/// # Safety
/// `ptr..ptr + len` are whole mapped pages of the caller, whose content nobody needs.
pub unsafe fn guard(ptr: *mut u8, len: usize) -> Result<(), MapError> {
    // SAFETY: the caller's promise.
    done("mprotect", unsafe {
        libc::madvise(ptr.cast(), len, MADV_GUARD_INSTALL) == 0
            || libc::mprotect(ptr.cast(), len, libc::PROT_NONE) == 0
    })
}

/// Asks for transparent huge pages; the range should begin and end at multiples of their size.
///
/// # Safety
/// `ptr..ptr + len` are whole mapped pages of the caller.
pub unsafe fn advise_huge(ptr: *mut u8, len: usize) -> Result<(), MapError> {
    // SAFETY: the caller's promise; advice changes no bytes.
    match unsafe { libc::madvise(ptr.cast(), len, libc::MADV_HUGEPAGE) } {
        0 => Ok(()),
        // EINVAL can only mean that the kernel was built without huge pages.
        _ => Err(unless(last_error("madvise"), libc::EINVAL, "transparent huge pages")),
    }
}

/// The settings in which shared memory gets transparent huge pages when it is advised to.
pub const GIVES_HUGE: [&str; 4] = ["advise", "within_size", "always", "force"];

/// Whether shared memory without a name gets transparent huge pages when it is advised to.
pub fn shared_can_be_huge() -> bool {
    let settings = ["shmem_enabled", "hugepages-2048kB/shmem_enabled"];
    settings.iter().any(|setting| {
        let path = format!("/sys/kernel/mm/transparent_hugepage/{setting}");
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let chosen = text.split(['[', ']']).nth(1);
        chosen.is_some_and(|chosen| GIVES_HUGE.contains(&chosen))
    })
}

/// `len` readable and writable zero bytes in huge pages of 2 MiB; `len` is a positive multiple of
/// that. Not backed yet: touching them can fail until [`populate`] has succeeded.
pub fn map_huge(len: usize, _node: Option<u32>) -> Result<NonNull<u8>, MapError> {
    let access = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_HUGETLB | HUGE_2MB;
    // SAFETY: a new mapping at an address of the kernel's choice; it touches no other.
    let base = unsafe { libc::mmap(ptr::null_mut(), len, access, flags, -1, 0) };
    // The kernel has no huge pages, or none of this size.
    let no_pages = |error, errno| unless(error, errno, "huge pages of 2 MiB");
    mapped("mmap", base).map_err(|error| no_pages(no_pages(error, libc::EINVAL), libc::ENOSYS))
}

/// Makes a forked child find zeros there. Since Linux 4.14.
///
/// # Safety
/// `ptr..ptr + len` are whole mapped pages of the caller, private and not of a file.
pub unsafe fn wipe_on_fork(ptr: *mut u8, len: usize) -> Result<(), MapError> {
    // SAFETY: the caller's promise; the call changes no bytes of this process.
    done("madvise", unsafe { libc::madvise(ptr.cast(), len, libc::MADV_WIPEONFORK) } == 0)
}

/// A number that a forked child does not share with its parent, whatever their process ids are:
/// those of two namespaces can be equal.
#[inline(never)] // asked in many cold places
pub fn process_mark() -> u64 {
    /// A word that a fork wipes, and the last number that was in it.
    struct Mark(Words, AtomicU64);
    static MARK: OnceLock<Option<Mark>> = OnceLock::new();
    if cfg!(loom) {
        return 1;
    }
    let mark = MARK.get_or_init(|| {
        let page = map(page_size(), page_size(), None).ok()?;
        // SAFETY: the page just made, which is never unmapped, and reached by this row alone.
        let words = unsafe {
            wipe_on_fork(page.as_ptr(), page_size()).ok()?;
            Words::over(page, 1)
        };
        Some(Mark(words, AtomicU64::default()))
    });
    let Some(Mark(words, last)) = mark else { return std::process::id().into() };
    // Relaxed, here and below: the numbers order nothing.
    match words.at(0).load(Ordering::Relaxed) {
        0 => {
            let next = last.fetch_add(1, Ordering::Relaxed) + 1;
            let (set, unset) = (Ordering::Relaxed, Ordering::Relaxed);
            words.at(0).compare_exchange(0, next, set, unset).map_or_else(|others| others, |_| next)
        }
        mark => mark,
    }
}

/// Makes pages that do not exist yet come from the node `node` only. For shared memory, this
/// applies to all present and future mappings.
///
/// # Safety
/// `ptr..ptr + len` are whole mapped pages of the caller.
pub unsafe fn bind(ptr: *mut u8, len: usize, node: u32) -> Result<(), MapError> {
    // SAFETY: the caller's promise.
    unsafe { set_policy(ptr, len, libc::MPOL_BIND, Some(node), 0) }
}

/// The same, and moves the existing pages. EIO if one of them cannot be moved, for example one that
/// another mapping has touched. After an error any policy may be in force.
///
/// # Safety
/// As for [`bind`].
pub unsafe fn rebind(ptr: *mut u8, len: usize, node: u32) -> Result<(), MapError> {
    // SAFETY: the caller's promise, here and below.
    unsafe { set_policy(ptr, len, libc::MPOL_LOCAL, None, 0) }?;
    // SAFETY: as above.
    unsafe { set_policy(ptr, len, libc::MPOL_BIND, Some(node), MOVE_STRICTLY) }
}

/// Undoes [`bind`] for pages that do not exist yet.
///
/// # Safety
/// As for [`bind`].
pub unsafe fn unbind(ptr: *mut u8, len: usize) -> Result<(), MapError> {
    // SAFETY: the caller's promise, here and below.
    unsafe { set_policy(ptr, len, libc::MPOL_LOCAL, None, 0) }?;
    // SAFETY: as above.
    unsafe { set_policy(ptr, len, libc::MPOL_DEFAULT, None, 0) }
}

/// Sets the policy of a range. The kernel ignores a policy that equals the last one set for this
/// range of addresses, even if another mapping of the same memory has changed it since. So callers
/// set a different policy in between.
///
/// # Safety
/// As for [`bind`].
unsafe fn set_policy(
    ptr: *mut u8,
    len: usize,
    mode: c_int,
    node: Option<u32>,
    flags: c_ulong,
) -> Result<(), MapError> {
    if node.is_some_and(|node| node >= MAX_NODES) {
        return Err(system_error("mbind", libc::EINVAL));
    }
    let bits = c_ulong::BITS;
    let mut nodes = vec![0 as c_ulong; (node.unwrap_or(0) / bits + 1) as usize];
    if let Some(node) = node {
        nodes[(node / bits) as usize] = 1 << (node % bits);
    }
    // The kernel reads one bit less than this number.
    let count = nodes.len() as c_ulong * c_ulong::from(bits) + 1;
    let (mode, nodes) = (mode as c_ulong, nodes.as_ptr());
    // SAFETY: the caller's promise; the mask is live and holds all the bits except the last, which
    // is not read. All arguments are as wide as a register.
    match unsafe { libc::syscall(libc::SYS_mbind, ptr, len, mode, nodes, count, flags) } {
        0 => Ok(()),
        _ => Err(unless(last_error("mbind"), libc::ENOSYS, NO_NODES)),
    }
}

/// The only node that a page is bound to. Shared memory may have been bound through any mapping.
///
/// # Safety
/// As for [`bind`].
pub unsafe fn bound_to(ptr: *mut u8) -> Result<Option<u32>, MapError> {
    let bits = c_ulong::BITS;
    let (mut mode, mut nodes) = (0 as c_int, vec![0 as c_ulong; MAX_NODES.div_ceil(bits) as usize]);
    let count = nodes.len() as c_ulong * c_ulong::from(bits);
    let mask = nodes.as_mut_ptr();
    // SAFETY: the caller's promise; both places are live, and the mask has as many bits as the call
    // is told.
    let status =
        unsafe { libc::syscall(libc::SYS_get_mempolicy, &mut mode, mask, count, ptr, OF_ADDRESS) };
    if status != 0 {
        return Err(unless(last_error("get_mempolicy"), libc::ENOSYS, NO_NODES));
    }
    let mut set = (0u32..).zip(&nodes).filter(|(_, word)| **word != 0);
    let only = |(at, word): (u32, &c_ulong)| at * bits + word.trailing_zeros();
    let first = set.next().filter(|(_, word)| word.is_power_of_two());
    Ok(first.filter(|_| mode == libc::MPOL_BIND && set.next().is_none()).map(only))
}

/// Allocates memory for every page. Fails if there is none: with EFAULT for huge pages, which would
/// end the process when touched. Before Linux 5.14, pages other than huge ones are touched instead.
///
/// # Safety
/// `ptr..ptr + len` are whole committed pages of the caller. Their bytes stay.
pub unsafe fn populate(ptr: *mut u8, len: usize, huge: bool) -> Result<(), MapError> {
    // SAFETY: the caller's promise; the call changes no bytes.
    if unsafe { libc::madvise(ptr.cast(), len, MADV_POPULATE_WRITE) } == 0 {
        return Ok(());
    }
    match unless(last_error("madvise"), libc::EINVAL, "huge pages before Linux 5.14") {
        MapError::Unsupported { .. } if !huge => {
            // SAFETY: the caller's promise.
            unsafe { touch(ptr, len) };
            Ok(())
        }
        error => Err(error),
    }
}

/// Milliseconds since the machine was started, including its sleep. The clock is the same for all
/// processes, even for those in a time namespace, which shifts its own clock.
pub fn boot_millis() -> u64 {
    static AHEAD: OnceLock<i64> = OnceLock::new();
    let ahead = *AHEAD.get_or_init(|| {
        // Since Linux 5.6; older kernels have no such namespaces.
        millis_ahead(&std::fs::read_to_string("/proc/self/timens_offsets").unwrap_or_default())
    });
    // The clock exists since Linux 2.6.39.
    millis_of(libc::CLOCK_BOOTTIME).saturating_add_signed(ahead.saturating_neg())
}

/// What a time namespace adds to the time since the start, read from `timens_offsets`.
fn millis_ahead(offsets: &str) -> i64 {
    let of_boot = offsets.lines().find_map(|line| line.strip_prefix("boottime"));
    let mut numbers =
        of_boot.unwrap_or_default().split_whitespace().map(|n| n.parse().unwrap_or(0));
    let mut next = || -> i64 { numbers.next().unwrap_or(0) };
    next().saturating_mul(1000).saturating_add(next() / 1_000_000)
}

/// The error; or, for this errno, that `what` is not supported.
fn unless(error: MapError, unsupported: i32, what: &'static str) -> MapError {
    match error {
        MapError::System { errno, .. } if errno == unsupported => MapError::Unsupported { what },
        error => error,
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_time_namespace_is_ahead_or_behind_by_what_it_says_of_the_time_since_the_start() {
        let offsets = "monotonic           5         0\nboottime      1000000 500000000\n";
        assert_eq!(millis_ahead(offsets), 1_000_000_500);
        assert_eq!(millis_ahead("monotonic -7 0\nboottime -3 250000000\n"), -2750);
        assert_eq!([millis_ahead(""), millis_ahead("boottime\n")], [0, 0]);
    }
}
