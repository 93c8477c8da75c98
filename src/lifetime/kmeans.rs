//! Exact k-means in one dimension, of weighted points.
//!
//! In one dimension each cluster of an optimum is an interval of the sorted points, so dynamic
//! programming over the beginning of the last one finds the optimum (Wang and Song,
//! "Ckmeans.1d.dp", R Journal 3/2, 2011). The best beginning of the last cluster never moves left
//! as points are added, so divide and conquer needs O(n log n) steps for each further cluster
//! (Grønlund and others, "Fast exact k-means, k-medians and Bregman divergence clustering in 1D",
//! 2017). Their SMAWK saves the logarithm, which is 6 for the 64 places of a profile.

use crate::error::ClusterError;

/// The most clusters that are searched for: short, medium, long, and one between.
pub const MOST_CLUSTERS: usize = 4;

/// A further cluster is worth having if the error falls by this part of the error of one cluster.
/// BIC and similar scores always ask for the most clusters, because they take the bytes of a
/// profile for as many independent lifetimes.
const LEAST_PART: f64 = 1.0 / 16.0;
/// It must also fall by this much for each unit of weight: as if one half of the bytes were a
/// doubling of the lifetime away from the other.
const LEAST_DROP: f64 = 0.25;

/// A place on the axis, such as the binary logarithm of a lifetime, and its weight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Any finite number.
    pub at: f64,
    /// 0 or more; a point of weight 0 has no influence on clusters.
    pub weight: f64,
}

impl Point {
    /// A point.
    pub const fn new(at: f64, weight: f64) -> Point {
        Point { at, weight }
    }
}

/// The best clusters, for each number of them up to the requested one.
#[derive(Clone, Debug, PartialEq)]
pub struct Clusters {
    /// The weighted sum of squared distances to the middle of the cluster, with 1, 2, … clusters.
    /// There are fewer entries if there are fewer different places, and none if there is no weight.
    /// Errors are exact to the last digits, even if they are tiny compared with the error of one
    /// cluster; for such errors the clusters may not be the best ones.
    pub errors: Vec<f64>,
    /// By the number of clusters less 1: the places where each cluster except the first begins,
    /// ascending.
    pub starts: Vec<Vec<f64>>,
    /// The chosen number of clusters, 1 to [`MOST_CLUSTERS`]: the smallest one whose next cluster
    /// would not be worth having. 0 without weight.
    pub chosen: usize,
}

impl Clusters {
    /// Where each cluster except the first begins, for the chosen number.
    pub fn borders(&self) -> &[f64] {
        self.chosen.checked_sub(1).map_or(&[], |index| &self.starts[index])
    }
}

/// The different places in order, with sums that tell what a cluster from one place to another
/// explains.
struct Sums {
    points: Vec<Point>,
    /// The sums of all weights before each place; below, of weight times distance from the mean of
    /// all.
    weights: Vec<f64>,
    moments: Vec<f64>,
}

impl Sums {
    /// `points` must have some weight.
    fn new(mut points: Vec<Point>) -> Sums {
        points.sort_by(|a, b| a.at.total_cmp(&b.at));
        points.dedup_by(|next, kept| {
            let same = next.at == kept.at;
            if same {
                kept.weight += next.weight;
            }
            same
        });
        // Distances from the mean, so that the squares of the sums do not drown the differences.
        let weight: f64 = points.iter().map(|p| p.weight).sum();
        let mean = points.iter().map(|p| p.weight * p.at).sum::<f64>() / weight;
        let (mut weights, mut moments) = (vec![0.0], vec![0.0]);
        let (mut sum, mut moment) = (0.0, 0.0);
        for p in &points {
            sum += p.weight;
            moment += p.weight * (p.at - mean);
            weights.push(sum);
            moments.push(moment);
        }
        Sums { points, weights, moments }
    }

    fn len(&self) -> usize {
        self.points.len()
    }

    /// The error of the places `from..to` as one cluster. Computed by sums of its own: the
    /// difference of two sums over all places would lose a small error.
    fn error(&self, from: usize, to: usize) -> f64 {
        let (first, points) = (self.points[from].at, &self.points[from..to]);
        let weight: f64 = points.iter().map(|p| p.weight).sum();
        let moment: f64 = points.iter().map(|p| p.weight * (p.at - first)).sum();
        let distance = |p: &Point| p.at - first - moment / weight;
        points.iter().map(|p| p.weight * distance(p) * distance(p)).sum()
    }

    /// How much the error falls if the places `from..to` have a middle of their own. The clusters
    /// maximise this.
    #[inline]
    fn explained(&self, from: usize, to: usize) -> f64 {
        let moment = self.moments[to] - self.moments[from];
        let explained = moment * (moment / (self.weights[to] - self.weights[from]));
        // Weights that are tiny compared with the others make it infinite, or not a number: they
        // explain nothing.
        if explained.is_finite() { explained } else { 0.0 }
    }
}

