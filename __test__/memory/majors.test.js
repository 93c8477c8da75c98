'use strict';
// tier: run-time, differs

// How often a major collection is asked for by who cannot go on without, and which kind: counted in a clock that the test moves.

const { serial: test } = require('ava');
const { Clock } = require('../helpers/clock.js');
const { fresh } = require('../helpers/fresh.js');

/** A fresh requestMajor() in a clock's time, beside a V8 as `state` says; `runs`: what it asked for. */
function asker(given) {
  const clock = new Clock();
  const state = { isSmall: true, isMarking: null, ended: Number.NEGATIVE_INFINITY, ...given };
  const runs = [];
  const { requestMajor } = fresh('memory/majors.js', {
    'memory/gc.js': {
      isSmall: () => state.isSmall,
      requestGc: (options) => {
        if (state.isRefused) return false;
        runs.push(options);
        return true;
      },
    },
    'memory/marking.js': { isMarking: () => state.isMarking, endOfMajor: () => state.ended },
  });
  const request = (helped) => clock.use(() => requestMajor(helped));
  const turn = () => {
    const own = globalThis.ArrayBuffer;
    globalThis.ArrayBuffer = function Fake(bytes) {
      runs.push(bytes);
      if (state.isFull) throw new RangeError('Array buffer allocation failed');
    };
    try {
      clock.turn();
    } finally {
      globalThis.ArrayBuffer = own;
    }
  };
  /** The one that was asked for is over. */
  const end = (ms) => {
    turn();
    clock.pass(ms);
    state.ended = clock.now;
  };
  return { clock, state, runs, request, turn, end };
}

test('of a small heap one is asked for at once', (t) => {
  const { runs, request } = asker();
  t.true(request(true));
  t.deepEqual(runs, [{ major: true, urgent: true }]);
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
  const { state, request } = asker({ isSmall: false, isMarking: true });
  t.false(request(true));
  state.isMarking = false;
  t.true(request(true));
});

for (const isSmall of [true, false]) {
  const where = isSmall ? 'a small heap' : 'a large heap';

  test(`none is asked for while one is under way, for ten seconds at most: ${where}`, (t) => {
    const { clock, request } = asker({ isSmall });
    t.true(request(true));
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
  const { state, request } = asker({ isRefused: true });
  t.false(request(true));
  state.isRefused = false;
  t.true(request(true));
});

test('collections that V8 made before are none that was asked for', (t) => {
  const { request } = asker({ ended: 5 });
  t.true(request(false));
});
