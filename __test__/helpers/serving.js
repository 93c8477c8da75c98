'use strict';

// Programs that serve until they are told to end.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { until } = require('./until.js');

/** Runs a program until its end: { code, stdout, stderr }; `use(port, child)` once it listens. */
async function run(t, program, args, use) {
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  t.teardown(() => child.kill('SIGKILL'));
  const closed = once(child, 'close');
  const out = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr']) {
    child[name].setEncoding('utf8').on('data', (text) => {
      out[name] += text;
    });
  }
  if (use !== undefined) {
    await until(() => out.stdout.includes('\n') || child.exitCode !== null);
    await use(Number(/:(\d+)\n/.exec(out.stdout)?.[1]), child);
  }
  const [code] = await closed;
  return { code, ...out };
}

module.exports = { run };
