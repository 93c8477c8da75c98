'use strict';

// Where lifetimes fall apart: src/lifetime/kmeans.rs and histogram.rs once more, number for number. A profile has 64 buckets for a size class, for which a call
// of native code would cost more than the work, and who bakes a table need not have a binary. A test compares the two.

/** Of a profile, and as many as clusters are looked for. */
const BUCKETS = 64;
const MOST_CLUSTERS = 4;

/** The bounds of the score: see docs/reference/table.md. */
const LEAST_PART = 1 / 16;
const LEAST_DROP = 0.25;

/** Half doublings: 2^((bucket-1)/2) ms. */
const startOf = (bucket) => (bucket === 0 ? 0 : Math.sqrt(2 ** (bucket - 1)));

/** Places in order, each once, with what a cluster from one to another explains. */
class Sums {
  places = [];
  #of = []; // the weight of each
  #weights = [0];
  #moments = [0];

  /** `bytes`, by bucket; what is below `shortest` counts as if it were there. */
  constructor(bytes, shortest) {
    const each = new Map();
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      if (!(bytes[bucket] > 0)) continue;
      const place = Math.max(bucket, shortest) / 2;
      each.set(place, (each.get(place) ?? 0) + bytes[bucket]);
    }
    let [weight, moment] = [0, 0];
    for (const [place, of] of each) {
      weight += of;
      moment += of * place;
    }
    this.#add(each, moment / weight);
  }

  #add(each, mean) {
    let [sum, moment] = [0, 0];
    for (const [place, weight] of each) {
      sum += weight;
      moment += weight * (place - mean);
      this.places.push(place);
      this.#of.push(weight);
      this.#weights.push(sum);
      this.#moments.push(moment);
    }
  }

  get weight() {
    return this.#weights.at(-1);
  }

  /** Of the places from `from` up to `to` as one cluster, by sums of its own: the difference of two over all places would lose what is small beside them. */
  error(from, to) {
    const first = this.places[from];
    let [weight, moment, error] = [0, 0, 0];
    for (let i = from; i < to; i++) {
      weight += this.#of[i];
      moment += this.#of[i] * (this.places[i] - first);
    }
    const middle = moment / weight;
    for (let i = from; i < to; i++) {
      const distance = this.places[i] - first - middle;
      error += this.#of[i] * distance * distance;
    }
    return error;
  }

  /** By how much the error falls when the places from `from` up to `to` have their own middle. */
  explained(from, to) {
    const moment = this.#moments[to] - this.#moments[from];
    const explained = moment * (moment / (this.#weights[to] - this.#weights[from]));
    // Weights that are nothing beside the others make it infinite, or no number: they explain nothing.
    return Number.isFinite(explained) ? explained : 0;
  }
}

/** One more cluster than in `best`, for the first 1, 2, … places: what they explain, and where the last one begins. */
function nextLayer(sums, best, k) {
  const { length } = sums.places;
  const [next, begins] = [new Array(length + 1).fill(0), new Array(length + 1).fill(0)];
  const set = (to, first, last) => {
    next[to] = Number.NEGATIVE_INFINITY;
    for (let from = first; from <= last; from++) {
      const explained = best[from] + sums.explained(from, to);
      if (explained > next[to]) [next[to], begins[to]] = [explained, from];
    }
    return begins[to];
  };
  const divide = (low, high, first, last) => {
    if (low > high) return;
    const middle = low + ((high - low) >>> 1);
    const begin = set(middle, first, Math.min(last, middle - 1));
    divide(low, middle - 1, first, begin);
    divide(middle + 1, high, begin, last);
  };
  divide(k, length, k - 1, length - 1);
  return { next, begins };
}

/** Where each cluster of `to` places but the first begins, ascending: from the last one back. */
function trace(to, layers) {
  const starts = layers.toReversed().map(({ begins }) => {
    to = begins[to];
    return to;
  });
  return starts.reverse();
}

/** The smallest number of clusters whose next one would let the error fall by less than the bound. */
function choose(errors, weight) {
  const bound = Math.max(errors[0] * LEAST_PART, weight * LEAST_DROP);
  let k = 1;
  while (k < errors.length && errors[k - 1] - errors[k] >= bound) k++;
  return k;
}

/**
 * Where up to `most` clusters of lifetimes have their borders: `{ errors, buckets, clusters }`, the errors and the first buckets of each cluster but the
 * first by the number of clusters less 1, and how many the score takes, 0 of nothing. No border is below `leastMs`. Throws a RangeError.
 * @param {ArrayLike<number>} bytes by bucket
 */
function bordersOf(bytes, leastMs, most = MOST_CLUSTERS) {
  if (!Number.isInteger(most) || most < 1 || most > MOST_CLUSTERS) {
    throw new RangeError(`There are 1 to ${MOST_CLUSTERS} clusters. Received ${most}`);
  }
  let shortest = 0;
  while (shortest + 1 < BUCKETS && !(startOf(shortest + 1) >= leastMs)) shortest++;
  const sums = new Sums(bytes, shortest);
  const { length } = sums.places;
  if (length === 0) return { errors: [], buckets: [], clusters: 0 };
  let best = [0, ...sums.places.map((_, to) => sums.explained(0, to + 1))];
  const [errors, buckets, layers] = [[sums.error(0, length)], [[]], []];
  for (let k = 2; k <= Math.min(most, length); k++) {
    const layer = nextLayer(sums, best, k);
    best = layer.next;
    layers.push(layer);
    const starts = trace(length, layers);
    const ends = [...starts, length];
    errors.push([0, ...starts].reduce((sum, from, i) => sum + sums.error(from, ends[i]), 0));
    const places = starts.map((start) => sums.places[start]);
    buckets.push(halfway(bytes, shortest, places));
  }
  return { errors, buckets, clusters: choose(errors, sums.weight) };
}

/** Half way from the last bucket of a cluster with bytes to the first one of the next. */
function halfway(bytes, shortest, starts) {
  return starts.map((place) => {
    const start = place * 2;
    let before = start - 1;
    while (before > 0 && !(bytes[before] > 0)) before--;
    return Math.ceil((Math.max(before, shortest) + start) / 2);
  });
}

module.exports = { BUCKETS, MOST_CLUSTERS, bordersOf, startOf };
