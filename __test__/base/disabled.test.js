'use strict';
// tier: run-time, differs

// RALLOC_DISABLED: the same API over Buffers of V8's heap, counted and limited as ever. And what every switch of the environment takes.

const test = require('ava');
const { readSwitch } = require('../../lib/base/environment.js');
const { run } = require('../helpers/child.js');
const { tried } = require('../helpers/tried.js');

const HEAP = [7, true];
let seen;
const disabled = () => {
  seen ??= run('base/disabled.js', {
    env: { RALLOC_DISABLED: '1', RALLOC_TUNE: 'on' },
    execArgv: ['--expose-gc'],
  });
  return seen;
};

async function part(t, name) {
  const { code, stderr, result } = await disabled();
  t.is(code, 0, stderr);
  return result[name];
}

test('Buffers of an arena live on after its reset, and count toward its limit until then', async (t) => {
  t.deepEqual(await part(t, 'arena'), {
    lives: [7, 8, 9],
    used: 40_000,
    full: 'ERR_RALLOC_LIMIT',
    after: 0,
    again: 90_000,
    closed: 'ERR_RALLOC_CLOSED',
  });
});

test('a budget is charged, and refuses', async (t) => {
  t.deepEqual(await part(t, 'budget'), { used: 40_000, full: 'ERR_RALLOC_LIMIT', after: 0 });
});

/** What a slab and a region say of a Buffer that was freed, and of wrong frees. */
const FREED = {
  lives: HEAP,
  held: 1,
  view: 'ERR_RALLOC_FOREIGN_BUFFER',
  twice: 'ERR_RALLOC_DOUBLE_FREE',
  foreign: 'ERR_RALLOC_FOREIGN_BUFFER',
  copied: 7,
  isZero: true,
  left: 0,
};

test('a freed Buffer of a slab lives on; slots are counted, tokens and slabs between processes go on', async (t) => {
  t.deepEqual(await part(t, 'slab'), {
    ...FREED,
    full: 'ERR_RALLOC_EXHAUSTED',
    isSent: ['ERR_RALLOC_DOUBLE_FREE', 5, 1000],
    isReal: true,
    recycled: HEAP,
  });
  t.is(await part(t, 'default'), 20_000);
});

test('a freed Buffer of a region lives on, and blocks are counted, with autoFree too', async (t) => {
  t.deepEqual(await part(t, 'region'), { ...FREED, full: 'ERR_RALLOC_LIMIT' });
  t.deepEqual(await part(t, 'collected'), { held: 51, left: 1, kept: 7 });
});

test('a request has Buffers of the heap up to the limit of the arenas, and metrics say so', async (t) => {
  t.deepEqual(await part(t, 'request'), {
    answer: true,
    lives: 7,
    heap: 120_000,
    full: 'ERR_RALLOC_LIMIT',
    requests: 1,
    heapRequests: 1,
    heapBuffers: 2,
    left: 0,
    tuned: 'off',
  });
  t.true(await part(t, 'page'));
  t.deepEqual(await part(t, 'warnings'), []);
});

test('pump(), release(), files() and compressors() leave all to Node', async (t) => {
  const { left, ...others } = await part(t, 'streams');
  t.true(left >= 100_000);
  t.deepEqual(others, { pumped: true, released: 0, length: 100_000, files: [], gzip: true });
});

test('no function of Node is replaced, by whatever asks for the guard', async (t) => {
  const env = { RALLOC_DISABLED: 'yes' };
  const { result, stderr } = await run('node/what-changes.js', { args: ['all'], env });
  t.deepEqual([result?.all.replaced, result?.all.code], [[], undefined], stderr);
});

test('ralloc/auto begins no part, and applies no table', async (t) => {
  const app = tried(t);
  const env = { RALLOC_DISABLED: 'on', RALLOC_AUTO: 'report' };
  const { code, result, stderr } = await app.auto('app.js', { env });
  t.is(code, 0, stderr);
  t.deepEqual(result, { inside: false, outside: false });
  t.deepEqual(
    stderr.match(/^ralloc: auto: .*$/gm),
    ['compressors', 'files', 'streams', 'bodies', 'trim', 'inventory', 'pool-size'].map(
      (name) => `ralloc: auto: ${name}: off, by RALLOC_DISABLED`,
    ),
  );
});

test('every switch warns of another value and is ignored, and the server starts', async (t) => {
  const names = [
    'DISABLED',
    'GUARD',
    'TRIM',
    'TUNE',
    'DEBUG',
    'AUTO_ALLOC',
    'PROFILE_TYPED_ARRAYS',
  ];
  const env = Object.fromEntries(names.map((name) => [`RALLOC_${name}`, 'maybe']));
  const app = tried(t, {
    files: { 'app.js': "require('./serve.js').serve((_req, res) => res.end());" },
  });
  const execArgv = ['--require', require.resolve('../../tools/recorder/preload.js')];
  const { code, stderr } = await app.auto('app.js', { env, execArgv });
  t.is(code, 0, stderr);
  const told = [
    ...stderr.matchAll(/\[RALLOC_WRONG_VALUE\] RallocWarning: (\w+) is 'maybe', which/g),
  ];
  t.deepEqual(told.map(([, name]) => name).sort(), Object.keys(env).sort());
});

const WORDS = { 1: true, on: true, TRUE: true, Yes: true, 0: false, off: false, nO: false };

for (const [word, is] of Object.entries({ ...WORDS, false: false, '': undefined })) {
  test(`a switch takes '${word}'`, (t) => {
    t.is(readSwitch(word, 'RALLOC_TEST'), is);
  });
}
