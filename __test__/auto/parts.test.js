'use strict';
// tier: run-time, differs by Node

// ralloc/auto without a table: the parts that need no line of the program changed.

const test = require('ava');
const fs = require('node:fs');
const path = require('node:path');
const { pathToFileURL } = require('node:url');
const { formatBytes } = require('../../lib/base/bytes.js');
const { run } = require('../helpers/child.js');
const { folder } = require('../helpers/folder.js');
const { posixTest, testWhere } = require('../helpers/backend.js');

const PRELOAD = path.join(__dirname, '..', '..', 'lib', 'auto', 'preload.js');

/** A program with the flag: `{ code, result, stderr }`. */
async function auto(
  t,
  { env = {}, flag = '--require', args = [], name = 'auto/streams.mjs', execArgv = [] } = {},
) {
  const file = path.join(folder(t), 'file');
  fs.writeFileSync(file, Buffer.alloc(300_000));
  return run(name, {
    args: name === 'auto/compile-hook.js' ? args : [file, ...args],
    execArgv: [...execArgv, flag, flag === '--import' ? pathToFileURL(PRELOAD).href : PRELOAD],
    env: { RALLOC_AUTO: '', RALLOC_TABLE: '', ...env },
  });
}

const told = (stderr) => stderr.split('\n').filter((line) => line.startsWith('ralloc: auto: '));

for (const flag of ['--require', '--import']) {
  test(`with ${flag} both are there without a binary, and nothing is said`, async (t) => {
    const { code, result, stderr } = await auto(t, { flag, args: ['binaries'] });
    t.is(code, 0, stderr);
    t.deepEqual(result, { reused: 2, larger: true, binaries: [] });
    t.is(stderr, '');
  });
}

for (const act of ['pipe', 'file', 'gzip', 'fetch', 'worker']) {
  test(`a hook of the program that does the same while a file loads ends: ${act}`, async (t) => {
    const { code, result, stderr } = await auto(t, { name: 'auto/compile-hook.js', args: [act] });
    t.is(code, 0, stderr);
    t.true(result > 0);
  });
}

for (const [value, due] of [
  ['no-compressors', { reused: 0, larger: true }],
  ['no-files', { reused: 2, larger: false }],
]) {
  test(`RALLOC_AUTO=${value}`, async (t) => {
    const { result, stderr } = await auto(t, { env: { RALLOC_AUTO: value } });
    t.deepEqual(result, due);
    t.is(stderr, '');
  });
}

test('report: each says what it has done, and what it left alone', async (t) => {
  const { stderr } = await auto(t, { env: { RALLOC_AUTO: 'report' }, args: ['unusual'] });
  const whenever = (line) => line.replace(/(inventory: ).* in zlib$/, '$1nothing waits'); // looked at in the midst
  t.deepEqual(told(stderr).map(whenever), [
    'ralloc: auto: compressors: 2 of 5 streams used the memory of one before; 1 left alone, for their options',
    'ralloc: auto: files: 1 larger read for 1 stream; 1 left alone, for their options',
    'ralloc: auto: streams: 0 chunks of 0 pipes given back',
    'ralloc: auto: bodies: 0 B of 0 bodies given back',
    'ralloc: auto: trim: 0 B given back at 0 rests',
    'ralloc: auto: inventory: nothing waits',
    `ralloc: auto: pool-size: ${formatBytes(Buffer.poolSize)}; no block was asked`,
  ]);
});

test('report: and which are off, or find that somebody has patched what they would', async (t) => {
  const execArgv = ['--require', path.join(__dirname, '..', 'fixtures', 'auto', 'patches.js')];
  const env = { RALLOC_AUTO: 'no-files,no-bodies,no-trim,no-inventory,no-pool-size,report' };
  const { result, stderr } = await auto(t, { env, execArgv });
  t.deepEqual(result, { reused: 0, larger: false });
  t.deepEqual(told(stderr), [
    'ralloc: auto: compressors: left alone: zlib.createGzip changed',
    'ralloc: auto: files: off, by RALLOC_AUTO',
    'ralloc: auto: streams: 0 chunks of 0 pipes given back',
    'ralloc: auto: bodies: off, by RALLOC_AUTO',
    'ralloc: auto: trim: off, by RALLOC_AUTO',
    'ralloc: auto: inventory: off, by RALLOC_AUTO',
    'ralloc: auto: pool-size: off, by RALLOC_AUTO',
  ]);
});

test('a name that is none is ignored, and a warning says what there is', async (t) => {
  const { code, result, stderr } = await auto(t, {
    env: { RALLOC_AUTO: 'no-compressor,no-files' },
  });
  t.is(code, 0);
  t.deepEqual(result, { reused: 2, larger: false });
  t.regex(
    stderr,
    /RALLOC_WRONG_VALUE.*RALLOC_AUTO is 'no-compressor', which is ignored: it takes some of no-compressors,no-files,no-streams,no-bodies,no-trim,no-inventory,no-pool-size,no-memory-limit,tune,no-table,report/,
  );
});

posixTest(
  'report: a process ends as without it where no module can be loaded any more',
  async (t) => {
    const name = 'auto/unloadable.js';
    const env = { RALLOC_AUTO: 'report' };
    t.is((await auto(t, { name, env })).code, 3);
    t.is((await auto(t, { name, env, args: ['signal'] })).signal, 'SIGTERM');
  },
);

test('a worker has them, and with an environment of its own what the main thread has', async (t) => {
  for (const [value, due] of [
    ['', { reused: 2, larger: true }],
    ['no-compressors', { reused: 0, larger: true }],
  ]) {
    const { result, stderr } = await auto(t, { env: { RALLOC_AUTO: value }, args: ['worker'] });
    t.deepEqual(result, due, stderr);
  }
});

const [v8Major, v8Minor] = process.versions.v8.split('.').map(Number);
const hasFlag = 100 * v8Major + v8Minor >= 1306 && 100 * v8Major + v8Minor < 1408;

testWhere(
  process.platform === 'linux',
  'a list of threads',
  "V8's flag is set where RALLOC_AUTO names it, and V8 has it",
  async (t) => {
    const server = { name: 'request/tunes.js', args: ['{}'] };
    t.false((await auto(t, server)).result.isChanged);
    const { result, stderr } = await auto(t, { ...server, env: { RALLOC_AUTO: 'tune,report' } });
    t.is(result.isChanged, hasFlag, stderr);
    const line = told(stderr).find((one) => one.startsWith('ralloc: auto: tune: '));
    t.is(line === "ralloc: auto: tune: V8's flag: set", hasFlag, stderr);
    const env = { RALLOC_AUTO: 'tune', RALLOC_TUNE: 'off' };
    t.false((await auto(t, { ...server, env })).result.isChanged);
  },
);
