'use strict';

// From a contender's blocks to one row: what --json prints of a run, and what is drawn of it.

const { faultOf, ofAll, rowOf } = require('../bench/method/measures.js');
const { summaryOf } = require('../bench/method/results.js');
const { differs, median, removed } = require('../tools/compare/statistics.js');

const FLOOR = 'pool';

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
  const rows = contenders.map(({ name }, index) => rowOf(name, measured[index]));
  const summary = summaryOf({ rows, isApart: true });
  const floor = summary.find(({ name }) => name === FLOOR)?.ratio;
  return summary.map(({ name, median: medians, totals, spread, ratio }, index) => {
    const { rss, majorGcs, fullCpuUs, ...rounds } = spread;
    const { blocks } = rows[index];
    const run = {
      ...{ ...about, allocator: name, ...medians, ...totals, spread: rounds },
      ...{ ratio, removed: shares(ratio, floor), blocks },
    };
    const slices = measured[index].flatMap(ofAll);
    return {
      run,
      clientBusy: median(measured[index].flatMap(({ closed }) => closed.map(({ busy }) => busy))),
      heapFallbacks: Math.max(...slices.map(({ heapFallbacks }) => heapFallbacks)),
      firstFault: faultOf(measured[index]),
    };
  });
}

module.exports = { rowsOf };
