'use strict';
// tier: run-time

// Limits that are met, and options that are none: what has the bytes, and what there is instead.

const test = require('ava');
const { Writable } = require('node:stream');
const { inspect } = require('node:util');
const { Arena, Region, Slab, backend, requestArena } = require('../..');
const { refusal } = require('../../lib/base/errors.js');
const { Exchange } = require('../helpers/exchange.js');
const { steal } = require('../helpers/theft.js');

const KiB = 1024;
const code = 'ERR_RALLOC_LIMIT';

/** The error of an arena at its limit, once `step` has been done often enough. */
function atLimit(t, arena, step) {
  const error = t.throws(
    () => {
      for (let i = 0; i < 100_000; i++) step(arena);
    },
    { code },
  );
  t.is(error.option, 'maxBytes');
  return error.message;
}

test('holds that are never released: the error and inspect say how many have how much', (t) => {
  const arena = new Arena({ maxBytes: 256 * KiB });
  let holds = 0;
  const message = atLimit(t, arena, () => {
    arena.alloc(10);
    arena.hold();
    arena.reset();
    holds++;
  });
  t.is(
    message,
    `10 bytes do not fit: 262144 of 262144 bytes are taken (0 B in use, 256 KiB held by ${holds} holds). Raise "maxBytes", or release holds`,
  );
  t.is(
    inspect(arena),
    `Arena { live, 0 B of 256 KiB in 0 spans, detach, ${backend}, 256 KiB held by ${holds} holds }`,
  );
});

test('operations that are not over: the error says that they hold', (t) => {
  const arena = new Arena({ maxBytes: 128 * KiB, guard: true });
  const stuck = new Writable({ write() {} }); // never calls back
  const message = atLimit(t, arena, () => {
    stuck.write(arena.alloc(50 * KiB));
    arena.reset();
  });
  t.regex(
    message,
    /are taken \(0 B in use, 128 KiB held by \d+ operations of Node\)\. Raise "maxBytes", or wait for the operations$/,
  );
});

test('scopes that never end: the error says in how many spans the bytes are', (t) => {
  const arena = new Arena({ maxBytes: 256 * KiB });
  const message = atLimit(t, arena, () => {
    arena.scope((inner) => {
      inner.alloc(10);
      return new Promise(() => {});
    });
  });
  const { spans } = arena.stats();
  t.is(
    message,
    `10 bytes do not fit: 262144 of 262144 bytes are taken (256 KiB in use in ${spans} spans). Raise "maxBytes", or release memory first`,
  );
});

test('what is warm is told beside what is in use, where it could not make room', (t) => {
  const arena = new Arena({ maxBytes: 192 * KiB });
  for (let i = 0; i < 2; i++) arena.alloc(60 * KiB); // chunks of 64 and of 128 KiB
  arena.reset();
  arena.alloc(10);
  const { message } = t.throws(() => arena.alloc(180 * KiB), { code });
  t.regex(message, / in use in 1 span, .* warm\)/);
  arena.close();
});

test('what was transferred away shows in inspect', async (t) => {
  const arena = new Arena();
  await steal(arena.alloc(10));
  arena.reset();
  const stolen = backend === 'native' ? ', 64 KiB transferred away' : '';
  t.is(inspect(arena), `Arena { live, 0 B of 64 MiB in 0 spans, detach, ${backend}${stolen} }`);
  arena.close();
  t.is(inspect(arena), `Arena { closed, 0 B of 64 MiB in 0 spans, detach, ${backend} }`);
});

/** The error where the system refuses memory of a kind. */
const refused = (syscall, asked, error = { errno: 12, code: 'ENOMEM' }) =>
  refusal({ kind: 'map', syscall, ...error }, 'maxBytes', 4096, { asked }).message;

test('memory that the system refuses: what to raise', (t) => {
  const text = (syscall) => `${syscall} refused 4096 bytes: ENOMEM (errno 12)`;
  const huge =
    'The system has no huge pages to give: raise vm.nr_hugepages, or ask for hugePages: "prefer"';
  t.is(refused('mmap', { hugePages: 'require' }), `${text('mmap')}. ${huge}`);
  t.is(refused('madvise', { hugePages: 'require' }), `${text('madvise')}. ${huge}`);
  t.is(
    refused('mlock', { lock: true }),
    `${text('mlock')}. Raise the limit on locked memory (RLIMIT_MEMLOCK, ulimit -l)`,
  );
  t.is(refused('mbind', { numaNode: 7 }), `${text('mbind')}. Give a numaNode that this system has`);
  t.regex(
    refused('mbind', { numaNode: 7 }, { errno: 5, code: 'EIO' }),
    /EIO .*\. Bind the slab before others open or attach it$/,
  );
  for (const asked of [undefined, {}, { hugePages: 'advise' }]) {
    t.is(refused('mmap', asked), text('mmap'));
  }
  t.is(refused('ArrayBuffer', undefined), text('ArrayBuffer'));
});

const argument = 'ERR_RALLOC_INVALID_ARGUMENT';
const OF_ARENAS =
  '"safety", "wipe", "guard", "holdMs", "maxBytes", "chunkSize", "align", "name", "memory", "budget"';

test('options of other libraries: no false friend is suggested', (t) => {
  for (const name of ['limit', 'timeout', 'zeroFill', 'highWaterMark']) {
    const message = `Unknown option "${name}". The options are ${OF_ARENAS}`;
    t.throws(() => new Arena({ [name]: 1 }), { instanceOf: TypeError, code: argument, message });
  }
  const slab = new Slab({ sizes: [64], count: 1 });
  const message = 'Unknown option "now". The only option is "force"';
  t.throws(() => slab.close({ now: true }), { code: argument, message });
});

// Limits that are met in what has a name: the error says whose limit it is. The rest of the error is as without one.

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
