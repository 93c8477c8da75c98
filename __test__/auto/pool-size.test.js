'use strict';
// tier: run-time, differs by Node

// The part pool-size of ralloc/auto: Node's pool is lowered where small Buffers that are kept pin its blocks, and nowhere else.

const test = require('ava');
const path = require('node:path');
const { libcOfProcess } = require('../../lib/memory/binary-file.js');
const { isNative, testWhere } = require('../helpers/backend.js');
const { fixturePath, run } = require('../helpers/child.js');
const { Clock } = require('../helpers/clock.js');
const { fresh } = require('../helpers/fresh.js');
const { warned } = require('../helpers/warned.js');

const PRELOAD = path.join(__dirname, '..', '..', 'lib', 'auto', 'preload.js');
const PINNED = 'RALLOC_POOL_PINNED';
const WRONG = 'RALLOC_WRONG_VALUE';

/** A program that keeps small Buffers, or drops them, with the part: what it prints, and the line of the report. */
async function pool(t, args, env = {}, preloads = [PRELOAD]) {
  const { code, result, stderr } = await run('auto/pool.js', {
    args,
    execArgv: ['--expose-gc', ...preloads.flatMap((file) => ['--require', file])],
    env: { RALLOC_AUTO: 'report', RALLOC_TABLE: '', RALLOC_DISABLED: '', ...env },
  });
  t.is(code, 0, stderr);
  t.true(result.isRight);
  return { ...result, stderr, line: /^ralloc: auto: pool-size: (.*)$/m.exec(stderr)?.[1] };
}

test('small Buffers that are kept lower the pool, and one warning says so', async (t) => {
  const { before, size, pool: seen, codes, line, metrics, stderr } = await pool(t, ['keep']);
  t.is(size, 4096);
  t.is(codes.filter((code) => code === PINNED).length, 1);
  t.like(seen, { size, from: before });
  t.true(seen.asked >= 8 && seen.alive > seen.asked / 2, JSON.stringify(seen));
  t.true(seen.perBuffer > 0 && seen.perBuffer <= before);
  t.true(Math.abs(seen.since - Date.now()) < 60_000);
  t.true(metrics.includes('ralloc_pool_block_bytes 4096'), metrics.join('\n'));
  t.true(metrics.includes(`ralloc_pool_pinned_ratio ${seen.alive / seen.asked}`));
  t.regex(line, /^lowered from (8|64) KiB to 4 KiB; \d+ of \d+ blocks lived through two major/);
  t.regex(stderr, /RALLOC_POOL_PINNED.*npx ralloc report.*Buffer\.allocUnsafeSlow\(\)/);
});

testWhere(
  isNative && libcOfProcess() === 'glibc',
  'malloc of glibc, and the binary that trims it',
  'once half of what was pinned is let go of, malloc gives it back',
  async (t) => {
    const { size } = await pool(t, ['let go'], { RALLOC_TRIM: '' }); // which ends then
    t.is(size, 4096);
  },
);

test('where none is kept it stays', async (t) => {
  const { before, size, pool: seen, codes, line } = await pool(t, ['drop']);
  t.deepEqual([size, codes], [before, []]);
  t.like(seen, { size, from: size, since: 0 });
  t.true(seen.asked >= 8 && seen.alive <= 2, JSON.stringify(seen));
  t.regex(line, /^(8|64) KiB; [012] of \d+ blocks lived/);
});

/** Value -> Buffer.poolSize as an application may set it, what the report says, and the warnings. */
const SET = {
  16384: [{ value: 16384, writable: true }, 'Buffer.poolSize is 16384', []],
  NaN: [{ value: Number.NaN, writable: true }, 'Buffer.poolSize is NaN', [WRONG]],
  frozen: [{ value: Buffer.poolSize, writable: false }, 'Buffer.poolSize is frozen', [WRONG]],
  accessor: [{ get: () => 8192 }, 'Buffer.poolSize is an accessor', [WRONG]],
};

