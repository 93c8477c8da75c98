'use strict';
// tier: run-time

// Fake timers of tests, and the AsyncLocalStorages of applications: ralloc's own timers know neither.

const test = require('ava');
const { AsyncLocalStorage } = require('node:async_hooks');
const { mock } = require('node:test');
const FakeTimers = require('@sinonjs/fake-timers');
const { requestArena, Arena } = require('../..');
const time = require('../../lib/base/time.js');
const { Exchange } = require('../helpers/exchange.js');
const { run } = require('../helpers/child.js');
const { until, untilCollected } = require('../helpers/until.js');

const turn = (setImmediate) => new Promise((resolve) => setImmediate(resolve));
const { setImmediate: realImmediate } = globalThis;

const fakes = {
  '@sinonjs/fake-timers, as in Jest': () => {
    const clock = FakeTimers.install({
      toFake: [
        'nextTick',
        'performance',
        'setTimeout',
        'clearTimeout',
        'setInterval',
        'clearInterval',
        'setImmediate',
        'Date',
      ],
    });
    return () => clock.uninstall();
  },
  'mock.timers of node:test': () => {
    mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'setImmediate'] });
    return () => mock.timers.reset();
  },
};

for (const [what, install] of Object.entries(fakes)) {
  test.serial(`${what}: a response that ends in fake time is released in real time`, async (t) => {
    const arenas = requestArena();
    const restore = install();
    try {
      const finished = new Exchange();
      const buffer = finished.begin(arenas).alloc(10);
      finished.res.writableFinished = true;
      finished.res.emit('close');
      const left = new Exchange(finished.carrier);
      left.begin(arenas);
      finished.carrier.emit('close');
      await turn(realImmediate);
      await turn(realImmediate);
      t.is(buffer.length, 0);
      const { inFlight, aborted } = arenas.stats();
      t.deepEqual([inFlight, aborted], [0, 1], 'by the close of its socket too');
    } finally {
      restore();
    }
  });

  test.serial(`${what}: timers that are set in fake time are not lost with it`, async (t) => {
    const restore = install();
    const arena = new Arena({ holdMs: 20, maxBytes: 77 * 4096 });
    try {
      arena.alloc(10);
      arena.hold();
      arena.reset();
      t.true(arena.stats().memory.held > 0);
    } finally {
      restore();
    }
    await until(() => arena.stats().memory.held === 0);
    t.is(arena.stats().memory.leased, 0, 'the hold has expired');
    arena.close();
  });
}

test('fake globals that were there before ralloc are not its timers', async (t) => {
  const { code, stderr, result } = await run('base/fakes-before.js');
  t.is(code, 0, stderr);
  t.deepEqual(result, { inFlight: 0, held: 0 });
});

test('what a timer keeps is not the store of the request that set it, where it is set outside', async (t) => {
  const storage = new AsyncLocalStorage();
  const seen = [];
  const note = () => seen.push(storage.getStore());
  storage.run('a request', () => {
    time.outside(() => {
      note();
      time.setTimeout(note, 1);
      const interval = time.setInterval(() => {
        note();
        time.clearInterval(interval);
      }, 1);
    });
    t.deepEqual(seen, [], 'at the next tick');
  });
  await until(() => seen.length === 3);
  t.deepEqual(seen, [undefined, undefined, undefined]);
});

test("vm's timeout in an arena's first calls does not end the process", async (t) => {
  for (let round = 0; round < 2; round++) {
    const { code, stderr, result } = await run('base/stopped.js');
    t.is(code, 0, stderr);
    t.deepEqual(result, { leased: 0 });
  }
});

test('the store of a request is collected while the memory that it brought is watched', async (t) => {
  const storage = new AsyncLocalStorage();
  const arenas = requestArena();
  const waiting = new Exchange(); // so that there is work for the timers
  let gone = 0;
  const registry = new FinalizationRegistry(() => gone++);
  await (async () => {
    const store = {};
    registry.register(store);
    await storage.run(store, async () => {
      waiting.begin(arenas).alloc(10);
      const exchange = new Exchange();
      exchange.begin(arenas).alloc(100_000);
      await exchange.finish();
    });
  })();
  await untilCollected(() => gone === 1);
  t.is(arenas.stats().inFlight, 1);
  await waiting.close();
});
