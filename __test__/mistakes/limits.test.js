'use strict';
// tier: run-time

// Limits that are met, and options that are none: what has the bytes, and what there is instead.

const test = require('ava');
const { Writable } = require('node:stream');
const { inspect } = require('node:util');
const { Arena, Slab, backend, requestArena } = require('../..');
const { limitError, refusal } = require('../../lib/base/errors.js');
const { describeUsage } = require('../../lib/memory/pool-usage.js');
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

test('a loop that never yields in gc mode: the error says what it waits for', (t) => {
  const arena = new Arena({ maxBytes: 256 * KiB, safety: 'gc' });
  const kept = [];
  const message = atLimit(t, arena, () => {
    kept.push(arena.alloc(10));
    arena.reset();
  });
  t.is(
    message,
    `10 bytes do not fit: 262144 of 262144 bytes are taken (0 B in use, 256 KiB waiting for a garbage collection). Raise "maxBytes", or let the event loop turn, for a garbage collection`,
  );
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

test('a request that asks for too much', (t) => {
  const arena = new Exchange().begin(requestArena({ maxBytesPerRequest: 8 * KiB }));
  const error = t.throws(() => arena.alloc(10_000), { code });
  t.is(
    error.message,
    '10000 bytes do not fit: 0 of 8192 bytes are in use. Raise "maxBytesPerRequest", or release memory first',
  );
});

test('all that can have bytes is named, the largest with its remedy', (t) => {
  const stats = { leased: 1, held: 2, quarantined: 3 * KiB, stolen: 4, limbo: 5, adopted: 6 };
  const { parts, remedy } = describeUsage(stats, { spans: 2, holds: 1, operations: 1 }, 1);
  t.deepEqual(parts, [
    '1 B in use in 1 span',
    '2 B held by 1 hold and 1 operation of Node',
    '3 KiB waiting for a garbage collection',
    '4 B transferred away',
    '5 B waiting for finalizers',
    '6 B adopted',
  ]);
  t.is(remedy, 'let the event loop turn, for a garbage collection');
  t.regex(
    limitError({ option: 'maxBytes', name: '' }, 1, 2, 3, { parts, remedy }).message,
    /\(1 B .* adopted\)\. /,
  );
});

/** The error where the system refuses memory of a kind. */
const refused = (syscall, asked) =>
  refusal({ kind: 'map', syscall, errno: 12, code: 'ENOMEM' }, 'maxBytes', 4096, { asked }).message;

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

test('options that are nearly right', (t) => {
  const near = { maxByte: 'maxBytes', saftey: 'safety', alignment: 'align', hold: 'holdMs' };
  for (const [name, right] of Object.entries(near)) {
    const message = `Unknown option "${name}". Did you mean "${right}"?`;
    t.throws(() => new Arena({ [name]: 1 }), { instanceOf: TypeError, code: argument, message });
  }
});

test('huge sizes, and sizes that are none', (t) => {
  const arena = new Arena();
  const range = 'an integer >= 0 and <= 9007199254740991';
  for (const size of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
    const message = `The value of "size" is out of range. It must be ${range}. Received ${inspect(size)}`;
    t.throws(() => arena.alloc(size), { instanceOf: RangeError, code: argument, message });
  }
  const type = `The "size" argument must be of type number. Received type string ('10')`;
  t.throws(() => arena.alloc('10'), { instanceOf: TypeError, code: argument, message: type });
  t.throws(() => arena.alloc(2 ** 40), {
    code,
    message:
      /^1099511627776 bytes do not fit: 0 of 67108864 bytes are taken \(0 B in use\)\. Raise "maxBytes"/,
  });
});
