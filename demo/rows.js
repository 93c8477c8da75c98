'use strict';

// From a contender's blocks to one row: what --json prints of a run, and what is drawn of it.

const { perPass } = require('../bench/method/schedule.js');
const statistics = require('../bench/method/statistics.js');

const { differs, mean, median, quantile, ratioOfProcesses, removed, spread, sum } = statistics;

const FLOOR = 'pool';

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

/** Each field's values: for every block the neighbours that are compared, passes or the block as a whole. */
const MEASURES = {
  rps: ({ closed }) => perPass(closed, meanRps),
  fullCpuUs: ({ closed }) => perPass(closed, cpuPerRequest),
  cpuUs: ({ fixed }) => perPass(fixed, cpuPerRequest),
  p50: percentile(0.5),
  p99: percentile(0.99),
  p999: tail,
  rss: ({ fixed }) => [fixed.at(-1).rss],
  majorGcs: ({ closed }) => perPass(closed, (slices) => per10k(slices, 'majorGcs')),
};

function valuesOf(blocks) {
  return Object.fromEntries(
    Object.entries(MEASURES).map(([field, measure]) => [field, blocks.map(measure)]),
  );
}

const mapFields = (values, how) =>
  Object.fromEntries(Object.entries(values).map(([field, value]) => [field, how(value, field)]));

function runOf(blocks, values) {
  const medians = mapFields(values, (ofBlocks) => median(ofBlocks.map(median)));
  const measured = blocks.flatMap(({ closed, fixed }) => [...closed, ...fixed]);
  const all = blocks.flatMap(({ warm, closed, fixed }) => [...warm, ...closed, ...fixed]);
  const total = (field) => sum(all.map((slice) => slice[field]));
  const { rss, majorGcs, fullCpuUs, ...rounds } = mapFields(values, (ofBlocks) =>
    spread(ofBlocks.map(median)),
  );
  return {
    ...medians,
    gcMs: per10k(measured, 'gcMs'),
    majorGcs: per10k(measured, 'majorGcs'),
    minorGcs: per10k(measured, 'minorGcs'),
    incrementalGcs: per10k(measured, 'incrementalGcs'),
    requests: total('requests'),
    errors: total('errors'),
    verified: total('verified'),
    spread: rounds,
  };
}

/** The share of what can be removed that a contender removes; null where the floor is no better than the base. */
function shares(ratios, floor) {
  const share = (field) => {
    if (!floor || !differs(floor[field])) return null;
    return removed({ base: 1, value: ratios[field].value, floor: floor[field].value });
  };
  return { cpu: share('fullCpuUs'), rss: share('rss') };
}

/**
 * Rows `{ run, … }` of the contenders of one mix and server.
 * @param {{ name: string }[]} contenders the first is the base of the ratios
 * @param {object[][]} measured each one's blocks
 */
function rowsOf(contenders, measured, about) {
  const values = measured.map(valuesOf);
  const [base] = values;
  const ratios = values.map((own) =>
    mapFields(own, (ofBlocks, field) => ratioOfProcesses(ofBlocks, base[field])),
  );
  const floor = ratios[contenders.findIndex(({ name }) => name === FLOOR)];
  return contenders.map(({ name }, index) => {
    const blocks = measured[index];
    const slices = blocks.flatMap(({ warm, closed, fixed }) => [...warm, ...closed, ...fixed]);
    const run = {
      ...about,
      allocator: name,
      ...runOf(blocks, values[index]),
      ratio: ratios[index],
      removed: shares(ratios[index], floor),
    };
    return {
      run,
      clientBusy: median(blocks.flatMap(({ closed }) => closed.map(({ busy }) => busy))),
      heapFallbacks: Math.max(...slices.map(({ heapFallbacks }) => heapFallbacks)),
      firstFault: slices.find(({ firstFault }) => firstFault)?.firstFault ?? null,
    };
  });
}

module.exports = { rowsOf, MEASURES };
