'use strict';

// Medians, spread, and when a ratio says nothing.

/** Quantile by linear interpolation; `values` need not be sorted. */
function quantile(values, q) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const low = Math.floor(at);
  const high = Math.ceil(at);
  return sorted[low] + (sorted[high] - sorted[low]) * (at - low);
}

const median = (values) => quantile(values, 0.5);

/** Half the width of the middle 80 % of the values, as a part of their median. */
function spread(values) {
  const middle = median(values);
  return middle === 0 ? 0 : (quantile(values, 0.9) - quantile(values, 0.1)) / 2 / Math.abs(middle);
}

/**
 * A ratio is taken round by round, since what disturbs a round disturbs its neighbours alike.
 * When the middle 80 % of the rounds' ratios hold 1, there is no difference to speak of.
 */
function ratio(values, baseline) {
  const ratios = values.map((value, round) => value / baseline[round]);
  const low = quantile(ratios, 0.1);
  const high = quantile(ratios, 0.9);
  return { ratio: median(ratios), low, high, differs: low > 1 || high < 1 };
}

module.exports = { median, spread, ratio };
