//! Where bytes come from: [`mapping`] owns pages, [`depot`] keeps those that are between users.

pub mod depot;
pub mod mapping;

pub use depot::Depot;
pub use mapping::Mapping;
