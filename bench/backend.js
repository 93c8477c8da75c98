'use strict';

// The native binary against the JavaScript fallback, in processes of their own that take turns.
//
// Caveats: the hot path is the same JavaScript in both; what differs is whose memory it is, how it is
// detached on Node 20, and what a lease costs. The fallback's memory is V8's: its release is the garbage
// collector's work and shows up here only as far as that runs on this thread.

const { spawnSync } = require('node:child_process');
const path = require('node:path');
const { compareSamples } = require('./harness.js');

const ROUNDS = 9;
const ROOT = path.join(__dirname, '..');

/** Each defines `once`: one operation. The event loop turns every 64, as finalizers need it to. */
const PROGRAMS = {
  'allocUnsafe(1 KiB), reset every 64': `
    const arena = new Arena({ maxBytes: 1 << 20, chunkSize: 1 << 16 });
    let i = 0;
    const once = () => { arena.allocUnsafe(1024); if ((++i & 63) === 0) arena.reset(); };`,
  'allocUnsafe(64) + reset': `
    const arena = new Arena({ maxBytes: 1 << 20, chunkSize: 1 << 16 });
    const once = () => { arena.allocUnsafe(64); arena.reset(); };`,
  'scope, one allocation': `
    const arena = new Arena({ maxBytes: 1 << 20, chunkSize: 1 << 16 });
    const inside = (child) => { child.allocUnsafe(64); };
    const once = () => { arena.scope(inside); };`,
  'new Arena, one allocation, close': `
    const once = () => {
      const arena = new Arena({ maxBytes: 1 << 20, chunkSize: 1 << 16 });
      arena.allocUnsafe(1024);
      arena.close();
    };`,
};

/** Prints nanoseconds of CPU an operation: the median of five timed runs, after as long a warm-up. */
const AROUND = (body) => `
  const { Arena } = require(process.argv[1]);
  ${body}
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  const ms = async (n) => {
    const begun = process.cpuUsage();
    for (let i = 0; i < n; i += 64) {
      for (let j = 0; j < 64; j++) once();
      await turn();
    }
    const { user, system } = process.cpuUsage(begun);
    return (user + system) / 1000;
  };
  (async () => {
    let n = 64;
    while ((await ms(n)) < 30) n *= 2;
    const runs = [];
    for (let i = 0; i < 10; i++) runs.push(await ms(n));
    const [, , middle] = runs.slice(5).sort((a, b) => a - b);
    process.stdout.write(String((middle * 1e6) / n));
  })();
`;

function inProcess(body, env) {
  return () => {
    const args = ['-e', AROUND(body), ROOT];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, {
      env: { ...process.env, ...env },
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(stderr);
    return Number(stdout);
  };
}

const scenarios = {};
for (const [name, body] of Object.entries(PROGRAMS)) {
  scenarios[name] = () =>
    compareSamples(
      { native: inProcess(body, {}), fallback: inProcess(body, { RALLOC_BACKEND: 'js' }) },
      'ns',
      ROUNDS,
    );
}

module.exports = { notMeasured: 'memory use; the collector’s work on other threads', scenarios };
