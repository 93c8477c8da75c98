//! The memory that JavaScript leases: chunks, cut into spans, each under an ArrayBuffer of its own.
//! Private to the crate, and free of napi: `node` makes the ArrayBuffers, and tells when they are
//! gone.
//!
//! `leased_arena` backs one ChunkPool of JavaScript, or one region, and has the spans and their
//! ids. `chunk` is the memory of some spans: who uses it, who may still see it, and where it goes
//! afterwards. `budget` is the limit of a leased arena and the sums over its chunks, which outlive
//! it.
//!
//! JavaScript asks for a size (lib/arena/owner.js, lib/request/chunk-size.js,
//! lib/region/chunks.js), and `LeasedArena::take_chunk` decides how large the chunk is.

pub mod budget;
pub mod chunk;
pub mod leased_arena;
