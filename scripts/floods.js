'use strict';

// Servers that know nothing of ralloc, in a control group with a limit, under floods that end them:
// plain, and with `ralloc run --memory-limit container`.
//
//   npm run soak -- floods [--plain|--limit] [--seed N] [--minutes N] [--count N] [--node PATH]
//                          [--json] [server …]
//
// `leak` is two servers that leak 10 MB a second, behind a balancer, for some minutes; `endings`
// many requests that end in all ways, with the limit and `admission()`; `mixed` is ordinary
// requests, always more than fit, for some minutes.
//
// Needs a control group that can be made (version 1 or 2, as root); otherwise RLIMIT_DATA takes its
// place.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { parseArgs } = require('node:util');
const { controlGroup } = require('../__test__/helpers/control-group.js');
const clients = require('./floods/clients.js');
const { endings } = require('./floods/endings.js');

const SERVER = path.join(__dirname, 'floods', 'server.js');
const RALLOC = path.join(__dirname, '..', 'bin', 'ralloc.js');
const MiB = 2 ** 20;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    plain: { type: 'boolean' },
    limit: { type: 'boolean' },
    seed: { type: 'string', default: '76' },
    minutes: { type: 'string', default: '3' },
    count: { type: 'string', default: '100000' },
    node: { type: 'string', default: process.execPath },
    json: { type: 'boolean' },
  },
});

/** Name -> the load, the control group's limit in MiB, and flags of Node. */
const collects = (form) => ({
  load: 'flood',
  form,
  most: 384,
  flags: ['--max-old-space-size=128'],
});
const FLOODS = {
  multer: collects('form'),
  raw: collects('raw'),
  fastify: collects('form'),
  formidable: collects('form'),
  json: { ...collects('json'), restMs: 0 },
  objects: { load: 'objects', most: 512, flags: ['--max-old-space-size=256'] },
  busboy: { load: 'streams', most: 512, flags: [] },
  proxy: { load: 'streams', most: 512, flags: [], upstream: true },
  leak: { most: 512, flags: [] },
  mixed: { load: 'mixed', most: 384, flags: ['--max-old-space-size=128'] },
  endings: { most: 512, flags: [] },
  broadcast: { load: 'listeners', most: 192, flags: ['--max-old-space-size=64'] },
};

/** A control group of `most` MiB, or a limit of data where none can be made. */
const groupOr = (most) =>
  controlGroup(most * MiB) ?? { enter: `ulimit -d ${most * 1024}`, kills: () => 0, remove() {} };

async function portOf(child) {
  let text = '';
  for await (const data of child.stdout.iterator({ destroyOnReturn: false })) {
    text += data;
    const [, port] = /READY (\d+)/.exec(text) ?? [];
    if (port !== undefined) return Number(port);
  }
  throw new Error(`It has not begun to listen: ${text}`);
}

const rssOf = (pid) => {
  try {
    return (
      Number(/^VmRSS:\s+(\d+)/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'latin1'))[1]) * 1024
    );
  } catch {
    return 0;
  }
};

/** User and system CPU of a process in seconds. */
const cpuOf = (pid) => {
  const fields = fs
    .readFileSync(`/proc/${pid}/stat`, 'latin1')
    .replace(/^.*\) /s, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
};

/** Starts a server in a control group of its own: `{ child, ended, own }`. */
function start(name, isLimited, env = {}) {
  const { most, flags } = FLOODS[name];
  const own = groupOr(most);
  const command = [values.node, ...flags, SERVER, name];
  const words = isLimited
    ? [values.node, RALLOC, 'run', '--memory-limit', 'container', '--', ...command]
    : command;
  const child = spawn('/bin/sh', ['-c', `${own.enter} && exec "$0" "$@"`, ...words], {
    env: { ...process.env, NODE_ENV: 'test', ...env },
    stdio: ['ignore', 'pipe', process.env.FLOODS_SHOW ? 'inherit' : 'ignore'],
  });
  living.add(child);
  return { child, ended: once(child, 'exit').finally(() => living.delete(child)), own };
}

