'use strict';
// tier: run-time

// What the C library keeps goes back to the system when a load is over: once for each rest, never under load.

const test = require('ava');
const memory = require('../../lib/memory/native.js');
const { testWhere } = require('../helpers/backend.js');
const { run } = require('../helpers/child.js');
const { Clock } = require('../helpers/clock.js');
const { Exchange } = require('../helpers/exchange.js');
const { fresh } = require('../helpers/fresh.js');

const SECOND = 1000;
const LOAD = 2000; // ms of CPU

/** A process of whose CPU, memory and time the test is the master; what `native` has stands for the binary. */
function watched(t, native) {
  const clock = new Clock();
  const state = { cpu: 0, rss: 5e7, arrayBuffers: 0, requests: 0, young: 1e6, grows: true };
  const [trims, collections, grown] = [[], [], []];
  const { cpuUsage, memoryUsage } = process;
  const noted = [];
  const mallocKept = () => noted.push(state.cpu);
  const trimMalloc = () => trims.push(state.cpu) > 0;
  const rest = fresh('memory/malloc-trim.js', {
    'memory/native.js': native ?? { trimMalloc, trimmedMs: () => trims.length, mallocKept },
    'memory/gc.js': {
      requestReducing: () => collections.push(state.cpu) > 0,
      lastMajor: () => ({ ended: clock.now, pausedMs: state.pausedMs }),
      youngBytes: () => state.young,
      growYoung: (bytes) => {
        grown.push(bytes);
        if (state.grows === undefined) throw new Error('v8.setFlagsFromString() is replaced');
        if (state.grows) state.young = bytes;
        return state.grows;
      },
      HAS_POOL: true,
    },
  });
  t.teardown(() => Object.assign(process, { cpuUsage, memoryUsage }));
  process.cpuUsage = () => ({ user: 0, system: state.cpu * 1000 });
  process.memoryUsage = Object.assign(() => ({ ...state }), { rss: () => state.rss });
  /** So many seconds, in each of which the process has `ms` of CPU. */
  const seconds = (count, ms) => {
    for (let i = 0; i < count; i++) {
      state.cpu += ms;
      clock.pass(SECOND);
    }
  };
  const watch = () => clock.use(() => rest.watch(() => state.requests));
  return { clock, collections, grown, noted, rest, seconds, state, trims, watch };
}

test.serial('a process that rests after a load is trimmed, and told by how much', (t) => {
  const { clock, noted, rest, seconds, state, trims, watch } = watched(t);
  seconds(1, LOAD);
  watch();
  watch();
  seconds(1, 5);
  t.deepEqual(trims, [LOAD + 5]);
  state.rss = 2e7;
  seconds(1, 5);
  t.deepEqual(rest.stats(), { count: 1, bytes: 3e7, collections: 0, ms: 1 });
  t.is(noted.length, 1, 'what malloc still has free is not resident');
  t.is(clock.timers.length, 0);
});

test.serial('one that works on, on whatever, is trimmed when that is over', (t) => {
  const { seconds, trims, watch } = watched(t);
  seconds(1, LOAD);
  watch();
  seconds(10, 60);
  t.deepEqual(trims, []);
  seconds(1, 50);
  t.is(trims.length, 1);
});

test.serial('a rest has one trim, whatever small requests come in it', (t) => {
  const { seconds, trims, watch } = watched(t);
  seconds(1, LOAD);
  for (let i = 0; i < 40; i++) {
    watch();
    seconds(2, 5);
  }
  t.is(trims.length, 1);
  seconds(1, LOAD);
  watch();
  seconds(2, 5);
  t.is(trims.length, 2);
});

test.serial('a process that has hardly done anything is not looked at', (t) => {
  const { clock, seconds, watch } = watched(t);
  seconds(1, 249);
  watch();
  t.is(clock.timers.length, 0);
});

