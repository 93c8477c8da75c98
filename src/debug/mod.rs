//! Finds misuse of raw pointers and reports it with the places (feature `debug`). For tests and
//! staging.
//!
//! Safe code cannot misuse an arena, because of lifetimes. Pointers can be misused: those of
//! `alloc_layout`, of a [`Slab`](crate::Slab), or of a C function that was given one. The feature
//! adds, in every program that turns it on:
//!
//! - **Red zones**: 32 bytes or more of 0xFB before and behind every block of an arena, and behind
//!   every block of a region. Writes there are found when the block ends, and by `verify`:
//!   [`Kind::Overrun`].
//! - **Poison**: freed memory is filled with 0xDE, and memory that is handed out uninitialised with
//!   0xAD. The poison must be unchanged when memory is used again, and in `verify`:
//!   [`Kind::WriteAfterFree`]. A stale pointer reads 0xDE.
//! - **Handles**: [`Arena::handle_of`](crate::Arena::handle_of) stamps a pointer with the
//!   generation of its block. [`Handle::get`] tells whether the block still exists, and if not,
//!   where it was allocated and how it ended: [`Kind::UseAfterFree`].
//! - **Double frees** of a block of a slab or a region, with both places: [`Kind::DoubleFree`].
//! - **Leaks**: blocks that are not freed when a slab is dropped, by the lines that allocated them:
//!   [`Kind::Leak`]. [`Slab::leak_report`](crate::Slab::leak_report) and that of a region tell them
//!   at any time.
//! - **Handles that are kept** when the owner of their blocks is dropped: [`Kind::Kept`].
//!
//! A [`Finding`] names the places by file and line, with backtraces if `RUST_BACKTRACE` or
//! [`set_backtraces`] asks for them. It goes to standard error, or to the function of [`set_sink`];
//! in a test [`catch`] returns it. [`stats`] counts findings.
//!
//! ```
//! # #[cfg(feature = "debug")] {
//! use ralloc_core::{Arena, debug};
//! use std::alloc::Layout;
//!
//! let mut arena = Arena::new();
//! let (_, found) = debug::catch(|| {
//!     let block = arena.alloc_layout(Layout::new::<[u8; 100]>());
//!     // SAFETY: none, that is the mistake: one byte behind the block. It is the red zone's.
//!     unsafe { block.cast::<u8>().add(100).write(1) };
//!     arena.reset();
//! });
//! assert_eq!(found[0].kind, debug::Kind::Overrun);
//! eprintln!("{}", found[0]);
//! # }
//! ```
//!
//! ```text
//! ralloc: overrun: 1 byte behind a block of 100 bytes of an arena written, the first 0 bytes from its edge and now 0x01
//!   allocated at src/main.rs:6:23
//!   reset at src/main.rs:9:11
//! ```
//!
//! # What it costs
//!
//! Nothing without the feature, which then adds no field and no branch. With it, a block of an
//! arena takes 64 bytes more, and a record on the heap. All bytes are written and compared:
//! allocating and freeing 64 bytes takes 0.2 to 0.4 µs instead of 1 to 26 ns, and 4 KiB 1.2 µs;
//! with backtraces 6 to 15 µs. Red zones and padding count toward limits and in `stats()`, so an
//! arena at its limit holds less. The feature is on or off for all crates of a program.
//!
//! # What it does not see
//!
//! Overruns of a slab's slots, which touch: the next slot is damaged, and that is found only if it
//! is free. Anything in shared slabs. Reads, except through the poison that they return. Writes
//! through a stale pointer after the memory has become another block. Writes that jump over a red
//! zone. Writes to a dropped arena's memory.
//!
//! # How it works
//!
//! `ledger` records the blocks and freed memory of one owner; `extent` fills and compares bytes;
//! `place` says where and `finding` what happened; `sink` decides who is told. Owners call the
//! methods in `watch`; without the feature, a ledger has no size, and those methods do nothing.

mod counters;
mod extent;
mod finding;
mod handle;
mod leaks;
mod ledger;
mod place;
mod sink;
mod watch;

pub use counters::{DebugStats, stats};
pub use finding::{Damage, Ended, Finding, How, Kind, Owner};
pub use handle::{Handle, Stale};
pub use leaks::{LeakGroup, LeakReport};
pub use place::{Place, set_backtraces};
pub use sink::{catch, clear_sink, set_sink, take_unheard};

pub(crate) use extent::ZONE;
pub(crate) use ledger::Ledger;
pub(crate) use watch::{ON, Point, dirty, with_zones};
