'use strict';
// tier: run-time

// `ralloc/test`: what a test leaves or misuses fails it, and nothing else does.

const http = require('node:http');
const { inspect } = require('node:util');
const test = require('ava').serial;
const time = require('../../lib/base/time.js');
const { report } = require('../../lib/debug/report.js');
const { settings } = require('../../lib/debug/settings.js');
const { requestArena } = require('../../lib/http.js');
const { Arena, RallocError, Slab, configureDebug, leakReport } = require('../../lib/index.js');
const { noLeaks } = require('../../lib/test.js');
const { get, serve } = require('../helpers/ask.js');
const { kinds, watched } = require('../helpers/debug.js');
const { turns, until } = require('../helpers/until.js');
const { warned } = require('../helpers/warned.js');

const newSlab = () => new Slab({ sizes: [64], count: 64, name: 'messages' });

/** A Buffer that is freed. */
function freedOf(slab) {
  const buffer = slab.alloc(20);
  slab.free(buffer);
  return buffer;
}

process.on('warning', () => {}); // they are told to everybody as always

/** What noLeaks() rejects with. */
async function failed(t, fn, options) {
  const error = await t.throwsAsync(noLeaks(fn, options), { code: 'ERR_RALLOC_MISUSE' });
  t.true(error instanceof RallocError);
  for (const { message } of error.reports) t.true(error.message.includes(message));
  return error.reports;
}

test('the result is that of the function, which may return a promise', async (t) => {
  t.is(await noLeaks(() => 5), 5);
  t.is(await noLeaks(async () => 'x'), 'x');
  t.is(await noLeaks(() => {}), undefined);
});

test('it runs under `full`, and the level is as before afterwards', async (t) => {
  t.is(settings.level, 'off');
  await noLeaks(() => t.is(settings.level, 'full'));
  t.is(settings.level, 'off');
  configureDebug({ level: 'sample' });
  t.teardown(() => configureDebug({ level: 'off' }));
  await t.throwsAsync(
    noLeaks(() => {
      throw new RangeError('of the test');
    }),
    { instanceOf: RangeError },
  );
  t.is(settings.level, 'sample');
});

test('what was out before is not told', async (t) => {
  watched(t);
  const slab = newSlab();
  const buffer = slab.alloc(20);
  const arena = new Arena();
  const hold = arena.hold();
  const { count } = leakReport();
  await noLeaks(() => slab.free(slab.alloc(20)));
  t.is(leakReport().count, count);
  slab.free(buffer);
  hold.release();
  arena.close();
});

test('holds that are not released and what is not closed are told', async (t) => {
  let arena;
  const reports = await failed(
    t,
    () => {
      arena = new Arena({ name: 'scratch' });
      arena.hold();
    },
    { waitMs: 0 },
  );
  t.deepEqual(
    reports.map(({ kind, of }) => [kind, of]),
    [
      ['hold-leaked', "the arena 'scratch'"],
      ['not-closed', "the arena 'scratch'"],
    ],
  );
  await noLeaks(() => {
    using(new Arena(), (one) => one.alloc(10).length);
  });
  arena.close();
});

function using(thing, act) {
  act(thing);
  thing[Symbol.dispose]();
}

test('misuse is told though the program caught its error', async (t) => {
  const slab = newSlab();
  const reports = await failed(t, () => {
    const buffer = freedOf(slab);
    t.throws(() => slab.free(buffer));
  });
  t.deepEqual(
    reports.map(({ kind }) => kind),
    ['double-free'],
  );
  const again = await failed(t, () => {
    const buffer = freedOf(slab);
    for (let i = 0; i < 2; i++) buffer.toString();
  });
  t.deepEqual(
    again.map(({ kind, count }) => [kind, count]),
    [['use-after-free', 2]],
  );
});

