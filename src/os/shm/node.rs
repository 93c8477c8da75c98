//! What a NUMA node has left. Memory that is bound to one is found there or nowhere: beyond it no call fails, the kernel
//! ends a process.

use std::fs::read_to_string;

/// Bytes of a node that are free or hold pages of files, which the kernel takes when it needs them. `None` where the
/// system does not say.
pub fn node_free(node: u32) -> Option<u64> {
    let path = format!("/sys/devices/system/node/node{node}/meminfo");
    free_in(&read_to_string(path).ok()?)
}

/// By lines such as `Node 0 MemFree:  1024 kB`.
fn free_in(meminfo: &str) -> Option<u64> {
    let kib = |name: &str| {
        let of_name = |line: &str| {
            let mut words = line.split_whitespace().skip(2);
            (words.next()? == name).then(|| words.next()?.parse::<u64>().ok())?
        };
        meminfo.lines().find_map(of_name)
    };
    let files = ["Active(file):", "Inactive(file):"].iter().filter_map(|name| kib(name));
    kib("MemFree:").map(|free| (free + files.sum::<u64>()).saturating_mul(1024))
}

#[cfg(test)]
mod tests {
    use super::*;

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
