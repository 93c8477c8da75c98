//! Reads how much memory the machine and its NUMA nodes have left. Shared memory has no other
//! source: if more is used, no call fails, but the kernel kills a process of its choice.

use std::fs::read_to_string;

/// Bytes that the machine can still provide: free ones, those of files and caches that it can drop,
/// and those it can swap out. `None` if the system does not tell.
pub fn available() -> Option<u64> {
    #[cfg(all(test, not(loom)))]
    if let Some(figure) = tests::FIGURE.get() {
        return figure;
    }
    available_in(&read_to_string("/proc/meminfo").ok()?)
}

/// Reads lines such as `MemAvailable:  1024 kB`, which exist since Linux 3.14.
fn available_in(meminfo: &str) -> Option<u64> {
    let swap = kib(meminfo, 0, "SwapFree:").unwrap_or(0);
    kib(meminfo, 0, "MemAvailable:").map(|free| (free + swap).saturating_mul(1024))
}

/// Bytes of a node that are free or hold pages of files, which the kernel drops when it needs
/// memory. `None` if the system does not tell. Memory that is bound to a node has no other source.
pub fn node_free(node: u32) -> Option<u64> {
    let path = format!("/sys/devices/system/node/node{node}/meminfo");
    free_in(&read_to_string(path).ok()?)
}

/// Reads lines such as `Node 0 MemFree:  1024 kB`.
fn free_in(meminfo: &str) -> Option<u64> {
    let files = ["Active(file):", "Inactive(file):"];
    let files = files.iter().filter_map(|name| kib(meminfo, 2, name));
    kib(meminfo, 2, "MemFree:").map(|free| (free + files.sum::<u64>()).saturating_mul(1024))
}

/// The figure with this name, which follows `skip` words on its line.
fn kib(meminfo: &str, skip: usize, name: &str) -> Option<u64> {
    let of_name = |line: &str| {
        let mut words = line.split_whitespace().skip(skip);
        (words.next()? == name).then(|| words.next()?.parse::<u64>().ok())?
    };
    meminfo.lines().find_map(of_name)
}

#[cfg(all(test, not(loom)))]
pub mod tests {
    use super::*;
    use std::cell::Cell;

    thread_local! {
        pub static FIGURE: Cell<Option<Option<u64>>> = const { Cell::new(None) };
    }

    /// Sets what [`available`] returns on this thread while this value lives.
    pub struct Figure;

    impl Figure {
        pub fn new(bytes: Option<u64>) -> Figure {
            FIGURE.set(Some(bytes));
            Figure
        }
    }

    impl Drop for Figure {
        fn drop(&mut self) {
            FIGURE.set(None);
        }
    }

    #[test]
    fn what_the_machine_has_left_is_what_is_available_and_what_it_can_swap_out() {
        let text =
            "MemTotal:  9000 kB\nMemFree:   10 kB\nMemAvailable:    100 kB\nSwapFree:  7 kB\n";
        assert_eq!(available_in(text), Some(107 * 1024));
        assert_eq!(available_in("MemAvailable:    100 kB\n"), Some(100 * 1024));
        assert_eq!([available_in("MemFree: 10 kB\nSwapFree: 7 kB\n"), available_in("")], [None; 2]);
    }

    #[test]
    fn what_a_node_has_left_is_what_is_free_and_what_files_take() {
        let text = "Node 1 MemTotal:       9000 kB\nNode 1 MemFree:         100 kB\nNode 1 MemUsed:  8900 kB\n\
                    Node 1 Active(anon):    7 kB\nNode 1 Active(file):   20 kB\nNode 1 Inactive(file): 3 kB\n";
        assert_eq!(free_in(text), Some(123 * 1024));
        assert_eq!(free_in("Node 0 MemFree: 5 kB"), Some(5 * 1024));
        assert_eq!(free_in("Node 0 MemTotal: 5 kB\nNode 0 MemFree: much\n"), None);
        assert_eq!((free_in(""), node_free(1023)), (None, None));
    }
}
