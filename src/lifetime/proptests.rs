//! Random lifetimes: the clusters found, against every possible way to cluster.

use super::{BUCKETS, Histogram, MOST_CLUSTERS, Point, cluster};
use crate::random_tests::cases;
use proptest::prelude::*;

/// The weighted sum of squared distances to the middle.
fn error_of(points: &[Point]) -> f64 {
    let (first, weight) = (points[0].at, points.iter().map(|p| p.weight).sum::<f64>());
    let middle = points.iter().map(|p| p.weight * (p.at - first)).sum::<f64>() / weight;
    points.iter().map(|p| p.weight * (p.at - first - middle).powi(2)).sum()
}

/// The least error of sorted `points` in `k` clusters, over all ways to divide them.
fn least_error(points: &[Point], k: usize) -> f64 {
    if k == 1 {
        return error_of(points);
    }
    (k - 1..points.len())
        .map(|from| least_error(&points[..from], k - 1) + error_of(&points[from..]))
        .fold(f64::INFINITY, f64::min)
}

/// The error of the clusters that begin at these places.
fn error_with(points: &[Point], starts: &[f64]) -> f64 {
    let which = |p: &Point| starts.iter().filter(|&&start| p.at >= start).count();
    points.chunk_by(|a, b| which(a) == which(b)).map(error_of).sum()
}

/// The rounding error of sums this large.
fn rounding(points: &[Point]) -> f64 {
    let span = points[points.len() - 1].at - points[0].at;
    1e-13 * span * span * points.iter().map(|p| p.weight).sum::<f64>()
}

fn points() -> impl proptest::strategy::Strategy<Value = Vec<Point>> {
    let place = prop_oneof![(-40..160i32).prop_map(|n| f64::from(n) / 4.0), -10.0..40.0f64];
    let weight = prop_oneof![1.0..4.0f64, (0..40u32).prop_map(|log| (1u64 << log) as f64)];
    prop::collection::vec((place, weight).prop_map(|(at, weight)| Point::new(at, weight)), 1..12)
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn clusters_are_the_best_there_are(given in points()) {
        let clusters = cluster(&given, MOST_CLUSTERS).unwrap();
        let mut sorted = given.clone();
        sorted.sort_by(|a, b| a.at.total_cmp(&b.at));
        let scale = rounding(&sorted) + 1e-9 * error_of(&sorted);
        for (index, &error) in clusters.errors.iter().enumerate() {
            let least = least_error(&sorted, index + 1);
            prop_assert!((error - least).abs() <= scale, "{error} for {least}");
            let starts = &clusters.starts[index];
            prop_assert_eq!(starts.len(), index);
            prop_assert!((error_with(&sorted, starts) - least).abs() <= scale);
            prop_assert!(starts.is_sorted());
        }
        sorted.dedup_by(|a, b| a.at == b.at);
        prop_assert_eq!(clusters.errors.len(), sorted.len().min(MOST_CLUSTERS));
    }

    #[test]
    fn the_order_of_points_does_not_matter(
        places in prop::collection::vec((0..64u8, 0..1u64 << 40), 1..200),
        rotation in any::<usize>(),
    ) {
        let mut points: Vec<Point> =
            places.iter().map(|&(at, weight)| Point::new(f64::from(at), weight as f64)).collect();
        let before = cluster(&points, MOST_CLUSTERS).unwrap();
        let by = rotation % points.len();
        points.rotate_left(by);
        prop_assert_eq!(&before, &cluster(&points, MOST_CLUSTERS).unwrap());
        points.reverse();
        prop_assert_eq!(&before, &cluster(&points, MOST_CLUSTERS).unwrap());
    }

    #[test]
    fn borders_part_what_clusters_do(
        bytes in prop::collection::vec(prop_oneof![Just(0), 1..1u64 << 30], BUCKETS),
        least in 0.0..1e7f64,
    ) {
        let histogram = Histogram::from_bytes(bytes.try_into().unwrap());
        let borders = histogram.borders(least, MOST_CLUSTERS).unwrap();
        for buckets in &borders.buckets {
            prop_assert!(buckets.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert!(buckets.iter().all(|&b| Histogram::start_of(usize::from(b)) >= least));
        }
        prop_assert!(borders.clusters <= MOST_CLUSTERS);
    }
}
