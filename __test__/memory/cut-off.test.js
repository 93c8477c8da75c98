'use strict';
// tier: run-time, differs

// What is cut off exactly between two of its steps is finished by the next call: each operation once for each call of the memory below that it makes.
// The programs of cut-off.test.js of the other rooms cut off anywhere.

const { Region, Slab, requestArena } = require('../..');
const { isNative } = require('../helpers/backend.js');
const { isDead, isStamped, stamp } = require('../helpers/bytes.js');
const { Clock } = require('../helpers/clock.js');
const { cutsTest } = require('../helpers/cuts.js');
const { Exchange } = require('../helpers/exchange.js');
const { findings } = require('../helpers/audited.js');
const { begin, memoryOf, newArena, overwrite } = require('../helpers/waiting.js');
const { soundRegion } = require('../helpers/region.js');
const { addsUp } = require('../helpers/slab.js');

const KiB = 1024;

/** What an arena has after a cut: its Buffers, and what claims them. */
class Scene {
  buffers = []; // die at the next reset
  claims = []; // hold or operation: what ends it

  constructor(safety) {
    this.arena = newArena({ safety });
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

  get areIntact() {
    return this.buffers.every((buffer, i) => isStamped(buffer, i));
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

/** Operations of an arena: `make` what it has, `cut` off. `keeps`: what claims its bytes stays. `safeties`: those in which it takes a step. */
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

/** After an operation that was cut off: the next call has finished it, and the next reset is as any other. */
function isFinished(t, scene, keeps, when) {
  const { arena, buffers, safety } = scene;
  arena.stats();
  t.deepEqual(findings(), [], when);
  if (keeps) overwrite(arena);
  if (keeps) t.true(scene.areIntact, when);
  arena.reset();
  if (keeps) overwrite(arena);
  if (keeps) t.true(scene.areIntact, when);
  arena.reset();
  scene.endClaims();
  t.true(safety === 'recycle' || buffers.every(isDead), when);
  t.deepEqual(findings(), [], when);
  t.like(memoryOf(arena), { held: 0, quarantined: 0 }, when);
  arena.shrink();
  t.is(memoryOf(arena).used, 0, when);
  arena.close();
}

for (const [name, operation] of Object.entries(operations)) {
  const { make, cut, keeps, safeties = ['detach', 'recycle'] } = operation;
  for (const safety of safeties) {
    cutsTest(
      `${name} (${safety}) that is cut off is finished by the next call`,
      (t, cutting, when) => {
        const scene = new Scene(safety);
        make?.(scene);
        cutting(() => cut(scene));
        isFinished(t, scene, keeps, when);
      },
    );
  }
}

cutsTest(
  'the end of a scope that is cut off is finished by the next call',
  (t, cutting, when, throws) => {
    const arena = newArena();
    const own = [];
    cutting(() => {
      arena.scope((scope) => {
        own[0] = stamp(scope.allocUnsafe(1000), 1);
        own[1] = scope.adopt(Buffer.alloc(1000, 2));
      });
    });
    // Of a scope that is stopped nobody hears: it is open until the reset.
    if (throws) arena.stats();
    else arena.reset();
    const { scopes, adopted } = arena.stats();
    t.deepEqual([scopes, adopted], [0, 0], when);
    t.true(
      own.every(({ length }) => length === 0),
      when,
    );
    arena.close();
  },
);

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
    t.deepEqual(
      buffers.map(({ length }) => length),
      [KiB, 0, 0],
      when,
    );
    done();
    t.is(buffers[0].length, 0, when);
    t.is(memoryOf(arena).used, 0, when);
    arena.close();
  },
);

cutsTest('a request whose end is cut off is over by the next call', (t, cutting, when) => {
  const arenas = requestArena();
  const exchange = new Exchange();
  const arena = exchange.begin(arenas);
  exchange.res.writableFinished = true;
  const buffers = [1000, 100 * KiB].map((size, i) => stamp(arena.allocUnsafe(size), i));
  const adopted = arena.adopt(Buffer.alloc(KiB));
  arena.scope((scope) => scope.allocUnsafe(1000).length);
  const done = begin(buffers[1]);
  cutting(() => arenas.end(exchange.req));
  arenas.end(exchange.req);
  const { requests, finished, aborted, inFlight, memory: of } = arenas.stats();
  t.deepEqual([requests, finished + aborted, inFlight, of.leased], [1, 1, 0, 0], when);
  t.deepEqual(findings(), [], when);
  overwrite(new Exchange().begin(arenas));
  t.true(isStamped(buffers[1], 1), when);
  done();
  t.deepEqual(
    [...buffers, adopted].map(({ length }) => length),
    [0, 0, 0],
    when,
  );
  t.is(arenas.stats().memory.held, 0, when);
});

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

/** Its parts: of one thread, or a slab and another participant, who has made none of its ArrayBuffers yet. */
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
    t.deepEqual(findings(), [], when);
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
