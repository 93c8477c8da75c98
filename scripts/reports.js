'use strict';

// Eight public reports of servers that take too much memory, and one of rows, as small servers: does `ralloc report` say which memory it is, and how much is left of it at rest under `ralloc run`?
//
//   npm run soak -- reports [multer fetch …]
//
// Prints a row for each. Their packages are brought by npm into target/tools/reports. Takes some minutes.

const { spawn, spawnSync } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const upstreams = require('./reports/upstreams.js');

const ROOT = path.join(__dirname, '..');
const HERE = path.join(ROOT, 'target', 'tools', 'reports');
const RALLOC = path.join(ROOT, 'bin', 'ralloc.js');
const REST_MS = 12_000;
const MiB = 2 ** 20;

async function send(port, { path: url = '/', headers, body } = {}) {
  const method = body === undefined ? 'GET' : 'POST';
  const req = http.request({ port, agent: false, path: url, method, headers }).end(body);
  const [res] = await once(req, 'response');
  await once(res.resume(), 'end');
}

/** `count` requests, so many of them at once. */
const requests = (count, atOnce, options) => async (port) => {
  let left = count;
  const one = async () => {
    while (left-- > 0) await send(port, options);
  };
  await Promise.all(Array.from({ length: atOnce }, one));
};

const bytes = (size, type) => ({
  headers: { 'content-type': type, 'content-length': size },
  body: Buffer.alloc(size, 97),
});

function upload(size) {
  const head = `--x\r\ncontent-disposition: form-data; name="file"; filename="a"\r\ncontent-type: a/b\r\n\r\n`;
  const body = Buffer.concat([Buffer.from(head), Buffer.alloc(size, 97), Buffer.from('\r\n--x--')]);
  const headers = { 'content-type': 'multipart/form-data; boundary=x' };
  return { headers: { ...headers, 'content-length': body.length }, body };
}

/** An answer for each path, so that a cache keeps all of them. */
async function apart(port) {
  for (let i = 0; i < 48; i++) await send(port, { path: `/${i}` });
}

/** Clients that ask and do not read, and stay. */
async function stalled(port) {
  for (let i = 0; i < 6; i++) {
    const socket = net.connect(port, '127.0.0.1').on('error', () => {});
    socket.pause().write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
  }
  await sleep(6000);
}

/** Connections that send once, and stay. */
async function talks(port) {
  const { WebSocket } = require(path.join(HERE, 'node_modules', 'ws'));
  for (let i = 0; i < 600; i++) {
    const socket = new WebSocket(`ws://127.0.0.1:${port}`);
    socket.on('open', () => socket.send('something to compress '.repeat(100)));
    await once(socket, 'message');
  }
}

/**
 * Name -> the `report`, its `packages`, the `kinds` that are right, its `load`; what it asks (`upstream`); and how much of plain Node's RSS at rest may be left, where there is a goal. What a
 * load leaves may be garbage or malloc's by then.
 */
const DEAD = ['garbage', 'mallocKept'];
const REPORTS = {
  multer: {
    ...{ report: 'multer#1242', packages: ['express@5', 'multer@2'], kinds: DEAD, most: 0.31 },
    load: requests(120, 8, upload(8 * MiB)),
  },
  'body-parser': {
    ...{ report: 'body-parser#191', packages: ['express@5'], kinds: DEAD, most: 0.3 },
    load: requests(60, 20, bytes(20 * MiB, 'a/b')),
  },
  fetch: {
    ...{ report: 'undici#3895', packages: [], kinds: DEAD, most: 0.33 },
    ...{ upstream: upstreams.files, load: requests(36, 6) },
  },
  pg: {
    ...{ report: 'rows of pg', packages: ['pg@8'], kinds: [...DEAD, 'heap'], most: 0.3 },
    ...{ upstream: upstreams.database, load: requests(60, 8) },
  },
  apicache: {
    ...{ report: 'apicache#186', packages: ['express@5', 'apicache@1.6.3'] },
    ...{ kinds: ['heap', 'buffers'], load: apart },
  },
  events: { report: 'commandcode-proxy#20', packages: [], kinds: ['buffers'], load: stalled },
  ws: { report: 'ws#1830', packages: ['ws@8'], kinds: ['zlib', 'native'], load: talks },
  sharp: {
    ...{ report: 'sharp#2607', packages: ['sharp@0.35'], kinds: ['native', 'mallocKept'] },
    load: requests(60, 12),
  },
  zlib: { report: 'node-rs#655', packages: [], kinds: ['zlib', 'native'], load: requests(600, 8) },
};

