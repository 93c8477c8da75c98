// The memory of each variant over time: requests at one rate for a while, then none: npm run
// bench:apps -- raw-1m --over-time

const { setTimeout: sleep } = require('node:timers/promises');
const { quantile } = require('../../tools/compare/statistics.js');
const { withServers } = require('../method/servers.js');

const LOAD = { rate: 40, seconds: 20 };
const QUICK = { rate: 40, seconds: 1 };
const REST_S = 15;
const EVERY_MS = 250;

/**
 * `{ load, rows: [{ name, points, p99 }] }`: of each contender, one after another, `[seconds,
 * bytes]` from its start.
 */
async function overTime(setting, isQuick) {
  const load = isQuick ? QUICK : LOAD;
  const rows = [];
  for (const contender of setting.contenders) {
    rows.push(
      await withServers({ ...setting, contenders: [contender] }, async ([server]) => {
        server.pin();
        const begun = performance.now();
        const points = [];
        const watch = async (seconds) => {
          for (const end = performance.now() + seconds * 1e3; performance.now() < end; ) {
            const rss = await server.call('sample');
            points.push([(performance.now() - begun) / 1e3, rss]);
            await sleep(EVERY_MS);
          }
        };
        const loaded = server.slice('fixedRate', load, load.seconds);
        await watch(load.seconds);
        const { latencies, errors, firstFault } = await loaded;
        if (errors > 0) throw new Error(`${contender.name}: ${firstFault}`);
        await watch(isQuick ? 1 : REST_S);
        return { name: contender.name, points, p99: quantile(latencies, 0.99) };
      }),
    );
  }
  return { load, rows };
}

module.exports = { overTime };
