'use strict';
// tier: run-time, differs by Node

// How often a collection is asked for, and what of: counted in a clock that the tests move. Only the last
// tests collect in earnest; helpers/until.js would give this process a `gc`, so it is not used here.

const test = require('ava');
const { once } = require('node:events');
const vm = require('node:vm');
const { Worker } = require('node:worker_threads');
const { Clock } = require('../helpers/clock.js');
const { run } = require('../helpers/child.js');
const { FakeV8 } = require('../helpers/fake-v8.js');
const { fresh } = require('../helpers/fresh.js');

const SMALL = 48 * 1024 * 1024;

/**
 * A fresh memory/gc.js in a clock's time, beside a V8 whose collections take `fullMs` and `minorMs`; `runs`: what it ran, and the bytes of ArrayBuffers.
 * `isFull`: no such has room. `pausedMs`: of each collection, in which the machine stands still.
 */
function collector({ fullMs = 0, minorMs = 0, heap = SMALL, isFull = false, pausedMs = 0 } = {}) {
  const clock = new Clock();
  const v8 = new FakeV8(clock, heap);
  const { requestGc, requestMajor } = v8.fresh();
  const runs = [];
  const gc = (options) => {
    runs.push(options === undefined ? 'full' : options.type);
    clock.now += options === undefined ? fullMs : minorMs;
    v8.pausedMs += pausedMs;
  };
  function Fake(bytes) {
    runs.push(bytes);
    if (isFull) throw new RangeError('Array buffer allocation failed');
  }
  const inClock = (act) => {
    const own = globalThis.ArrayBuffer;
    Object.assign(globalThis, { gc, ArrayBuffer: Fake });
    try {
      act();
    } finally {
      globalThis.ArrayBuffer = own;
      delete globalThis.gc;
    }
  };
  const request = (options) => v8.use(() => requestGc(options));
  const requestHelped = (helped) => v8.use(() => requestMajor(helped));
  const turn = () => inClock(() => v8.use(() => clock.turn()));
  /** One request, and the turn after it. */
  const collect = (options) => {
    const answer = request(options);
    turn();
    return answer;
  };
  return { clock, v8, runs, request, requestMajor: requestHelped, collect, turn };
}

test('a collection runs in a later turn, not within the request', (t) => {
  const { runs, request, turn } = collector();
  t.true(request());
  t.deepEqual(runs, []);
  turn();
  t.deepEqual(runs, ['minor']);
});

