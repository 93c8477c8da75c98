//! Lifetimes: their histograms, clusters and places.
#![cfg(not(loom))]

use proptest::prelude::{
    Just, ProptestConfig, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest,
};
use ralloc_core::error::ClusterError;
use ralloc_core::lifetime::{
    BUCKETS, Certainty, Entry, Evidence, Histogram, MOST_CLUSTERS, Point, Reason, Site, Strategy,
    Table, cluster, decide,
};

mod clusters {
    use super::*;

    fn points(places: &[f64]) -> Vec<Point> {
        places.iter().map(|&at| Point::new(at, 1000.0)).collect()
    }

    #[test]
    fn nothing_has_no_clusters() -> Result<(), ClusterError> {
        for none in [vec![], vec![Point::new(3.0, 0.0)]] {
            let clusters = cluster(&none, 4)?;
            assert_eq!((clusters.chosen, clusters.errors.len()), (0, 0));
            assert!(clusters.borders().is_empty());
        }
        Ok(())
    }

    #[test]
    fn one_place_is_one_cluster() -> Result<(), ClusterError> {
        let clusters = cluster(&points(&[7.5, 7.5, 7.5]), 4)?;
        assert_eq!((clusters.chosen, &clusters.errors[..]), (1, &[0.0][..]));
        Ok(())
    }

    #[test]
    fn lifetimes_less_than_a_doubling_apart_are_one_cluster() -> Result<(), ClusterError> {
        assert_eq!(cluster(&points(&[4.0, 4.5]), 4)?.chosen, 1);
        assert_eq!(cluster(&points(&[4.0, 6.0]), 4)?.chosen, 2);
        Ok(())
    }

    #[test]
    fn finds_two_three_and_four() -> Result<(), ClusterError> {
        let middles = [0.0, 8.0, 16.0, 24.0];
        for k in 1..=4 {
            let places: Vec<f64> =
                middles[..k].iter().flat_map(|m| [m - 0.5, *m, m + 0.5]).collect();
            let clusters = cluster(&points(&places), 4)?;
            let begins: Vec<f64> = middles[1..k].iter().map(|m| m - 0.5).collect();
            assert_eq!((clusters.chosen, clusters.borders()), (k, &begins[..]));
        }
        Ok(())
    }

    #[test]
    fn weights_count_as_so_many_points() -> Result<(), ClusterError> {
        let many = [1.0, 1.0, 1.0, 5.0, 9.0, 9.0].map(|at| Point::new(at, 1.0));
        let few = [Point::new(9.0, 2.0), Point::new(1.0, 3.0), Point::new(5.0, 1.0)];
        assert_eq!(cluster(&many, 3)?, cluster(&few, 3)?);
        Ok(())
    }

    #[test]
    fn extreme_places_and_weights_make_numbers() {
        let extremes = [1e-300, 1e-8, 1.0, 1e8, 1e100, 1e150];
        for (a, b, c) in triples(&extremes) {
            for (at, weight) in [(a, b), (b, c), (c, a)] {
                let points = [
                    Point::new(-at, weight),
                    Point::new(a, c),
                    Point::new(at, b),
                    Point::new(c, a),
                ];
                let Ok(clusters) = cluster(&points, 4) else { continue };
                assert!(
                    clusters.errors.iter().all(|error| error.is_finite() && *error >= 0.0),
                    "{points:?}: {clusters:?}"
                );
                assert!(clusters.starts.iter().flatten().all(|start| start.is_finite()));
            }
        }
    }

    #[test]
    fn errors_lose_no_digits_where_weights_or_places_are_far_apart() -> Result<(), ClusterError> {
        for heavy in [1e3, 1e12, 1e15, 1e17, 1e20, 1e300] {
            let points = [(0.0, heavy), (10.0, 1.0), (20.0, 1.0), (30.0, 1.0)];
            let clusters = cluster(&points.map(|(at, weight)| Point::new(at, weight)), 4)?;
            assert_eq!((clusters.errors[3], clusters.errors[2]), (0.0, 50.0), "{heavy:e}");
        }
        for far in [1e6, 1e9, 1e12, 1e14] {
            let clusters = cluster(&points(&[0.0, far, far + 1.0, far + 2.0]), 4)?;
            assert_eq!(clusters.errors[1..], [2000.0, 500.0, 0.0], "{far:e}");
            assert_eq!(clusters.starts[1], [far]);
        }
        Ok(())
    }

    fn triples(values: &[f64]) -> impl Iterator<Item = (f64, f64, f64)> {
        values.iter().flat_map(move |&a| {
            values.iter().flat_map(move |&b| values.iter().map(move |&c| (a, b, c)))
        })
    }

