//! The memory core of ralloc.
//!
//! - [`Arena`]: a bump arena for one thread, whose allocations die together.
//! - [`SyncArena`]: the same for many threads.
//! - [`Slab`]: blocks of fixed sizes, freed one by one, for many threads; [`ThreadCache`] makes it fast.
//! - [`ObjectPool`]: whole objects, kept for their next user.
//!
//! Safe code cannot cause undefined behaviour through anything that is public here.
//!
//! For those who read the source: bytes come from `os`, are owned by [`memory`], and cut by
//! [`arena`] and [`slab`]. What `arena` leases to JavaScript is crate-private, as is the binding to
//! Node-API, `node` (feature `node`). Imports go downward only: `node` → `arena`, `slab` →
//! `memory` → `os`; [`error`], `layout`, `sync` and [`stats`] serve everyone.

pub mod arena;
pub mod error;
mod layout;
pub mod memory;
#[cfg(feature = "node")]
mod node;
pub mod object_pool;
mod os;
pub mod slab;
pub mod stats;
mod sync;

pub use arena::{
    Arena, ArenaBuilder, ArenaEvent, ArenaOptions, Checkpoint, Local, Scope, SyncArena, UninitStr,
};
pub use layout::MAX_BYTES;
pub use object_pool::{ObjectPool, Pooled};
pub use slab::{Slab, ThreadCache};

/// The guide's examples in Rust are run as tests.
#[cfg(doctest)]
#[doc = include_str!("../docs/guide.md")]
struct Guide;