test('what noLeaks() rejects with is told once: by its message, in each call that has it', async (t) => {
  const all = warned(t);
  const warnings = () => all.filter(({ code }) => code !== 'RALLOC_W_NOT_CLOSED'); // which slabs of other tests may be
  const slab = newSlab();
  for (let call = 0; call < 2; call++) {
    const misused = noLeaks(() => {
      const buffer = freedOf(slab);
      for (let i = 0; i < 3; i++) buffer.toString();
    });
    const error = await t.throwsAsync(misused, { code: 'ERR_RALLOC_MISUSE' });
    t.is(inspect(error).split('buffer.toString() was given').length, 2);
    t.is(error.reports.length, 1);
  }
  await turns(2);
  t.deepEqual(warnings(), []);
  const thrown = noLeaks(() => {
    const buffer = freedOf(slab);
    buffer.fill(1);
  });
  await t.throwsAsync(thrown, { instanceOf: TypeError });
  const opaque = noLeaks(() => {
    const buffer = freedOf(slab);
    buffer.toString();
    return Promise.reject(Object.freeze(new Error('frozen')));
  });
  await t.throwsAsync(opaque, { message: 'frozen' });
  await turns(2);
  t.is(warnings().length, 1, 'what an error cannot take is a warning');
});

test('an error of the test goes first, and what was reported by then is its cause', async (t) => {
  const slab = newSlab();
  const error = await t.throwsAsync(
    noLeaks(() => {
      const buffer = freedOf(slab);
      throw new RangeError(`read: ${buffer.toString()}`);
    }),
    { instanceOf: RangeError, message: 'read: ' },
  );
  t.is(error.cause.code, 'ERR_RALLOC_MISUSE');
  t.is(error.cause.reports[0].kind, 'use-after-free');
  const plain = await t.throwsAsync(
    noLeaks(() => {
      slab.alloc(20);
      throw new RangeError('too early to free');
    }),
  );
  t.is(plain.cause, undefined);
  const own = new Error('with a cause', { cause: 1 });
  const rejected = noLeaks(() => {
    const buffer = freedOf(slab);
    buffer.toString();
    return Promise.reject(own);
  });
  t.is((await t.throwsAsync(rejected)).cause, 1);
});

test('what a test left that failed is not told of the next one', async (t) => {
  const slab = newSlab();
  const left = () => {
    const arena = new Arena();
    arena.hold();
    slab.alloc(20);
    throw new Error('of the test');
  };
  await t.throwsAsync(noLeaks(left), { message: 'of the test' });
  await noLeaks(() => slab.free(slab.alloc(20)));
  t.pass();
});

test('calls wait for each other, and each has its own', async (t) => {
  const slab = newSlab();
  const order = [];
  const freeing = (name) => async () => {
    order.push(`${name} begins`);
    const buffer = slab.alloc(20);
    await turns(5);
    slab.free(buffer);
    order.push(`${name} ends`);
  };
  const results = await Promise.allSettled([
    noLeaks(freeing('a')),
    noLeaks(() => slab.alloc(20), { waitMs: 0 }),
    noLeaks(freeing('b')),
  ]);
  t.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  );
  t.deepEqual(order, ['a begins', 'a ends', 'b begins', 'b ends']);
});

test('one within another is refused', async (t) => {
  const code = 'ERR_RALLOC_UNSUPPORTED';
  await t.throwsAsync(
    noLeaks(() => noLeaks(() => {})),
    { code },
  );
  const waitsFor = async () => {
    await new Promise(setImmediate);
    await noLeaks(() => {});
  };
  await t.throwsAsync(noLeaks(waitsFor), { code });
});

test('one that a function begins when it is over waits for its turn', async (t) => {
  let isOver = false;
  let later;
  const first = noLeaks(() => {
    later = new Promise(setImmediate).then(() => {
      t.false(isOver, 'it lets what is ending end');
      return noLeaks(() => 'later');
    });
  });
  await first;
  isOver = true;
  t.is(await later, 'later');
});

