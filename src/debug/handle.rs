//! Pointers that know whether their block still exists.
#![forbid(unsafe_code)]

use super::finding::Finding;
use super::ledger::Ledger;
use super::place::Place;
use crate::sync::Arc;
use std::fmt;
use std::panic::Location;
use std::ptr::NonNull;

/// A pointer to a block, with the block's generation: a number that no other block of its owner
/// ever has. It does not keep the block; it tells whether the block still exists.
///
/// ```
/// # #[cfg(feature = "debug")] {
/// use ralloc_core::{Arena, debug};
/// use std::alloc::Layout;
///
/// let mut arena = Arena::new();
/// let checkpoint = arena.checkpoint();
/// let handle = arena.handle_of(arena.alloc_layout(Layout::new::<u64>()).cast()).unwrap();
/// assert_eq!(handle.get()?.len(), 8);
/// arena.rewind(checkpoint)?;
/// arena.alloc(7u64); // at the same address
/// let (refused, _) = debug::catch(|| handle.get().unwrap_err());
/// assert_eq!(refused.finding().ended.as_ref().unwrap().how, debug::How::Rewound);
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Handle {
    ledger: Ledger,
    /// The generation.
    serial: u64,
    /// One of the counts by which the ledger knows that there are handles.
    _counted: Arc<()>,
}

impl Handle {
    /// A handle of the block at an address.
    pub(crate) fn of(ledger: &Ledger, address: usize) -> Option<Handle> {
        let (serial, _counted) = ledger.stamp(address)?;
        Some(Handle { ledger: ledger.clone(), serial, _counted })
    }

    /// Returns the block, or an error if it has ended. The first such use of any handle of the
    /// block is also reported.
    #[track_caller]
    pub fn get(&self) -> Result<NonNull<[u8]>, Stale> {
        let mut finding = match self.ledger.alive(self.serial) {
            Ok(block) => return Ok(block),
            Err(finding) => finding,
        };
        finding.used = Some(Place::at(Location::caller()));
        self.ledger.tell_use(self.serial, &finding);
        Err(Stale(finding))
    }

    /// Whether the block still exists. Reports nothing.
    pub fn is_alive(&self) -> bool {
        self.ledger.alive(self.serial).is_ok()
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("generation", &self.serial).finish_non_exhaustive()
    }
}

/// A [`Handle`] was used after its block had ended. Its text is that of the [`Finding`].
#[derive(Clone, Debug)]
pub struct Stale(Box<Finding>);

impl Stale {
    /// A finding of [`Kind::UseAfterFree`](super::Kind::UseAfterFree), with the places.
    pub fn finding(&self) -> &Finding {
        &self.0
    }
}

impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Stale {}
