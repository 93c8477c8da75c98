'use strict';
// tier: tools

// When a session appends blocks, and that nothing of it ever harms the application.

const { serial: test } = require('ava');
const time = require('../../../lib/base/time.js');
const { encode } = require('../../../tools/recorder/lines.js');
const { SLOT_MS } = require('../../../tools/recorder/buckets.js');
const { Session } = require('../../../tools/recorder/session.js');
const { blocksOf } = require('../../helpers/profiles.js');

/** A session with a recorder and a writer that note what is asked of them; `fails`: the name of what throws. */
function make(t, { fails, block = blocksOf(1, {})[0] } = {}) {
  const calls = [];
  const failures = [];
  let isFull = false;
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
    tellAgain: note('tellAgain'),
  };
  const written = [];
  const writer = {
    write: (frame) => {
      note('write')();
      written.push(frame);
    },
    close: note('close'),
    turn: () => isFull,
  };
  const session = new Session(recorder, writer, (error) => failures.push(error.message));
  t.teardown(() => session.end());
  return {
    calls,
    failures,
    session,
    written,
    frame: encode(blocksOf(1, {})[0]),
    fail: (name) => (fails = name),
    fill: () => (isFull = true),
  };
}

/** Timers by hand: { run() } lets the timer that is set fire. */
function takeTimers(t) {
  const { setTimeout, clearTimeout, outside } = time;
  let due;
  Object.assign(time, {
    setTimeout: (work, ms) => {
      due = { work, ms, unref() {} };
      return due;
    },
    clearTimeout: (timer) => {
      if (due === timer) due = undefined;
    },
    outside: (work) => work(),
  });
  t.teardown(() => Object.assign(time, { setTimeout, clearTimeout, outside }));
  return {
    get ms() {
      return due?.ms;
    },
    fire() {
      const { work } = due;
      due = undefined;
      work();
    },
  };
}

test('the first block is written at once, one more each slot, and the last one at the end', (t) => {
  const timers = takeTimers(t);
  const { calls, session, written, frame } = make(t);
  session.start();
  t.deepEqual(calls, ['start', 'take', 'write']);
  t.true(timers.ms > 0 && timers.ms <= SLOT_MS);
  calls.length = 0;
  for (let slot = 0; slot < 2; slot++) {
    timers.fire();
    t.deepEqual(calls.splice(0), ['take', 'write']);
  }
  session.end();
  t.deepEqual(calls, ['settle', 'write', 'stop', 'close']);
  t.is(timers.ms, undefined);
  t.deepEqual(written, [frame, frame, frame, frame]);
  session.end();
  session.flush();
  t.is(calls.length, 4);
});

test('in a next file all sites are told again', (t) => {
  const timers = takeTimers(t);
  const { calls, session, fill } = make(t);
  session.start();
  fill();
  calls.length = 0;
  timers.fire();
  t.deepEqual(calls.splice(0), ['tellAgain', 'take', 'write']);
  session.end();
  t.deepEqual(calls, ['tellAgain', 'settle', 'write', 'stop', 'close']);
});

test('a slot in which nothing happened writes nothing', (t) => {
  takeTimers(t);
  const { calls, session } = make(t, { block: null });
  session.start();
  session.end();
  t.false(calls.includes('write'));
});

test('a sample in a new slot writes, so that no timer is needed', (t) => {
  takeTimers(t);
  const { wall } = time;
  t.teardown(() => {
    time.wall = wall;
  });
  const at = (ms) => {
    time.wall = () => 1000 * SLOT_MS + ms;
  };
  at(0);
  const { calls, session } = make(t);
  session.start();
  const count = () => calls.filter((name) => name === 'write').length;
  at(SLOT_MS - 1);
  session.onSample();
  t.is(count(), 1);
  at(SLOT_MS);
  session.onSample();
  session.onSample();
  t.is(count(), 2);
});

test('a message that is posted writes, but not each of many', (t) => {
  takeTimers(t);
  const { now } = time;
  t.teardown(() => {
    time.now = now;
  });
  time.now = () => 1000;
  const { calls, session } = make(t);
  session.start();
  const count = () => calls.filter((name) => name === 'write').length;
  session.onPost();
  t.is(count(), 1);
  time.now = () => 1200;
  session.onPost();
  session.onPost();
  t.is(count(), 2);
});

test('the end of the thread ends it, before listeners of the application; its end leaves no listener', (t) => {
  takeTimers(t);
  const listener = () => {};
  process.on('exit', listener);
  t.teardown(() => process.off('exit', listener));
  const before = process.listeners('exit');
  const { session } = make(t);
  session.start();
  t.deepEqual(process.listeners('exit').slice(1), before);
  process.listeners('exit')[0]();
  t.true(session.isOver);
  t.deepEqual(process.listeners('exit'), before);
});

for (const what of ['take', 'write', 'settle', 'stop', 'close']) {
  test(`a failure of ${what}() is told once, and everything is put back`, (t) => {
    const timers = takeTimers(t);
    const { calls, failures, session, fail } = make(t);
    session.start();
    fail(what);
    if (what === 'take' || what === 'write') timers.fire();
    session.end();
    session.end();
    t.deepEqual(failures, [`of ${what}`]);
    t.true(session.isOver);
    t.true(calls.includes('stop'));
    t.true(calls.includes('close'));
    t.is(timers.ms, undefined);
  });
}

test('a first block that cannot be written is thrown: nobody is at work yet', (t) => {
  takeTimers(t);
  const { calls, failures, session } = make(t, { fails: 'write' });
  t.throws(() => session.start(), { message: 'of write' });
  t.deepEqual(calls, ['start', 'take', 'write', 'stop', 'close']);
  t.deepEqual(failures, []);
});
