'use strict';
// tier: run-time

// Limits that are met in what has a name: the error says whose limit it is. The rest of the error is as without one.

const test = require('ava');
const { Arena, Region, Slab, requestArena } = require('../..');
const { Exchange } = require('../helpers/exchange.js');

const KiB = 1024;
const code = 'ERR_RALLOC_LIMIT';

/** The errors of the same mistake by a name and without one. They differ in what to raise alone. */
function compare(t, fail, option, whose, about = {}) {
  const [named, nameless] = ['api', ''].map((name) =>
    t.throws(() => fail(name), { code, ...about }),
  );
  t.is(named.option, option);
  t.true(named.message.includes(`Raise ${option} of ${whose} 'api'`), named.message);
  t.is(named.message.replace(`${option} of ${whose} 'api'`, `"${option}"`), nameless.message);
  t.deepEqual({ ...named }, { ...nameless });
  return named;
}

/** The arena of a further request of arenas of which one has all. */
function overfull(options) {
  const arenas = requestArena({ maxBytes: 64 * KiB, maxBytesPerRequest: 64 * KiB, ...options });
  new Exchange().begin(arenas).allocUnsafe(64 * KiB);
  return new Exchange().begin(arenas);
}

test('maxBytesPerRequest of request arenas', (t) => {
  const fail = (name) => {
    const arena = new Exchange().begin(requestArena({ name, maxBytesPerRequest: 8 * KiB }));
    arena.allocUnsafe(KiB);
    arena.allocUnsafe(8 * KiB);
  };
  const error = compare(t, fail, 'maxBytesPerRequest', 'request arenas');
  t.is(error.status, 413);
  t.regex(error.message, /1 KiB handed out in 1 span/);
});

test('maxBytesPerRequest after the response', async (t) => {
  for (const [name, text] of [
    ['api', "maxBytesPerRequest of request arenas 'api'"],
    ['', '"maxBytesPerRequest"'],
  ]) {
    const exchange = new Exchange();
    const arena = exchange.begin(requestArena({ name, maxBytesPerRequest: 8 * KiB }));
    await exchange.finish();
    arena.allocUnsafe(KiB);
    const { message, status } = t.throws(() => arena.allocUnsafe(8 * KiB), { code });
    t.true(message.endsWith(`(1 KiB after the response). Raise ${text}, or release memory first`));
    t.is(status, 413);
  }
});

test('maxHeapBytes of request arenas', (t) => {
  const fail = (name) => overfull({ name, maxHeapBytes: KiB }).allocUnsafe(2 * KiB);
  t.is(compare(t, fail, 'maxHeapBytes', 'request arenas').status, 503);
});

test('maxBytes of request arenas', (t) => {
  const fail = (name) => overfull({ name, onOverflow: 'error' }).allocUnsafe(KiB);
  t.is(compare(t, fail, 'maxBytes', 'request arenas').status, 503);
});

test('maxQuarantineBytes of request arenas', async (t) => {
  const arenas = {};
  const kept = [];
  for (const name of ['api', '']) {
    arenas[name] = requestArena({ name, maxQuarantineBytes: 0, onOverflow: 'error' });
    const aborted = new Exchange();
    kept.push(aborted.begin(arenas[name]).allocUnsafe(10));
    await aborted.close();
  }
  const fail = (name) => new Exchange().begin(arenas[name]).allocUnsafe(10);
  t.is(compare(t, fail, 'maxQuarantineBytes', 'request arenas').status, 503);
  t.is(kept.length, 2);
});

test('a name is of all the limits of one requestArena(), and of no other', (t) => {
  const fail = (name) => {
    requestArena({ name: 'other' });
    overfull({ name, maxHeapBytes: 0 }).allocUnsafe(1);
  };
  compare(t, fail, 'maxHeapBytes', 'request arenas');
});

test('the arena of a request has the name of its requestArena()', (t) => {
  const named = new Exchange().begin(requestArena({ name: 'api' }));
  t.is(named.stats().name, 'api');
  t.is(new Exchange().begin(requestArena()).stats().name, 'request');
  t.is(new Exchange().begin(requestArena({ name: '' })).stats().name, 'request');
});

test('a name that is no string', (t) => {
  for (const name of [1, null, Symbol('api'), ['api'], {}]) {
    t.throws(() => requestArena({ name }), {
      instanceOf: TypeError,
      code: 'ERR_RALLOC_INVALID_ARGUMENT',
      message: /^The "options\.name" property must be of type string\. Received /,
    });
  }
});

test('maxBytes of an arena, also of one that has the memory of another', (t) => {
  const fail = (name) => {
    const arena = new Arena({ name, maxBytes: 64 * KiB });
    try {
      arena.allocUnsafe(10);
      arena.allocUnsafe(65 * KiB);
    } finally {
      arena.close();
    }
  };
  compare(t, fail, 'maxBytes', 'the arena');
});

test('maxBytes of a region', (t) => {
  compare(
    t,
    (name) => new Region({ name, maxBytes: 512 * KiB }).alloc(1024 * KiB),
    'maxBytes',
    'the region',
  );
});

test('count, maxCount and maxBytes of a slab', (t) => {
  const exhausted = { code: 'ERR_RALLOC_EXHAUSTED' };
  const fail = (options) => (name) => {
    const slab = new Slab({ name, sizes: [4096], ...options });
    try {
      for (;;) slab.alloc(10);
    } finally {
      slab.close({ force: true });
    }
  };
  compare(t, fail({ count: 2 }), 'count', 'the slab', exhausted);
  compare(t, fail({ maxCount: 2 }), 'maxCount', 'the slab', exhausted);
  compare(t, fail({ maxCount: 1000, maxBytes: 64 * KiB }), 'maxBytes', 'the slab', exhausted);
});