function install(names) {
  const packages = [...new Set(names.flatMap((name) => REPORTS[name].packages)), 'ws@8'];
  fs.mkdirSync(HERE, { recursive: true });
  fs.writeFileSync(path.join(HERE, 'package.json'), '{ "private": true }');
  spawnSync('npm', ['install', '--no-audit', '--no-fund', ...packages], {
    cwd: HERE,
    stdio: 'inherit',
  });
  fs.cpSync(path.join(__dirname, 'reports'), HERE, { recursive: true });
}

const rssOf = (pid) =>
  Number(/^VmRSS:\s+(\d+)/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'latin1'))[1]) * 1024;

/** The process that listens: of the launcher of a recorder it is a child. */
function serverOf(pid) {
  const [child] = fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ');
  return child === '' ? pid : Number(child);
}

async function portOf(child) {
  let text = '';
  for await (const data of child.stdout) {
    text += data;
    const [, port] = /READY (\d+)/.exec(text) ?? [];
    if (port !== undefined) return Number(port);
  }
  throw new Error(`It has not begun to listen: ${text}`);
}

/** Runs a server by `command`, with its load. Returns its RSS at rest. */
async function measured({ upstream, load }, command, rests = true) {
  const asked = upstream?.();
  if (asked) await once(asked.listen(0, '127.0.0.1'), 'listening');
  const env = { ...process.env, UPSTREAM: asked?.address().port };
  const child = spawn(process.execPath, command, {
    ...{ cwd: HERE, env, stdio: ['ignore', 'pipe', 'inherit'] },
  });
  const exit = once(child, 'exit');
  try {
    await load(await portOf(child));
    await sleep(rests ? REST_MS : 2000);
    return rssOf(serverOf(child.pid));
  } finally {
    process.kill(serverOf(child.pid), 'SIGTERM');
    await exit;
    asked?.close().closeAllConnections?.();
  }
}

const MADE = (name) => path.join(HERE, `${name}.jsonl`);

async function verdictOf(name, one) {
  const file = MADE(name);
  await measured(one, [RALLOC, 'profile', '-o', file, '--', process.execPath, `${name}.js`], false);
  const report = spawnSync(process.execPath, [RALLOC, 'report', '--json', '--no-code', file]);
  return JSON.parse(report.stdout).memory;
}

async function rowOf(name) {
  const one = REPORTS[name];
  const { kind, bytes, ofPeak } = await verdictOf(name, one);
  const plain = await measured(one, [`${name}.js`]);
  const run = await measured(one, [RALLOC, 'run', '--', process.execPath, `${name}.js`]);
  const isRight = one.kinds.includes(kind);
  const isLow = one.most === undefined || run / plain <= one.most;
  const told = (value) => `${Math.round(value / MiB)} MiB`;
  const peak = ofPeak === undefined ? '' : `, at most ${ofPeak.kind} ${told(ofPeak.bytes)}`;
  const goal = one.most === undefined ? '' : ` (at most ${one.most}${isLow ? '' : ': MISSED'})`;
  const share = `${(run / plain).toFixed(2)}${goal}`;
  const verdict = `${isRight ? 'right' : 'WRONG'}: ${kind} ${told(bytes)}${peak}`;
  console.log([one.report, verdict, told(plain), told(run), share].join(' | '));
  return isRight && isLow;
}

async function main(chosen) {
  const names = chosen.length > 0 ? chosen : Object.keys(REPORTS);
  const unknown = names.find((name) => !Object.hasOwn(REPORTS, name));
  if (unknown !== undefined) {
    console.error(`reports: there is no ${unknown}; there are ${Object.keys(REPORTS).join(', ')}`);
    return 2;
  }
  install(names);
  console.log('report | verdict | plain at rest | under ralloc run | share');
  let isGood = true;
  for (const name of names) isGood = (await rowOf(name)) && isGood;
  return isGood ? 0 : 1;
}

main(process.argv.slice(2)).then((code) => process.exit(code));
