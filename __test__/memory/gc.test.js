'use strict';

// How often a collection is asked for, and what of: counted in a clock that the tests move. Only the last
// tests collect in earnest; helpers/until.js would give this process a `gc`, so it is not used here.

const test = require('ava');
const { once } = require('node:events');
const vm = require('node:vm');
const { Worker } = require('node:worker_threads');
const { Clock } = require('../helpers/clock.js');
const { fresh } = require('../helpers/fresh.js');

/** A fresh requestGc() in a clock's time, whose full collections take `fullMs`; `runs` are what it ran. */
function collector({ fullMs = 0 } = {}) {
  const clock = new Clock();
  const { requestGc } = fresh('memory/gc.js');
  const runs = [];
  const gc = (options) => {
    runs.push(options === undefined ? 'full' : options.type);
    if (options === undefined) clock.now += fullMs;
  };
  const inClock = (act) => {
    globalThis.gc = gc;
    try {
      act();
    } finally {
      delete globalThis.gc;
    }
  };
  const request = (options) => clock.use(() => requestGc(options));
  /** One request, and the turn after it. */
  const collect = (options) => {
    request(options);
    inClock(() => clock.turn());
  };
  return { clock, runs, request, collect, turn: () => inClock(() => clock.turn()) };
}

test('a collection runs in a later turn, not within the request', (t) => {
  const { runs, request, turn } = collector();
  request();
  t.deepEqual(runs, []);
  turn();
  t.deepEqual(runs, ['minor']);
});

test('there is at most one in 100 ms, however many ask', (t) => {
  const { clock, runs, collect } = collector();
  for (let i = 0; i < 100; i++) {
    collect();
    clock.pass(0.99);
  }
  t.is(runs.length, 1, 'in 99 ms');
  clock.pass(0.99);
  collect();
  t.is(runs.length, 1, 'not one moment before');
  clock.pass(0.02);
  collect();
  t.is(runs.length, 2);
  for (let i = 0; i < 1000; i++) {
    clock.pass(1);
    collect();
  }
  t.is(runs.length, 12, 'ten in a second');
});

test('the young generation is collected three times before all is', (t) => {
  const { clock, runs, collect } = collector();
  for (let i = 0; i < 8; i++) {
    collect();
    clock.pass(100);
  }
  t.deepEqual(runs, ['minor', 'minor', 'minor', 'full', 'minor', 'minor', 'minor', 'full']);
});

test('where only a full one helps, the first is full', (t) => {
  const { runs, collect } = collector();
  collect({ major: true });
  t.deepEqual(runs, ['full']);
});

test('full collections take at most a twentieth of the time; the young generation is not kept waiting', (t) => {
  const { clock, runs, collect } = collector({ fullMs: 50 });
  const begun = clock.now;
  while (clock.now < begun + 20_000) {
    collect();
    clock.pass(100);
  }
  const full = runs.filter((one) => one === 'full').length;
  t.true(full * 50 <= 20_000 / 20, `${full} full ones of 50 ms in 20 s`);
  t.true(full >= 15, `${full}: the time it may take is taken`);
  t.true(runs.length - full >= 150, 'minor ones meanwhile');
});

test('the share of time holds for those too who can use full ones only', (t) => {
  const { clock, runs, collect } = collector({ fullMs: 50 });
  collect({ major: true });
  const end = clock.now;
  while (clock.now < end + 999) {
    collect({ major: true });
    clock.pass(1);
  }
  t.deepEqual(runs, ['full'], 'nothing until twenty times its length has passed');
  clock.pass(100);
  collect({ major: true });
  t.deepEqual(runs, ['full', 'full']);
});

test('a cheap full collection does not make the next one wait', (t) => {
  const { clock, runs, collect } = collector({ fullMs: 1 });
  for (let i = 0; i < 5; i++) {
    collect({ major: true });
    clock.pass(100);
  }
  t.is(runs.length, 5);
});

/** Runs one request and its turn, in a runtime where `act` has changed what there is. */
function requestOnce(options) {
  const clock = new Clock();
  const { requestGc } = fresh('memory/gc.js');
  clock.use(() => requestGc(options));
  clock.turn();
}

test.serial("Bun's own collector is asked: beside the program at first, then in full", (t) => {
  const runs = [];
  globalThis.Bun = { gc: (force) => runs.push(force) };
  t.teardown(() => delete globalThis.Bun);
  requestOnce();
  requestOnce({ major: true });
  t.deepEqual(runs, [false, true]);
});

for (const [missing, module, name] of [
  ['no gc in a new context', vm, 'runInNewContext'],
  ['no flags', require('node:v8'), 'setFlagsFromString'],
]) {
  test.serial(`a runtime that has ${missing} is not asked, and nothing is thrown`, (t) => {
    const real = module[name];
    let calls = 0;
    module[name] = () => {
      calls++;
      throw new ReferenceError('gc is not defined');
    };
    t.teardown(() => {
      module[name] = real;
      require('node:v8').setFlagsFromString('--no-expose-gc');
    });
    t.notThrows(() => requestOnce({ major: true }));
    t.is(calls, 1);
  });
}

const newContextHas = () => vm.runInNewContext('typeof gc');

/** Whether an object that nobody has is gone after what `collect` asks for. */
async function collects(collect) {
  let gone = false;
  const registry = new FinalizationRegistry(() => {
    gone = true;
  });
  (() => registry.register({}, undefined))();
  collect();
  for (let turns = 0; turns < 1000 && !gone; turns++) await new Promise(setImmediate);
  return gone;
}

test.serial('without a command-line flag there is a collection all the same', async (t) => {
  t.is(typeof globalThis.gc, 'undefined');
  const { requestGc } = fresh('memory/gc.js');
  t.true(await collects(() => requestGc({ major: true })));
});

test.serial('it leaves the flags of V8 as they were', async (t) => {
  t.is(newContextHas(), 'undefined', 'before');
  const { requestGc } = fresh('memory/gc.js');
  t.true(await collects(() => requestGc({ major: true })));
  t.false('gc' in globalThis);
  t.is(newContextHas(), 'undefined', 'in a context that is made after it');
  const code = "require('node:worker_threads').parentPort.postMessage(typeof gc)";
  const worker = new Worker(code, { eval: true });
  t.deepEqual(await once(worker, 'message'), ['undefined'], 'in a worker that is started after it');
});
