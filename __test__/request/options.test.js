'use strict';
// tier: run-time

// Bad options of requestArena() are typed errors, thrown before anything is made.

const test = require('ava');
const os = require('node:os');
const { Exchange } = require('../helpers/exchange.js');
const { requestArena } = require('../../lib/index.js');

const MiB = 1024 * 1024;
const code = 'ERR_RALLOC_INVALID_ARGUMENT';

const unknown = {
  maxByte: 'maxBytes',
  maxbytes: 'maxBytes',
  maxBytesPerReq: 'maxBytesPerRequest',
  maxQuarantine: 'maxQuarantineBytes',
  prop: 'property',
  safe: 'safety',
  wiped: 'wipe',
  contextual: 'context',
  holdMS: 'holdMs',
  skips: 'skip',
  onoverflow: 'onOverflow',
  maxHeap: 'maxHeapBytes',
  warnAfter: 'warnAfterMs',
};

for (const [name, near] of Object.entries(unknown)) {
  test(`the unknown option "${name}" names "${near}"`, (t) => {
    const error = t.throws(() => requestArena({ [name]: 1 }), { instanceOf: TypeError, code });
    t.is(error.message, `Unknown option "${name}". Did you mean "${near}"?`);
  });
}

const types = {
  maxBytesPerRequest: ['1', null, true, 1n, {}, []],
  maxBytes: ['1', null, Symbol('1'), () => 1],
  maxQuarantineBytes: ['0', null, false],
  property: [1, null, Symbol('arena'), {}],
  name: [1, null, Symbol('api'), ['api'], {}],
  safety: [1, null, true],
  wipe: [1, 'true', null],
  context: [0, 'yes', null],
  holdMs: ['1', null],
  skip: [true, '/health', /health/, null],
  onOverflow: [503, null, true],
  maxHeapBytes: ['1', null, true],
  warnAfterMs: ['60', null, false],
  trim: [0, 'on', null],
  tune: [1, 'on', null],
};

for (const [name, values] of Object.entries(types)) {
  test(`options.${name} of a wrong type`, (t) => {
    for (const value of values) {
      const error = t.throws(() => requestArena({ [name]: value }), {
        instanceOf: TypeError,
        code,
      });
      t.true(error.message.startsWith(`The "options.${name}" property must be of type `));
    }
  });
}

const ranges = {
  maxBytesPerRequest: [Number.NaN, -1, 0, 1, 4095, 4096.5, Number.POSITIVE_INFINITY, 2 ** 53],
  maxBytes: [Number.NaN, -1, 0, 4095, 1e6 + 0.5, Number.NEGATIVE_INFINITY, 1e300],
  maxQuarantineBytes: [Number.NaN, -1, 0.5, Number.POSITIVE_INFINITY],
  property: [''],
  safety: ['detached', 'GC', ''],
  holdMs: [0, -1, 1.5, 2 ** 31, Number.NaN],
  onOverflow: ['throw', 'Error', ''],
  maxHeapBytes: [Number.NaN, -1, 0.5, Number.POSITIVE_INFINITY],
  warnAfterMs: [-1, 1.5, 2 ** 31, Number.NaN],
};

for (const [name, values] of Object.entries(ranges)) {
  test(`options.${name} out of its range`, (t) => {
    for (const value of values) {
      const error = t.throws(() => requestArena({ [name]: value }), {
        instanceOf: RangeError,
        code,
      });
      t.true(
        error.message.startsWith(`The value of "options.${name}" is out of range. It must be `),
      );
    }
  });
}

test('options that are no object', (t) => {
  for (const options of [null, 1, 'arena', true, []]) {
    t.throws(() => requestArena(options), { instanceOf: TypeError, code });
  }
});

test('a limit a request that is more than the limit of all', (t) => {
  const options = { maxBytes: MiB, maxBytesPerRequest: MiB + 1 };
  const error = t.throws(() => requestArena(options), { instanceOf: RangeError, code });
  t.regex(error.message, /"options\.maxBytesPerRequest".*options\.maxBytes \(1048576\)/);
  t.notThrows(() => requestArena({ maxBytes: MiB, maxBytesPerRequest: MiB }));
});

test('each option is read once, and undefined is as left out', (t) => {
  const reads = [];
  const options = {
    get maxBytes() {
      reads.push('maxBytes');
      return MiB;
    },
    wipe: undefined,
  };
  const arenas = requestArena(options);
  t.deepEqual(reads, ['maxBytes']);
  t.is(arenas.stats().memory.limit, MiB);
});

const GiB = 1024 * MiB;

/** The default of maxBytes where the machine and the process may use so much, in MiB. */
function defaultWhere(machine, constrained) {
  const { totalmem } = os;
  const { constrainedMemory } = process;
  os.totalmem = () => {
    if (machine === 'secret') throw new Error('Requires sys access');
    return machine;
  };
  process.constrainedMemory = constrained === null ? undefined : () => constrained;
  try {
    return requestArena().stats().memory.limit / MiB;
  } finally {
    os.totalmem = totalmem;
    process.constrainedMemory = constrainedMemory;
  }
}

