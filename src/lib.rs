//! Slabs that processes share and that survive `kill -9` of any of them; and bounded arenas, slabs,
//! regions and object pools, which recycle memory among each other. The memory core of the npm
//! package ralloc, and a crate of its own that needs no Node.
//!
//! ```
//! # #[cfg(target_os = "linux")] {
//! use ralloc_core::slab::{SegmentOptions, Slab, SlabOptions};
//! use std::time::Duration;
//!
//! let options = SlabOptions::fixed(&[64, 4096], 1024, 8 << 20);
//! let name = format!("/cache-{}", std::process::id());
//! let slab = Slab::create(&name, &options, &SegmentOptions::new())?;
//! let other = Slab::open(&name, Duration::from_secs(1))?; // in another process: what it held is free if it is killed
//! let block = slab.allocate(100)?;
//! // SAFETY: the block is held, and not used here after it is sent.
//! let token = unsafe { slab.send(block) }?; // a number: any pipe or socket carries it
//! assert_eq!(other.receive(token)?.len(), 4096); // without a copy
//! Slab::unlink(&name)?;
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | | allocates | frees | threads | destructors |
//! |---|---|---|---|---|
//! | [`Arena`] | values, slices, strings of any size | all at once, or back to a [`Checkpoint`] or the begin of a [`Scope`] | one; may be sent | none run |
//! | [`SyncArena`] | the same | all at once | many at the same time, cheaper through a [`Local`] | none run |
//! | `&Arena` as an allocator | `Box`, `Vec`, `HashMap` | the last block at once, all others with the arena | one | run |
//! | [`Slab`] | slots of a few fixed sizes | one by one, on any thread | many | none: slots are bytes |
//! | [`SlabBox`] | a value in a slot of a slab | when it is dropped | it may be sent | run |
//! | [`Region`] | blocks of any size that live long | one by one, in any order | one; may be sent | none: blocks are bytes |
//! | [`ObjectPool`] | whole objects, made when first needed | one by one, kept for the next user | many | of what is not kept |
//!
//! - Things that are made together and thrown away together (a request, a frame, a syntax tree):
//!   [`Arena`].
//! - The same, filled by many threads: [`SyncArena`].
//! - Buffers of a few sizes that come and go in any order, even from thread to thread: [`Slab`].
//! - Objects that are costly to make, or own something outside: [`ObjectPool`].
//! - Bytes of any size that live for minutes or hours, under a limit, and whose memory must go back
//!   to the system: [`Region`].
//! - Blocks of any size that are freed in any order, without a limit: the global allocator is good
//!   at that.
//!
//! ```
//! use ralloc_core::Arena;
//!
//! let mut arena = Arena::builder().limit(8 << 20).build()?;
//! for request in ["/a", "/b?c=d"] {
//!     let path = arena.alloc_str(request.split('?').next().unwrap_or(request));
//!     let parts = arena.alloc_slice_from_iter(path.split('/').filter(|part| !part.is_empty()));
//!     assert_eq!(parts.len(), 1);
//!     arena.reset(); // frees both, and keeps the memory for the next request
//! }
//! # Ok::<(), ralloc_core::error::OptionsError>(())
//! ```
//!
//! # Limits and errors
//!
//! Each of them has a limit in bytes or objects. If something does not fit, the `try_` methods
//! return an error and change nothing, and the other methods panic with the error's text. All
//! errors are in [`error`].
//!
//! # Safety
//!
//! Safe code cannot cause undefined behaviour through anything that is public here. Blocks of a
//! slab, of `alloc_layout` and of a region ([`Region::pointer`], [`Region::allocate`]) are raw
//! pointers: their methods say how long they are valid. Their bytes are uninitialised until you
//! write them, unless you asked for zeros.
//!
//! # Fork
//!
//! Until `exec`, the child of a process with several threads may use only what is safe in a signal
//! handler, and nothing here is: the process's depots have locks, which the child does not reset.
//! If another thread had one during the fork, it stays locked in the child, and even a new
//! [`Arena`] or [`ThreadCache`] may wait for it for ever. So fork before you start threads, or call
//! `exec` at once.
//!
//! The child of a process with one thread has copies of its arenas and slabs and can use them
//! freely, except for [shared](Slab::share) slabs, whose memory is the parent's too. With its copy
//! of a shared slab the child can do nothing: allocating, freeing, sending, receiving, attaching
//! and making a [`ThreadCache`] fail with the error `Forked` of the call's enum. If the slab has a
//! [name](Slab::create) or a [descriptor](Slab::anonymous), the child can open a mapping of its
//! own. (The methods of [`Slab`] itself notice this only on Linux, since 4.14: elsewhere the child
//! must not call them.)
//!
//! # Features
//!
//! - `allocator-api2`, on by default: `&Arena` implements the trait `Allocator` of the crate
//!   allocator-api2, 0.2, for its `Box`, `Vec` and `String`-like collections, and hashbrown's.
//! - `debug`: red zones, poison and checked pointers, to find the misuse of raw ones: the module
//!   `debug`.
//!
//! Rust 1.88 or later. Before 1.0 a minor version may change the API.
//!
//! # Layers
//!
//! Bytes come from `os`, are owned by [`memory`], and are cut by [`arena`], [`slab`] and
//! [`region`]. What JavaScript leases (`lease`) is private to the crate, as is the binding itself,
//! `node`. Imports go downward only: `node` → `lease`, `arena`, `slab`, `region` → `memory` → `os`;
//! [`error`], `layout`, `limit`, `sync` and [`stats`] serve everyone. [`lifetime`] decides where
//! bytes should go, by a profile, and owns none.

#![warn(missing_docs)]
#![cfg_attr(not(feature = "node"), allow(dead_code, reason = "some serves the binding alone"))]

#[cfg(not(target_pointer_width = "64"))]
compile_error!(
    "ralloc-core needs addresses of 64 bits: arenas and slabs reserve more of them than a process of 32 has"
);
#[cfg(target_family = "wasm")]
compile_error!(
    "ralloc-core needs a system whose memory can be mapped and given back: WebAssembly has none"
);

#[macro_use]
mod setters;

pub mod arena;
#[cfg(feature = "debug")]
pub mod debug;
#[cfg(not(feature = "debug"))]
#[allow(dead_code, unused_imports, reason = "its ledgers are nothing, and so is what is told them")]
mod debug;
pub mod error;
mod layout;
mod lease;
pub mod lifetime;
mod limit;
pub mod memory;
#[cfg(feature = "node")]
mod node;
pub mod object_pool;
mod os;
#[cfg(all(test, not(loom)))]
mod random_tests;
pub mod region;
pub mod slab;
pub mod stats;
mod sync;

pub use arena::{
    Arena, ArenaBuilder, ArenaEvent, ArenaOptions, Checkpoint, Local, Scope, SyncArena, UninitStr,
};
pub use layout::MAX_BYTES;
pub use object_pool::{ObjectPool, Pooled};
pub use region::Region;
pub use slab::{Slab, SlabBox, ThreadCache};

/// Runs the Rust examples of the guide and of the crate's README as tests. Both are packed.
#[cfg(doctest)]
#[doc = include_str!("../docs/guide/rust.md")]
#[doc = include_str!("README.md")]
struct Guide;