/// Finds up to `most` clusters (1 to [`MOST_CLUSTERS`]). The order of the points does not matter,
/// as far as sums of their weights are exact, as sums of whole numbers are up to 2⁵³.
///
/// ```
/// use ralloc_core::lifetime::{Point, cluster};
///
/// let points = [0.0, 1.0, 2.0, 10.0, 11.0, 12.0].map(|at| Point::new(at, 5.0));
/// let clusters = cluster(&points, 4)?;
/// assert_eq!(clusters.chosen, 2);
/// assert_eq!(clusters.borders(), [10.0]);
/// # Ok::<(), ralloc_core::error::ClusterError>(())
/// ```
///
/// # Errors
///
/// A number of clusters that is none of these, points that are not finite, more than 2³² of them,
/// sums that are not finite.
pub fn cluster(points: &[Point], most: usize) -> Result<Clusters, ClusterError> {
    if !(1..=MOST_CLUSTERS).contains(&most) {
        return Err(ClusterError::Most { most, limit: MOST_CLUSTERS });
    }
    if u32::try_from(points.len()).is_err() {
        return Err(ClusterError::TooMany { points: points.len() });
    }
    let is_sound = |p: &Point| p.at.is_finite() && p.weight.is_finite() && p.weight >= 0.0;
    if let Some(index) = points.iter().position(|p| !is_sound(p)) {
        return Err(ClusterError::Point { index });
    }
    let weighed: Vec<Point> = points.iter().copied().filter(|p| p.weight > 0.0).collect();
    if weighed.is_empty() {
        return Ok(Clusters { errors: vec![], starts: vec![], chosen: 0 });
    }
    let sums = Sums::new(weighed);
    let error = sums.error(0, sums.len());
    if !error.is_finite() {
        return Err(ClusterError::Overflow);
    }
    Ok(solve(&sums, error, most))
}

/// `error` is that of one cluster.
fn solve(sums: &Sums, error: f64, most: usize) -> Clusters {
    let len = sums.len();
    let mut best: Vec<f64> = (0..=len).map(|to| sums.explained(0, to)).collect();
    let mut errors = vec![error];
    let mut starts = vec![vec![]];
    let mut layers: Vec<Vec<u32>> = vec![];
    for k in 2..=most.min(len) {
        let (next, begins) = (vec![0.0; len + 1], vec![0; len + 1]);
        let mut layer = Layer { sums, best: &best, next, begins };
        layer.divide(k, len, k - 1, len - 1);
        let Layer { next, begins, .. } = layer;
        layers.push(begins);
        let begins = trace(len, &layers);
        let froms = [0].into_iter().chain(begins.iter().copied());
        let tos = begins.iter().copied().chain([len]);
        errors.push(froms.zip(tos).fold(0.0, |sum, (from, to)| sum + sums.error(from, to)));
        starts.push(begins.iter().map(|&begin| sums.points[begin].at).collect());
        best = next;
    }
    let chosen = choose(&errors, sums.weights[len]);
    Clusters { errors, starts, chosen }
}

/// Where each cluster of `to` places except the first begins, ascending. Computed from the last one
/// back.
fn trace(mut to: usize, layers: &[Vec<u32>]) -> Vec<usize> {
    let mut starts = vec![0; layers.len()];
    for (start, begins) in starts.iter_mut().zip(layers).rev() {
        to = begins[to] as usize;
        *start = to;
    }
    starts
}

/// The smallest number of clusters for which one more would lower the error by less than the bound.
fn choose(errors: &[f64], weight: f64) -> usize {
    let bound = (errors[0] * LEAST_PART).max(weight * LEAST_DROP);
    let falls = errors.windows(2).take_while(|pair| pair[0] - pair[1] >= bound);
    falls.count() + 1
}

/// One cluster more. By how many of the first places are in clusters:
struct Layer<'a> {
    sums: &'a Sums,
    /// How much one cluster less explains at most.
    best: &'a [f64],
    /// How much these explain at most.
    next: Vec<f64>,
    /// Where the last one begins.
    begins: Vec<u32>,
}

impl Layer<'_> {
    /// Computes `low..=high`, whose last clusters begin in `first..=last`. The middle one divides
    /// the others, so the recursion is no deeper than the logarithm of their number.
    fn divide(&mut self, low: usize, high: usize, first: usize, last: usize) {
        if low > high {
            return;
        }
        let middle = low + (high - low) / 2;
        let begin = self.set(middle, first, last.min(middle - 1));
        self.divide(low, middle - 1, first, begin);
        self.divide(middle + 1, high, begin, last);
    }

    /// Finds where the last cluster of the first `to` places best begins, in `first..=last`. Of two
    /// that are equally good, takes the lower.
    fn set(&mut self, to: usize, first: usize, last: usize) -> usize {
        let (mut most, mut begin) = (f64::NEG_INFINITY, first);
        for from in first..=last {
            let explained = self.best[from] + self.sums.explained(from, to);
            if explained > most {
                (most, begin) = (explained, from);
            }
        }
        self.next[to] = most;
        self.begins[to] = begin as u32; // cluster() has checked that it fits
        begin
    }
}
