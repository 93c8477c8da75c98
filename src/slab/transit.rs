//! Transit time: how long a sent slot waits to be received after its sender is gone.
#![forbid(unsafe_code)]

use crate::os;
use crate::sync::{AtomicU64, Ordering};
use std::time::Duration;

const LENGTH_BITS: u32 = 36;
const TIME_BITS: u32 = 64 - LENGTH_BITS;
/// The most bytes of a slot that can be sent: 64 GiB.
pub const MAX_LENGTH: usize = (1 << LENGTH_BITS) - 1;
/// Milliseconds of a tick. Ticks repeat after 49 days, so a slot that was sent 49 days ago may seem
/// to be sent just now. It then comes back later, by one transit time at most.
const TICK: u64 = 16;
const MAX_TICK: u32 = (1 << TIME_BITS) - 1;

/// A moment, in ticks since the machine was started, modulo 2²⁸: the same for all processes of a
/// machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tick(u32);

impl Tick {
    /// The tick of a moment, as given by `os::boot_millis`.
    pub fn of(millis: u64) -> Tick {
        Tick((millis / TICK) as u32 & MAX_TICK)
    }

    /// Ticks from `earlier` to this one.
    fn since(self, earlier: Tick) -> u32 {
        self.0.wrapping_sub(earlier.0) & MAX_TICK
    }
}

/// A sender's note about a slot, stored beside its word: how many bytes were sent, and when.
///
/// ```text
///  bits  0–35  length    36–63  tick
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message(pub u64);

impl Message {
    /// `length` is at most [`MAX_LENGTH`].
    pub fn new(length: usize, sent: Tick) -> Message {
        debug_assert!(length <= MAX_LENGTH);
        Message(length as u64 | u64::from(sent.0) << LENGTH_BITS)
    }

    pub fn length(self) -> usize {
        self.0 as usize & MAX_LENGTH
    }

    pub fn sent(self) -> Tick {
        Tick((self.0 >> LENGTH_BITS) as u32)
    }
}

/// How long a slot whose sender is gone can surely be received. After that it is freed when slots
/// run out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transit {
    ticks: u32,
}

impl Transit {
    /// No transit time: within one process, a token waits in a queue that its receiver empties
    /// before slots run out, or never.
    pub const NONE: Transit = Transit { ticks: 0 };

    /// At least `time`, and less than a tick more; at most 24 days.
    pub fn of(time: Duration) -> Transit {
        // One more, because a slot may be sent at the end of its tick.
        let ticks = (time.as_millis() as u64).div_ceil(TICK) + u64::from(!time.is_zero());
        Transit { ticks: ticks.min(u64::from(MAX_TICK / 2)) as u32 }
    }

    /// The tick to note for a message that is sent now. Does not read the clock if the tick does not
    /// matter.
    pub fn now(self) -> Tick {
        if self == Transit::NONE { Tick::default() } else { Tick::of(os::boot_millis()) }
    }

    /// Ticks from `now` until the transit of a message ends; 0 if it is over.
    fn left(self, message: Message, now: Tick) -> u32 {
        let sent = message.sent();
        // Sent after `now` was read: by a walk of many words, or one that was stopped meanwhile.
        if (1..=self.ticks).contains(&sent.since(now)) {
            return self.ticks;
        }
        self.ticks.saturating_sub(now.since(sent))
    }
}

/// The result of this process's last search for slots that former participants had sent. With it, a
/// full pool does not visit all of its words at every call.
#[derive(Debug, Default)]
pub struct Sweep {
    /// How many participants had ended, at that search, while slots that they sent were not
    /// received.
    departures: AtomicU64,
    /// When the first transit that was not over ends: a tick, with a bit above it. 0 if there was
    /// none.
    due: AtomicU64,
}

impl Sweep {
    const SOME: u64 = 1 << TIME_BITS;

