'use strict';

// Between what bounds a sum of samples is in 19 of 20 cases. Two standard deviations say it where there are many; with few, the distribution is far from a
// normal one, and what made no sample at all is in no variance.

const DEVIATIONS = 1.959964;

/** The quantile of a gamma distribution `deviations` from its middle (Wilson and Hilferty). */
function gammaQuantile(shape, deviations) {
  const a = 1 / (9 * shape);
  return shape * Math.max(0, 1 - a + deviations * Math.sqrt(a)) ** 3;
}

/**
 * Of a sum with this `variance` (Fay and Feuer, 1997). `unseen`: what one more sample would add, on average over the recording: while the distance between samples
 * was larger than at those that there are, whole allocations went by.
 */
function intervalOf(sum, variance, unseen) {
  if (!(sum > 0)) return { least: 0, most: unseen > 0 ? unseen * gammaQuantile(1, DEVIATIONS) : 0 };
  const one = Math.max(variance / sum, unseen);
  if (one === 0) return { least: sum, most: sum }; // each was a sample for sure
  const least =
    variance === 0 ? sum : (variance / sum) * gammaQuantile(sum ** 2 / variance, -DEVIATIONS);
  const [mean, spread] = [sum + one, variance + one ** 2];
  const most = (spread / mean) * gammaQuantile(mean ** 2 / spread, DEVIATIONS);
  return { least: Math.min(sum, least), most: Math.max(sum, most) };
}

/** By size class what was allocated, and its variance: they tell the mean distance between samples, by what it was when most bytes came. */
class Distance {
  #classes = [];

  /** Bytes, allocations, and KiB². */
  add(sizeClass, bytes, count, variance) {
    this.#classes[sizeClass] ??= { bytes: 0, count: 0, variance: 0 };
    const sums = this.#classes[sizeClass];
    sums.bytes += bytes;
    sums.count += count;
    sums.variance += variance;
  }

  /** Bytes. 0: it cannot be told. */
  get mean() {
    let [sum, weight] = [0, 0];
    for (const { bytes, count, variance } of this.#classes.filter(Boolean)) {
      if (variance === 0 || count === 0) continue;
      const size = bytes / count;
      // One of n bytes has the variance n² / (e^(n/R) - 1).
      sum += (bytes * size) / Math.log1p((size * bytes) / (variance * 1024 ** 2));
      weight += bytes;
    }
    return weight === 0 ? 0 : sum / weight;
  }
}

/** What one more sample of allocations of `size` bytes would add, and how probable it is that there is none of it: the variance by byte. */
const unsampledOf = (size, distance) =>
  distance > 0 && size > 0 ? size / Math.expm1(size / distance) : 0;

module.exports = { Distance, intervalOf, unsampledOf };
