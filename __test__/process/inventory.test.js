'use strict';
// tier: run-time, differs by Node

// What waits in a process: each kind is planted by real sockets, files and processes, and found in stats().inventory.

const fs = require('node:fs');
const path = require('node:path');
const test = require('ava');
const zlib = require('node:zlib');
const time = require('../../lib/base/time.js');
const { metricsText, stats } = require('../..');
const { install, uninstall } = require('../../lib/process/made-by-node.js');
const { run } = require('../helpers/child.js');
const { Clock } = require('../helpers/clock.js');

const PRELOAD = path.join(__dirname, '..', '..', 'lib', 'auto', 'preload.js');
const MB = 1e6;

let planted;
async function rowsOf(t, name) {
  planted ??= run('process/waits.js', { execArgv: ['--require', PRELOAD] });
  const { code, stderr, result } = await planted;
  t.is(code, 0, stderr);
  return result[name];
}

/** Kind -> what was planted: its bytes at least and at most, how many objects, and the route. The kernel's buffers take some of what is written. */
const PLANTED = {
  responses: ['a response that its client does not read', 8 * MB, 21 * MB, 1],
  upgraded: ['a connection after an upgrade, which nobody reads', 8 * MB, 21 * MB, 1],
  sockets: ['a socket that nobody reads', 8 * MB, 21 * MB, 1],
  bodies: ['a body that is not whole', 2.9 * MB, 3.2 * MB, 1, 'POST /users/…'],
  files: ['what a file has not taken', 4 * MB, 5 * MB, 1],
  zlib: ['streams of node:zlib', 40 * 211 * 1024, 40 * 212 * 1024, 40],
  children: ['messages to a child that was stopped', 8 * MB, 11 * MB, 1],
};

const SECOND = ['files', 'zlib', 'children'];

for (const [kind, [title, least, most, count, route]] of Object.entries(PLANTED)) {
  test(`${title}: found as ${kind}, with its size`, async (t) => {
    if (kind === 'children' && process.platform === 'win32') return t.pass('no signals here');
    const rows = await rowsOf(t, SECOND.includes(kind) ? 'second' : 'first');
    const row = rows.find((one) => one.kind === kind && one.bytes >= least);
    t.like(row, { kind, count, ...(route && { route }) }, JSON.stringify(rows));
    t.true(row.bytes >= least && row.bytes <= most, `${row.bytes}`);
    t.true(row.largest <= row.bytes && row.largest > 0);
    return undefined;
  });
}

test('it says since when it waits, and what is over is no longer in it', async (t) => {
  const later = (await rowsOf(t, 'second')).find(({ kind }) => kind === 'responses');
  t.true(later.oldestMs >= 1000, JSON.stringify(later));
  t.deepEqual(
    (await rowsOf(t, 'end')).filter(({ bytes }) => bytes !== undefined),
    [],
  );
});

test.serial('what cannot be seen is not known, rather than 0', (t) => {
  const known = Object.fromEntries(stats().inventory.rows.map((row) => [row.kind, row]));
  t.regex(known.messages.source, /^not known: /);
  t.regex(known.zlib.source, /^not known: only ralloc\/auto/);
  t.is(known.files.bytes, undefined);
});

test.serial('with more than a thousand streams a sample tells of all', (t) => {
  const clock = new Clock();
  clock.now = time.now() + 2000; // later than the last look
  const { createWriteStream } = fs;
  install();
  t.teardown(uninstall);
  t.not(fs.createWriteStream, createWriteStream);
  const streams = Array.from({ length: 1500 }, () => zlib.createInflate());
  for (const stream of streams) {
    stream.cork();
    stream.write(Buffer.alloc(100));
  }
  const { rows, isSample } = clock.use(() => stats().inventory);
  const row = rows.find(({ kind }) => kind === 'zlib');
  t.true(isSample);
  t.true(
    Math.abs(row.bytes - 150_000) < 5000 && Math.abs(row.count - 1500) < 50,
    JSON.stringify(row),
  );
  const line = metricsText()
    .split('\n')
    .find((one) => one.startsWith('ralloc_process_waiting_bytes{kind="zlib"'));
  t.is(Number(line.split(' ')[1]), row.bytes);
  uninstall();
  t.is(fs.createWriteStream, createWriteStream);
  t.false('_handle' in Object.getPrototypeOf(Object.getPrototypeOf(zlib.Inflate.prototype)));
  install();
});
