'use strict';
// tier: tools

// The programs of docs/guide/cluster.md, as they stand: what replaces processes loses no request
// under load and leaves nothing leased.

const test = require('ava');
const { fork, spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const path = require('node:path');
const { buffer: bytesOf, text } = require('node:stream/consumers');
const { testWhere } = require('../helpers/backend.js');
const { isSoak } = require('../helpers/budget.js');
const { isAlive } = require('../helpers/child.js');
const { freePort } = require('../helpers/free-port.js');
const { hasPm2, pm2: PM2 } = require('../helpers/readers.js');
const server = require('../helpers/server.js');
const { packageFolder, programs } = require('../helpers/snippets.js');
const { until } = require('../helpers/until.js');

/**
 * Waits for the end of its input, which is that of the test, also of one that is killed, and ends
 * the daemon if it is still there.
 */
const WATCH = `process.stdin.resume().on('end', () => {
  try {
    process.kill(Number(require('node:fs').readFileSync(process.argv[1], 'utf8')));
  } catch {}
});`;

/**
 * Starts an application in a folder with a PM2 (scripts/ci/get-readers.js) that has a daemon and a
 * home of its own: `pm2(...words)` resolves with what that prints, `logs()` returns all that it has
 * printed, `end()` leaves no daemon behind.
 */
async function startPm2(t, folder, app) {
  const home = path.join(folder, 'pm2');
  const pidFile = path.join(home, 'pm2.pid');
  const env = { ...process.env, PM2_HOME: home, PM2_DISCRETE_MODE: 'true' };
  const pm2 = async (...words) => {
    const stdio = ['ignore', 'pipe', 'pipe'];
    const child = spawn(process.execPath, [PM2, ...words], { cwd: folder, env, stdio });
    const told = Promise.all([text(child.stdout), text(child.stderr)]);
    const [code] = await once(child, 'close');
    const all = (await told).join('');
    if (code !== 0) throw new Error(`pm2 ${words.join(' ')}: ${all}`);
    return all;
  };
  let isOver = false;
  const end = async () => {
    if (isOver) return; // each command starts a daemon where none is
    isOver = true;
    const pid = Number(fs.readFileSync(pidFile, 'utf8'));
    await pm2('kill');
    await until(() => !isAlive(pid));
    watch.stdin.end();
  };
  fs.writeFileSync(path.join(folder, 'apps.json'), JSON.stringify({ apps: [app] }));
  const stdio = ['pipe', 'ignore', 'ignore'];
  const watch = spawn(process.execPath, ['-e', WATCH, pidFile], { stdio, detached: true });
  t.teardown(end);
  await pm2('start', 'apps.json');
  const logs = () => {
    const dir = path.join(home, 'logs');
    const files = fs.readdirSync(dir).filter((file) => /out/.test(file));
    return files.map((file) => fs.readFileSync(path.join(dir, file), 'utf8')).join('');
  };
  return { pm2, logs, end };
}

const shown = programs('docs/guide/cluster.md');
const codeOf = (heading) => shown.find((program) => program.heading === heading).code;
function appOfPm2() {
  const module = {};
  new Function('module', codeOf('PM2'))(module);
  return module.exports.apps[0];
}
const hasSignals = process.platform !== 'win32'; // there kill() ends a process at once

const PROGRAMS = {
  'server.js': 'Reloads by a process manager',
  'cluster.js': 'Reloads with cluster',
};

/** The programs in one folder, as their readers have them. */
function folderOf(t) {
  const folder = packageFolder(t);
  for (const [name, heading] of Object.entries(PROGRAMS))
    fs.writeFileSync(path.join(folder, name), codeOf(heading));
  return folder;
}

/**
 * A program of the folder as a process manager starts it; its whole lines are kept, all of them
 * once it is `over`.
 */
function startProgram(t, name, env) {
  const file = path.join(folderOf(t), name);
  const child = fork(file, { env: { ...process.env, ...env }, silent: true });
  const lines = [];
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    const parts = (rest + text).split('\n');
    rest = parts.pop();
    lines.push(...parts);
  });
  child.stderr.setEncoding('utf8').on('data', (text) => t.log(text));
  t.teardown(() => child.kill('SIGKILL'));
  // Not at 'exit', before which its output need not have been read.
  return { child, lines, over: once(child, 'close') };
}

