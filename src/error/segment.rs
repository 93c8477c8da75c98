//! Errors of memory that processes share.

use super::{ErrorKind, MapError, fmt, io};

errors! {
    /// Why a slab's segment, the memory that its processes share, cannot be created or opened. If
    /// it cannot be created, nothing is left of it.
    ///
    /// ```
    /// use ralloc_core::error::{SegmentError, SegmentPlace};
    ///
    /// let error = SegmentError::Room { place: SegmentPlace::SharedMemory, needed: 1 << 30, free: 64 << 20 };
    /// assert!(error.to_string().contains(if cfg!(target_os = "linux") { "--shm-size" } else { "remove files" }));
    /// ```
    pub enum SegmentError {
        /// No segment can have this name: it `must` follow a rule.
        Name { must: &'static str } =>
            ErrorKind::InvalidInput, "the name of a segment must {must}";
        /// It was created by a version of the crate with another layout of segments. All processes
        /// that share a segment need the same layout.
        Version { found: u64, expected: u64 } => ErrorKind::InvalidData,
            "the segment has layout version {found}, and this is version {expected}";
        /// The file is not a segment, is damaged, or is a segment with other properties than
        /// requested.
        Invalid { field: SegmentField, found: u64, expected: u64 } => ErrorKind::InvalidData,
            if *field == SegmentField::Magic =>
                "the {field} of the segment is {found:#x}, and must be {expected:#x}",
            if *field == SegmentField::Mode =>
                "the {field} of the segment is {found:#o}, and must be {expected:#o}",
            if *field == SegmentField::NumaNode && *found == u64::from(u32::MAX) =>
                "the segment is bound to no NUMA node, and must be to node {expected}",
            if *field == SegmentField::State =>
                "the {field} of the segment is {found}, and must be {expected} (1: being made, 2: ready)",
            "the {field} of the segment is {found}, and must be {expected}";
        /// It claims to have a pool, `count` slots of `size` bytes, that no slab can have.
        Pool { index: usize, size: u64, count: u64 } => ErrorKind::InvalidData,
            "the segment has {count} slots of {size} bytes in pool {index}, as no slab can";
        /// On macOS and Windows: another process was creating it all the time, and is still alive.
        /// `waited` is in milliseconds.
        Timeout { waited: u64 } =>
            ErrorKind::TimedOut, "the segment was not ready after {waited} ms";
        /// It needs more bytes than are free in a place. Without this check the kernel could kill
        /// this or another process later, when a page cannot be allocated or a control group
        /// reaches its limit. Limits that the system does not tell, and memory that others take at
        /// the same time, are not checked.
        Room { place: SegmentPlace, needed: u64, free: u64 } => ErrorKind::StorageFull,
            "the segment takes {needed} bytes, and {place} has {free} left: {}", place.remedy();
        /// The system refused. From `shm_open`, `ENOENT`: there is no segment of that name;
        /// `EEXIST`: there is one already; `EACCES`: it belongs to another user.
        Map(error: MapError) => error.io_kind(), "{error}";
    }
}

names! {
    /// The property of a segment that has an unexpected value: [`SegmentError::Invalid`].
    #[non_exhaustive]
    pub enum SegmentField {
        /// 1 if the file is a regular one.
        Kind => "kind of file",
        /// The id of the user who owns the file.
        Owner => "owner",
        /// The permission bits that other users have.
        Mode => "mode for other users",
        /// 1 if it is sealed against shrinking.
        Seals => "seal against shrinking",
        /// The number that every segment begins with.
        Magic => "magic number",
        /// Whether it is being created or ready.
        State => "state",
        /// Bytes of a page on the machine that created it.
        PageSize => "page size",
        /// Bytes of the file.
        Length => "length of the file",
        /// The length according to its header.
        Total => "length",
        /// The number of pools.
        Pools => "number of pools",
        /// The slot size of a pool, by its index.
        Size(usize) => "slot size of pool",
        /// The slots of a pool, by its index.
        Count(usize) => "count of pool",
        /// Bytes of the registry of participants.
        Registry => "length of the registry",
        /// Bytes of the slots' records.
        Records => "length of the records",
        /// Bytes of the slots.
        Slots => "length of the slots",
        /// The NUMA node that its memory is bound to; `u32::MAX` for none.
        NumaNode => "NUMA node",
        /// The number that distinguishes its tokens from those of others: 32 bits.
        Identity => "identity",
    }
    fn name;

    /// What limits the size of a segment.
    #[non_exhaustive]
    pub enum SegmentPlace {
        /// The file system of named segments: `/dev/shm`, or the disk on macOS and Windows.
        SharedMemory =>
            if cfg!(any(target_os = "macos", windows)) { "the disk" } else { "/dev/shm" },
        /// The memory limit of the process's control group (its container), or of a group around
        /// it.
        ControlGroup => "the control group",
        /// The machine's available memory and swap.
        Machine => "the machine",
        /// The NUMA node that its memory should be bound to.
        NumaNode(u32) => "NUMA node",
    }
    fn name;
}

impl fmt::Display for SegmentField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            SegmentField::Size(index) | SegmentField::Count(index) => write!(f, " {index}"),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for SegmentPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            SegmentPlace::NumaNode(node) => write!(f, " {node}"),
            _ => Ok(()),
        }
    }
}

impl SegmentPlace {
    /// How to make more room.
    fn remedy(self) -> &'static str {
        match self {
            SegmentPlace::SharedMemory if cfg!(any(target_os = "macos", windows)) => "remove files",
            SegmentPlace::SharedMemory => {
                "docker run --shm-size gives a container more, and so does a Kubernetes volume at /dev/shm of the kind \
                 emptyDir with medium: Memory"
            }
            SegmentPlace::ControlGroup => "raise the container's memory limit",
            SegmentPlace::Machine => "take fewer or smaller slots",
            SegmentPlace::NumaNode(_) => "choose another node, or none",
        }
    }
}
