//! Random transitions of one chunk against a reference model: the state, which actions are allowed,
//! and where the memory ends up. Finalizers run late, too often, or in teardown.

use super::{Chunk, ChunkState, LeaseEnd};
use crate::lease::budget::Budget;
use crate::memory::{Depot, Mapping};
use crate::random_tests::cases;
use crate::sync::Arc;
use proptest::prelude::*;

const LEN: usize = 64 * 1024;
/// How many spans the model has. Each owns the byte at its number, and hands it out.
const SPANS: usize = 64;

#[derive(Clone, Debug)]
enum Action {
    Open,
    Hold,
    Unhold,
    LeaseEnd(LeaseEnd, bool),
    Pin,
    Finalizer { teardown: bool },
    Trim,
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        2 => Just(Action::Open),
        2 => Just(Action::Hold),
        2 => Just(Action::Unhold),
        4 => any::<bool>().prop_map(|held| Action::LeaseEnd(LeaseEnd::Release, held)),
        1 => any::<bool>().prop_map(|held| Action::LeaseEnd(LeaseEnd::Quarantine, held)),
        1 => any::<bool>().prop_map(|held| Action::LeaseEnd(LeaseEnd::Steal, held)),
        4 => Just(Action::Pin),
        6 => Just(Action::Finalizer { teardown: false }),
        1 => Just(Action::Finalizer { teardown: true }),
        1 => Just(Action::Trim),
    ]
}

/// A chunk as its documentation describes it.
#[derive(Default)]
struct Model {
    /// Numbers of the leased spans, not held and held.
    leased: Vec<usize>,
    held: Vec<usize>,
    next: usize,
    pins: u32,
    quarantined: bool,
    stolen: bool,
    teardown: bool,
    gone: bool,
    /// Bytes that must be zero when a wiping chunk reaches the depot.
    handed_out: Vec<usize>,
}

impl Model {
    fn state(&self) -> ChunkState {
        let spans = self.leased.len() + self.held.len();
        match () {
            () if self.gone => ChunkState::Gone,
            () if self.stolen => ChunkState::Stolen,
            () if self.quarantined => ChunkState::Quarantined,
            () if spans == 0 => ChunkState::Limbo,
            () if self.held.is_empty() => ChunkState::Leased,
            () => ChunkState::Held,
        }
    }

    fn spans(&self) -> usize {
        self.leased.len() + self.held.len()
    }

    /// Applies the action. Returns true if it is allowed.
    fn apply(&mut self, action: &Action) -> bool {
        let allowed = match action {
            Action::Open => {
                let open = matches!(
                    self.state(),
                    ChunkState::Leased | ChunkState::Held | ChunkState::Limbo
                );
                if open {
                    self.leased.push(self.next % SPANS);
                    self.next += 1;
                }
                open
            }
            Action::Hold => self.leased.pop().map(|span| self.held.push(span)).is_some(),
            Action::Unhold => self.held.pop().map(|span| self.leased.push(span)).is_some(),
            Action::LeaseEnd(how, held) => {
                let ended = if *held { self.held.pop() } else { self.leased.pop() };
                self.handed_out.extend(ended);
                self.quarantined |= ended.is_some() && *how == LeaseEnd::Quarantine;
                self.stolen |= ended.is_some() && *how == LeaseEnd::Steal;
                ended.is_some()
            }
            Action::Pin => {
                self.pins += u32::from(self.spans() > 0);
                self.spans() > 0
            }
            Action::Finalizer { teardown } => {
                if self.pins > 0 {
                    self.pins -= 1;
                    self.teardown |= teardown;
                }
                true
            }
            Action::Trim => true,
        };
        self.gone |= self.spans() == 0 && self.pins == 0;
        allowed
    }
}

