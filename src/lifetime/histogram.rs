//! Lifetimes, counted in buckets of half a doubling, as in a profile
//! (docs/reference/profile-format.md).

use super::kmeans::{Point, cluster};
use crate::error::ClusterError;

/// How many buckets there are.
pub const BUCKETS: usize = 64;

/// Bytes by their lifetime. Bucket 0 is below 1 ms, bucket *b* is 2^((*b*−1)/2) to 2^(*b*/2) ms,
/// and the last one has the rest.
///
/// ```
/// use ralloc_core::lifetime::Histogram;
///
/// let mut short = Histogram::new();
/// short.add(3.0, 1 << 20); // ms, bytes
/// let mut long = Histogram::new();
/// long.add(60_000.0, 1 << 20);
/// short.merge(&long);
/// let borders = short.borders(20.0, 4)?;
/// assert_eq!(borders.chosen(), &[21]); // 1,024 ms: half way, by doublings, from 20 ms to 60 s
/// # Ok::<(), ralloc_core::error::ClusterError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram {
    bytes: [u64; BUCKETS],
}

/// The clusters of a [`Histogram`]'s lifetimes.
#[derive(Clone, Debug, PartialEq)]
pub struct Borders {
    /// The weighted sum of squares with 1, 2, … clusters, in doublings². See
    /// [`Clusters::errors`](super::Clusters::errors).
    pub errors: Vec<f64>,
    /// By the number of clusters less 1: the first bucket of each cluster except the first.
    pub buckets: Vec<Vec<u8>>,
    /// How many clusters the score chooses; 0 for an empty histogram.
    pub clusters: usize,
}

impl Borders {
    /// The first bucket of each cluster except the first, for the number that the score chooses.
    pub fn chosen(&self) -> &[u8] {
        self.clusters.checked_sub(1).map_or(&[], |index| &self.buckets[index])
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

impl Histogram {
    /// An empty histogram.
    pub const fn new() -> Histogram {
        Histogram { bytes: [0; BUCKETS] }
    }

    /// A histogram with these bytes in its buckets.
    pub const fn from_bytes(bytes: [u64; BUCKETS]) -> Histogram {
        Histogram { bytes }
    }

    /// The bytes of each bucket.
    pub const fn bytes(&self) -> &[u64; BUCKETS] {
        &self.bytes
    }

    /// Adds bytes that lived `ms` milliseconds. A time that is not a number counts as below 1 ms.
    pub fn add(&mut self, ms: f64, bytes: u64) {
        let place = &mut self.bytes[Self::bucket_of(ms)];
        *place = place.saturating_add(bytes);
    }

    /// Adds all bytes of another histogram. The order of merges does not matter.
    pub fn merge(&mut self, other: &Histogram) {
        for (place, bytes) in self.bytes.iter_mut().zip(other.bytes) {
            *place = place.saturating_add(bytes);
        }
    }

    /// The bucket of a lifetime.
    pub fn bucket_of(ms: f64) -> usize {
        (1..BUCKETS).rev().find(|&bucket| ms >= Self::start_of(bucket)).unwrap_or(0)
    }

    /// The shortest lifetime of a bucket, in ms.
    pub fn start_of(bucket: usize) -> f64 {
        match bucket.checked_sub(1) {
            None => 0.0,
            // Squared first: the root of a power of two is rounded once, on every machine alike.
            Some(halves) => ((1u64 << halves.min(62)) as f64).sqrt(),
        }
    }

    /// Finds the borders of up to `most` (1 to 4) clusters of its lifetimes, on a logarithmic axis.
    /// None is below `least_ms`: blocks that ended before count as if they had lived that long,
    /// because their end could not be noticed earlier.
    ///
    /// # Errors
    ///
    /// A number of clusters that is none of these.
    pub fn borders(&self, least_ms: f64, most: usize) -> Result<Borders, ClusterError> {
        let shortest = (1..BUCKETS).find(|&b| Self::start_of(b) >= least_ms).unwrap_or(BUCKETS) - 1;
        let points: Vec<Point> = (0..BUCKETS)
            .map(|b| Point::new(b.max(shortest) as f64 / 2.0, self.bytes[b] as f64))
            .collect();
        let clusters = cluster(&points, most)?;
        let bucket = |at: &f64| (at * 2.0) as u8;
        let starts = clusters.starts.iter().map(|s| s.iter().map(bucket).collect::<Vec<u8>>());
        let buckets = starts.map(|starts| self.halfway(&starts, shortest)).collect();
        Ok(Borders { errors: clusters.errors, buckets, clusters: clusters.chosen })
    }

    /// The middle between the last bucket of a cluster with bytes and the first one of the next.
    fn halfway(&self, starts: &[u8], shortest: usize) -> Vec<u8> {
        let between = |&start: &u8| {
            let before = (0..start).rev().find(|&b| self.bytes[usize::from(b)] > 0).unwrap_or(0);
            (before.max(shortest as u8) + start).div_ceil(2)
        };
        starts.iter().map(between).collect()
    }
}
