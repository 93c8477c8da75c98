'use strict';
// tier: tools

// ralloc.profiler: a recorder that an application starts and stops itself.

const { serial: test } = require('ava');
const fs = require('node:fs');
const { once } = require('node:events');
const { join } = require('node:path');
const { Worker } = require('node:worker_threads');
const { gunzipSync } = require('node:zlib');
const pprofFormat = require('pprof-format');
const { profiler } = require('../../..');
const { Profile } = require('../../../tools/recorder/profile.js');
const { fixturePath, run } = require('../../helpers/child.js');
const { folder } = require('../../helpers/folder.js');
const { fresh } = require('../../helpers/fresh.js');
const { preloaded } = require('../../helpers/profile.js');

test('start() tells the file, stop() ends it; Node’s functions are as before', (t) => {
  const before = Object.entries(Object.getOwnPropertyDescriptors(Buffer));
  const file = join(folder(t), 'a.jsonl');
  t.is(profiler.start({ file }), file);
  t.is(profiler.stop(), file);
  t.is(profiler.stop(), undefined);
  t.deepEqual(Object.entries(Object.getOwnPropertyDescriptors(Buffer)), before);
  const { recorders } = Profile.read(file);
  t.is(recorders.length, 1);
  t.is(recorders[0].budget, 0.01);
});

test('a second start() in the thread is refused, and the first one goes on', (t) => {
  const [file, other] = ['a', 'b'].map((name) => join(folder(t), name));
  profiler.start({ file });
  t.throws(() => profiler.start({ file: other }), { code: 'ERR_RALLOC_PROFILE_RUNNING' });
  t.is(profiler.stop(), file);
  t.false(fs.existsSync(other));
});

test('that of another copy of ralloc is refused alike, and writes nothing', (t) => {
  const [file, other] = ['a', 'b'].map((name) => join(folder(t), name));
  const copy = fresh('tools/recorder/profiler.js');
  profiler.start({ file });
  t.throws(() => copy.profiler.start({ file: other }), { code: 'ERR_RALLOC_PROFILE_RUNNING' });
  t.is(profiler.stop(), file);
  t.false(fs.existsSync(other));
});

test('it can be started again: an earlier profile is replaced, or appended to', (t) => {
  const file = join(folder(t), 'a.jsonl');
  const count = (options) => {
    profiler.start({ file, ...options });
    profiler.stop();
    return Profile.read(file).recorders.length;
  };
  t.deepEqual([count(), count({ append: true }), count({ append: true }), count()], [1, 2, 3, 1]);
});

test('in memory: pprof() has all since start(), as a file of it would, and nothing is written', (t) => {
  const cwd = fs.readdirSync('.');
  t.is(profiler.pprof(), undefined);
  t.is(profiler.start({ file: null, rate: 1 }), null);
  const kept = [Buffer.alloc(100_000)];
  const bytesOf = () => {
    const { sample, sampleType, stringTable } = pprofFormat.Profile.decode(
      gunzipSync(profiler.pprof()),
    );
    const types = sampleType.map(({ type }) => stringTable.strings[Number(type)]);
    const at = types.indexOf('inuse_space');
    return sample.reduce((sum, { value }) => sum + Number(value[at]), 0);
  };
  const before = bytesOf();
  t.true(before >= 100_000);
  kept.push(Buffer.alloc(200_000));
  t.true(bytesOf() >= before + 200_000);
  t.is(profiler.stop(), null);
  t.true(bytesOf() >= 300_000, 'the last state stays');
  t.is(kept.length, 2);
  const file = join(folder(t), 'a.jsonl');
  profiler.start({ file });
  t.is(profiler.pprof(), undefined);
  t.is(profiler.stop(), file);
  t.deepEqual(fs.readdirSync('.'), cwd);
});

