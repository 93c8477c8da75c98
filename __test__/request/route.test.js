'use strict';
// tier: run-time

// The options of a route, which a request gets in the middle: after some of its middlewares, perhaps after its first Buffers.

const test = require('ava');
const fs = require('node:fs');
const os = require('node:os');
const { promisify } = require('node:util');
const { on } = require('node:events');
const http = require('node:http');
const { Exchange, beginRouted: begin } = require('../helpers/exchange.js');
const { isZero, stamp, sameStamp } = require('../helpers/bytes.js');
const { copyOfPackage } = require('../helpers/copy-of-package.js');
const { isNative } = require('../helpers/backend.js');
const { serveOnly } = require('../helpers/server.js');
const { untilCollected } = require('../helpers/until.js');
const { Arena, requestArena } = require('../../lib/index.js');
const { requestArena: ofHttp } = require('../../lib/http.js');

const KiB = 1024;
const code = 'ERR_RALLOC_INVALID_ARGUMENT';

/** The text of the next warning with this code. */
async function warned(code) {
  for await (const [warning] of on(process, 'warning'))
    if (warning.code === code) return warning.message;
}

const limit = (t, arena, size) => t.throws(() => arena.alloc(size), { code: 'ERR_RALLOC_LIMIT' });

test('a higher limit holds from there on, with what is used already', (t) => {
  const arenas = requestArena({ maxBytesPerRequest: 64 * KiB });
  const { arena, toRoute } = begin(arenas);
  arena.alloc(60 * KiB);
  t.is(toRoute(arenas.route({ maxBytesPerRequest: 128 * KiB })), undefined);
  t.is(arena.stats().limit, 128 * KiB);
  t.is(limit(t, arena, 69 * KiB).limit, 128 * KiB);
  t.is(arena.alloc(68 * KiB).length, 68 * KiB);
});

test('a lower limit holds from there on, also in the window that is open', (t) => {
  const arenas = requestArena({ maxBytesPerRequest: 1024 * KiB });
  const { arena, toRoute } = begin(arenas);
  arena.alloc(KiB);
  toRoute(arenas.route({ maxBytesPerRequest: 8 * KiB }));
  limit(t, arena, 7 * KiB + 1);
  for (let i = 0; i < 7; i++) arena.alloc(KiB);
  limit(t, arena, 1);
});

test('who has more than a lower limit keeps it, and gets no more', (t) => {
  const arenas = requestArena({ maxBytesPerRequest: 1024 * KiB });
  const { arena, toRoute } = begin(arenas);
  const buffer = stamp(arena.alloc(500 * KiB), 1);
  toRoute(arenas.route({ maxBytesPerRequest: 8 * KiB }));
  t.is(limit(t, arena, 1).used, 500 * KiB);
  sameStamp(t, buffer, 1);
  arena.reset();
  t.is(arena.alloc(8 * KiB).length, 8 * KiB);
});

test('routes within routes add up', (t) => {
  const arenas = requestArena();
  const { arena, toRoute } = begin(arenas);
  toRoute(arenas.route({ maxBytesPerRequest: 8 * KiB, safety: 'gc' }));
  toRoute(arenas.route({ safety: 'recycle' }));
  toRoute(arenas.route());
  const { limit: most, safety } = arena.stats();
  t.deepEqual([most, safety], [8 * KiB, 'recycle']);
  t.deepEqual([begin(arenas).arena.stats().safety], ['detach'], 'of this request alone');
});

test("'gc' holds for what was handed out before", async (t) => {
  const arenas = requestArena();
  const { exchange, arena, toRoute } = begin(arenas);
  const buffer = stamp(arena.alloc(100), 1);
  toRoute(arenas.route({ safety: 'gc' }));
  await exchange.finish();
  sameStamp(t, buffer, 1);
  begin(arenas).arena.alloc(100).fill(0);
  sameStamp(t, buffer, 1, 'its memory waits for the garbage collector');
  t.true(arenas.stats().memory.quarantined > 0);
});

test("what 'recycle' left to old Buffers is dead before another route has it", async (t) => {
  const arenas = requestArena();
  const recycle = arenas.route({ safety: 'recycle' });
  const first = begin(arenas);
  first.toRoute(recycle);
  const buffer = first.arena.alloc(100).fill('r');
  await first.exchange.finish();
  t.is(buffer.length, 100);
  const second = begin(arenas);
  second.toRoute(recycle);
  const shown = second.arena.alloc(100).fill('s');
  t.is(buffer.toString(), 's'.repeat(100), 'the same route shows what comes next');
  await second.exchange.finish();
  const third = begin(arenas).arena.alloc(100).fill('d');
  t.deepEqual([buffer.length, shown.length, third.length], [0, 0, 100]);
  t.is(arenas.stats().memory.quarantined, 0);
});

