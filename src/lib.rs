//! The memory core of ralloc.
//!
//! Bytes are born in `os`, owned by [`memory`], and cut by [`arena`]: either for Rust
//! ([`Arena`], a bump arena whose allocations die together) or for JavaScript
//! ([`LeasedArena`], which leases spans of chunks and knows when each may be reused).
//! [`SyncArena`] is the arena for many threads. [`slab`] cuts slots of fixed sizes, which are
//! freed one by one, for both; [`ObjectPool`] keeps whole objects.
//! `node` (feature `node`) is the translation to Node-API and nothing else.
//!
//! Imports go downward only: `node` → `arena`, `slab` → `memory` → `os`; [`error`], [`layout`],
//! `sync` and [`stats`] serve everyone.

pub mod arena;
pub mod error;
pub mod layout;
pub mod memory;
#[cfg(feature = "node")]
mod node;
pub mod object_pool;
mod os;
pub mod slab;
pub mod stats;
pub mod sync;

pub use arena::chunk::{Chunk, State};
pub use arena::window::{Lease, LeasedArena};
pub use arena::{
    Arena, ArenaBuilder, ArenaEvent, ArenaOptions, Checkpoint, Local, Scope, SyncArena, UninitStr,
};
pub use object_pool::{ObjectPool, Pooled};
pub use slab::Slab;

/// The guide's examples in Rust are run as tests.
#[cfg(doctest)]
#[doc = include_str!("../docs/guide.md")]
struct Guide;
