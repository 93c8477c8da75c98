//! One more cluster, for every number of first places.

use super::Sums;

/// For each `to`: how much `k` clusters of the first `to` places explain at most, and where the
/// last one begins. `best` has the same for one cluster less. `last_only`: only for all places.
pub(super) fn fill(sums: &Sums, best: &[f64], k: usize, last_only: bool) -> (Vec<f64>, Vec<u32>) {
    let len = sums.len();
    let mut layer = Layer { sums, best, next: vec![0.0; len + 1], begins: vec![0; len + 1] };
    if last_only {
        layer.set(len, k - 1, len - 1);
    } else {
        layer.divide(k, len, k - 1, len - 1);
    }
    (layer.next, layer.begins)
}

struct Layer<'a> {
    sums: &'a Sums,
    best: &'a [f64],
    next: Vec<f64>,
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