test('wipe of one route, in the end by the garbage collector or by the response', async (t) => {
  const arenas = requestArena();
  const wiped = begin(arenas);
  wiped.toRoute(arenas.route({ wipe: true }));
  wiped.arena.alloc(30 * KiB).fill('s');
  await wiped.exchange.finish();
  const { arena, exchange } = begin(arenas);
  t.true(isZero(arena.allocUnsafe(30 * KiB)));
  arena.allocUnsafe(10).fill('n');
  await exchange.finish();
  t.is(begin(arenas).arena.allocUnsafe(30 * KiB + 10)[30 * KiB], 'n'.charCodeAt(0));
});

test('wipe of one route, where the garbage collector ends it', async (t) => {
  const size = 960 * KiB; // a size class of its own in the depot
  const arenas = requestArena();
  for (const wipe of [false, true]) {
    await (async () => {
      const { arena, exchange, toRoute } = begin(arenas);
      toRoute(arenas.route({ wipe, safety: 'gc' }));
      arena.allocUnsafe(size).fill('s');
      await exchange.finish();
    })();
    await untilCollected(() => arenas.stats().memory.quarantined === 0);
    const next = new Arena({ chunkSize: size, maxBytes: wipe ? 2 * size : 3 * size }); // each a pool of its own
    const buffer = next.allocUnsafe(size);
    if (isNative) t.is(next.stats().memory.recycled, 1, 'the same memory');
    t.is(isZero(buffer), wipe || !isNative, `wipe: ${wipe}`);
    next.close();
  }
});

test("Node's operations are held on a route that leaves 'gc', whose memory nothing marks", async (t) => {
  const arenas = requestArena({ safety: 'gc' });
  const detach = arenas.route({ safety: 'detach' });
  // Handed out before the route: unmarked, and so it waits for the garbage collector.
  const before = begin(arenas);
  const early = stamp(before.arena.alloc(100), 1);
  before.toRoute(detach);
  await before.exchange.finish();
  sameStamp(t, early, 1);
  t.is(arenas.stats().guarded.fs.operations, 0);
  // After it: marked, held until the write is over, and dead.
  const after = begin(arenas);
  after.toRoute(detach);
  const buffer = after.arena.alloc(100);
  const file = await promisify(fs.open)(os.devNull, 'w');
  const written = promisify(fs.write)(file, buffer);
  await after.exchange.finish();
  t.is(buffer.length, 100, 'held');
  t.is((await written).bytesWritten ?? (await written), 100);
  await promisify(fs.close)(file);
  t.is(arenas.stats().guarded.fs.operations, 1);
  t.is(buffer.length, 0);
});

test("what 'gc' left warm, since nothing was handed out of it, is used again at once by other routes", async (t) => {
  const arenas = requestArena({ safety: 'gc' });
  const unused = begin(arenas);
  unused.arena.reserve(10);
  await unused.exchange.finish();
  const { arena, exchange, toRoute } = begin(arenas);
  toRoute(arenas.route({ safety: 'detach' }));
  const buffer = arena.alloc(10);
  await exchange.finish();
  t.is(buffer.length, 0);
  const { mapped, recycled, quarantined } = arenas.stats().memory;
  t.deepEqual([mapped + recycled, quarantined], [1, 0], 'one chunk, whoever had it before');
});

test('options that are wrong are refused where the route is made', (t) => {
  const arenas = requestArena({ maxBytes: 1024 * KiB });
  for (const [given, instanceOf, message] of [
    [
      { maxBytesPerRequest: 4095 },
      RangeError,
      /"options\.maxBytesPerRequest" .* >= 4096 and <= options\.maxBytes\. Received 4095/,
    ],
    [{ maxBytesPerRequest: 1024 * KiB + 1 }, RangeError, /<= options\.maxBytes \(1048576\)/],
    [{ maxBytesPerRequest: '8' }, TypeError, /of type number/],
    [{ safety: 'none' }, RangeError, /'detach', 'gc', 'recycle'/],
    [{ wipe: 'yes' }, TypeError, /of type boolean/],
    [{ maxBytes: 5000 }, TypeError, /Unknown option "maxBytes"/],
    [{ holdMs: 5 }, TypeError, /Unknown option "holdMs"/],
    [null, TypeError, /"options" argument must be an object/],
  ]) {
    t.throws(() => arenas.route(given), { instanceOf, code, message });
  }
});