    /// Returns true if a new search may find something.
    pub fn is_due(&self, departures: u64, transit: Transit, now: impl FnOnce() -> Tick) -> bool {
        // Acquire pairs with the release in `done`: the next claim finds what that walk freed.
        if self.departures.load(Ordering::Acquire) != departures {
            return true;
        }
        let due = self.due.load(Ordering::Relaxed);
        // No transit ends further ahead than one transit, unless the clock went back.
        let left = || Tick(due as u32 & MAX_TICK).since(now());
        due != 0 && !(1..=transit.ticks).contains(&left())
    }

    /// Notes that a walk is done, which began when there were `departures`.
    pub fn done(&self, departures: u64, pending: Pending) {
        let due = pending.due.map_or(0, |tick| Sweep::SOME | u64::from(tick.0));
        self.due.store(due, Ordering::Relaxed);
        self.departures.store(departures, Ordering::Release);
    }
}

/// Tells which messages' transit is over, and when the next one ends.
#[derive(Debug)]
pub struct Pending {
    transit: Transit,
    now: Tick,
    least: u32,
    due: Option<Tick>,
}

impl Pending {
    pub fn new(transit: Transit, now: Tick) -> Pending {
        Pending { transit, now, least: u32::MAX, due: None }
    }

    /// Whether the transit of a message is over.
    pub fn is_over(&mut self, message: Message) -> bool {
        let left = self.transit.left(message, self.now);
        if (1..self.least).contains(&left) {
            (self.least, self.due) = (left, Some(Tick((self.now.0 + left) & MAX_TICK)));
        }
        left == 0
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_message_gives_back_what_was_put_in() {
        let last = Message::new(MAX_LENGTH, Tick(MAX_TICK));
        assert_eq!((last.length(), last.sent(), last.0), (MAX_LENGTH, Tick(MAX_TICK), u64::MAX));
        assert_eq!(Message::new(5, Tick(0)).length(), 5);
    }

    #[test]
    fn a_transit_is_over_after_its_time_and_not_before_also_where_ticks_repeat() {
        let transit = Transit::of(Duration::from_millis(100));
        for sent in [0, 15, 5_000, u64::from(MAX_TICK) * TICK - 5, u64::from(MAX_TICK) * TICK + 7] {
            let message = Message::new(1, Tick::of(sent));
            assert!(!Pending::new(transit, Tick::of(sent + 99)).is_over(message), "{sent}");
            assert!(Pending::new(transit, Tick::of(sent + 140)).is_over(message), "{sent}");
        }
        assert!(Pending::new(Transit::NONE, Tick(0)).is_over(Message::new(1, Tick(0))));
    }

    #[test]
    fn a_message_that_is_younger_than_the_walk_that_finds_it_is_in_transit() {
        let transit = Transit::of(Duration::from_millis(100));
        for now in [5, MAX_TICK - 1, MAX_TICK] {
            for later in 1..=transit.ticks {
                let message = Message::new(1, Tick((now + later) & MAX_TICK));
                assert!(!Pending::new(transit, Tick(now)).is_over(message), "{now} + {later}");
            }
        }
    }

    #[test]
    fn a_sweep_is_due_when_somebody_left_and_when_the_first_transit_is_over() {
        let (sweep, transit) = (Sweep::default(), Transit::of(Duration::from_millis(160)));
        let is_due = |departures, tick| sweep.is_due(departures, transit, || Tick(tick));
        assert!(!is_due(0, 0) && is_due(1, 0));
        let mut pending = Pending::new(transit, Tick(100));
        assert!(
            !pending.is_over(Message::new(1, Tick(99)))
                && !pending.is_over(Message::new(1, Tick(95)))
        );
        sweep.done(1, pending);
        assert!(!is_due(1, 105) && is_due(1, 106) && is_due(1, MAX_TICK / 2 + 200));
        assert!(is_due(1, 90), "the clock went back");
        sweep.done(1, Pending::new(transit, Tick(106)));
        assert!(!is_due(1, 200), "nothing is left");
    }
}
