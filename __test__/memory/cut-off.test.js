'use strict';
// tier: run-time, differs

// Calls that are cut off exactly between two of their steps: each operation once for each call of
// the memory below that it makes. No Buffer shows the bytes of another one, no count is wrong, and
// what was in use is V8's. fixtures/memory/interrupted.js cuts off anywhere.

const { setImmediate: turn } = require('node:timers/promises');
const test = require('ava');
const { Region, Slab, requestArena } = require('../..');
const { hasTransfer } = require('../../lib/base/runtime.js');
const { isNative } = require('../helpers/backend.js');
const { budget, seedOr } = require('../helpers/budget.js');
const { isDead, isStamped, stamp } = require('../helpers/bytes.js');
const { run } = require('../helpers/child.js');
const { Clock } = require('../helpers/clock.js');
const { cutsTest } = require('../helpers/cuts.js');
const { Exchange } = require('../helpers/exchange.js');
const { fresh } = require('../helpers/fresh.js');
const { untilCollected } = require('../helpers/until.js');
const { warned } = require('../helpers/warned.js');
const { findings } = require('../helpers/audited.js');
const { begin, memoryOf, newArena, overwrite } = require('../helpers/waiting.js');
const { soundRegion } = require('../helpers/region.js');
const { addsUp } = require('../helpers/slab.js');

const KiB = 1024;

/** What was closed may wait for V8 for long, and is audited after each test. */
const findingsOfOpen = () => findings(true);

let maxBytes = 8192 * KiB; // of arenas, which are known by it to those that closed before

/** What an arena has after a cut: its Buffers, and what claims them. */
class Scene {
  buffers = []; // die at the next reset
  claims = []; // hold or operation: what ends it

  constructor(safety) {
    maxBytes += 4 * KiB;
    this.arena = newArena({ safety, maxBytes });
    this.safety = safety;
  }

  add(size, arena = this.arena) {
    const buffer = stamp(arena.allocUnsafe(size), this.buffers.length);
    this.buffers.push(buffer);
    return buffer;
  }

  hold() {
    const hold = this.arena.hold();
    this.claims.push(() => hold.release());
  }

  begin(buffer) {
    this.claims.push(begin(buffer));
  }

  endClaims() {
    for (const end of this.claims) end();
  }

  /** The Buffers that have their bytes; all others must be dead. */
  intact(t, when) {
    const isIntact = (buffer, i) => isStamped(buffer, i);
    const own = this.buffers.filter(isIntact);
    const dead = this.buffers.filter(isDead);
    if (this.safety === 'detach') t.is(own.length + dead.length, this.buffers.length, when);
    return own.length;
  }
}

/** Three spans: a chunk, a larger one, and a piece after a checkpoint. */
function severalSpans(scene) {
  scene.add(1000);
  scene.add(100 * KiB);
  scene.checkpoint = scene.arena.checkpoint();
  scene.add(1000);
}

/** The same with a hold. */
function held(scene) {
  severalSpans(scene);
  scene.hold();
}

/** The same with an operation on each. */
function inUse(scene) {
  severalSpans(scene);
  for (const buffer of scene.buffers) scene.begin(buffer);
}

/** What a reset has left to a claim. */
const waiting = (claim) => (scene) => {
  claim(scene);
  scene.arena.reset();
};

/**
 * Operations of an arena: `make` what it has, `cut` off. `keeps`: what claims its bytes stays.
 * `safeties`: those in which it takes a step.
 */
const operations = {
  'the first allocation': { cut: (scene) => scene.add(1000) },
  'an allocation that needs another span': {
    make: (scene) => scene.add(60 * KiB),
    cut: (scene) => scene.add(60 * KiB),
  },
  'an oversize allocation': {
    make: (scene) => scene.add(1000),
    cut: (scene) => scene.add(1000 * KiB),
  },
  'the first allocation after a checkpoint': {
    make(scene) {
      scene.add(1000);
      scene.arena.checkpoint();
    },
    cut: (scene) => scene.add(1000),
  },
  'a reset in place': {
    make: (scene) => scene.add(1000),
    cut: ({ arena }) => arena.reset(),
    safeties: ['detach'],
  },
  'a reset of several spans': {
    make: severalSpans,
    cut: ({ arena }) => arena.reset(),
    safeties: ['detach'],
  },
  'a reset under a hold': { make: held, cut: ({ arena }) => arena.reset(), keeps: true },
  'a reset under operations': { make: inUse, cut: ({ arena }) => arena.reset(), keeps: true },
  'a rewind': {
    make: severalSpans,
    cut: ({ arena, checkpoint }) => arena.rewind(checkpoint),
    safeties: ['detach'],
  },
  'a rewind under a hold': {
    make: held,
    cut: ({ arena, checkpoint }) => arena.rewind(checkpoint),
    keeps: true,
  },
  'the release of a hold': { make: waiting(held), cut: (scene) => scene.endClaims() },
  'the end of operations': { make: waiting(inUse), cut: (scene) => scene.endClaims() },
  'a scope': {
    make: (scene) => scene.add(1000),
    cut({ arena }) {
      arena.scope((outer) => {
        outer.allocUnsafe(1000);
        outer.scope((inner) => inner.allocUnsafe(20 * KiB).length);
      });
    },
  },
  'a shrink': { make: waiting(severalSpans), cut: ({ arena }) => arena.shrink() },
};

