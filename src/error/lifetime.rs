//! Errors of clustering lifetimes.

use super::{ErrorKind, fmt, io};

errors! {
    /// Why lifetimes were not clustered.
    ///
    /// ```
    /// use ralloc_core::error::ClusterError;
    /// use ralloc_core::lifetime::{Point, cluster};
    ///
    /// assert_eq!(cluster(&[Point::new(1.0, 2.0)], 5).unwrap_err(), ClusterError::Most { most: 5, limit: 4 });
    /// ```
    pub enum ClusterError {
        /// The number of clusters is not from 1 to
        /// [`MOST_CLUSTERS`](crate::lifetime::MOST_CLUSTERS).
        Most { most: usize, limit: usize } =>
            ErrorKind::InvalidInput, "{most} clusters: must be 1 to {limit}";
        /// The place of a point is not a finite number, or its weight is not finite or below 0.
        Point { index: usize } =>
            ErrorKind::InvalidInput, "point {index} is not finite, or its weight is below 0";
        /// More points than a number of 32 bits can count.
        TooMany { points: usize } => ErrorKind::InvalidInput, "{points} points are too many";
        /// The sum of the weights times the squares of the places does not fit into a number of 64
        /// bits.
        Overflow => ErrorKind::InvalidInput, "weights and places are too large to be added";
    }
}
