'use strict';

// Runs the servers of the reports, each with its load, in target/tools/reports, into which npm brings their packages.

const { spawn, spawnSync } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { HERE, ROOT } = require('./folder.js');

const RALLOC = path.join(ROOT, 'bin', 'ralloc.js');
const REST_MS = 12_000;
const END_MS = 2000;

function install(rows) {
  const packages = [...new Set(rows.flatMap((row) => row.packages)), 'ws@8'];
  const manifest = path.join(HERE, 'package.json');
  fs.mkdirSync(HERE, { recursive: true });
  fs.writeFileSync(manifest, '{ "private": true }');
  const args = ['install', '--no-audit', '--no-fund', '--prefer-offline', ...packages];
  const { status } = spawnSync('npm', args, { cwd: HERE, stdio: 'inherit' });
  if (status !== 0) throw new Error('npm cannot get the packages of the reports');
  fs.cpSync(__dirname, HERE, { recursive: true });
  fs.rmSync(path.join(HERE, 'node_modules', 'ralloc'), { force: true });
  fs.symlinkSync(ROOT, path.join(HERE, 'node_modules', 'ralloc'), 'junction');
}

/** Bytes of a field of a process's status, such as VmRSS and VmHWM. */
const bytesOf = (pid, field) => {
  const status = fs.readFileSync(`/proc/${pid}/status`, 'latin1');
  return Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(status)[1]) * 1024;
};

/** The process that listens: of the launcher of a recorder it is a child. */
function serverOf(pid, isLaunched) {
  if (!isLaunched) return pid;
  const [child] = fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ');
  return child === '' ? pid : Number(child);
}

async function portOf(child) {
  let text = '';
  for await (const data of child.stdout.iterator({ destroyOnReturn: false })) {
    text += data;
    const [, port] = /READY (\d+)/.exec(text) ?? [];
    if (port !== undefined) return Number(port);
  }
  throw new Error(`It has not begun to listen: ${text}`);
}

/**
 * Runs a server by `command`, with its load. Returns `{ rest, peak, digest }`: its RSS after some seconds of rest and at most, in bytes, and what its clients got. `isLaunched`: whether the
 * command starts the server as a child; `isRead`: see loads.js.
 */
async function run({ upstream, load }, command, { isLaunched = false, isRead, restMs = REST_MS }) {
  const asked = upstream?.();
  if (asked) await once(asked.listen(0, '127.0.0.1'), 'listening');
  const env = { ...process.env, UPSTREAM: asked?.address().port };
  const child = spawn(process.execPath, command, {
    ...{ cwd: HERE, env, stdio: ['ignore', 'pipe', 'inherit'] },
  });
  const exit = once(child, 'exit');
  try {
    const digest = await load(await portOf(child), isRead);
    await sleep(restMs);
    const pid = serverOf(child.pid, isLaunched);
    return { rest: bytesOf(pid, 'VmRSS'), peak: bytesOf(pid, 'VmHWM'), digest };
  } finally {
    if (child.exitCode === null) process.kill(serverOf(child.pid, isLaunched), 'SIGTERM');
    await exit;
    asked?.close().closeAllConnections?.();
  }
}

/** The JSON of the report of a recording of `program`. */
async function diagnosed(row, program) {
  const file = path.join(HERE, `${path.basename(program, '.js')}.jsonl`);
  const record = [RALLOC, 'profile', '-o', file, '--', process.execPath, program];
  await run(row, record, { isLaunched: true, restMs: END_MS });
  const options = { cwd: HERE, maxBuffer: 2 ** 28 };
  const { stdout } = spawnSync(process.execPath, [RALLOC, 'report', '--json', file], options);
  return JSON.parse(stdout);
}

module.exports = { RALLOC, diagnosed, install, run };