/**
 * After an operation that was cut off: the next call drops what it left, and the next reset is as
 * any other.
 */
function isDropped(t, scene, keeps, when) {
  const { arena, buffers, safety } = scene;
  const { interrupted } = arena.stats();
  t.true(interrupted <= 1, when);
  t.deepEqual(findingsOfOpen(), [], when);
  const isOver = () => (keeps ? buffers.length : interrupted * scene.intact(t, when));
  overwrite(arena);
  if (keeps || interrupted > 0) t.true(scene.intact(t, when) >= isOver(), when);
  arena.reset();
  overwrite(arena);
  t.true(scene.intact(t, when) >= isOver(), when);
  arena.reset();
  scene.endClaims();
  t.true(safety === 'recycle' || interrupted > 0 || buffers.every(isDead), when);
  t.deepEqual(findingsOfOpen(), [], when);
  scene.intact(t, when);
  t.is(arena.stats().interrupted, interrupted, when);
  arena.shrink();
  const { held, used, quarantined } = memoryOf(arena);
  t.deepEqual([held, used - quarantined], [0, 0], when);
  t.true(quarantined === 0 || interrupted > 0, when);
  arena.close();
}

for (const [name, operation] of Object.entries(operations)) {
  const { make, cut, keeps, safeties = ['detach', 'recycle'] } = operation;
  for (const safety of safeties) {
    cutsTest(`${name} (${safety}) that is cut off shows nobody's bytes`, (t, cutting, when) => {
      const scene = new Scene(safety);
      make?.(scene);
      cutting(() => cut(scene));
      isDropped(t, scene, keeps, when);
    });
  }
}

cutsTest('a scope whose end is cut off is over by the next reset', (t, cutting, when, throws) => {
  const arena = newArena();
  const own = [];
  cutting(() => {
    arena.scope((scope) => {
      own[0] = stamp(scope.allocUnsafe(1000), 1);
      own[1] = stamp(scope.adopt(Buffer.alloc(1000)), 2);
    });
  });
  overwrite(arena); // with another scope
  if (throws) t.is(arena.stats().scopes, 0, when);
  arena.reset();
  const { scopes, adopted, interrupted } = arena.stats();
  t.deepEqual([scopes, adopted], [0, 0], when);
  const isOver = (buffer, i) => isDead(buffer) || (interrupted > 0 && isStamped(buffer, i + 1));
  t.true(own.every(isOver), when);
  arena.close();
});

cutsTest(
  "a Buffer whose adopt() is cut off is the arena's, or still the caller's",
  (t, cutting, when) => {
    const arena = newArena();
    const buffer = Buffer.alloc(10 * KiB, 1);
    cutting(() => arena.adopt(buffer));
    const { adopted } = arena.stats();
    arena.reset();
    t.is(buffer.length, adopted === 0 ? 10 * KiB : 0, when);
    t.is(memoryOf(arena).used, 0, when);
    if (adopted === 0) {
      t.is(arena.adopt(buffer), buffer, when);
      arena.reset();
      t.is(buffer.length, 0, when);
    }
    arena.close();
  },
);

cutsTest(
  'a reset of nothing but adopted Buffers that is cut off needs no tick',
  (t, cutting, when) => {
    const clock = new Clock();
    const arena = clock.use(() => newArena());
    const buffers = clock.use(() =>
      Array.from({ length: 3 }, () => arena.adopt(Buffer.alloc(KiB))),
    );
    const done = begin(buffers[0]);
    const hold = arena.hold();
    clock.use(() => cutting(() => arena.reset()));
    clock.use(() => arena.reset());
    hold.release();
    const { interrupted } = arena.stats();
    t.true(buffers[0].length === KiB, when);
    t.true(interrupted > 0 || buffers.slice(1).every(isDead), when);
    done();
    t.true(interrupted > 0 || isDead(buffers[0]), when);
    t.is(memoryOf(arena).used, 0, when);
    arena.close();
  },
);

