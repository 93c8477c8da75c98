//! The depots that the whole process shares: one of ordinary memory, and one for each other kind of
//! memory in use.

use super::{DEFAULT_COMMITTED_CAP, Depot};
use crate::memory::{MemoryOptions, retained};
use crate::stats::DepotStats;
use crate::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

/// The process's depot of ordinary memory, created at first use. Arenas without a depot of their
/// own use it. It keeps up to [`DEFAULT_COMMITTED_CAP`] bytes committed.
///
/// ```
/// use ralloc_core::memory::depot;
/// use std::sync::Arc;
///
/// assert!(Arc::ptr_eq(&depot::global(), &depot::global()));
/// ```
pub fn global() -> Arc<Depot> {
    static GLOBAL: LazyLock<Arc<Depot>> = LazyLock::new(|| {
        Arc::new(Depot::of_process(MemoryOptions::default(), DEFAULT_COMMITTED_CAP))
    });
    Arc::clone(&GLOBAL)
}

/// The process's depots of memory with options.
static SPECIAL: LazyLock<Mutex<Vec<Arc<Depot>>>> = LazyLock::new(Mutex::default);

/// The process's depot for these options, created at first use; [`global`] for the default options.
/// Mappings never move between depots. Depots other than `global` keep no memory: an unused mapping
/// gives its memory back at once (a locked one is unlocked first), and is prepared again for its
/// next user.
///
/// ```
/// use ralloc_core::memory::{MemoryOptions, depot};
///
/// let options = MemoryOptions { prefault: true, ..MemoryOptions::default() };
/// assert_eq!(depot::of(options).options(), options);
/// assert!(depot::of(MemoryOptions::default()).options().is_plain());
/// ```
pub fn of(options: MemoryOptions) -> Arc<Depot> {
    if options.is_plain() {
        return global();
    }
    let mut depots = SPECIAL.lock();
    if let Some(depot) = depots.iter().find(|depot| depot.options == options) {
        return Arc::clone(depot);
    }
    // So there are at most as many depots as arenas with options, plus those used in the last
    // minute.
    depots.retain(|depot| Arc::strong_count(depot) > 1 || depot.stats().chunks > 0);
    let depot = Arc::new(Depot::of_process(options, 0));
    depots.push(Arc::clone(&depot));
    depot
}

/// All depots of the process.
fn all() -> impl Iterator<Item = Arc<Depot>> {
    let special = SPECIAL.lock().clone();
    std::iter::once(global()).chain(special)
}

/// [`Depot::discard_all`] of all depots of the process.
pub(super) fn discard_all() -> bool {
    all().fold(false, |found, depot| depot.discard_all() | found)
}

/// Calls [`Depot::trim`] for all depots of the process, and returns their sums afterwards. Depots
/// of your own are not among them.
///
/// ```
/// use ralloc_core::memory::depot;
/// use std::time::Duration;
///
/// // Now and then, where the program is idle:
/// let stats = depot::trim(Duration::from_secs(5));
/// assert!(stats.committed <= stats.reserved);
/// ```
pub fn trim(idle: Duration) -> DepotStats {
    for depot in all() {
        depot.trim(idle);
    }
    stats()
}

/// The sums of [`Depot::stats`] of all depots of the process. A depot that was not used for a
/// minute is forgotten, with its counters.
///
/// ```
/// use ralloc_core::{Arena, memory::depot};
///
/// Arena::new().alloc(7); // needs a chunk
/// let stats = depot::stats();
/// assert!(stats.hits + stats.misses >= 1);
/// ```
pub fn stats() -> DepotStats {
    let sum: DepotStats = all().map(|depot| depot.stats()).sum();
    DepotStats { retained: retained::process().bytes(), ..sum }
}