test("a route of another mount goes by the limit of the arena's own", (t) => {
  const [outer, inner] = [requestArena({ maxBytes: 512 * KiB }), requestArena()];
  const { arena, toRoute } = begin(outer);
  toRoute(inner);
  const error = toRoute(inner.route({ maxBytesPerRequest: 513 * KiB }));
  t.true(error instanceof RangeError);
  t.is(error.code, code);
  t.is(toRoute(inner.route({ maxBytesPerRequest: 8 * KiB })), undefined);
  t.is(arena.stats().limit, 8 * KiB);
});

test('a route whose request nobody gave an arena says so', (t) => {
  const arenas = requestArena();
  const { req, res } = new Exchange();
  let error;
  arenas.route({ wipe: true })(req, res, (given) => {
    error = given;
  });
  t.is(error.code, 'ERR_RALLOC_UNSUPPORTED');
  t.regex(error.message, /^The request has no "arena"\. Mount requestArena\(\)/);
  t.throws(() => arenas.route({})(req, res), { instanceOf: TypeError, code });
});

test('a route on the arena of another copy of ralloc leaves it as it is', async (t) => {
  const atExit = { teardown: (end) => process.once('exit', end) }; // timers may load files of it
  const other = require(`${copyOfPackage(atExit)}/lib/index.js`);
  const { arena, toRoute } = begin(other.requestArena());
  const told = warned('RALLOC_OPTIONS_IGNORED');
  t.is(toRoute(requestArena().route({ safety: 'gc' })), undefined);
  t.is(arena.stats().safety, 'detach');
  t.regex(await told, /"safety"/);
});

// What a request has from before its route: windows that are open, reserved, or behind a checkpoint, when the safety changes or the
// limit goes down.

for (const safety of ['detach', 'gc']) {
  test(`stale Buffers of 'recycle' neither read nor write those of a route with '${safety}'`, async (t) => {
    const arenas = ofHttp({ safety: 'recycle' });
    const strict = arenas.route({ safety });
    const steps = {
      'after a Buffer before the route': ({ arena }) => arena.alloc(10),
      'after a reset before the route': ({ arena }) => {
        arena.alloc(10);
        arena.reset();
      },
      'after a reserve before the route': ({ arena }) => arena.reserve(10),
      'after a reset in the route': ({ arena, toRoute }) => {
        arena.alloc(10);
        toRoute(strict);
        arena.reset();
      },
      'after a rewind in the route': ({ arena, toRoute }) => {
        arena.alloc(10);
        const mark = arena.checkpoint();
        toRoute(strict);
        arena.alloc(10);
        arena.rewind(mark);
      },
      'after a rewind behind another checkpoint': ({ arena, toRoute }) => {
        arena.checkpoint();
        arena.alloc(10);
        const mark = arena.checkpoint();
        toRoute(strict);
        arena.rewind(mark);
      },
    };
    for (const [when, step] of Object.entries(steps)) {
      const earlier = begin(arenas);
      const stale = earlier.arena.alloc(1000);
      await earlier.exchange.finish();
      const request = begin(arenas);
      step(request);
      request.toRoute(strict);
      const buffer = request.arena.alloc(100).fill('k');
      t.false(stale.includes('k'), when);
      stale.fill('s');
      t.is(buffer.toString(), 'k'.repeat(100), when);
      await request.exchange.finish();
      t.is(buffer.length, safety === 'gc' ? 100 : 0, when);
    }
  });

  test(`nor those of a scope that is open when the route with '${safety}' is known`, async (t) => {
    const arenas = ofHttp({ safety: 'recycle' });
    const inScope = (exchange, fn) => {
      let result;
      exchange.arena.scope((scope) => {
        result = fn(scope);
      });
      return result;
    };
    const earlier = begin(arenas);
    const stale = inScope(earlier, (scope) => scope.alloc(1000));
    await earlier.exchange.finish();
    const request = begin(arenas);
    inScope(request, (scope) => {
      scope.alloc(10);
      request.toRoute(arenas.route({ safety }));
      const buffer = scope.alloc(100).fill('k');
      t.false(stale.includes('k'));
      stale.fill('s');
      t.is(buffer.toString(), 'k'.repeat(100));
    });
  });
}