/** What one request does when it is cut off: (arena, exchange, arenas). */
const requestOperations = {
  'first allocation': (arena) => arena.allocUnsafe(1000),
  reset: (arena) => arena.reset(),
  scope: (arena) => arena.scope((scope) => scope.allocUnsafe(1000).length),
  end: (_arena, exchange, arenas) => arenas.end(exchange.req),
};

for (const [name, cut] of Object.entries(requestOperations)) {
  cutsTest(
    `where a request's ${name} is cut off, others keep their bytes and go on`,
    (t, cutting, when) => {
      const arenas = requestArena({ maxBytes: 16 * 1024 * KiB });
      const [exchange, other] = [new Exchange(), new Exchange()];
      const arena = exchange.begin(arenas);
      const buffers = [];
      if (name !== 'first allocation') {
        buffers.push(...[1000, 100 * KiB].map((size) => arena.allocUnsafe(size)));
        buffers.push(arena.adopt(Buffer.alloc(KiB)));
      }
      buffers.forEach(stamp);
      const innocent = other.begin(arenas);
      const theirs = [innocent.allocUnsafe(1000), innocent.adopt(Buffer.alloc(KiB))];
      const checkpoint = innocent.checkpoint();
      theirs.push(innocent.allocUnsafe(100 * KiB));
      theirs.forEach(stamp);
      const done = buffers.length > 0 ? begin(buffers[1]) : () => {};
      exchange.res.writableFinished = true;
      other.res.writableFinished = true;
      cutting(() => cut(arena, exchange, arenas));
      overwrite(new Exchange().begin(arenas));
      t.deepEqual(findingsOfOpen(), [], when);
      const { interrupted } = arenas.stats();
      t.true(interrupted <= 1, when);
      theirs.push(stamp(innocent.allocUnsafe(2000), 3));
      t.true(theirs.every(isStamped), when);
      innocent.rewind(checkpoint);
      t.true(theirs.slice(0, 2).every(isStamped), when);
      t.true(isDead(theirs[3]), when);
      arenas.end(exchange.req);
      overwrite(new Exchange().begin(arenas));
      if (buffers.length > 0) t.true(isStamped(buffers[1], 1), 'Node still uses it');
      done();
      arenas.end(other.req);
      t.deepEqual(findingsOfOpen(), [], when);
      const isOver = (buffer, i) => isDead(buffer) || (interrupted > 0 && isStamped(buffer, i));
      t.true(
        [buffers, theirs].every((all) => all.every(isOver)),
        when,
      );
      const { requests, finished, aborted, inFlight, memory: of } = arenas.stats();
      t.deepEqual([requests, finished, aborted, inFlight], [4, 2, 0, 2], when);
      t.true(of.held === 0 && (of.quarantined === 0 || interrupted > 0), when);
    },
  );
}

test('what an interrupted call leaves comes back when V8 has collected it, and one warning tells', async (t) => {
  for (let i = 0; i < 3; i++) await turn(); // in which the tests before have warned
  const { Arena, ownerOf } = fresh('arena/arena.js'); // which has not warned yet
  const warnings = warned(t, 'RALLOC_INTERRUPTED');
  const arena = new Arena({ maxBytes: 4096 * KiB });
  (() => {
    for (let i = 0; i < 2; i++) {
      arena.allocUnsafe(100 * KiB);
      ownerOf(arena).pool.isBusy = true;
    }
  })();
  arena.reset();
  t.is(arena.stats().interrupted, 2);
  await untilCollected(() => arena.stats().memory.quarantined === 0);
  arena.shrink();
  t.is(arena.stats().memory.used, 0);
  t.is(warnings.length, 1);
});

const rounds = {
  'the end of the stack': ['stack', budget(60, 4000, 60)],
  "vm's timeout": ['timeout', budget(30, 3000)],
  'the end of its worker': ['worker', budget(2, 60)],
};

for (const [what, [how, count]] of Object.entries(rounds)) {
  // Of Node 20's structuredClone() that is cut off the next call gets the memory; the fallback
  // shares no slab with a worker.
  if (!isNative && (how === 'worker' || (how === 'stack' && !hasTransfer))) continue;
  test(`whoever is interrupted anywhere by ${what}, no byte is another's, and all comes back`, async (t) => {
    const args = [how, count, seedOr(1)].map(String);
    const execArgv = ['--expose-gc', '--stack-size=160'];
    const { result, stderr } = await run('memory/interrupted.js', { args, execArgv });
    t.deepEqual(result?.problems, [], stderr);
    t.true(result.cuts > 0 && (how !== 'stack' || result.interrupted > 0));
  });
}

