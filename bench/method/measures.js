'use strict';

// From the slices of servers (servers.js) to the values that are compared.

const { perPass } = require('./schedule.js');
const { mean, quantile, sum } = require('../../tools/compare/statistics.js');

const cpuPerRequest = (slices) =>
  sum(slices.map(({ cpuUs }) => cpuUs)) / sum(slices.map(({ served }) => served));

const per10k = (slices, field) =>
  (10_000 * sum(slices.map((slice) => slice[field]))) / sum(slices.map(({ served }) => served));

const meanRps = (slices) => mean(slices.map(({ rps }) => rps));

const latenciesOf = (slices) => slices.flatMap(({ latencies }) => [...latencies]);

const percentile =
  (q) =>
  ({ fixed }) =>
    perPass(fixed, (slices) => quantile(latenciesOf(slices), q));

/** The tail of all latencies of a block: a pass has too few. */
const tail = ({ fixed }) => [quantile(latenciesOf(fixed), 0.999)];

/**
 * Each field's values: for every block the neighbours that are compared, passes or the block as a
 * whole.
 */
const MEASURES = {
  rps: ({ closed }) => perPass(closed, meanRps),
  fullCpuUs: ({ closed }) => perPass(closed, cpuPerRequest),
  cpuUs: ({ fixed }) => perPass(fixed, cpuPerRequest),
  p50: percentile(0.5),
  p99: percentile(0.99),
  p999: tail,
  rss: ({ fixed }) => [fixed.at(-1).rss],
  restRss: ({ rest }) => (rest === undefined ? [] : [rest]),
  majorGcs: ({ closed }) => perPass(closed, (slices) => per10k(slices, 'majorGcs')),
};

const ofAll = ({ warm, closed, fixed }) => [...warm, ...closed, ...fixed];

/** The row of a contender's blocks, as results.js has rows. Collections are in 10,000 requests. */
function rowOf(name, blocks) {
  const measured = blocks.flatMap(({ closed, fixed }) => [...closed, ...fixed]);
  const total = (field) => sum(blocks.flatMap(ofAll).map((slice) => slice[field]));
  const collections = ['gcMs', 'majorGcs', 'minorGcs', 'incrementalGcs'];
  return {
    name,
    blocks: Object.fromEntries(
      Object.entries(MEASURES)
        .map(([field, measure]) => [field, blocks.map(measure)])
        .filter(([, values]) => values[0].length > 0), // what was measured
    ),
    totals: {
      ...Object.fromEntries(collections.map((field) => [field, per10k(measured, field)])),
      ...{ requests: total('requests'), errors: total('errors'), verified: total('verified') },
    },
  };
}

/** What was wrong first, in words, or null. */
const faultOf = (blocks) =>
  blocks.flatMap(ofAll).find(({ firstFault }) => firstFault)?.firstFault ?? null;

module.exports = { faultOf, ofAll, rowOf };