for (const safety of ['detach', 'recycle']) {
  test(`'${safety}' of a route holds for what comes after it, though 'gc' gave Buffers before`, async (t) => {
    const arenas = ofHttp({ safety: 'gc' });
    const { arena, exchange, toRoute } = begin(arenas);
    const early = stamp(arena.alloc(100), 1);
    toRoute(arenas.route({ safety }));
    const late = arena.alloc(100);
    t.is(arena.stats().spans, 2);
    await exchange.finish();
    sameStamp(t, early, 1);
    t.is(late.length, safety === 'detach' ? 0 : 100);
    const { warm, quarantined } = arenas.stats().memory;
    t.deepEqual([warm, quarantined], [64 * KiB, 64 * KiB], 'chunks of the usual size');
  });
}

test('the spans of a scope grow no more where routes change the safety', (t) => {
  const arenas = ofHttp();
  const { arena, toRoute } = begin(arenas);
  const sizes = [];
  arena.scope((scope) => {
    for (const safety of ['gc', 'recycle', 'detach', 'gc']) {
      sizes.push(scope.alloc(10).buffer.byteLength);
      toRoute(arenas.route({ safety }));
    }
  });
  t.deepEqual(sizes, Array(4).fill(16 * KiB));
});

for (const [base, route, says] of [
  ['detach', 'gc', /earlier ones stay as they are/],
  ['gc', 'detach', /its Buffers are dead/],
]) {
  test.serial(
    `what is allocated after the response of a route with '${route}' is told of by its safety`,
    async (t) => {
      const arenas = ofHttp({ safety: base });
      const listener = arenas.wrap((req, res) => {
        arenas.route({ safety: route })(req, res, () => {
          res.once('close', () => setImmediate(() => req.arena.alloc(10)));
          res.end(req.arena.alloc(10));
        });
      });
      const port = await serveOnly(t, listener);
      const told = warned('RALLOC_USED_LATE');
      http.get({ port, agent: false }, (res) => res.resume());
      t.regex(await told, says);
    },
  );
}

test('what the window before the route has left is charged no more', (t) => {
  const arenas = ofHttp({ maxBytesPerRequest: 64 * KiB });
  const { arena, toRoute } = begin(arenas);
  arena.alloc(KiB);
  toRoute(arenas.route({ safety: 'gc' }));
  t.is(arena.alloc(63 * KiB).length, 63 * KiB);
});

test('a route with the same safety goes on in the window that is open', (t) => {
  const arenas = ofHttp();
  const { arena, toRoute } = begin(arenas);
  const { buffer } = arena.alloc(10);
  toRoute(arenas.route({ safety: 'detach', wipe: true, maxBytesPerRequest: 8 * KiB }));
  t.is(arena.alloc(10).buffer, buffer);
});

/** How many Buffers of 1 KiB an arena gives. */
function count(t, arena) {
  for (let given = 0; ; given++) {
    if (given > 100) return given;
    try {
      arena.alloc(KiB);
    } catch (error) {
      t.is(error.code, 'ERR_RALLOC_LIMIT');
      return given;
    }
  }
}

test('a lower limit holds in windows that a rewind opens again', (t) => {
  const arenas = ofHttp();
  const small = arenas.route({ maxBytesPerRequest: 8 * KiB });
  const reserved = begin(arenas);
  reserved.arena.reserve(1024 * KiB);
  const mark = reserved.arena.checkpoint();
  reserved.toRoute(small);
  reserved.arena.rewind(mark);
  t.is(count(t, reserved.arena), 8);
  const used = begin(arenas);
  used.arena.alloc(KiB);
  const outer = used.arena.checkpoint();
  used.arena.alloc(KiB);
  const inner = used.arena.checkpoint();
  used.toRoute(small);
  used.arena.rewind(inner);
  t.is(count(t, used.arena), 6);
  used.arena.rewind(outer);
  t.is(count(t, used.arena), 7);
});

test('a lower limit holds in scopes that are open, whose error says what was asked for', (t) => {
  const arenas = ofHttp();
  const { arena, toRoute } = begin(arenas);
  arena.scope((scope) => {
    scope.reserve(1024 * KiB);
    toRoute(arenas.route({ maxBytesPerRequest: 8 * KiB }));
    t.is(limit(t, scope, 9 * KiB).requested, 9 * KiB);
    t.is(count(t, scope), 8);
  });
});