test('without a file it is in the current folder', async (t) => {
  const cwd = folder(t);
  const { code, result } = await run('tools/recorder/starts.js', { cwd });
  t.is(code, 0);
  t.regex(result.file, /ralloc-20\d{6}-\d{6}-\d+\.jsonl$/);
  t.deepEqual(fs.readdirSync(cwd), [result.file.slice(cwd.length + 1)]);
  t.is(
    Profile.read(result.file).recorders.length,
    1,
    'the end of the process is that of the profile',
  );
});

test('a worker has its own', async (t) => {
  const dir = folder(t);
  profiler.start({ file: join(dir, 'main.jsonl') });
  const file = join(dir, 'worker.jsonl');
  const worker = new Worker(fixturePath('tools/recorder/starts.js'), {
    argv: [file],
    stdout: true,
  });
  const [code] = await once(worker, 'exit');
  t.is(code, 0);
  profiler.stop();
  const threads = ['main', 'worker'].map((name) =>
    Profile.read(join(dir, `${name}.jsonl`)).recorders.map(({ thread }) => thread),
  );
  t.deepEqual(threads, [[0], [worker.threadId === -1 ? threads[1][0] : worker.threadId]]);
});

for (const [options, error] of [
  [
    { file: 5 },
    { instanceOf: TypeError, message: /"options.file" property must be of type string/ },
  ],
  [{ file: '' }, { instanceOf: RangeError, message: /"options.file" must not be empty/ }],
  [{ budget: 0 }, { instanceOf: RangeError, message: /"options.budget" .* fraction of a core/ }],
  [{ budget: 3 }, { instanceOf: RangeError, message: /"options.budget" .* fraction of a core/ }],
  [{ budget: '1' }, { instanceOf: TypeError, message: /"options.budget"/ }],
  [{ rate: 0 }, { instanceOf: RangeError, message: /"options.rate"/ }],
  [{ maxBytes: 1000 }, { instanceOf: RangeError, message: /"options.maxBytes"/ }],
  ...[0, 1.5, '4m'].map((snapshotAbove) => [{ snapshotAbove }, {}]),
  ...['SIGKILL', 12].map((snapshotSignal) => [{ snapshotSignal }, {}]),
  [{ typedArrays: 1 }, { instanceOf: TypeError, message: /"options.typedArrays"/ }],
  [
    { budgets: 1 },
    { instanceOf: TypeError, message: /Unknown option "budgets". Did you mean "budget"/ },
  ],
  [5, { instanceOf: TypeError }],
]) {
  test(`bad input: start(${JSON.stringify(options)})`, (t) => {
    t.throws(() => profiler.start(options), { code: 'ERR_RALLOC_INVALID_ARGUMENT', ...error });
    t.is(profiler.stop(), undefined);
  });
}

test('a file that cannot be written: nothing is started', (t) => {
  const dir = folder(t);
  t.throws(() => profiler.start({ file: join(dir, 'none', 'a') }), {
    code: 'ERR_RALLOC_PROFILE_UNWRITABLE',
  });
  t.throws(() => profiler.start({ file: __filename }), { code: 'ERR_RALLOC_PROFILE_FOREIGN' });
  if (fs.existsSync('/dev/full')) {
    t.throws(() => profiler.start({ file: '/dev/full' }), {
      code: 'ERR_RALLOC_PROFILE_UNWRITABLE',
    });
  }
  profiler.start({ file: join(dir, 'a') });
  t.truthy(profiler.stop());
});

test('an application that "ralloc/profile" records cannot start another, and goes on', async (t) => {
  const { code, result, read } = await preloaded(t, 'starts.js');
  t.is(code, 0);
  t.is(result.error, 'ERR_RALLOC_PROFILE_RUNNING');
  t.is(read().recorders.length, 1);
});

test('servers of a module that is loaded later have requests too', async (t) => {
  const file = join(folder(t), 'a.jsonl');
  const { result, stderr } = await run('tools/recorder/loads-https-later.js', { args: [file] });
  t.is(stderr, '');
  t.deepEqual(result, { wasLoaded: false });
  const { sites } = Profile.read(file);
  t.true(sites.some(({ source, route }) => source === 'http' && route === 'POST /later'));
});