const living = new Set();
process.on('exit', () => {
  for (const child of living) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(130));

/**
 * Runs two servers that leak, each of which is started again when it ends, under requests that a
 * balancer gives to one that is ready, and to the other where no connection is made, as nginx does.
 */
async function leak(isLimited, minutes) {
  const ends = {};
  const counts = { served: 0, failed: 0 };
  const failures = {};
  let isOver = false;
  const keep = async (one, i) => {
    await sleep(17_000 * i); // as a deployment does, which waits for the one before
    while (!isOver) {
      const { child, ended, own } = start('leak', isLimited, { RALLOC_MEMORY_DRAIN: '1' });
      one.child = child;
      ended.then(() => (one.port = 0));
      one.port = await portOf(child).catch(() => 0); // it may be over while it starts
      const [code, signal] = await ended;
      if (!isOver) ends[signal ?? code] = (ends[signal ?? code] ?? 0) + 1;
      own.remove();
    }
  };
  const servers = [{ port: 0 }, { port: 0 }];
  const look = async (one) => {
    one.isReady = one.port !== 0 && (await clients.get(one.port, '/ready')) === 200;
  };
  const kept = servers.map(keep);
  while (!servers[0].isReady) await sleep(20).then(() => look(servers[0]));
  const watch = setInterval(() => servers.map(look), 500);
  const requests = new Set();
  const end = performance.now() + minutes * 60_000;
  for (let i = 0; performance.now() < end; i++) {
    await sleep(20);
    const ready = servers.filter(({ isReady }) => isReady);
    const all = ready.length > 0 ? ready : servers; // as balancers do where none is
    const one = all[i % all.length];
    const other = servers[1 - servers.indexOf(one)];
    const ask = async () => {
      const status = await clients.get(one.port, '/');
      return status === 'ECONNREFUSED' ? clients.get(other.port, '/') : status;
    };
    const request = ask().then((status) => {
      counts[status === 200 ? 'served' : 'failed']++;
      if (status !== 200) {
        const how = `${status}${ready.length > 0 ? '' : ', none ready'}`;
        failures[how] = (failures[how] ?? 0) + 1;
      }
      requests.delete(request);
    });
    requests.add(request);
  }
  isOver = true;
  await Promise.all(requests);
  clearInterval(watch);
  for (const { child } of servers) child?.kill('SIGKILL');
  await Promise.all(kept);
  const told = (of) => {
    const all = Object.entries(of).map(([how, times]) => `${times} × ${how}`);
    return all.join(', ') || '–';
  };
  console.log(
    `leak | ${isLimited ? 'limit' : 'plain'} | ${counts.served} served, ${counts.failed} failed: ${told(failures)} | ended: ${told(ends)}`,
  );
  return counts.failed === 0;
}

/** Runs a server under its load: `limit`: with ralloc's. */
async function run(name, isLimited, seed, forMs) {
  const { load, form, restMs, upstream } = FLOODS[name];
  const behind =
    upstream &&
    spawn(process.execPath, [SERVER, 'upstream'], { stdio: ['ignore', 'pipe', 'inherit'] });
  if (behind) living.add(behind);
  const env = { UPSTREAM: behind ? String(await portOf(behind)) : '' };
  const { child, ended, own } = start(name, isLimited, env);
  let [peak, sum, looks] = [0, 0, 0];
  let end = 'alive';
  ended.then(([code, signal]) => (end = signal ?? `exit code ${code}`));
  const watch = setInterval(() => {
    const rss = rssOf(child.pid);
    peak = Math.max(peak, rss);
    sum += rss;
    looks++;
  }, 20);
  const found = await clients[load](await portOf(child), {
    ...{ form, restMs, seed },
    ...(name === 'mixed' && { forMs }),
  });
  clearInterval(watch);
  await new Promise(setImmediate);
  const cpu = end === 'alive' ? cpuOf(child.pid) : Number.NaN;
  const state = end;
  child.kill('SIGKILL');
  behind?.kill();
  await ended;
  const kills = own.kills();
  own.remove();
  return { ...found, peak, mean: sum / looks, cpu, state, kills };
}

/** Whether nothing is charged after `count` requests. */
async function rowOfEndings(seed, count) {
  const { child, ended, own } = start('endings', true);
  const begun = performance.now();
  const { before, after } = await endings(await portOf(child), clients.random(seed), count);
  child.kill('SIGKILL');
  await ended;
  own.remove();
  const seconds = ((performance.now() - begun) / 1000).toFixed(1);
  console.log(`endings | ${count} requests, ${seconds} s | before: ${JSON.stringify(before)}`);
  console.log(`endings | after: ${JSON.stringify(after)}`);
  return JSON.stringify(before) === JSON.stringify(after);
}

async function rowOf(name, isLimited, seed, forMs) {
  const found = await run(name, isLimited, seed, forMs);
  const { statuses, wrong, honest, health, seconds, peak, mean, cpu, state, cut } = found;
  const served = statuses[200] ?? 0;
  const isGood = state === 'alive' && served === honest && wrong === 0;
  if (values.json) {
    console.log(JSON.stringify({ name, isLimited, served, ...found }));
    return isGood;
  }
  const others = Object.entries(statuses).filter(([status]) => status !== '200');
  const told = others.map(([status, count]) => `${count} ${status}`).join(', ');
  const cells = [
    ...[
      name,
      isLimited ? 'limit' : 'plain',
      state,
      `${served} of ${honest}`,
      told || '–',
      `${wrong} wrong`,
    ],
    `health ${health.ms} ms${health.failed ? `, ${health.failed} failed` : ''}`,
    ...[
      `${seconds.toFixed(1)} s`,
      `RSS ${Math.round(peak / MiB)} MiB (mean ${Math.round(mean / MiB)})`,
      `CPU ${cpu.toFixed(1)} s`,
    ],
    ...(cut === undefined ? [] : [`${cut} cut`]),
  ];
  console.log(cells.join(' | '));
  return isGood;
}

async function main() {
  const names = positionals.length > 0 ? positionals : Object.keys(FLOODS);
  const unknown = names.find((name) => !Object.hasOwn(FLOODS, name));
  if (unknown !== undefined) {
    console.error(`floods: there is no ${unknown}; there are ${Object.keys(FLOODS).join(', ')}`);
    return 2;
  }
  let isGood = true;
  for (const name of names) {
    const row = (isLimited) => {
      if (name === 'leak') return leak(isLimited, Number(values.minutes));
      if (name === 'endings') return rowOfEndings(Number(values.seed), Number(values.count));
      return rowOf(name, isLimited, Number(values.seed), Number(values.minutes) * 60_000);
    };
    if (!values.limit && name !== 'endings') await row(false);
    if (!values.plain) isGood = (await row(true)) && isGood;
  }
  return isGood ? 0 : 1;
}

main().then((code) => process.exit(code));
