//! Errors of clustering lifetimes.

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
    /// The number of clusters is not from 1 to 4.
    Most {
        /// The requested number.
        most: usize,
        /// [`MOST_CLUSTERS`](crate::lifetime::MOST_CLUSTERS).
        limit: usize,
    },
    /// A place is not a finite number, or a weight is not finite or below 0.
    Point {
        /// Which of the points.
        index: usize,
    },
    /// More points than a number of 32 bits can count.
    TooMany {
        /// How many points there are.
        points: usize,
    },
    /// The sum of the weights times the squares of the places does not fit into a number of 64 bits.
    Overflow,
}

texts!(ClusterError {
    ClusterError::Most { most, limit } => "{most} clusters: must be 1 to {limit}";
    ClusterError::Point { index } => "point {index} is not finite, or its weight is below 0";
    ClusterError::TooMany { points } => "{points} points are too many";
    ClusterError::Overflow => "weights and places are too large to be added";
});
