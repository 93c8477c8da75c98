'use strict';

// Medians over rounds, and when two of them differ.

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** (greatest − least) / median. */
function spread(values) {
  const middle = median(values);
  return middle === 0 ? 0 : (Math.max(...values) - Math.min(...values)) / middle;
}

/** Whether the rounds of two contenders overlap: then their ratio says nothing. */
function overlap(a, b) {
  return Math.min(...a) <= Math.max(...b) && Math.min(...b) <= Math.max(...a);
}

function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}

module.exports = { median, spread, overlap, sum };