test('bad arguments are refused before anything is done', async (t) => {
  const code = 'ERR_RALLOC_INVALID_ARGUMENT';
  for (const fn of [undefined, null, 5, {}, Promise.resolve()])
    await t.throwsAsync(noLeaks(fn), { code, instanceOf: TypeError });
  for (const waitMs of [-1, 1.5, Number.NaN, 2 ** 31])
    await t.throwsAsync(
      noLeaks(() => t.fail(), { waitMs }),
      { code, instanceOf: RangeError },
    );
  for (const options of [null, 5, [], { wait: 5 }, { waitMs: '5' }])
    await t.throwsAsync(
      noLeaks(() => t.fail(), options),
      { code, instanceOf: TypeError },
    );
});

/** A server from before the test, as most are. */
async function serving(t, handler) {
  const arenas = requestArena();
  return serve(t, http.createServer(arenas.wrap(handler)));
}

test('what is just ending is waited for', async (t) => {
  const slab = newSlab();
  const url = await serving(t, (_req, res) => {
    const buffer = slab.alloc(4, 'text');
    res.end(buffer);
    res.once('close', () => turns(20).then(() => slab.free(buffer)));
  });
  t.is(await noLeaks(() => get(url), { waitMs: 5000 }), 'text');
});

test('a Buffer that stays in a Map after its response is found', async (t) => {
  const kept = new Map();
  const url = await serving(t, (req, res) => {
    kept.set(req.url, req.arena.from('body'));
    res.end('done');
  });
  const reports = await failed(t, () => get(`${url}/kept`), { waitMs: 5000 });
  t.deepEqual(
    reports.map(({ kind }) => kind),
    ['kept'],
  );
  t.true(kept.size > 0);
});

// What is on its way back is waited for, what was there before is not looked at, and nothing is told twice.

const LONG = { waitMs: 60_000 };

test('a hold and an arena are waited for', async (t) => {
  const result = await noLeaks(() => {
    const arena = new Arena();
    const hold = arena.hold();
    turns(20).then(() => hold.release());
    turns(30).then(() => arena.close());
    return 'held';
  }, LONG);
  t.is(result, 'held');
});

test('a request that nobody waits for is waited for', async (t) => {
  let asked;
  let used;
  const handler = requestArena().wrap(async (req, res) => {
    const buffer = req.arena.from('body');
    asked.resolve();
    await turns(30);
    res.once('close', () => setImmediate(() => used.resolve(buffer.toString())));
    res.end(buffer);
  });
  const url = await serve(t, http.createServer(handler));
  const settle = () => {
    const all = {};
    all.promise = new Promise((resolve) => Object.assign(all, { resolve }));
    return all;
  };
  asked = settle();
  used = settle();
  let answer;
  const seen = noLeaks(async () => {
    answer = get(`${url}/late`);
    await asked.promise;
  }, LONG);
  const error = await t.throwsAsync(seen, { code: 'ERR_RALLOC_MISUSE' });
  t.like(error.reports[0], { kind: 'use-after-reset', request: 'GET /late' });
  await used.promise;
  t.is(await answer, 'body');
});

test('what is told once is not told again', async (t) => {
  const reports = watched(t, { dropped: true });
  let arena;
  const left = () => {
    arena = new Arena();
    arena.hold();
  };
  await t.throwsAsync(noLeaks(left, { waitMs: 0 }), { code: 'ERR_RALLOC_MISUSE' });
  const { holds, open } = leakReport();
  const ofOthers = 'slab'; // that the tests before left open
  t.deepEqual([holds, open.filter(({ kind }) => kind !== ofOthers)], [[], []]);
  t.deepEqual(kinds(reports), []);
  arena.close();
});

test('a Buffer that is from before, and gets late meanwhile, is not of this one', async (t) => {
  const reports = watched(t);
  const slab = new Slab({ sizes: [64], count: 16, warnAfterMs: 40 });
  const buffer = slab.alloc(20);
  await turns(5);
  await noLeaks(() => until(() => kinds(reports).includes('stuck')));
  slab.free(buffer);
  slab.close();
  t.pass();
});

test('what is told later than it was found counts by when it was taken', async (t) => {
  const reports = watched(t);
  const since = time.now();
  await turns(1);
  await noLeaks(() => report('stuck', { of: 'a slab', age: 0, since }));
  t.deepEqual(kinds(reports), ['stuck']);
  t.is(reports[0].since, undefined);
});
