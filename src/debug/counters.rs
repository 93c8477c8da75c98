//! Counters of what the feature `debug` has watched and found in this process.
#![forbid(unsafe_code)]

use super::finding::Kind;
use crate::sync::{Counter, LazyLock};

/// Counters since the process began. All are numbers of blocks, calls or findings.
///
/// ```
/// # #[cfg(feature = "debug")] {
/// use ralloc_core::{Arena, debug};
///
/// let before = debug::stats();
/// Arena::new().alloc(7);
/// let after = debug::stats();
/// assert!(after.watched > before.watched && after.ended > before.ended);
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DebugStats {
    /// Blocks that were allocated and watched.
    pub watched: u64,
    /// How many of them have ended.
    pub ended: u64,
    /// Calls of `verify`.
    pub verified: u64,
    /// Findings of all kinds below.
    pub findings: u64,
    /// [`Kind::Overrun`].
    pub overruns: u64,
    /// [`Kind::WriteAfterFree`].
    pub writes_after_free: u64,
    /// [`Kind::UseAfterFree`], including those that were not reported again.
    pub uses_after_free: u64,
    /// [`Kind::DoubleFree`].
    pub double_frees: u64,
    /// [`Kind::Leak`], one for each line that allocated such blocks.
    pub leaks: u64,
    /// [`Kind::Kept`].
    pub kept: u64,
    /// Findings that no sink has received, and that were not kept for
    /// [`take_unheard`](super::take_unheard) because there were too many.
    pub lost: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub watched: Counter,
    pub ended: Counter,
    pub verified: Counter,
    pub lost: Counter,
    by_kind: [Counter; 6],
}

impl Counters {
    pub(super) fn note(&self, kind: Kind) {
        self.by_kind[kind as usize].add(1);
    }
}

pub(super) static COUNTERS: LazyLock<Counters> = LazyLock::new(Counters::default);

/// The counters now. [`DebugStats`] has an example.
pub fn stats() -> DebugStats {
    let Counters { watched, ended, verified, lost, by_kind } = &*COUNTERS;
    let by_kind = by_kind.each_ref().map(Counter::get);
    let [overruns, writes_after_free, uses_after_free, double_frees, leaks, kept] = by_kind;
    DebugStats {
        watched: watched.get(),
        ended: ended.get(),
        verified: verified.get(),
        findings: by_kind.iter().sum(),
        overruns,
        writes_after_free,
        uses_after_free,
        double_frees,
        leaks,
        kept,
        lost: lost.get(),
    }
}
