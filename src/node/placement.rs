//! `LeasedSlab`: NUMA and locking of its memory (mbind, mlock).

use super::convert::{Failure, Result, node};
use super::slab::LeasedSlab;
use crate::error::SlabError;
use crate::slab::Slab;
use napi_derive::napi;

#[napi]
impl LeasedSlab {
    /// Binds the memory of the slots to a NUMA node. A failure of the kind 'used': too late.
    #[napi(catch_unwind, js_name = "bind")]
    pub fn bind_to(&self, number: f64) -> Result<Option<Failure>> {
        let number = node("node", number)?;
        self.place(|slab| slab.bind(number))
    }

    /// Keeps the memory of the slots in RAM. Failures: those of `bind`.
    #[napi(catch_unwind)]
    pub fn lock(&self) -> Result<Option<Failure>> {
        self.place(Slab::lock)
    }

    fn place(
        &self,
        how: impl FnOnce(&Slab) -> std::result::Result<(), SlabError>,
    ) -> Result<Option<Failure>> {
        let placed = self.with(|participant| how(participant.slab()))?;
        placed.err().map(Failure::of_slab).transpose()
    }
}
