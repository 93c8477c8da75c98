'use strict';

// What the runs of `ralloc compare` say: for each figure the ratio of each variant to plain, in its
// 95 % interval.
//
// A run is one load of one fresh process, `{ block, name, cost }`; each block has two of
// plain, and some variants have few. So the scatter of a run is taken from all runs together: plain
// beside plain again, and each variant's ratios beside their mean. A variance that is expected
// beforehand weighs in, as in a moderated t-statistic (Smyth 2004), since a few runs say little of
// their own scatter.

const { mean, median, student, sum } = require('./statistics.js');

/** Figure → how much single runs of one server scatter, as a share, on a quiet machine. */
const EXPECTED = { cpu: 0.03, rate: 0.03, p50: 0.06, p99: 0.12, peak: 0.04, rest: 0.05 };
const WEIGHT = 4; // of what is expected, in degrees of freedom
/** With a scatter of so many times what is expected the machine is not quiet. */
const MOST_SCATTER = 2;
/** Requests a second that differ less, as a share, come at a fixed rate. */
const FIXED = 0.01;
/** Student's t, 99.5 %, over the one of 97.5 %: about, from 5 degrees of freedom on. */
const SURER = 1.45;
/**
 * An advice needs more than the interval, in so many halves of it: of some 30 ratios one or two
 * hold no 1 by chance. For one run, and for several.
 */
const SURE = [2, 1.5];
/**
 * Part of the processors that must be idle while the servers rest, of two or of the one there is.
 */
const LEAST_IDLE = 0.8;

const square = (value) => value * value;

/**
 * The logarithms of a figure by block: `[{ plains: [a, b], others: Map(name → log) }]`, of blocks
 * with both runs of plain.
 */
function blocksOf(runs, figure) {
  const blocks = new Map();
  for (const { block, name, cost } of runs) {
    const value = Math.log(cost[figure]);
    if (!Number.isFinite(value)) continue;
    if (!blocks.has(block)) blocks.set(block, { plains: [], others: new Map() });
    const { plains, others } = blocks.get(block);
    if (name === 'plain') plains.push(value);
    else others.set(name, value);
  }
  return [...blocks.values()].filter(({ plains }) => plains.length === 2);
}

/** `{ sigma, freedom, found }` of a run: with what is expected, and as it was found alone. */
function scatterOf(blocks, differences, expected) {
  const pairs = blocks.map(({ plains: [a, b] }) => square(a - b) / 2);
  const others = [...differences.values()].flatMap((values) => {
    const middle = mean(values);
    return values.map((value) => square(value - middle) / 1.5);
  });
  const freedom = pairs.length + sum([...differences.values()].map((values) => values.length - 1));
  const squares = sum(pairs) + sum(others);
  const found = Math.sqrt(squares / freedom);
  const variance = (WEIGHT * square(expected) + squares) / (WEIGHT + freedom);
  return { sigma: Math.sqrt(variance), freedom: WEIGHT + freedom, found };
}

/** `{ value, low, high, differs, isSure }` of the mean of logarithms. */
function ratioOf(values, half) {
  const value = mean(values);
  const [low, high] = [value - half, value + half];
  const differs = low > 0 || high < 0;
  const isSure = Math.abs(value) > SURE[Math.min(values.length, SURE.length) - 1] * half;
  return { value: Math.exp(value), low: Math.exp(low), high: Math.exp(high), differs, isSure };
}

/**
 * A figure of all variants: `{ plain, isStable, ratios: { name: { value, low, high, differs, isSure
 * } } }`; undefined if it was not measured. `plain`: its median.
 */
function figureOf(runs, figure) {
  const blocks = blocksOf(runs, figure);
  if (blocks.length === 0) return undefined;
  const differences = new Map();
  for (const { plains, others } of blocks)
    for (const [name, value] of others)
      differences.set(name, [...(differences.get(name) ?? []), value - mean(plains)]);
  const { sigma, freedom, found } = scatterOf(blocks, differences, EXPECTED[figure]);
  const t = student(freedom);
  const half = (count, runsOf) => t * sigma * Math.sqrt(runsOf / count);
  const again = ratioOf(
    blocks.map(({ plains: [a, b] }) => b - a),
    SURER * half(blocks.length, 2),
  );
  const ratios = [...differences].map(([name, values]) => [
    name,
    ratioOf(values, half(values.length, 1.5)),
  ]);
  return {
    plain: Math.exp(median(blocks.flatMap(({ plains }) => plains))),
    isStable: !again.differs && found <= MOST_SCATTER * EXPECTED[figure],
    again,
    ratios: Object.fromEntries(ratios),
  };
}

/**
 * Whether the load came at a fixed rate, so that latencies are compared: at full speed they follow
 * from the rate.
 */
function isPaced(runs) {
  const rates = runs.map(({ cost }) => cost.rate);
  return rates.every((rate) => rate > 0) && Math.max(...rates) / Math.min(...rates) - 1 <= FIXED;
}

/**
 * The share of two processors, or of one, that was idle while servers rested; undefined if none
 * has.
 */
function idleOf(runs) {
  const idle = runs.map((run) => run.idle).filter((share) => share !== undefined);
  return idle.length === 0 ? undefined : median(idle);
}

/**
 * `{ isQuiet, figures }`: `figures` by name, in the order of the table. If other programs use the
 * processors, none is stable.
 */
function figuresOf(runs) {
  const idle = idleOf(runs);
  const isQuiet = idle === undefined || idle >= LEAST_IDLE;
  const names = ['cpu', ...(isPaced(runs) ? ['p50', 'p99'] : ['rate']), 'peak', 'rest'];
  const all = names.map((name) => [name, figureOf(runs, name)]).filter(([, one]) => one);
  const figures = Object.fromEntries(
    all.map(([name, one]) => [name, { ...one, isStable: one.isStable && isQuiet }]),
  );
  return { isQuiet, figures };
}

module.exports = { figuresOf };
