//! Decides where the bytes of a line of code belong, by how long they lived in a profile.
//!
//! `ralloc profile` records how long the Buffers of each line live. [`Histogram`] counts the
//! lifetimes, [`cluster`] separates short, medium and long ones, and [`decide`] applies fixed
//! rules: do a line's bytes belong in the arena of their request, in a slab or in a region?
//! `ralloc bake` writes the answers as a [`Table`], which a program asks by one array look-up. Only
//! the rules decide; the clusters explain.
//!
//! Everything here has the same result for the same input on every machine: sums are of whole
//! numbers if they come from a profile, and of two solutions that are equally good the one with the
//! lower borders is taken.
#![forbid(unsafe_code)]

mod histogram;
mod kmeans;
mod rules;
mod table;

pub use histogram::{BUCKETS, Borders, Histogram};
pub use kmeans::{Clusters, MOST_CLUSTERS, Point, cluster};
pub use rules::{Certainty, Decision, Evidence, Reason, Strategy, decide};
pub use table::{Entry, Site, Table};
