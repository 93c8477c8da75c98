'use strict';

// `ralloc trial --load COMMAND`: compares a server with and without its lines changed, in fresh processes that alternate, each under the same load.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { attempt } = require('../../lib/base/attempt.js');
const { costOf, gainLines } = require('../placement/trial/gain.js');
const { nodeOptions } = require('../recorder/options.js');
const { startApplication, withFolder } = require('./application.js');
const { OK, tell } = require('./print.js');

const MEASURE = path.join(__dirname, '..', 'placement', 'trial', 'measure.js');
const POLL_MS = 50;
/** How long to wait for one more row after the load: rows are written ten times a second. */
const LAST_ROW_MS = 150;

const failed = (message) => Object.assign(new Error(message), { code: 'ERR_TRIAL_LOAD' });

/** Process → its rows. The last row may be incomplete. */
function rowsIn(folder) {
  const each = fs.readdirSync(folder).map((pid) => {
    const lines = fs.readFileSync(path.join(folder, pid), 'utf8').split('\n').slice(0, -1);
    return [Number(pid), lines.map((line) => JSON.parse(line))];
  });
  return new Map(each.filter(([, rows]) => rows.length > 0));
}

/** Runs the load through the shell; if it fails, rejects with the end of its output. */
async function put(load, signal) {
  const child = spawn(load, { shell: true, stdio: ['ignore', 'ignore', 'pipe'], signal });
  let words = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    words = (words + text).slice(-1000);
  });
  const [code, killed] = await once(child, 'close');
  if (code !== 0)
    throw failed(`The load ended with ${killed ?? `exit code ${code}`}: ${load}\n${words.trim()}`);
}

/** Ends the serving processes by their ids, because a shell or npm in between does not pass signals on. */
function stop(application, folder) {
  const others = [...rowsIn(folder).keys()].filter((pid) => pid !== application.pid);
  for (const pid of others) attempt(() => process.kill(pid, 'SIGTERM'));
  application.stop();
}

/** The cost of one run: see costOf(). `env`: of the application; `folder`: for the rows. */
async function runOnce(command, env, how, load, folder) {
  const all = { ...env, RALLOC_TRIAL_ROWS: folder };
  all.NODE_OPTIONS = nodeOptions(env.NODE_OPTIONS, MEASURE);
  const application = startApplication(command, all, { ...how, stdout: 'ignore' });
  const end = new AbortController();
  const { signal } = end;
  // If the application ends early, for example by Ctrl-C, nothing can be measured any more.
  const early = application.ended.then(({ code }) => {
    end.abort();
    throw failed(`The application ended with exit code ${code} before the load was over`);
  });
  const measured = async () => {
    while (rowsIn(folder).size === 0) await sleep(POLL_MS, undefined, { signal });
    const from = Date.now();
    await put(load, signal);
    const to = Date.now();
    await sleep(LAST_ROW_MS);
    const cost = costOf([...rowsIn(folder).values()], from, to);
    if (cost !== undefined) return cost;
    throw failed(`The load was over too soon to measure: ${load}. Let it take some seconds`);
  };
  try {
    return await Promise.race([early, measured()]);
  } finally {
    stop(application, folder);
    await application.ended.catch(() => {});
  }
}

/** Measures what the environment `changed` gains, with how it is started. Rejects if nothing could be measured. */
async function measureGain(command, changed, how, { load, count }) {
  const arms = [
    ['plain', process.env, { verb: how.verb }],
    ['changed', changed, how],
  ];
  const blocks = [];
  for (let number = 1; number <= count; number++) {
    tell(`ralloc: trial: block ${number} of ${count}`);
    const block = {};
    for (const [arm, env, started] of arms)
      block[arm] = await withFolder('rows', (rows) => runOnce(command, env, started, load, rows));
    blocks.push(block);
    arms.reverse(); // so that drift affects both
  }
  for (const line of gainLines(blocks)) tell(`ralloc: trial: ${line}`);
  return { code: OK, end: () => {} };
}

module.exports = { measureGain };
