'use strict';
// tier: run-time, differs

// How often a major collection is asked for by who cannot go on without, and which kind: counted in a clock that the test moves.

const { serial: test } = require('ava');
const { Clock } = require('../helpers/clock.js');
const { FakeV8 } = require('../helpers/fake-v8.js');

const SMALL = 48 * 1024 * 1024;

/** A fresh requestMajor() in a clock's time, beside a V8; `runs`: the collections, and the bytes of ArrayBuffers. `isFull`: no such has room. */
function asker({ isSmall = true, isFull = false } = {}) {
  const clock = new Clock();
  const v8 = new FakeV8(clock, isSmall ? SMALL : SMALL + 1);
  const runs = [];
  const { requestGc, requestMajor } = v8.fresh();
  const request = (helped) => v8.use(() => requestMajor(helped));
  const turn = () => {
    const own = globalThis.ArrayBuffer;
    globalThis.gc = (options) => runs.push(options === undefined ? 'full' : options.type);
    globalThis.ArrayBuffer = function Fake(bytes) {
      runs.push(bytes);
      if (isFull) throw new RangeError('Array buffer allocation failed');
    };
    try {
      v8.use(() => clock.turn());
    } finally {
      globalThis.ArrayBuffer = own;
      delete globalThis.gc;
    }
  };
  /** The one that was asked for is over. */
  const end = (ms) => {
    turn();
    clock.pass(ms);
    v8.end();
  };
  const minor = () => v8.use(() => requestGc());
  return { clock, v8, runs, request, minor, turn, end };
}

test('of a small heap one is asked for at once', (t) => {
  const { runs, request, turn } = asker();
  t.true(request(true));
  turn();
  t.deepEqual(runs, ['full']);
});

test('of a large heap V8 is made to begin one, in a later turn', (t) => {
  const { runs, request, turn } = asker({ isSmall: false });
  t.true(request(true));
  t.deepEqual(runs, []);
  turn();
  t.is(runs.length, 1);
  t.true(runs[0] > 64 * 2 ** 20, 'what V8 takes for pressure');
});

test('where there is no room for that nothing is thrown', (t) => {
  const { request, turn } = asker({ isSmall: false, isFull: true });
  t.true(request(true));
  t.notThrows(turn);
});

test('while V8 marks a large heap none is asked for', (t) => {
  const { v8, request } = asker({ isSmall: false });
  v8.begin();
  t.false(request(true));
  v8.end();
  t.true(request(true));
});

for (const isSmall of [true, false]) {
  const where = isSmall ? 'a small heap' : 'a large heap';

  test(`none is asked for while one is under way, for ten seconds at most: ${where}`, (t) => {
    const { clock, request, turn } = asker({ isSmall });
    t.true(request(true));
    turn();
    clock.pass(9999);
    t.false(request(true));
    clock.pass(1);
    t.true(request(true));
  });

  for (const [helped, pause] of [
    [true, 200],
    [false, 800],
  ]) {
    test(`after one of 200 ms that ${helped ? '' : 'did not '}help there is none for ${pause} ms: ${where}`, (t) => {
      const { clock, request, end } = asker({ isSmall });
      request(true);
      end(200);
      clock.pass(pause - 1);
      t.false(request(helped));
      clock.pass(1);
      t.true(request(helped));
    });
  }
}

test('one that was refused does not count', (t) => {
  const { minor, request, turn } = asker();
  minor();
  t.false(request(true), 'another one is due in this turn');
  turn();
  t.true(request(true));
});

test('collections that V8 made before are none that was asked for', (t) => {
  const { v8, clock, request } = asker();
  v8.end();
  clock.pass(5);
  t.true(request(false));
});