/// Runs a program; `LeaseEnd(_, held)` says which kind of span ends.
fn run(actions: &[Action], wipe: bool) -> Result<(), TestCaseError> {
    let budget = Arc::new(Budget::new(LEN));
    let depot = Arc::new(Depot::new(usize::MAX));
    assert!(budget.limit.charge(LEN));
    let mapping = Mapping::committed(LEN).unwrap();
    let base = mapping.base();
    // SAFETY: the test's own mapping, which only this thread knows.
    (0..SPANS).for_each(|span| unsafe { base.add(span).write(0xaa) });
    let chunk = Chunk::lease(mapping, LEN, wipe, Arc::clone(&budget), Arc::clone(&depot));
    let mut model = Model { leased: vec![0], next: 1, ..Model::default() };
    let mut trimmed = false;
    let mut charged = true;

    for action in actions {
        let gone = model.gone;
        let end = match action {
            Action::LeaseEnd(_, true) => model.held.last().copied(),
            _ => model.leased.last().copied(),
        };
        trimmed |= matches!(action, Action::Trim) && model.state() == ChunkState::Limbo;
        charged &= !matches!(action, Action::Trim) || model.state() != ChunkState::Limbo;
        let allowed = model.apply(action);
        charged |= model.spans() > 0;
        let done = match action {
            Action::Open => chunk.open().is_ok(),
            Action::Hold => chunk.set_held(true).is_ok(),
            Action::Unhold => chunk.set_held(false).is_ok(),
            Action::LeaseEnd(how, held) => {
                let dirty = end.map_or(0..0, |span| span..span + 1);
                chunk.end_lease(*how, *held, dirty).is_ok()
            }
            Action::Pin => chunk.pin().is_ok(),
            Action::Finalizer { teardown } => {
                chunk.unpin(*teardown);
                true
            }
            Action::Trim => {
                chunk.trim();
                true
            }
        };
        prop_assert_eq!(done, allowed, "{:?} in {:?}", action, model.state());
        prop_assert_eq!(chunk.check(), Ok(()));
        let view = chunk.view();
        prop_assert_eq!(view.state, model.state(), "after {:?}", action);
        prop_assert_eq!(view.spans as usize, model.spans());
        prop_assert_eq!(chunk.held() as usize, model.held.len());
        prop_assert_eq!(view.pins, model.pins);
        prop_assert_eq!(budget.limit.used(), if model.gone || !charged { 0 } else { LEN });
        let quarantined = if model.state() == ChunkState::Quarantined { LEN } else { 0 };
        prop_assert_eq!(budget.tally().of(ChunkState::Quarantined), quarantined);
        if model.gone && !gone {
            ends_where_it_should(&model, &depot, base, wipe, trimmed)?;
        }
    }
    Ok(())
}

fn ends_where_it_should(
    model: &Model,
    depot: &Depot,
    base: std::ptr::NonNull<u8>,
    wipe: bool,
    trimmed: bool,
) -> Result<(), TestCaseError> {
    let stats = depot.stats();
    if model.teardown {
        prop_assert_eq!(stats.chunks, 0, "abandoned: neither recycled nor freed");
        // SAFETY: abandoned pages stay mapped for ever.
        prop_assert_eq!(unsafe { base.read() }, 0, "and their memory is given back");
        return Ok(());
    }
    // The addresses of a stolen chunk are kept elsewhere.
    prop_assert_eq!(stats.chunks, usize::from(!model.stolen));
    let recycled = depot.take(LEN);
    prop_assert_eq!(recycled.is_some(), !model.stolen, "stolen memory is never recycled");
    let Some(mapping) = recycled else { return Ok(()) };
    for span in 0..SPANS {
        // SAFETY: the test's own mapping again.
        let byte = unsafe { mapping.base().add(span).read() };
        let wiped = wipe && model.handed_out.contains(&span);
        prop_assert!(!wiped || byte == 0, "span {} shows its bytes after a wipe", span);
        prop_assert!(wiped || trimmed || byte == 0xaa, "span {} was wiped for nothing", span);
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases(2000))]

    #[test]
    fn any_program_of_leases_holds_and_finalizers(
        actions in prop::collection::vec(action(), 1..60),
        wipe in any::<bool>(),
    ) {
        run(&actions, wipe)?;
    }
}

#[test]
fn a_quarantined_chunk_waits_for_every_finalizer() {
    let quarantine = Action::LeaseEnd(LeaseEnd::Quarantine, false);
    let finalizer = Action::Finalizer { teardown: false };
    run(&[Action::Pin, Action::Pin, quarantine, finalizer.clone(), finalizer], true).unwrap();
}

#[test]
fn a_finalizer_that_comes_twice_is_counted_and_ignored() {
    let finalizer = || Action::Finalizer { teardown: false };
    let release = Action::LeaseEnd(LeaseEnd::Release, false);
    run(&[Action::Pin, release, finalizer(), finalizer(), finalizer()], false).unwrap();
}

#[test]
fn a_theft_of_which_the_finalizer_ran_already_completes_at_once() {
    let steal = Action::LeaseEnd(LeaseEnd::Steal, false);
    run(&[Action::Pin, Action::Finalizer { teardown: false }, steal], true).unwrap();
}

#[test]
fn a_chunk_of_which_a_finalizer_ran_in_teardown_is_abandoned_whatever_comes_later() {
    for how in [LeaseEnd::Release, LeaseEnd::Quarantine, LeaseEnd::Steal] {
        let teardown = Action::Finalizer { teardown: true };
        let later = Action::Finalizer { teardown: false };
        let program = [Action::Pin, Action::Pin, teardown, Action::LeaseEnd(how, false), later];
        run(&program, true).unwrap();
    }
}