async function ask(port, agent, url = '/') {
  const { status, body } = await server.ask(port, url, { agent });
  return { status, text: String(body) };
}

/** The processes that answer, once there are `count` or more besides `except`. */
async function serving(port, count, except) {
  const pids = new Set();
  const note = ({ text }) => pids.add(text.replace('answered by ', ''));
  await until(() => {
    if (pids.size < count) ask(port, false).then(note, () => {}); // refused until there is one
    pids.delete(except);
    return pids.size >= count; // two may answer between two looks
  }, 30);
  return pids;
}

/**
 * Clients that ask one request after another until they are stopped, on connections that are kept
 * and on new ones.
 */
function load(port) {
  const answers = new Map(); // process → how many
  const errors = [];
  let isOver = false;
  const client = async (agent) => {
    while (!isOver) {
      try {
        const { status, text } = await ask(port, agent);
        const [, pid] = /^answered by (\d+)$/.exec(text) ?? [];
        if (status !== 200 || pid === undefined) throw new Error(`${status}: ${text}`);
        answers.set(pid, (answers.get(pid) ?? 0) + 1);
      } catch (error) {
        errors.push(error);
      }
    }
    agent?.destroy?.();
  };
  const kept = () => new http.Agent({ keepAlive: true, maxSockets: 1 });
  const clients = [kept(), kept(), kept(), kept(), false, false].map(client);
  return {
    answers,
    errors,
    async stop() {
      isOver = true;
      await Promise.all(clients);
    },
  };
}

const NOTHING_LEFT = /^\d+ requests, \d+ of them cut off, 0 bytes still leased$/;

