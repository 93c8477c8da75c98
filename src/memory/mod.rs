//! Where bytes come from: [`mapping`] owns pages as [`options`] ask for them, [`depot`] keeps
//! those that are between users.

pub mod depot;
pub mod mapping;
pub mod options;

pub use depot::Depot;
pub use mapping::Mapping;
pub use options::{HugePages, Options, Pages};