    #[test]
    fn refuses_what_makes_no_sense() {
        for most in [0, 5, usize::MAX] {
            assert_eq!(cluster(&points(&[1.0]), most), Err(ClusterError::Most { most, limit: 4 }));
        }
        for (at, weight) in [(f64::NAN, 1.0), (f64::INFINITY, 1.0), (1.0, f64::NAN), (1.0, -1.0)] {
            let wrong = [Point::new(1.0, 1.0), Point::new(at, weight)];
            assert_eq!(cluster(&wrong, 2), Err(ClusterError::Point { index: 1 }));
        }
    }
}

mod histograms {
    use super::*;

    #[test]
    fn buckets_are_half_doublings() {
        let cases = [(-1.0, 0), (0.0, 0), (0.99, 0), (1.0, 1), (1.41, 1), (1.42, 2), (2.0, 3)];
        for (ms, bucket) in cases.into_iter().chain([(1024.0, 21), (1e300, 63), (f64::NAN, 0)]) {
            assert_eq!(Histogram::bucket_of(ms), bucket, "{ms} ms");
        }
        for bucket in 0..BUCKETS {
            assert_eq!(Histogram::bucket_of(Histogram::start_of(bucket)), bucket);
        }
    }

    #[test]
    fn no_border_is_below_the_least() -> Result<(), ClusterError> {
        let mut histogram = Histogram::new();
        for ms in [0.5, 4.0, 30.0] {
            histogram.add(ms, 1 << 20);
        }
        assert_eq!(histogram.borders(1.0, 4)?.clusters, 3);
        for least in [8.0, 100.0, 1e12, f64::INFINITY] {
            let borders = histogram.borders(least, 4)?;
            for bucket in borders.buckets.iter().flatten() {
                assert!(Histogram::start_of(usize::from(*bucket)) >= least);
            }
        }
        assert_eq!(histogram.borders(100.0, 4)?.clusters, 1);
        Ok(())
    }

    #[test]
    fn an_empty_one_has_no_borders() -> Result<(), ClusterError> {
        let borders = Histogram::default().borders(10.0, 4)?;
        assert_eq!((borders.clusters, borders.chosen()), (0, &[][..]));
        Ok(())
    }
}

mod decisions {
    use super::*;

    /// Bytes of a cache: most outlive their request, half of them 8 s.
    fn cache() -> Evidence {
        Evidence {
            bytes: 1e9,
            samples: 1000.0,
            with_request: 1e8,
            with_request_samples: 100.0,
            outlived: 9e8,
            outlived_samples: 900.0,
            moved: 0.0,
            ended: 8e8,
            alive: 2e8,
            long: 5e8,
            alike: 0.5,
            repeats: 0.0,
        }
    }

    fn bound(samples: f64) -> Evidence {
        let bytes = samples * 65536.0;
        Evidence {
            bytes,
            samples,
            with_request: bytes,
            with_request_samples: samples,
            ended: bytes,
            ..Evidence::default()
        }
    }

    fn outcome(e: Evidence) -> (Strategy, Reason) {
        let decision = decide(&e);
        (decision.strategy, decision.reason)
    }

    #[test]
    fn too_few_samples_say_nothing() {
        for samples in [0.0, 29.0, f64::NAN] {
            assert_eq!(outcome(bound(samples)), (Strategy::Leave, Reason::FewSamples));
        }
        assert_eq!(outcome(bound(30.0)), (Strategy::Request, Reason::WithRequest));
    }

    #[test]
    fn three_thousand_samples_without_an_exception_prove() {
        let certainty = |e| decide(&e).certainty;
        assert_eq!(certainty(bound(2999.0)), Certainty::Suggested);
        assert_eq!(certainty(bound(3000.0)), Certainty::Proved);
        let exception = Evidence { outlived: 1.0, outlived_samples: 1.0, ..bound(9000.0) };
        assert_eq!(certainty(exception), Certainty::Suggested);
    }

    #[test]
    fn one_byte_in_a_thousand_may_outlive_its_request() {
        let with = |outlived| {
            let e = bound(1000.0);
            Evidence { outlived, with_request: e.bytes - outlived, outlived_samples: 1.0, ..e }
        };
        assert_eq!(outcome(with(65_000.0)).0, Strategy::Request);
        assert_ne!(outcome(with(66_000.0)).0, Strategy::Request);
    }

    #[test]
    fn what_is_rarely_of_a_request_is_not_bound_to_one() {
        let e = bound(1000.0);
        let rarely = Evidence { with_request: 0.8 * e.bytes, alike: 1.0, ..e };
        assert_eq!(outcome(rarely), (Strategy::Slab, Reason::MediumAlike));
    }