test.serial('trims have a hundredth of the CPU at most', (t) => {
  const trims = [];
  const native = { trimMalloc: () => trims.push(0) > 0, trimmedMs: () => 40 * trims.length };
  const { seconds, watch } = watched(t, native);
  seconds(1, LOAD);
  for (let i = 0; i < 3; i++) {
    watch();
    seconds(2, 5);
    seconds(1, 1000);
  }
  t.is(trims.length, 1);
  seconds(1, 1000);
  for (let i = 0; i < 4; i++) {
    watch();
    seconds(2, 5);
    seconds(1, 1000);
  }
  t.is(trims.length, 2);
  watch();
  seconds(2, 5);
  t.is(trims.length, 3);
});

test.serial(
  'where the C library is another, or no thread is to be had, a rest ends without a trim',
  (t) => {
    for (const native of [{}, { trimMalloc: () => false, trimmedMs: () => 0 }]) {
      const { clock, rest, seconds, watch } = watched(t, native);
      seconds(1, LOAD);
      watch();
      seconds(1, 5);
      t.is(clock.timers.length, 0);
      t.deepEqual(rest.stats(), { count: 0, bytes: 0, collections: 0, ms: 0 });
    }
  },
);

const MiB = 2 ** 20;

test.serial('a rest with dead Buffers has one collection, after a pause, and another trim', (t) => {
  const { clock, collections, seconds, state, trims, watch } = watched(t);
  seconds(1, LOAD);
  state.arrayBuffers = 33 * MiB;
  watch();
  seconds(2, 5);
  t.deepEqual([trims.length, collections.length], [1, 0]);
  seconds(1, 5);
  t.deepEqual([trims.length, collections.length], [1, 1]);
  state.arrayBuffers = 2 * MiB;
  seconds(2, 5);
  t.deepEqual([trims.length, collections.length], [2, 1]);
  t.is(clock.timers.length, 0);
});

test.serial('a heap that has grown is worth one too; what lived after it is not garbage', (t) => {
  const { clock, collections, seconds, state, watch } = watched(t);
  const MINUTE = 61;
  for (const [rss, count] of [
    [128, 0],
    [129, 1],
    [200, 2],
    [264, 2],
    [265, 3],
  ]) {
    seconds(MINUTE, 20);
    state.rss = rss * MiB;
    watch();
    seconds(6, 5);
    t.is(collections.length, count, `${rss} MiB`);
    t.is(clock.timers.length, 0);
  }
});

test.serial(
  'between requests none begins, and after a minute of them nobody looks any more',
  (t) => {
    const { clock, collections, seconds, state, watch } = watched(t);
    seconds(1, LOAD);
    state.arrayBuffers = 100 * MiB;
    watch();
    for (let i = 0; i < 25; i++) {
      t.is(clock.timers.length, i < 21 ? 1 : 0);
      state.requests++;
      seconds(3, 5);
    }
    t.deepEqual(collections, []);
    watch();
    seconds(6, 5);
    t.is(collections.length, 1);
  },
);

test.serial('a minute has one', (t) => {
  const { clock, collections, seconds, state, watch } = watched(t);
  for (let second = 0; second < 120; second += 10) {
    state.arrayBuffers += 100 * MiB;
    seconds(3, LOAD);
    watch();
    seconds(7, 5);
  }
  t.is(collections.length, 2);
  seconds(60, 5);
  t.is(collections.length, 3, 'what the last loads have left');
  seconds(120, 5);
  t.is(collections.length, 3);
  t.is(clock.timers.length, 0);
});

test.serial('what a load leaves that came right after a collection is garbage too', (t) => {
  const { collections, seconds, state, watch } = watched(t);
  seconds(1, LOAD);
  state.arrayBuffers = 100 * MiB;
  watch();
  seconds(3, 5);
  t.is(collections.length, 1);
  state.requests++;
  seconds(1, LOAD);
  seconds(5, 5);
  t.is(collections.length, 1);
  seconds(60, 5);
  t.is(collections.length, 2);
});

test.serial('a server that did little is looked at for its dead Buffers alone', (t) => {
  const { collections, seconds, state, watch } = watched(t);
  seconds(1, LOAD);
  watch();
  seconds(2, 5);
  seconds(1, 100);
  state.arrayBuffers = 100 * MiB;
  watch();
  seconds(5, 5);
  t.is(collections.length, 1);
});