test('the default of maxBytes is an eighth of what the process may use, from 16 to 256 MiB', (t) => {
  const cases = [
    [64 * GiB, 0, 256],
    [64 * GiB, null, 256],
    [1 * GiB, 0, 128],
    [64 * GiB, 1 * GiB, 128],
    [64 * GiB, 64 * MiB, 16],
    [1 * GiB, 2 ** 60, 128], // no limit is a very large one to some systems
    ['secret', null, 256],
  ];
  for (const [machine, constrained, expected] of cases) {
    t.is(defaultWhere(machine, constrained), expected, `${machine} bytes, ${constrained}`);
  }
});

test('a request may have 16 MiB by default, or as much as all may', (t) => {
  const limitOf = (options) => new Exchange().begin(requestArena(options)).stats().limit / MiB;
  t.is(limitOf({ maxBytes: 64 * MiB }), 16);
  t.is(limitOf({ maxBytes: 4 * MiB }), 4);
  t.is(limitOf({ maxBytes: 64 * MiB, maxBytesPerRequest: 20 * MiB }), 20);
});

test('a quarter of maxBytes may be in quarantine by default', async (t) => {
  const arenas = requestArena({ maxBytes: MiB });
  const kept = [];
  const { heapRequests } = await (async () => {
    for (let i = 0; i < 10 && arenas.stats().heapRequests === 0; i++) {
      const exchange = new Exchange();
      kept.push(exchange.begin(arenas).alloc(10));
      await exchange.close();
    }
    return arenas.stats();
  })();
  t.is(heapRequests, 1);
  t.is(arenas.stats().memory.quarantined, (256 + 64) * 1024);
  t.is(kept.length, 6);
});

// Requests that the option `skip` leaves out: nothing is begun for them, and nothing is left on them.

/** What a middleware does with a request: what it calls next() with, and what it leaves behind. */
function pass(middleware, url = '/', exchange = new Exchange()) {
  const { req, res, carrier } = exchange;
  req.url = url;
  const calls = [];
  middleware(req, res, (...given) => calls.push(given));
  const listeners = [req, res, carrier].flatMap((emitter) => emitter.eventNames());
  return { exchange, req, calls, listeners };
}

const isHealth = (req) => req.url === '/health';

test('a request that is left out has no property, no listener and no count', (t) => {
  const arenas = requestArena({ skip: isHealth, context: true });
  const before = new Exchange();
  const usual = [before.req, before.res, before.carrier].flatMap((one) => one.eventNames());
  const { req, calls, listeners } = pass(arenas, '/health');
  t.deepEqual(calls, [[]], 'next() without an argument, once');
  t.deepEqual(Object.keys(req), Object.keys(before.req));
  t.deepEqual(Object.getOwnPropertySymbols(req), Object.getOwnPropertySymbols(before.req));
  t.deepEqual(listeners, usual);
  t.is(arenas.stats().requests, 0);
  t.is(arenas.end(req), false);
  const work = pass(arenas, '/work');
  t.is(work.req.arena.alloc(10).length, 10);
  t.is(arenas.stats().requests, 1);
});

test('within a request that is left out current() is undefined', (t) => {
  const arenas = requestArena({ skip: isHealth, context: true });
  const { req, res } = new Exchange();
  req.url = '/health';
  let found = 'nothing called';
  arenas(req, res, () => {
    found = arenas.current();
  });
  t.is(found, undefined);
});

test('skip() is asked once for each request, with the request alone', (t) => {
  const asked = [];
  const arenas = requestArena({
    skip(...given) {
      asked.push([this, ...given]);
      return false;
    },
  });
  const { req } = pass(arenas);
  t.deepEqual(asked, [[undefined, req]]);
});

test('a property that is taken is no error of a request that is left out', (t) => {
  const arenas = requestArena({ skip: isHealth, property: 'url' });
  t.deepEqual(pass(arenas, '/health').calls, [[]]);
  t.is(pass(arenas, '/work').calls[0][0].code, code);
});

test('of two middlewares each leaves out its own', (t) => {
  const [first, second] = [requestArena({ skip: isHealth }), requestArena({ property: 'memory' })];
  const health = pass(first, '/health').exchange;
  pass(second, '/health', health);
  t.deepEqual([health.req.arena, health.req.memory.alloc(10).length], [undefined, 10]);
  const strict = requestArena({ property: 'other', skip: () => true });
  const { req } = pass(strict, '/work', pass(first, '/work').exchange);
  t.deepEqual([req.arena.alloc(10).length, 'other' in req], [10, false]);
});

test('what skip() throws is the cause of the error, and what is no boolean is told', (t) => {
  const cause = new Error('of its own');
  const thrown = pass(
    requestArena({
      skip: () => {
        throw cause;
      },
    }),
  ).calls[0][0];
  t.true(thrown instanceof TypeError);
  t.deepEqual([thrown.code, thrown.cause], [code, cause]);
  for (const [answer, text] of [
    [Promise.resolve(true), 'Received an instance of Promise'],
    [undefined, 'Received undefined'],
    [1, 'Received type number (1)'],
    ['', "Received type string ('')"],
  ]) {
    const { calls, req } = pass(requestArena({ skip: () => answer }));
    const [[error]] = calls;
    t.is(error.message, `The function "options.skip" must return a boolean. ${text}`);
    t.is(error.code, code);
    t.false('arena' in req);
  }
});

test('with wrap() such an error is thrown by the listener', (t) => {
  const arenas = require('../../lib/http.js').requestArena({ skip: () => 'yes' });
  const { req, res } = new Exchange();
  t.throws(() => arenas.wrap(() => t.fail())(req, res), { instanceOf: TypeError, code });
});