    #[test]
    fn what_moves_is_left_alone() {
        let moves = |moved| outcome(Evidence { moved, ..cache() }).1;
        assert_eq!(moves(1e6), Reason::Long);
        assert_eq!(moves(2e6), Reason::Moves);
    }

    #[test]
    fn what_a_request_has_several_times_is_left_alone() {
        let with = |repeats| outcome(Evidence { repeats, ..bound(5000.0) });
        assert_eq!(with(2.0), (Strategy::Request, Reason::WithRequest));
        assert_eq!(with(2.1), (Strategy::Leave, Reason::Repeats));
        assert_eq!(outcome(Evidence { repeats: 9.0, ..cache() }).1, Reason::Long);
    }

    #[test]
    fn what_never_ends_is_left_alone() {
        let leak = Evidence { ended: 9e7, alive: 9.1e8, ..cache() };
        assert_eq!(outcome(leak), (Strategy::Leave, Reason::NeverEnds));
    }

    #[test]
    fn long_ones_go_to_a_region_and_medium_ones_by_their_sizes() {
        assert_eq!(outcome(cache()), (Strategy::Region, Reason::Long));
        let medium = Evidence { long: 4e8, ..cache() };
        assert_eq!(outcome(medium), (Strategy::Region, Reason::MediumMixed));
        let alike = Evidence { alike: 0.9, ..medium };
        assert_eq!(outcome(alike), (Strategy::Slab, Reason::MediumAlike));
    }
}

mod tables {
    use super::*;

    #[test]
    fn sites_beyond_the_table_are_someone_elses_and_no_panic() {
        let table = Table::new([Entry::new(Strategy::Slab, 12), Entry::NONE]);
        assert_eq!(table.entry(Site::new(0)), table.entry(Site::new(2)));
        assert_eq!(table.entry(Site::new(u32::MAX)), Entry::NONE);
    }

    #[test]
    fn a_line_has_one_strategy_for_all_sizes_that_have_a_place() {
        const STRATEGIES: [Strategy; 4] =
            [Strategy::Leave, Strategy::Request, Strategy::Slab, Strategy::Region];
        for strategy in STRATEGIES {
            let line = Entry::new(strategy, 3);
            assert_eq!(STRATEGIES[strategy as usize], strategy);
            for size in [0, 1, 2, 8, 9, 1 << 20, 1 << 31] {
                assert_eq!(line.strategy_of(size), strategy, "{size}");
            }
            assert_eq!(line.strategy_of((1 << 31) + 1), Strategy::Leave);
            assert_eq!(line.strategy_of(usize::MAX), Strategy::Leave);
        }
    }

    #[test]
    fn a_name_has_a_strategy_for_each_size_class() {
        const OTHERS: [(u8, Strategy); 3] =
            [(0, Strategy::Leave), (4, Strategy::Region), (10, Strategy::Request)];
        static TABLE: Table<1> = Table::new([Entry::by_size(Strategy::Slab, 10, &OTHERS)]);
        let name = TABLE.entry(Site::new(0));
        assert_eq!((name.strategy, name.size_class), (Strategy::Slab, 10));
        for (sizes, strategy) in [
            (0..=1, Strategy::Leave),
            (2..=8, Strategy::Slab),
            (9..=16, Strategy::Region),
            (17..=512, Strategy::Slab),
            (513..=1024, Strategy::Request),
            (1025..=5000, Strategy::Leave),
        ] {
            for size in sizes {
                assert_eq!(name.strategy_of(size), strategy, "{size}");
            }
        }
    }

    #[test]
    fn size_classes_that_no_entry_has_a_place_for_are_left_alone() {
        let huge =
            Entry::by_size(Strategy::Region, 40, &[(31, Strategy::Slab), (36, Strategy::Slab)]);
        assert_eq!(huge.size_class, 40);
        assert_eq!(huge.strategy_of(1 << 30), Strategy::Region);
        assert_eq!(huge.strategy_of(1 << 31), Strategy::Slab);
        assert_eq!(huge.strategy_of(1 << 36), Strategy::Leave);
        let others = [(9, Strategy::Slab), (u8::MAX, Strategy::Slab)];
        let small = Entry::by_size(Strategy::Region, 8, &others);
        assert_eq!(small.strategy_of(512), Strategy::Leave, "larger than what was recorded");
    }
}

/// Random lifetimes: the clusters found, against every possible way to cluster.
mod random {
    use super::*;
    use proptest::strategy::Strategy as _;

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
        prop::collection::vec(
            (place, weight).prop_map(|(at, weight)| Point::new(at, weight)),
            1..12,
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

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
}
