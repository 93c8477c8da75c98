'use strict';
// tier: tools

// When a session appends blocks, and that nothing of it ever harms the application.

const { serial: test } = require('ava');
const time = require('../../../lib/base/time.js');
const { SLOT_MS } = require('../../../tools/recorder/buckets.js');
const { Session } = require('../../../tools/recorder/session.js');
const { Clock } = require('../../helpers/clock.js');
const { blocksOf } = require('../../helpers/profiles.js');

/** A session that began, with a recorder and a writer that note what is asked of them; `fail(name)`: what throws from then on. */
function start(t, clock, block = blocksOf(1)[0]) {
  const calls = [];
  const failures = [];
  let fails;
  const note = (name, result) => () => {
    calls.push(name);
    if (fails === name) throw new Error(`of ${name}`);
    return result;
  };
  const recorder = {
    start: note('start'),
    take: note('take', block),
    settle: note('settle', block),
    stop: note('stop'),
  };
  const writer = { write: note('write'), close: note('close'), turn: () => false };
  const session = new Session(recorder, writer, (error) => failures.push(error.message));
  t.teardown(() => session.end());
  clock.use(() => session.start());
  const fail = (name) => {
    fails = name;
  };
  const written = () => calls.filter((name) => name === 'write').length;
  return { calls, failures, session, fail, written };
}

test('a block is written at once, one more each slot, and one at the end, when everything is put back', (t) => {
  const clock = new Clock();
  const { calls, session, written } = start(t, clock);
  t.is(written(), 1);
  for (let slot = 0; slot < 2; slot++) clock.pass(clock.timers[0].at - clock.now);
  t.is(written(), 3);
  clock.use(() => session.end());
  t.deepEqual(calls.slice(-4), ['settle', 'write', 'stop', 'close']);
  t.deepEqual(clock.timers, []);
  session.end();
  session.flush();
  t.is(written(), 4);
});

/** Stops the clock of slots, at the begin of one. */
function stopWall(t) {
  const { wall } = time;
  t.teardown(() => Object.assign(time, { wall }));
  time.wall = () => 1000 * SLOT_MS;
}

test('a sample in a new slot writes, so that no timer is needed', (t) => {
  stopWall(t);
  const { session, written } = start(t, new Clock());
  session.onSample();
  t.is(written(), 1);
  time.wall = () => 1001 * SLOT_MS;
  session.onSample();
  session.onSample();
  t.is(written(), 2);
});

test('a message that is posted writes, but not each of many', (t) => {
  stopWall(t);
  const clock = new Clock();
  const { session, written } = start(t, clock);
  clock.pass(199);
  clock.use(() => session.onPost());
  t.is(written(), 1);
  clock.pass(1);
  for (let i = 0; i < 2; i++) clock.use(() => session.onPost());
  t.is(written(), 2);
});

for (const what of ['take', 'write', 'settle', 'stop', 'close']) {
  test(`a failure of ${what}() is told once, and everything is put back`, (t) => {
    const clock = new Clock();
    const listeners = process.listeners('exit');
    const { calls, failures, session, fail } = start(t, clock);
    fail(what);
    clock.pass(SLOT_MS);
    for (let i = 0; i < 2; i++) clock.use(() => session.end());
    t.deepEqual(failures, [`of ${what}`]);
    t.true(session.isOver && calls.includes('stop') && calls.includes('close'));
    t.deepEqual(clock.timers, []);
    t.deepEqual(process.listeners('exit'), listeners);
  });
}
