'use strict';
// tier: tools

// When and where heap snapshots are taken, and what is kept of a profile by --peak.

const test = require('ava');
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
const { profiled } = require('../../helpers/profile.js');
const { recording, site } = require('../../helpers/recorded.js');

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
    /7\.6 MiB in 8 ArrayBuffers, held by\n.*kept: Array → \[\]: Buffer\n.*Buffer\.alloc .*grows\.js:7:\d+: 7\.6 MiB in 8/,
  );
});

test('the next one is taken at twice as many bytes; one that cannot be written is told, and no error', (t) => {
  const told = [];
  const onWarning = ({ code, message }) => code === 'RALLOC_PROFILE_SNAPSHOT' && told.push(message);
  process.on('warning', onWarning);
  t.teardown(() => process.off('warning', onWarning));
  let flushes = 0;
  const profile = join(folder(t), 'none', 'a.jsonl');
  const snapshots = new Snapshots({ profile, above: 10, flush: () => flushes++ });
  const counts = [10, 11, 22, 23, 46, 47].map((bytes) => {
    snapshots.look(bytes);
    return told.length;
  });
  t.deepEqual(counts, [0, 1, 1, 2, 2, 3]);
  t.is(flushes, 3);
  t.true(
    told[0].startsWith(`The heap snapshot cannot be written to ${join(profile, '..')}`),
    told[0],
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
