//! Errors of lifetimes that are to be clustered.

use std::fmt;

/// Why lifetimes were not clustered.
///
/// ```
/// use ralloc_core::error::ClusterError;
/// use ralloc_core::lifetime::{Point, cluster};
///
/// assert_eq!(cluster(&[Point::new(1.0, 2.0)], 5).unwrap_err(), ClusterError::Most { most: 5, limit: 4 });
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum ClusterError {
    /// No number of clusters from 1 to 4.
    Most {
        /// What was asked for.
        most: usize,
        /// [`MOST_CLUSTERS`](crate::lifetime::MOST_CLUSTERS).
        limit: usize,
    },
    /// A place that is no finite number, or a weight that is none or below 0.
    Point {
        /// Which of the points.
        index: usize,
    },
    /// More points than a number of 32 bits tells apart.
    TooMany {
        /// How many there are.
        points: usize,
    },
    /// The sum of the weights, times the squares of the places, is more than a number of 64 bits has.
    Overflow,
}

impl fmt::Display for ClusterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClusterError::Most { most, limit } => {
                write!(f, "{most} clusters: must be 1 to {limit}")
            }
            ClusterError::Point { index } => {
                write!(f, "point {index} is not finite, or its weight is below 0")
            }
            ClusterError::TooMany { points } => write!(f, "{points} points are too many"),
            ClusterError::Overflow => f.write_str("weights and places are too large to be added"),
        }
    }
}

impl std::error::Error for ClusterError {}