test('there is at most one in 100 ms, however many ask', (t) => {
  const { clock, runs, collect } = collector();
  for (let i = 0; i < 100; i++) {
    t.is(collect(), i === 0);
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

test('who has nowhere else to go does not wait, and gets one a turn', (t) => {
  const { runs, request, collect, turn } = collector({ minorMs: 40 });
  collect();
  for (let i = 0; i < 3; i++) t.true(collect({ urgent: true }));
  t.is(runs.length, 4);
  t.true(request({ urgent: true }));
  t.false(request({ urgent: true }));
  turn();
  t.is(runs.length, 5);
});

for (const options of [{ full: true }, { major: true }]) {
  const [what] = Object.keys(options);
  test(`a full one of a small heap, for ${what}`, (t) => {
    const { runs, collect } = collector();
    collect(options);
    t.deepEqual(runs, ['full']);
  });

  test(`none of a large heap, for ${what}`, (t) => {
    const { v8, runs, collect } = collector({ heap: SMALL + 1 });
    v8.end();
    t.is(collect(options), what === 'full');
    t.deepEqual(runs, what === 'full' ? ['minor'] : [], 'one of the young generation may help');
  });
}

test('none of any kind while V8 marks a large heap, or may mark it', (t) => {
  const { clock, v8, runs, collect } = collector({ heap: SMALL + 1 });
  for (const marks of [false, true]) {
    if (marks) v8.begin();
    v8.minor(); // which is no end
    for (const urgent of [false, true]) {
      clock.pass(100);
      t.false(collect({ urgent }));
    }
  }
  v8.endUntold(); // to the callback
  clock.pass(100);
  t.true(collect());
  t.deepEqual(runs, ['minor']);
  t.is(v8.observers, 1);
  v8.begin();
  v8.heap = SMALL;
  clock.pass(100);
  collect();
  t.is(runs.length, 2, 'of a small one it is cheap');
});

test('none when V8 began to mark after the request, nor a full one when the heap grew', (t) => {
  const { clock, v8, runs, request, turn } = collector({ heap: SMALL + 1 });
  v8.end();
  t.true(request());
  v8.begin();
  turn();
  t.deepEqual(runs, []);
  v8.end();
  v8.heap = SMALL;
  clock.pass(100);
  t.true(request({ full: true }));
  v8.heap = SMALL + 1;
  turn();
  t.deepEqual(runs, ['minor']);
});

for (const [kind, options] of [
  ['full', { full: true }],
  ['minor', {}],
]) {
  test(`${kind} ones take at most a twentieth of the time`, (t) => {
    const { clock, runs, collect } = collector({ fullMs: 40, minorMs: 40 });
    const begun = clock.now;
    while (clock.now < begun + 20_000) {
      collect(options);
      clock.pass(1);
    }
    t.true(runs.length <= 24 + 1, `${runs.length} of 40 ms in 20 s`);
    t.true(runs.length >= 23, `${runs.length}: the time they may take is taken`);
    t.deepEqual(new Set(runs), new Set([kind]));
  });

  test(`a ${kind} one is paid for from its end on, to the millisecond`, (t) => {
    const { clock, collect } = collector({ fullMs: 40, minorMs: 40 });
    collect(options);
    clock.pass(20 * 40 - 1);
    t.false(collect(options));
    clock.pass(1);
    t.true(collect(options));
  });

  test(`after a ${kind} one that was dear there is none for a long while, for nobody`, (t) => {
    const { clock, runs, collect } = collector({ fullMs: 51, minorMs: 51 });
    collect(options);
    for (let i = 0; i < 509; i++) {
      clock.pass(100);
      collect({ urgent: i % 2 === 0 });
    }
    t.is(runs.length, 1, 'in 50.9 s');
    clock.pass(100);
    collect();
    t.is(runs.length, 2, 'for the machine may have paused');
  });
}

for (const [what, times] of Object.entries({
  '50 ms': { minorMs: 50 },
  '40 ms, and a pause of the machine': { minorMs: 1000, pausedMs: 960 },
})) {
  test(`${what} are not dear`, (t) => {
    const { runs, collect } = collector(times);
    collect();
    collect({ urgent: true });
    t.is(runs.length, 2);
  });
}

// A major collection, for who cannot go on without.

const LARGE = SMALL + 1;

test('of a large heap V8 is made to begin one, in a later turn', (t) => {
  const { runs, requestMajor, turn } = collector({ heap: LARGE });
  t.true(requestMajor(true));
  t.deepEqual(runs, []);
  turn();
  t.is(runs.length, 1);
  t.true(runs[0] > 64 * 2 ** 20, 'what V8 takes for pressure');
});

test('where there is no room for that nothing is thrown', (t) => {
  const { requestMajor, turn } = collector({ heap: LARGE, isFull: true });
  t.true(requestMajor(true));
  t.notThrows(turn);
});

test('while V8 marks a large heap none is asked for', (t) => {
  const { v8, requestMajor } = collector({ heap: LARGE });
  v8.begin();
  t.false(requestMajor(true));
  v8.end();
  t.true(requestMajor(true));
});

for (const heap of [SMALL, LARGE]) {
  test(`none is asked for while one is under way, for ten seconds at most: a heap of ${heap}`, (t) => {
    const { clock, requestMajor, turn } = collector({ heap });
    t.true(requestMajor(true));
    turn();
    clock.pass(9999);
    t.false(requestMajor(true));
    clock.pass(1);
    t.true(requestMajor(true));
  });

  for (const [helped, pause] of [
    [true, 200],
    [false, 800],
  ]) {
    test(`after one of 200 ms that ${helped ? '' : 'did not '}help there is none for ${pause} ms: a heap of ${heap}`, (t) => {
      const { clock, v8, requestMajor, turn } = collector({ heap });
      requestMajor(true);
      turn();
      clock.pass(200);
      v8.end();
      clock.pass(pause - 1);
      t.false(requestMajor(helped));
      clock.pass(1);
      t.true(requestMajor(helped));
    });
  }
}

test('one that was refused does not count', (t) => {
  const { request, requestMajor, turn } = collector();
  request();
  t.false(requestMajor(true), 'another one is due in this turn');
  turn();
  t.true(requestMajor(true));
});

test('collections that V8 made before are none that was asked for', (t) => {
  const { v8, clock, requestMajor } = collector();
  v8.end();
  clock.pass(5);
  t.true(requestMajor(false));
});

/** Runs one request and its turn, in a runtime where `act` has changed what there is. */
function requestOnce(options) {
  const clock = new Clock();
  const v8 = new FakeV8(clock);
  const { requestGc } = v8.fresh();
  v8.use(() => requestGc(options));
  v8.use(() => clock.turn());
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

const turn = () => new Promise(setImmediate);

const newContextHas = () => vm.runInNewContext('typeof gc');

/** Whether an object that nobody has is gone after what `collect` asks for. */
async function collects(collect) {
  let gone = false;
  const registry = new FinalizationRegistry(() => {
    gone = true;
  });
  (() => registry.register({}, undefined))();
  collect();
  for (let turns = 0; turns < 1000 && !gone; turns++) await turn();
  return gone;
}

test.serial('without a command-line flag there is a collection all the same', async (t) => {
  t.is(typeof globalThis.gc, 'undefined');
  const { requestGc } = fresh('memory/gc.js');
  t.true(await collects(() => requestGc({ major: true })));
});

test.serial('V8 may collect gc() and the context that it is from', async (t) => {
  const { collectNow } = fresh('memory/gc.js');
  const { runInNewContext } = vm;
  let made;
  vm.runInNewContext = (code) => {
    const gc = runInNewContext(code);
    made = new WeakRef(gc);
    return gc;
  };
  t.teardown(() => {
    vm.runInNewContext = runInNewContext;
  });
  t.true(collectNow(Number.POSITIVE_INFINITY));
  const { collectNow: collectOnly } = fresh('memory/gc.js');
  const first = made;
  let isThere = true;
  for (let turns = 0; turns < 10 && isThere; turns++) {
    await turn(); // in the turn of deref() it stays
    collectOnly(Number.POSITIVE_INFINITY);
    isThere = first.deref() !== undefined;
  }
  t.false(isThere);
});

test.serial('V8 is told to reduce memory only while it is asked to mark', async (t) => {
  const { requestReducing } = fresh('memory/gc.js');
  const v8 = require('node:v8');
  const { setFlagsFromString } = v8;
  const flags = [];
  t.teardown(() => {
    v8.setFlagsFromString = setFlagsFromString;
  });
  v8.setFlagsFromString = (flag) => {
    flags.push(flag);
    setFlagsFromString(flag);
  };
  t.true(requestReducing());
  t.deepEqual(flags, []);
  for (let turns = 0; turns < 1000 && flags.length === 0; turns++) await turn();
  t.deepEqual(flags, ['--optimize-for-size', '--no-optimize-for-size']);
});

test.serial(
  'a young generation that was reduced grows to its size again, and V8 keeps its factor',
  async (t) => {
    const { result, stderr } = await run('memory/grows.js');
    t.true(result?.small * 4 <= result?.before, stderr);
    t.true(result.hasGrown && result.after >= result.before / 2, JSON.stringify(result));
    t.true(result.after <= 2 * result.before, JSON.stringify(result));
    t.deepEqual(result.flags.at(-1), '--semi-space-growth-factor=2');
  },
);

test.serial('a runtime that does not tell of the young generation is no fault', (t) => {
  const v8 = require('node:v8');
  const { getHeapSpaceStatistics } = v8;
  t.teardown(() => {
    v8.getHeapSpaceStatistics = getHeapSpaceStatistics;
  });
  v8.getHeapSpaceStatistics = () => {
    throw new Error('not implemented');
  };
  t.is(fresh('memory/gc.js').youngBytes(), 0);
});

test.serial('whoever has chosen how the young generation grows keeps that', async (t) => {
  const { result, stderr } = await run('memory/grows.js', {
    execArgv: ['--semi-space-growth-factor=3'],
  });
  t.like(result, { hasGrown: false, flags: [] }, stderr);
});

test.serial('a flag that the user has set is not touched', async (t) => {
  const { requestReducing } = fresh('memory/gc.js');
  const v8 = require('node:v8');
  const { setFlagsFromString } = v8;
  t.teardown(() => {
    v8.setFlagsFromString = setFlagsFromString;
    process.execArgv.pop();
  });
  v8.setFlagsFromString = (flag) => t.fail(flag);
  process.execArgv.push('--optimize_for_size');
  t.true(requestReducing());
  for (let turns = 0; turns < 100; turns++) await turn();
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

/** A pool of which `quarantined` bytes wait; `asked` are the collections that were asked for. */
function pool({ from = Number.POSITIVE_INFINITY, onlyMajor = false, granted = true } = {}) {
  const asked = [];
  const state = { quarantined: 0, granted, looks: 0 };
  const { QuarantineGc } = fresh('memory/quarantine-gc.js', {
    'memory/gc.js': {
      requestGc: (options) => {
        asked.push(options);
        return state.granted;
      },
    },
  });
  const gc = new QuarantineGc(from, onlyMajor);
  const enter = (bytes) => {
    state.quarantined += bytes;
    gc.entered(bytes, {
      get quarantined() {
        state.looks++;
        return state.quarantined;
      },
    });
  };
  return { gc, state, asked, enter };
}

test('an arena asks from its threshold on, and again after half as much more', (t) => {
  const { asked, enter, state } = pool({ from: 100 });
  for (let i = 0; i < 9; i++) enter(10);
  t.is(asked.length, 0);
  t.is(state.looks, 5, 'and does not look before');
  enter(10);
  t.deepEqual(asked, [{ full: false, major: false, urgent: true }]);
  for (let i = 0; i < 4; i++) enter(10);
  t.is(asked.length, 1);
  enter(10);
  t.is(asked.length, 2);
});

test('what came back is not asked for', (t) => {
  const { asked, enter, state } = pool({ from: 100 });
  for (let i = 0; i < 100; i++) {
    enter(10);
    state.quarantined = 0;
  }
  t.is(asked.length, 0);
});

test('requests ask when they are told to', (t) => {
  const { gc, asked, enter } = pool({ onlyMajor: true });
  for (let i = 0; i < 100; i++) enter(2 ** 40);
  t.is(asked.length, 0);
  gc.ask(10);
  t.deepEqual(asked, [{ full: false, major: true, urgent: false }]);
});

const fulls = (asked) => asked.map(({ full }) => full);

test('the young generation is collected three times in vain before all is', (t) => {
  const { gc, asked } = pool();
  for (let i = 0; i < 8; i++) gc.ask(100 + i);
  t.deepEqual(fulls(asked), [false, false, false, true, false, false, false, true]);
});

test('one that helped is not in vain, also when as much waits again', (t) => {
  const { asked, enter, state } = pool({ from: 100 });
  for (let i = 0; i < 10; i++) {
    enter(50);
    enter(50);
    state.quarantined = 0;
    enter(50);
    enter(10);
    state.quarantined = 0;
  }
  t.true(asked.length >= 10);
  t.false(fulls(asked).includes(true));
});

test('what was refused was not in vain', (t) => {
  const { gc, asked, state } = pool({ granted: false });
  for (let i = 0; i < 8; i++) gc.ask(100);
  state.granted = true;
  for (let i = 0; i < 3; i++) gc.ask(100);
  t.false(fulls(asked).includes(true));
});
