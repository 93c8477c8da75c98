'use strict';

// The lines of metrics that statsd knows, and what they have told.

const LINE =
  /^([^:|@\s]{1,200}):([+-]?\d+(?:\.\d+)?)\|(c|g|ms)(?:\|@(0?\.\d+|1(?:\.0+)?))?(?:\|#[^|]*)?$/;
const MOST_NAMES = 10_000; // a name is memory for good, and anybody can send some

/** What the lines of each type have told. */
const fold = {
  c(metric, value, rate) {
    metric.total += value / rate;
  },
  g(metric, value, _rate, sign) {
    metric.value = sign === '' ? value : metric.value + value; // +1 and -1 change it
  },
  ms(metric, value, rate) {
    metric.count += 1 / rate;
    metric.sum += value;
    metric.min = Math.min(metric.min, value);
    metric.max = Math.max(metric.max, value);
  },
};
const fresh = {
  c: () => ({ total: 0 }),
  g: () => ({ value: 0 }),
  ms: () => ({ count: 0, sum: 0, min: Number.POSITIVE_INFINITY, max: Number.NEGATIVE_INFINITY }),
};

class Metrics {
  #all = new Map(); // `name|type` → what was told

  /** False for what is no line of a metric, or of one too many. */
  add(line) {
    const [, name, text, type, rate = '1'] = LINE.exec(line) ?? [];
    if (name === undefined || Number(rate) === 0) return false;
    const key = `${name}|${type}`;
    let metric = this.#all.get(key);
    if (metric === undefined) {
      if (this.#all.size >= MOST_NAMES) return false;
      metric = fresh[type]();
      this.#all.set(key, metric);
    }
    fold[type](metric, Number(text), Number(rate), /^[+-]?/.exec(text)[0]);
    return true;
  }

  /** [name, type, what was told], by name. */
  list() {
    const all = [...this.#all].map(([key, metric]) => [...key.split('|'), metric]);
    return all.sort(([a], [b]) => (a < b ? -1 : 1));
  }
}

const rounded = (value) => Number(value.toFixed(3));

/** For people, by type. */
const describe = {
  c: ({ total }) => String(rounded(total)),
  g: ({ value }) => String(rounded(value)),
  ms: ({ count, sum, min, max }) =>
    `${rounded(count)} times, ${min} to ${max}, sum ${rounded(sum)}`,
};

module.exports = { Metrics, describe };
