'use strict';

// node bench/self-test.js [--runs N] [--busy] [--mix NAME] [--node PATH] [--plan JSON]
//
// Is the demo's method honest, and does it see enough? Each run is as long as one mix of the
// default demo, with three contenders that are all `allocUnsafe`: itself again, which must show no
// difference, and one that wastes a tenth more CPU on each request, which must show. `--busy` does
// it beside a busy loop on the servers' processor. `--plan` changes what is in demo/plan.js:
// '{"blocks":6}'.

const { spawn } = require('node:child_process');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { Child } = require('./method/child.js');
const files = require('../demo/files.js');
const { planOf } = require('../demo/plan.js');
const { rowsOf } = require('../demo/rows.js');
const { pin, placement } = require('./method/cpus.js');
const { duration, measure } = require('./method/servers.js');
const { differs, median } = require('../tools/compare/statistics.js');

const [LOAD, SERVER] = ['load.js', 'server.js'].map((name) =>
  path.join(__dirname, '..', 'demo', name),
);
const PLANTED = 0.1;
const PILOT = { blocks: 3 };

const one = (name, burn) => ({ name, allocator: 'allocUnsafe', execArgv: [], burn });

function arguments_() {
  const { values } = parseArgs({
    options: {
      runs: { type: 'string', default: '20' },
      busy: { type: 'boolean', default: false },
      mix: { type: 'string', default: 'frame' },
      node: { type: 'string', default: process.execPath },
      plan: { type: 'string', default: '{}' },
    },
  });
  const runs = Number(values.runs);
  if (!Number.isInteger(runs) || runs < 1) throw new Error(`--runs: "${values.runs}"`);
  return { ...values, runs, plan: { ...planOf({}, values.mix), ...JSON.parse(values.plan) } };
}

/** A busy loop of another program, on the processor that the servers have. */
function startBusyLoop(processors) {
  const last = processors?.servers.split(',').at(-1);
  const child = spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' });
  if (last) pin(child.pid, last);
  process.on('exit', () => child.kill('SIGKILL'));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(130));
}

const percent = (ratio) => `${((ratio.value - 1) * 100).toFixed(1)} %`;
const halfWidth = ({ low, high }) => Math.sqrt(high / low) - 1;

function summary(runs) {
  const count = (says) => `${runs.filter(says).length} of ${runs.length}`;
  const width = (who, field) =>
    `± ${(median(runs.map((run) => halfWidth(run[who][field]))) * 100).toFixed(1)} %`;
  return [
    `itself, no difference: CPU ${count(({ itself }) => !differs(itself.fullCpuUs))}, requests/s ${count(({ itself }) => !differs(itself.rps))}`,
    `planted 10 %, found: CPU ${count(({ planted }) => planted.fullCpuUs.low > 1)}, requests/s ${count(({ planted }) => planted.rps.high < 1)}`,
    `half of an interval, in the median: CPU ${width('itself', 'fullCpuUs')}, requests/s ${width('itself', 'rps')}`,
  ].join('\n');
}

async function main() {
  const options = arguments_();
  const { mix, node, plan, busy } = options;
  const processors = placement();
  const { copies } = files.prepare();
  const load = new Child(LOAD);
  load.pin(processors?.client);
  if (busy) startBusyLoop(processors);
  const upstream = await load.call('read', { copies });
  const common = { mix, server: 'express', program: SERVER, node, env: {}, processors };
  const setting = { ...common, copies, upstream, port: 0, load };

  // The same company as in the runs, for a server is warmer, and cheaper, the longer all of them
  // start.
  const pilot = ['allocUnsafe', 'itself', 'third'].map((name) => one(name, 0));
  const piloted = await measure({ ...setting, contenders: pilot, plan: { ...plan, ...PILOT } });
  const [cost] = rowsOf(pilot, piloted, {});
  const burn = cost.run.fullCpuUs * PLANTED;
  const contenders = [one('allocUnsafe', 0), one('itself', 0), one('planted', burn)];
  const runs = [];
  console.log(
    `${mix}, ${path.basename(node)}${busy ? ', beside a busy loop' : ''}: ${burn.toFixed(1)} µs planted a request`,
  );
  console.log(`about ${Math.round(duration(plan, contenders.length))} s a run`);
  while (runs.length < options.runs) {
    const rows = rowsOf(contenders, await measure({ ...setting, contenders, plan }), {});
    const [, itself, planted] = rows.map(({ run }) => run.ratio);
    runs.push({ itself, planted });
    console.log(
      `${runs.length}: itself CPU ${percent(itself.fullCpuUs)}${differs(itself.fullCpuUs) ? ' WRONG' : ''}, ` +
        `requests/s ${percent(itself.rps)}${differs(itself.rps) ? ' WRONG' : ''}; ` +
        `planted CPU ${percent(planted.fullCpuUs)}${planted.fullCpuUs.low > 1 ? '' : ' MISSED'}`,
    );
  }
  console.log(summary(runs));
  await load.stop();
  process.exit();
}

main();
