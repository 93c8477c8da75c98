//! Stand-ins for what a system lacks of huge pages and NUMA nodes: macOS, the BSDs and the heap
//! have neither, and Windows binds memory to a node only when it reserves it.

use crate::os::{Answer, lacking};
use std::ptr::NonNull;

const NODES: &str = match cfg!(ralloc_os = "windows") {
    true => "binding memory that is there to a NUMA node",
    false => "binding memory to a NUMA node",
};

stand_ins! { unsafe:
    advise_huge(_: *mut u8, _: usize) -> Answer<()> = lacking("transparent huge pages");
    bind(_: *mut u8, _: usize, _: u32) -> Answer<()> = lacking(NODES);
    rebind(_: *mut u8, _: usize, _: u32) -> Answer<()> = lacking(NODES);
    unbind(_: *mut u8, _: usize) -> Answer<()> = lacking(NODES);
    bound_to(_: *mut u8) -> Answer<Option<u32>> = lacking(NODES);
    wipe_on_fork(_: *mut u8, _: usize) -> Answer<()> = lacking("memory that a fork wipes");
}

stand_ins! {
    map_huge(_: usize, _: Option<u32>) -> Answer<NonNull<u8>> = lacking("huge pages of 2 MiB");
    /// A number that a forked child does not share with its parent.
    process_mark() -> u64 = std::process::id().into();
    shared_can_be_huge() -> bool = false;
}