if (hasSignals) {
  test('a process that is replaced: it tells when it is ready, ends by itself, and cuts off a stream that does not end', async (t) => {
    const port = await freePort();
    const env = { PORT: port, DRAIN_MS: 50, GRACE_MS: 300 };
    const { child, lines, over } = startProgram(t, 'server.js', env);
    t.deepEqual(await once(child, 'message'), ['ready', undefined]);
    t.is((await ask(port, false)).text, `answered by ${child.pid}`);
    const events = http.get({ port, host: '127.0.0.1', path: '/events', agent: false });
    const [response] = await once(events, 'response');
    await once(response, 'data');
    const cut = once(response, 'error');
    child.kill('SIGINT');
    child.kill('SIGINT');
    t.is((await cut)[0].code, 'ECONNRESET');
    t.deepEqual(await over, [0, null]);
    t.deepEqual(lines, ['2 requests, 1 of them cut off, 0 bytes still leased']);
  });

  test('a process at rest ends without waiting for the deadline', async (t) => {
    const port = await freePort();
    const env = { PORT: port, DRAIN_MS: 10, GRACE_MS: 600_000 };
    const { child, lines, over } = startProgram(t, 'server.js', env);
    await once(child, 'message');
    child.kill('SIGTERM');
    t.deepEqual(await over, [0, null]);
    t.deepEqual(lines, ['0 requests, 0 of them cut off, 0 bytes still leased']);
  });

  test('a connection whose first request comes when nothing is accepted any more is served', async (t) => {
    const port = await freePort();
    const env = { PORT: port, DRAIN_MS: 4000, GRACE_MS: 60_000 };
    const { child, lines, over } = startProgram(t, 'server.js', env);
    await once(child, 'message');
    const early = net.connect(port, '127.0.0.1');
    await once(early, 'connect');
    await ask(port, false); // accepted behind it
    child.kill('SIGTERM');
    let isRefused = false;
    await until(() => {
      ask(port, false).catch(() => {
        isRefused = true;
      });
      return isRefused;
    });
    early.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n');
    const answer = String(await bytesOf(early));
    t.regex(answer, /^HTTP\/1\.1 200 OK\r\n(.+\r\n)*connection: close\r\n/i);
    t.regex(answer, new RegExp(`answered by ${child.pid}$`));
    t.deepEqual(await over, [0, null]);
    t.regex(lines[0], /, 0 of them cut off, 0 bytes still leased$/);
  });

  test('workers of a cluster that are replaced under load lose no request', async (t) => {
    const port = await freePort();
    // In that time each client asks again, also one that is kept from its processor.
    const env = { PORT: port, WORKERS: 2, DRAIN_MS: 4000, GRACE_MS: 60_000 };
    const { child, lines, over } = startProgram(t, 'cluster.js', env);
    await serving(port, 1);
    const { answers: counts, errors, stop } = load(port);
    await until(() => [...counts.values()].filter((count) => count > 20).length >= 2, 30);
    const before = [...counts.keys()];
    child.kill('SIGHUP');
    let after;
    await until(() => {
      after = [...counts.keys()].filter((pid) => !before.includes(pid));
      return lines.length === 2 && after.filter((pid) => counts.get(pid) > 20).length >= 2;
    });
    await stop();
    t.deepEqual(errors, []);
    t.is(before.length, 2);
    t.is(after.length, 2);
    child.kill('SIGTERM');
    t.deepEqual(await over, [0, null]);
    t.is(lines.length, 4);
    for (const line of lines) t.regex(line, NOTHING_LEFT);
    for (const line of lines) t.regex(line, /, 0 of them cut off,/);
    const sum = lines.reduce((total, line) => total + Number.parseInt(line, 10), 0);
    t.true(
      sum >= [...counts.values()].reduce((total, count) => total + count, 0),
      'each was served once',
    );
  });

  test('a worker that dies is replaced', async (t) => {
    const port = await freePort();
    const env = { PORT: port, WORKERS: 1, DRAIN_MS: 0, GRACE_MS: 1000 };
    const { child, over } = startProgram(t, 'cluster.js', env);
    const [pid] = await serving(port, 1);
    process.kill(Number(pid), 'SIGKILL');
    const [other] = await serving(port, 1, pid);
    t.not(other, pid);
    child.kill('SIGTERM');
    t.deepEqual(await over, [0, null]);
  });
}

testWhere(
  isSoak && hasPm2 && hasSignals,
  'RALLOC_BUDGET=soak, and PM2 (scripts/ci/get-readers.js)',
  'PM2 reloads the program under load, and no request is lost',
  async (t) => {
    const port = await freePort();
    const folder = folderOf(t);
    const app = {
      ...appOfPm2(),
      name: 'served',
      script: path.join(folder, 'server.js'),
      instances: 2,
      listen_timeout: 60_000,
      kill_timeout: 60_000,
      env: { PORT: port, DRAIN_MS: 4000, GRACE_MS: 30_000 },
    };
    const { pm2, logs, end } = await startPm2(t, folder, app);
    await serving(port, 2);
    const { answers, errors, stop } = load(port);
    await until(() => [...answers.values()].filter((count) => count > 20).length >= 2, 60);
    const before = [...answers.keys()];
    await pm2('reload', 'served');
    const isAfter = (pid) => !before.includes(pid) && answers.get(pid) > 20;
    await until(() => [...answers.keys()].filter(isAfter).length >= 2, 60);
    await stop();
    t.deepEqual(errors, []);
    const lines = logs()
      .split('\n')
      .filter((line) => /requests/.test(line));
    t.is(lines.length, 2);
    for (const line of lines) t.regex(line, / 0 of them cut off, 0 bytes still leased$/);
    await end();
  },
);

test('PM2 waits for longer than the program takes to end', (t) => {
  const code = codeOf('Reloads by a process manager');
  const [drain, grace] = [...code.matchAll(/_MS \?\? (\d+)/g)].map(([, ms]) => Number(ms));
  const { kill_timeout, wait_ready } = appOfPm2();
  t.true(wait_ready && kill_timeout > drain + grace);
});
