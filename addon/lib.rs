//! The Node addon. All it holds is ralloc-core, whose bindings register themselves at load.

extern crate ralloc_core as _;
