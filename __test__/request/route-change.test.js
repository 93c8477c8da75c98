'use strict';
// tier: run-time

// What a request has from before its route: windows that are open, reserved, or behind a checkpoint, when the safety changes or the
// limit goes down.

const test = require('ava');
const { once } = require('node:events');
const http = require('node:http');
const { stamp, sameStamp } = require('../helpers/bytes.js');
const { beginRouted: begin } = require('../helpers/exchange.js');
const { requestArena } = require('../../lib/http.js');

const KiB = 1024;

const limit = (t, arena, size) => t.throws(() => arena.alloc(size), { code: 'ERR_RALLOC_LIMIT' });

for (const safety of ['detach', 'gc']) {
  test(`stale Buffers of 'recycle' neither read nor write those of a route with '${safety}'`, async (t) => {
    const arenas = requestArena({ safety: 'recycle' });
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
    const arenas = requestArena({ safety: 'recycle' });
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
    const arenas = requestArena({ safety: 'gc' });
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
  const arenas = requestArena();
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
  ['detach', 'gc', /those from before stay as they are/],
  ['gc', 'detach', /its Buffers are dead/],
]) {
  test.serial(
    `what is allocated after the response of a route with '${route}' is told of by its safety`,
    async (t) => {
      const arenas = requestArena({ safety: base });
      const server = http.createServer(
        arenas.wrap((req, res) => {
          arenas.route({ safety: route })(req, res, () => {
            res.once('close', () => setImmediate(() => req.arena.alloc(10)));
            res.end(req.arena.alloc(10));
          });
        }),
      );
      await once(server.listen(0), 'listening');
      const warned = new Promise((resolve) => {
        const listener = (warning) => {
          if (warning.code !== 'RALLOC_USED_LATE') return;
          process.off('warning', listener);
          resolve(warning.message);
        };
        process.on('warning', listener);
      });
      http.get({ port: server.address().port, agent: false }, (res) => res.resume());
      t.regex(await warned, says);
      server.close();
    },
  );
}

test('what the window before the route has left is charged no more', (t) => {
  const arenas = requestArena({ maxBytesPerRequest: 64 * KiB });
  const { arena, toRoute } = begin(arenas);
  arena.alloc(KiB);
  toRoute(arenas.route({ safety: 'gc' }));
  t.is(arena.alloc(63 * KiB).length, 63 * KiB);
});

test('a route with the same safety goes on in the window that is open', (t) => {
  const arenas = requestArena();
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
  const arenas = requestArena();
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
  const arenas = requestArena();
  const { arena, toRoute } = begin(arenas);
  arena.scope((scope) => {
    scope.reserve(1024 * KiB);
    toRoute(arenas.route({ maxBytesPerRequest: 8 * KiB }));
    t.is(limit(t, scope, 9 * KiB).requested, 9 * KiB);
    t.is(count(t, scope), 8);
  });
});