/** What the part does, in this process, as the pool is set to `value` before it begins, or later. */
async function setTo(t, [descriptor, , due], isBefore) {
  const told = warned(t, WRONG);
  const own = Object.getOwnPropertyDescriptor(Buffer, 'poolSize');
  const pool = { from: 0, size: 0, asked: 0, alive: 0, since: 0 };
  const { begin } = fresh('node/pool-size.js', { 'memory/stream-counts.js': { pool } });
  const clock = new Clock();
  const set = () =>
    Object.defineProperty(Buffer, 'poolSize', {
      configurable: true,
      enumerable: own.enumerable,
      ...descriptor,
    });
  let begun;
  try {
    if (isBefore) set();
    begun = clock.use(begin);
    if (!isBefore) set();
    clock.pass(1000);
    t.like(Object.getOwnPropertyDescriptor(Buffer, 'poolSize'), descriptor);
  } finally {
    Object.defineProperty(Buffer, 'poolSize', own);
  }
  t.like(pool, { size: 0, since: 0 });
  t.is(clock.timers.length, 0);
  await new Promise(setImmediate);
  t.is(told.length, due.length);
  return begun;
}

for (const [value, seen] of Object.entries(SET)) {
  test.serial(`a pool that was set before is left: ${value}`, async (t) => {
    t.is(await setTo(t, seen, true), seen[1]);
  });

  test.serial(`and one that the program sets later: ${value}`, async (t) => {
    t.true(await setTo(t, seen, false));
  });
}

test('a pool that was set before is left by the preload, and its report says why', async (t) => {
  const preloads = [fixturePath('auto/pool-set.js'), PRELOAD];
  const told = await pool(t, ['keep'], { POOL_SET: 'frozen' }, preloads);
  t.is(told.size, told.before);
  t.is(told.line, `left alone: ${SET.frozen[1]}`);
  t.is(told.pool.size, 0);
  t.is(told.stderr.split(WRONG).length - 1, 1);
});

test('and one that the program freezes later', async (t) => {
  const told = await pool(t, ['keep', 'frozen']);
  t.is(told.size, told.before);
  t.like(told.pool, { size: 0, since: 0 });
  t.deepEqual(told.codes, [WRONG]);
});

test('RALLOC_AUTO=no-pool-size and RALLOC_DISABLED=1 turn it off', async (t) => {
  for (const env of [{ RALLOC_AUTO: 'no-pool-size,report' }, { RALLOC_DISABLED: '1' }]) {
    const { before, size, pool: seen, line } = await pool(t, ['keep'], env);
    t.deepEqual([size, seen.from], [before, 0]);
    t.is(line, `off, by RALLOC_${env.RALLOC_DISABLED ? 'DISABLED' : 'AUTO'}`);
  }
});

test('adaptPoolSize() does the same without the preload, unless ralloc is disabled', async (t) => {
  const by = { POOL_BY: 'function' };
  const { size, codes } = await pool(t, ['keep'], by, []);
  t.deepEqual([size, codes], [4096, [true, PINNED]]);
  const off = await pool(t, ['keep'], { ...by, RALLOC_DISABLED: '1' }, []);
  t.deepEqual([off.size, off.codes], [off.before, [false]]);
});

test.serial(
  'where V8 does not collect, a collection at rest is asked for once the pool has had no new block for a while',
  (t) => {
    const { RALLOC_TRIM } = process.env;
    delete process.env.RALLOC_TRIM;
    t.teardown(() => RALLOC_TRIM && Object.assign(process.env, { RALLOC_TRIM }));
    const told = [];
    const collection = {
      dueIn: () => (told.includes('ask') ? Infinity : 0),
      ask: () => told.push('ask') > 0,
      settle: () => told.push('settle'),
    };
    const { begin } = fresh('node/pool-size.js', { 'memory/rest-collection.js': collection });
    const clock = new Clock();
    t.true(clock.use(begin));
    for (let look = 0; look < 12; look++) {
      for (let bytes = 0; bytes <= Buffer.poolSize; bytes += 1000) Buffer.allocUnsafe(1000);
      clock.pass(100);
    }
    t.deepEqual(told, []);
    t.false(clock.timers[0].refed);
    clock.pass(60_000);
    t.deepEqual(told, ['ask', 'settle']);
  },
);
