//! The Node addon. It only contains ralloc-core, whose bindings register themselves when they are loaded.

extern crate ralloc_core as _;