for (const [title, isAble, count] of [
  ['has its size again after each time that V8 takes it back', true, 2],
  ['is left as it is where it does not grow', false, 1],
  ['is left as it is where the application has replaced what that needs', undefined, 1],
]) {
  test.serial(`the young generation that a collection has made small ${title}`, (t) => {
    const { collections, grown, seconds, state, watch } = watched(t);
    seconds(1, LOAD);
    Object.assign(state, { arrayBuffers: 100 * MiB, young: 16 * MiB, grows: isAble });
    watch();
    seconds(4, 5);
    t.deepEqual([collections.length, grown], [1, []]);
    state.young = MiB;
    seconds(2, 5);
    t.deepEqual(grown, [16 * MiB]);
    seconds(1, LOAD);
    watch();
    state.young = 2 * MiB; // in a later rest
    seconds(3, LOAD);
    t.deepEqual(grown, Array(count).fill(16 * MiB));
    state.young = 5 * MiB; // less than was wanted, but not by much
    seconds(3, LOAD);
    t.is(grown.length, count);
  });
}

for (const [title, changes, count] of [
  ['and another one after half a minute, for what has died since', {}, 2],
  ['and no other one that would stop the program for long', { pausedMs: 200 }, 1],
  ['and no other one if it has left little', { heapUsed: 39 * MiB }, 1],
]) {
  test.serial(`a rest with a large heap has one collection, ${title}`, (t) => {
    const { clock, collections, seconds, state, trims, watch } = watched(t);
    seconds(1, LOAD);
    Object.assign(state, { rss: 500 * MiB, heapUsed: 300 * MiB, pausedMs: 150 });
    watch();
    seconds(3, 5);
    Object.assign(state, { rss: 200 * MiB, heapUsed: 86 * MiB, ...changes });
    seconds(29, 5);
    t.deepEqual([trims.length, collections.length], [2, 1]);
    seconds(200, 5);
    t.is(collections.length, count);
    t.is(trims.length, count === 1 ? 2 : 4, 'before and after each');
    t.is(clock.timers.length, 0);
  });
}

testWhere(
  memory.trimMalloc !== undefined,
  'glibc',
  'a server whose load is over has less memory',
  async (t) => {
    const { result, stderr } = await run('memory/rests.js', { execArgv: ['--expose-gc'] });
    t.like(result, { count: 1 }, stderr);
    t.true(result.bytes > 10e6, JSON.stringify(result));
    t.true(result.ms > 0);
  },
);

/** How often the end of a request, and the second after it, have the process watched. */
function watches(options, then = () => {}) {
  let count = 0;
  const clock = new Clock();
  const { requestArena } = clock.use(() =>
    fresh('express.js', {
      'memory/malloc-trim.js': {
        watch() {
          count++;
          then();
        },
      },
    }),
  );
  const arenas = requestArena(options);
  const exchange = new Exchange();
  clock.use(() => exchange.begin(arenas));
  clock.pass(3 * SECOND);
  const inFlight = count;
  clock.use(() => arenas.end(exchange.req));
  clock.pass(SECOND);
  return { inFlight, after: count };
}

test.serial(
  'a server is watched when no request is in flight, and without a limit of time for them too',
  (t) => {
    for (const options of [{}, { warnAfterMs: 0 }])
      t.deepEqual(watches(options), { inFlight: 0, after: 1 });
  },
);

test.serial('a server goes on where that cannot be loaded', (t) => {
  const fails = () => {
    throw Object.assign(new Error('too many open files'), { code: 'EMFILE' });
  };
  t.deepEqual(watches({}, fails), { inFlight: 0, after: 1 });
});

test.serial('none is with trim: false, and with RALLOC_TRIM=off', (t) => {
  t.deepEqual(watches({ trim: false }), { inFlight: 0, after: 0 });
  t.teardown(() => delete process.env.RALLOC_TRIM);
  process.env.RALLOC_TRIM = 'off';
  t.deepEqual(watches({ trim: true }), { inFlight: 0, after: 0 });
});