/** Operations of a slab with Buffers `held` and one `sent`: what is cut off. */
const slabOperations = {
  'a refill': ({ slab, held }) => held.push(slab.allocUnsafe(60)),
  'a refill of a larger pool': ({ slab, held }) => held.push(slab.alloc(1000)),
  'a receive()': ({ other, held, token }) => held.push(other.receive(token)),
  'a revoke()': ({ slab, held, token }) => held.push(slab.revoke(token)),
  'the free of many': ({ slab, held }) => {
    while (held.length > 0) {
      slab.free(held.at(-1));
      held.length--;
    }
  },
};

/**
 * Its parts: of one thread, or a slab and another participant, who has made none of its
 * ArrayBuffers yet.
 */
function slabScene(isShared, name) {
  const slab = new Slab({ sizes: [64, 1024], count: [200, 20], guard: true });
  const other = isShared ? Slab.attach(slab.handle(), { guard: true }) : slab;
  const scene = { slab, other, held: [], ends: [], token: 0 };
  if (name.startsWith('a refill')) return scene;
  const flying = slab.allocUnsafe(60);
  scene.ends.push(begin(flying));
  slab.free(flying);
  scene.token = slab.send(slab.allocUnsafe(60));
  if (name === 'the free of many')
    while (scene.held.length < 150) scene.held.push(slab.allocUnsafe(60));
  return scene;
}

/** Both together can have all slots, each once. */
function eachSlotOnce(t, slab, other, when) {
  for (const { size, count } of slab.stats().pools) {
    const all = [slab, other].flatMap((one) => {
      const own = [];
      for (let next = one.tryAlloc(size); next !== null; next = one.tryAlloc(size)) own.push(next);
      return own;
    });
    all.forEach(stamp);
    t.is(all.length, count, when);
    t.true(all.every(isStamped), when);
    for (const buffer of all) (other.owns(buffer) ? other : slab).free(buffer);
  }
}

for (const isShared of isNative ? [false, true] : [false]) {
  for (const [name, cut] of Object.entries(slabOperations)) {
    if (name === 'the free of many' && !isShared) continue; // a stack that takes all
    cutsTest(
      `${name} of a slab${isShared ? ' of threads' : ''} that is cut off loses no slot`,
      (t, cutting, when) => {
        const scene = slabScene(isShared, name);
        const { slab, other, held, ends, token } = scene;
        cutting(() => cut(scene));
        for (const one of [slab, other]) one.free(one.alloc(60)); // the next call
        addsUp(t, slab);
        for (const done of ends) done();
        for (const buffer of held) (other.owns(buffer) ? other : slab).free(buffer);
        if (slab.stats().pools[0].sent === 1) other.free(other.receive(token));
        t.like(slab.stats(), { held: 0, inFlight: 0 }, when);
        eachSlotOnce(t, slab, other, when);
        other.close();
        slab.close();
      },
    );
  }
}

/** Operations of a region in which a block is in flight. */
const regionOperations = {
  'the first allocation': ({ region, held }) => held.push(region.alloc(1000)),
  'a Buffer with a chunk of its own': ({ region, held }) => held.push(region.alloc(300 * KiB)),
  'a collect()': ({ region }) => region.collect(),
  'a close()': ({ region }) => region.close({ force: true }),
};

for (const [name, cut] of Object.entries(regionOperations)) {
  cutsTest(`${name} of a region that is cut off loses no byte`, (t, cutting, when) => {
    const region = new Region({ guard: true, chunkSize: 64 * KiB, maxBytes: 1024 * KiB });
    const held = [];
    const ends = [];
    if (name !== 'the first allocation') {
      const sizes = [1000, 200 * KiB, 300 * KiB];
      held.push(...sizes.map((size) => region.alloc(size)));
      ends.push(...held.slice(1).map(begin));
      region.free(held.pop());
      region.free(region.alloc(100 * KiB)); // of which a collection gives the pages back
    }
    cutting(() => cut({ region, held }));
    region.stats();
    t.deepEqual(findingsOfOpen(), [], when);
    for (const done of ends) done();
    if (region.stats().live) {
      soundRegion(t, region);
      for (const buffer of held) region.free(buffer);
      region.collect();
      t.like(region.stats(), { used: 0, inFlight: 0, reserved: 0 }, when);
    }
    region.close({ force: true });
    t.is(region.stats().taken, 0, when);
  });
}
