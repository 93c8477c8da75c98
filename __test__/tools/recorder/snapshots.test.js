'use strict';
// tier: tools

// When and where heap snapshots are taken, and what is kept of a profile by --peak.

const { serial: test } = require('ava');
const fs = require('node:fs');
const { join } = require('node:path');
const { profiler } = require('../../..');
const { encode } = require('../../../tools/recorder/lines.js');
const { Profile, keepPeak } = require('../../../tools/recorder/profile.js');
const { Snapshots } = require('../../../tools/recorder/snapshots.js');
const { Collection } = require('../../../tools/report/collection.js');
const { posixTest } = require('../../helpers/backend.js');
const { called } = require('../../helpers/cli.js');
const { folder } = require('../../helpers/folder.js');
const { profiled, preloaded } = require('../../helpers/profile.js');
const { recording, site } = require('../../helpers/recorded.js');
const { once } = require('node:events');
const { Worker } = require('node:worker_threads');
const { gunzipSync } = require('node:zlib');
const pprofFormat = require('pprof-format');
const { fixturePath, run } = require('../../helpers/child.js');
const { fresh } = require('../../helpers/fresh.js');
const { warned } = require('../../helpers/warned.js');

posixTest('one is taken when ArrayBuffers exceed a limit, and one at a signal', async (t) => {
  const { code, stderr, file } = await profiled(t, '../holders/grows.js', {
    options: ['--snapshot-above', '4m', '--snapshot-signal', 'SIGUSR2', '--rate', '1'],
  });
  t.is(code, 0, stderr);
  const told = [
    ...stderr.matchAll(/RALLOC_PROFILE_SNAPSHOT\] RallocWarning: (\S+) is a heap snapshot/g),
  ];
  const dir = join(file, '..');
  const written = fs.readdirSync(dir).filter((name) => name.endsWith('.heapsnapshot'));
  t.deepEqual(
    told.map(([, name]) => name),
    written.sort().map((name) => join(dir, name)),
  );
  t.is(written.length, 2);
  t.regex(written[0], /^of-test\.\d+\.1\.heapsnapshot$/);
  const { stdout } = await called(['holders', told[0][1], file]);
  t.regex(
    stdout,
    /7\.6 MiB in 8 ArrayBuffers, held by\n(?: .*\n)*.*kept: Array\n +→ \[\]: Buffer\n.*Buffer\.alloc .*grows\.js:7:\d+: 7\.6 MiB in 8/,
  );
});

test('the next one is taken at twice as many bytes; one that cannot be written is told, and no error', (t) => {
  const told = warned(t, 'RALLOC_PROFILE_SNAPSHOT');
  let flushes = 0;
  const profile = join(folder(t), 'none', 'a.jsonl');
  const snapshots = new Snapshots({ profile, above: 10, flush: () => flushes++ });
  const counts = [10, 11, 22, 23, 46, 47].map((bytes) => {
    snapshots.look(bytes);
    return told.length;
  });
  t.deepEqual(counts, [0, 2, 2, 4, 4, 6]);
  t.regex(told[0].message, /^A heap snapshot is taken now, of .+: V8 may take .+ more until/);
  t.is(flushes, 3);
  t.true(
    told[1].message.startsWith(`The heap snapshot cannot be written to ${join(profile, '..')}`),
    told[1].message,
  );
});

test('snapshot() writes where it is told, replaces an earlier one, and leaves other files alone', (t) => {
  const dir = folder(t);
  const file = join(dir, 'a.heapsnapshot');
  t.is(profiler.snapshot(file), file);
  fs.truncateSync(file, 100);
  t.is(profiler.snapshot(file), file);
  t.true(fs.statSync(file).size > 1e6);
  const other = join(dir, 'other');
  fs.writeFileSync(other, 'mine');
  t.throws(() => profiler.snapshot(other), { code: 'ERR_RALLOC_PROFILE_FOREIGN' });
  t.throws(() => profiler.snapshot(join(dir, 'none', 'a')), {
    code: 'ERR_RALLOC_PROFILE_UNWRITABLE',
  });
  for (const wrong of [null, 5, '']) {
    t.throws(() => profiler.snapshot(wrong), { code: 'ERR_RALLOC_INVALID_ARGUMENT' });
  }
  t.deepEqual(fs.readdirSync(dir).sort(), ['a.heapsnapshot', 'other']);
  t.is(fs.readFileSync(other, 'utf8'), 'mine');
});

posixTest('the listener of the signal is gone with the recorder', (t) => {
  const before = process.listenerCount('SIGUSR2');
  profiler.start({ file: null, snapshotSignal: 'SIGUSR2' });
  t.is(process.listenerCount('SIGUSR2'), before + 1);
  profiler.stop();
  t.is(process.listenerCount('SIGUSR2'), before);
});

test('--peak keeps the blocks up to the one in which ArrayBuffers of all processes took the most', (t) => {
  const file = join(folder(t), 'a.jsonl');
  const behaviours = [
    { site: site('Buffer.alloc', ['read /app/a.js:1:2']), size: 1000, perSecond: 1e6 },
  ];
  const bytes = [
    [1, 5, 9, 2, 3],
    [1, 9, 2, 2, 3],
  ];
  const blocks = bytes.flatMap((row, pid) =>
    recording({ seconds: 10, pid, behaviours, process: (index) => ({ arrayBuffers: row[index] }) }),
  );
  fs.writeFileSync(file, Buffer.concat(blocks.map(encode)));
  t.is(keepPeak([file]), 14);
  const { series, recorders, lost } = Profile.read(file);
  t.deepEqual(
    series.map(({ arrayBuffers }) => arrayBuffers),
    [2, 14],
  );
  t.is(recorders.length, 2);
  t.is(lost, 0);
  const [{ totals }] = Collection.read(file).sites();
  t.is(totals.live, 2 * 2 * 2e6, 'what was alive then');
});

test('ralloc profile --peak says what it kept', async (t) => {
  const { code, stderr, read } = await profiled(t, 'ends.js', {
    args: ['return'],
    options: ['--peak'],
  });
  t.is(code, 0);
  t.regex(
    stderr,
    /^ralloc: Kept until ArrayBuffers took the most, \d.*\nralloc: Recorded one thread in .*\n$/,
  );
  t.is(read().recorders.length, 1);
});

// ralloc.profiler: a recorder that an application starts and stops itself.

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
