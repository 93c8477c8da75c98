'use strict';

// The 95 % bounds of a sum of samples. With many samples, two standard deviations are enough. With few, the distribution is far from
// normal, and the variance does not include allocations that were not sampled at all.

const DEVIATIONS = 1.959964;

/** The quantile of a gamma distribution at `deviations` from its mean (Wilson and Hilferty). */
function gammaQuantile(shape, deviations) {
  const a = 1 / (9 * shape);
  return shape * Math.max(0, 1 - a + deviations * Math.sqrt(a)) ** 3;
}

/**
 * The bounds of a sum with this `variance` (Fay and Feuer, 1997). `unseen`: what one more sample would add, on average over the recording. While the distance between
 * samples was larger, whole allocations may have been missed.
 */
function intervalOf(sum, variance, unseen) {
  if (!(sum > 0)) return { least: 0, most: unseen > 0 ? unseen * gammaQuantile(1, DEVIATIONS) : 0 };
  const one = Math.max(variance / sum, unseen);
  if (one === 0) return { least: sum, most: sum }; // every allocation was sampled
  const least =
    variance === 0 ? sum : (variance / sum) * gammaQuantile(sum ** 2 / variance, -DEVIATIONS);
  const [mean, spread] = [sum + one, variance + one ** 2];
  const most = (spread / mean) * gammaQuantile(mean ** 2 / spread, DEVIATIONS);
  return { least: Math.min(sum, least), most: Math.max(sum, most) };
}

/** Sums allocations and their variance by size class, and computes from these the mean distance between samples when most bytes were allocated. */
class Distance {
  #classes = [];

  /** `variance` is in KiB². */
  add(sizeClass, bytes, count, variance) {
    this.#classes[sizeClass] ??= { bytes: 0, count: 0, variance: 0 };
    const sums = this.#classes[sizeClass];
    sums.bytes += bytes;
    sums.count += count;
    sums.variance += variance;
  }

  /** In bytes; 0 if unknown. */
  get mean() {
    let [sum, weight] = [0, 0];
    for (const { bytes, count, variance } of this.#classes.filter(Boolean)) {
      if (variance === 0 || count === 0) continue;
      const size = bytes / count;
      // An allocation of n bytes has the variance n² / (e^(n/R) - 1).
      sum += (bytes * size) / Math.log1p((size * bytes) / (variance * 1024 ** 2));
      weight += bytes;
    }
    return weight === 0 ? 0 : sum / weight;
  }
}

/** What one more sample of allocations of `size` bytes would add, and the variance per byte, from the probability that one is missed. */
const unsampledOf = (size, distance) =>
  distance > 0 && size > 0 ? size / Math.expm1(size / distance) : 0;

module.exports = { Distance, intervalOf, unsampledOf };
