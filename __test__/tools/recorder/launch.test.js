'use strict';
// tier: tools

// `ralloc profile` and `ralloc/profile`: the application runs and ends as without, and whatever its
// end was, there is a profile.

const test = require('ava');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const { join } = require('node:path');
const { ALIVE, BORN } = require('../../../tools/recorder/events.js').events;
const { Profile } = require('../../helpers/sums.js');
const { posixTest } = require('../../helpers/backend.js');
const { fixturePath } = require('../../helpers/child.js');
const { folder } = require('../../helpers/folder.js');
const { bin, preloaded, profiled, ralloc } = require('../../helpers/profile.js');

const KEPT = 2000 * 16 * 1024; // bytes of ends.js

/** A fixed distance: on a slow machine the budget leaves too few samples of so little to compare. */
const options = ['--rate', '32k'];

/** Whether the recorder came to its end, and told what was alive: all that ends.js keeps. */
function assertSettled(t, profile) {
  const alive = profile.cells.filter(({ event }) => event === ALIVE);
  const bytes = alive.reduce((sum, cell) => sum + cell.bytes, 0);
  t.true(bytes > KEPT * 0.8 && bytes < KEPT * 1.25, `${bytes} bytes are alive at the end`);
}

for (const [how, code, stderr = /^ralloc: Recorded one thread in .*\n$/] of [
  ['return', 0],
  ['set exit code', 3],
  ['process.exit', 4],
  ['process.exit in a listener of exit', 6],
  ['process.exit, after streams that ralloc looks at', 8],
  ['beforeExit by hand and by Node', 12],
  ['throw', 1, /Error: of the application/],
  ['reject', 1, /Error: of the application/],
]) {
  test(`an application that ends by ${how}`, async (t) => {
    const ended = await profiled(t, 'ends.js', { args: [how], options });
    t.is(ended.code, code);
    t.regex(ended.stderr, stderr);
    const profile = ended.read();
    t.is(profile.recorders.length, 1);
    t.is(profile.skipped, 0);
    assertSettled(t, profile);
  });
}

for (const [how, signal] of [
  ['kill itself', 'SIGKILL'],
  ['abort', 'SIGABRT'],
]) {
  posixTest(
    `an application that ends by ${signal} leaves a profile, and ralloc says so`,
    async (t) => {
      const ended = await profiled(t, 'ends.js', { args: [how] });
      t.is(ended.signal, signal);
      const killed =
        'ralloc: 1 process ended without a word, as by SIGKILL: up to 2 s at the end are missing';
      t.true(ended.stderr.includes(`${killed}\nralloc: Recorded one thread in `), ended.stderr);
      const profile = ended.read();
      t.is(profile.recorders.length, 1);
      t.is(profile.skipped, 0);
    },
  );
}

/** ends.js under `ralloc profile`, with `act(its pid)` when it is at work; [code, signal], and the profile. */
async function signalled(t, how, act) {
  const file = join(folder(t), 'a.jsonl');
  const child = spawn(
    process.execPath,
    [
      bin,
      'profile',
      '-o',
      file,
      ...options,
      '--',
      process.execPath,
      fixturePath('tools/recorder/ends.js'),
      how,
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const closed = once(child, 'close');
  const [line] = await once(child.stdout.setEncoding('utf8'), 'data');
  const told = JSON.parse(line);
  let isOver = false;
  t.teardown(() => {
    if (isOver) return;
    for (const pid of [child.pid, told.pid]) process.kill(pid, 'SIGKILL');
  });
  t.deepEqual(told.counts, how === 'wait' ? [0, 0, 0] : told.counts, 'no listener of ralloc');
  act(child, told.pid);
  const ended = await closed;
  isOver = true;
  return { ended, profile: Profile.read(file) };
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  posixTest(`${signal} to ralloc ends an application after its profile`, async (t) => {
    const { ended, profile } = await signalled(t, 'wait', (child) => child.kill(signal));
    t.deepEqual(ended, [null, signal]);
    assertSettled(t, profile);
  });
}

for (const signal of ['SIGALRM', 'SIGXCPU']) {
  posixTest(`${signal} to ralloc is passed on`, async (t) => {
    const { ended } = await signalled(t, 'wait', (child) => child.kill(signal));
    t.deepEqual(ended, [null, signal]);
  });
}

for (const how of [
  'signal-exit',
  'the signal once more, with nothing left to do',
  'listeners come and go',
]) {
  posixTest(`SIGTERM ends an application with the listeners of: ${how}`, async (t) => {
    const { ended, profile } = await signalled(t, how, (_, pid) => process.kill(pid, 'SIGTERM'));
    t.deepEqual(ended, [null, 'SIGTERM']);
    assertSettled(t, profile);
  });
}

posixTest('an application that listens for a signal decides itself when to end', async (t) => {
  const { ended, profile } = await signalled(t, 'graceful end', (child) => child.kill('SIGTERM'));
  t.deepEqual(ended, [5, null]);
  assertSettled(t, profile);
});

test('threads, forks and clusters: one recorder in each, one file for all', async (t) => {
  const ended = await profiled(t, 'tree.js');
  t.is(ended.code, 0, ended.stderr);
  t.regex(ended.stderr, /Recorded 6 threads/);
  const { recorders, skipped } = ended.read();
  t.is(skipped, 0);
  t.is(new Set(recorders.map(({ id }) => id)).size, 6); // but for the worker with another environment
  t.is(new Set(recorders.map(({ pid }) => pid)).size, 4);
});

test('a child with an environment of its own is not recorded, and leaves no file', async (t) => {
  const cwd = folder(t);
  const program = join(cwd, 'parent.js');
  fs.writeFileSync(
    program,
    "if (process.argv.length === 2) require('node:child_process').fork(__filename, ['child'], { env: {} });",
  );
  const { code, stderr } = await ralloc(
    ['profile', '-o', 'a.jsonl', '--', process.execPath, program],
    { cwd },
  );
  t.is(code, 0, stderr);
  t.regex(stderr, /Recorded one thread/);
  t.deepEqual(fs.readdirSync(cwd).sort(), ['a.jsonl', 'parent.js']);
});

test('a worker that is terminated with its answer, and one that sleeps from then on', async (t) => {
  const ended = await profiled(t, 'terminated.js', { options });
  t.is(ended.code, 0, ended.stderr);
  const { cells, recorders } = ended.read();
  t.is(recorders.length, 3);
  const born = cells.filter(({ event }) => event === BORN);
  const bytes = born.reduce((sum, cell) => sum + cell.bytes, 0);
  t.true(Math.abs(bytes / (2 * KEPT) - 1) < 0.2, `${bytes} bytes of ${2 * KEPT}`);
});

test('threads and forks with --import ralloc/profile, where a fork without execArgv has no recorder', async (t) => {
  const ended = await preloaded(t, 'tree.js');
  t.is(ended.code, 0, ended.stderr);
  t.is(ended.read().recorders.length, 5);
});

posixTest('a program that never comes back to its event loop, and is killed', async (t) => {
  const ended = await profiled(t, 'busy.js', { args: ['5000'] });
  t.is(ended.signal, 'SIGKILL');
  const { recorders, skipped } = ended.read();
  t.is(skipped, 0);
  t.true(recorders[0].blocks >= 3, `${recorders[0].blocks} blocks in 5 s`);
});
