//! The rules that decide which lifetimes belong where: docs/guide/placement.md, line by line.

/// With fewer samples, nothing is decided.
const LEAST_SAMPLES: f64 = 30.0;
/// If this many samples have no exception, exceptions are fewer than 0.1 % in 19 of 20 cases (the
/// rule of three).
const PROOF_SAMPLES: f64 = 3000.0;
/// The most of a site's bytes that may go to another thread or ArrayBuffer.
const MOST_MOVED: f64 = 0.001;
/// The least part of the bytes that must be allocated for requests that ended.
const LEAST_JUDGED: f64 = 0.9;
/// The least part of these that must be gone with its request.
const LEAST_WITH_REQUEST: f64 = 0.999;
/// The least part of the bytes that must have ended before the recording did, so that they end at
/// all.
const LEAST_ENDED: f64 = 0.1;
/// The least part of the bytes with a known lifetime that makes a site long-lived.
const LEAST_LONG: f64 = 0.5;
/// The least part of the allocations that must be of two size classes for a slab.
const LEAST_ALIKE: f64 = 0.9;
/// How many Buffers of its largest size a site may have in a request when it allocates more, on
/// average over the bytes. An arena keeps all of them to its end.
const MOST_REPEATS: f64 = 2.0;

/// Where a site's bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Strategy {
    /// Where they went before: no rule speaks for another place.
    Leave = 0,
    /// To the arena of their request, which frees all of them at its end.
    Request = 1,
    /// To a slab, with a free of their own.
    Slab = 2,
    /// To a region, with a free of their own.
    Region = 3,
}

/// How certain a strategy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Certainty {
    /// Somebody must check it.
    Suggested = 0,
    /// There are so many samples without an exception that exceptions are fewer than 0.1 % in 19 of
    /// 20 cases.
    Proved = 1,
}

/// The rule that decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Reason {
    /// There are fewer than 30 samples.
    FewSamples = 0,
    /// More than 0.1 % of the bytes went to another thread or ArrayBuffer.
    Moves = 1,
    /// 99.9 % of the bytes were gone with their request.
    WithRequest = 2,
    /// Fewer than 10 % of the bytes had ended: they grow, or live longer than was recorded.
    NeverEnds = 3,
    /// Half of the bytes lived 8 s or longer.
    Long = 4,
    /// They lived for a shorter time, and 90 % of them are of two size classes.
    MediumAlike = 5,
    /// They lived for a shorter time, and are of many sizes.
    MediumMixed = 6,
    /// They were gone with their request, which had several Buffers of their largest size.
    Repeats = 7,
}

/// What a profile says about a site. All figures are bytes, except those called samples; they are
/// estimates, so not integers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Evidence {
    /// Allocated.
    pub bytes: f64,
    /// How many samples that is based on.
    pub samples: f64,
    /// Gone at the first sufficient collection after the response of their request.
    pub with_request: f64,
    /// How many samples those are.
    pub with_request_samples: f64,
    /// Alive then.
    pub outlived: f64,
    /// How many samples those are.
    pub outlived_samples: f64,
    /// Gone to another thread or ArrayBuffer.
    pub moved: f64,
    /// Seen to end.
    pub ended: f64,
    /// Alive when the recording ended.
    pub alive: f64,
    /// Of those that ended or were alive then, the bytes that lived 8,192 ms or longer.
    pub long: f64,
    /// The share of the allocations that the two most frequent size classes have; 0 to 1.
    pub alike: f64,
    /// How many Buffers of its largest size the site had in a request when a byte was allocated, on
    /// average.
    pub repeats: f64,
}

/// The decision about a site, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Where its bytes go.
    pub strategy: Strategy,
    /// How certain that is.
    pub certainty: Certainty,
    /// The rule that decided.
    pub reason: Reason,
}

impl Decision {
    const fn new(strategy: Strategy, reason: Reason) -> Decision {
        Decision { strategy, certainty: Certainty::Suggested, reason }
    }
}

/// Applies the first rule that holds.
///
/// ```
/// use ralloc_core::lifetime::{Certainty, Evidence, Strategy, decide};
///
/// let decision = decide(&Evidence {
///     bytes: 4e9,
///     samples: 4000.0,
///     with_request: 4e9,
///     with_request_samples: 4000.0,
///     ended: 4e9,
///     ..Evidence::default()
/// });
/// assert_eq!((decision.strategy, decision.certainty), (Strategy::Request, Certainty::Proved));
/// ```
pub fn decide(evidence: &Evidence) -> Decision {
    let e = evidence;
    let judged = e.with_request + e.outlived;
    // Written with `!` so that NaN counts as too few.
    if !(e.samples >= LEAST_SAMPLES && e.bytes > 0.0) {
        return Decision::new(Strategy::Leave, Reason::FewSamples);
    }
    if e.moved > MOST_MOVED * e.bytes {
        return Decision::new(Strategy::Leave, Reason::Moves);
    }
    if judged >= LEAST_JUDGED * e.bytes && e.with_request >= LEAST_WITH_REQUEST * judged {
        if e.repeats > MOST_REPEATS {
            return Decision::new(Strategy::Leave, Reason::Repeats);
        }
        let is_proved = e.with_request_samples >= PROOF_SAMPLES && e.outlived_samples == 0.0;
        let certainty = if is_proved { Certainty::Proved } else { Certainty::Suggested };
        return Decision { certainty, ..Decision::new(Strategy::Request, Reason::WithRequest) };
    }
    if e.ended < LEAST_ENDED * e.bytes {
        return Decision::new(Strategy::Leave, Reason::NeverEnds);
    }
    if e.long >= LEAST_LONG * (e.ended + e.alive) {
        return Decision::new(Strategy::Region, Reason::Long);
    }
    if e.alike >= LEAST_ALIKE {
        return Decision::new(Strategy::Slab, Reason::MediumAlike);
    }
    Decision::new(Strategy::Region, Reason::MediumMixed)
}
