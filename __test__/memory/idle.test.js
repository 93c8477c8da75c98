'use strict';
// tier: run-time, differs

// What nobody uses goes back to the system, from arenas that live on: seen by what they say of their memory.

const test = require('ava');
const { Arena, Region, Slab, stats } = require('../..');
const { giveBackWarm } = require('../../lib/memory/idle.js');
const { stamp, isZero, sameStamp } = require('../helpers/bytes.js');
const { nativeTest } = require('../helpers/backend.js');
const { until, untilCollected } = require('../helpers/until.js');

const KiB = 1024;
const WHY = 'V8 gives memory back when it likes';

const memoryOf = (arena) => arena.stats().memory;
/** Bytes in RAM. */
const residentOf = (arena) => arena.chunkStats().reduce((sum, { resident }) => sum + resident, 0);
const isTrimmed = (arena) => memoryOf(arena).committed === 0;

/** A trimmed arena: not a byte of it is in RAM or counts, whatever it has of address space. */
function checkTrimmed(t, arena) {
  const { used, committed, warm, limbo } = memoryOf(arena);
  t.deepEqual(
    { used, committed, resident: residentOf(arena), warm, limbo },
    {
      used: 0,
      committed: 0,
      resident: 0,
      warm: 0,
      limbo: 0,
    },
  );
  for (const chunk of arena.chunkStats()) {
    t.deepEqual([chunk.state, chunk.committed, chunk.resident], ['limbo', 0, 0]);
    t.true(chunk.reserved >= chunk.size && chunk.size > 0);
  }
}

/** Arenas are known by their limit to those that closed before. */
let limit = 3000 * KiB;
const fresh = (options) => {
  limit += 4 * KiB;
  return new Arena({ maxBytes: limit, ...options });
};

// Serial and the first: the chunks of all others come to the depot too.
nativeTest(
  'the depot gives its memory back too',
  WHY,
  async (t) => {
    const arena = fresh({ maxBytes: 6000 * KiB });
    arena.alloc(3000 * KiB).fill(1);
    arena.close();
    await untilCollected(() => stats().depot.chunks > 0);
    await until(() => stats().depot.committed === 0);
    t.true(stats().depot.reserved >= 3000 * KiB);
  },
  test.serial,
);

const uses = {
  'after a reset of one span': (arena) => {
    arena.alloc(60 * KiB).fill(1);
    arena.reset();
  },
  'after a reset of several spans': (arena) => {
    for (let i = 0; i < 10; i++) arena.alloc(60 * KiB).fill(1);
    arena.reset();
  },
  'after a rewind and a reset': (arena) => {
    arena.alloc(10);
    const mark = arena.checkpoint();
    arena.alloc(60 * KiB).fill(1);
    arena.rewind(mark);
    arena.reset();
  },
  'after a scope': (arena) => {
    arena.scope((child) => child.alloc(60 * KiB).fill(1).length);
  },
};

for (const [when, use] of Object.entries(uses)) {
  nativeTest(`a live arena gives its memory back ${when}, and serves again`, WHY, async (t) => {
    const arena = fresh();
    use(arena);
    const { committed, reserved } = memoryOf(arena);
    const resident = residentOf(arena);
    t.true(resident >= 60 * KiB && committed >= resident && reserved >= committed);
    await until(() => isTrimmed(arena));
    checkTrimmed(t, arena);
    const again = arena.alloc(60 * KiB);
    t.true(isZero(again));
    sameStamp(t, stamp(again, 1), 1);
    t.true(residentOf(arena) >= 60 * KiB);
    arena.reset();
    t.is(again.length, 0);
    arena.close();
  });
}

nativeTest('an arena in use keeps its bytes while others are trimmed', WHY, async (t) => {
  const [busy, idle] = [fresh(), fresh()];
  const buffer = stamp(busy.alloc(60 * KiB), 1);
  idle.alloc(60 * KiB).fill(1);
  idle.reset();
  await until(() => isTrimmed(idle));
  sameStamp(t, buffer, 1);
  t.true(residentOf(busy) >= 60 * KiB);
  busy.close();
  idle.close();
});

nativeTest('shrink() gives all of it back at once', WHY, (t) => {
  const arena = fresh();
  arena.alloc(60 * KiB).fill(1);
  arena.reset();
  t.true(residentOf(arena) >= 60 * KiB);
  arena.shrink();
  checkTrimmed(t, arena);
  arena.close();
});

test('an arena that is dropped without a close is collected, idle timer or not', async (t) => {
  let gone = false;
  const registry = new FinalizationRegistry(() => {
    gone = true;
  });
  (() => {
    const arena = fresh();
    arena.alloc(60 * KiB).fill(1);
    registry.register(arena);
  })();
  await untilCollected(() => gone);
  t.true(gone);
});

/** In slices, since other tests of the file have a thousand arenas. */
function giveBackAll() {
  while (!giveBackWarm());
}

test('under pressure what nobody uses goes back at once, but for what was reserved', (t) => {
  const [arena, reserved, region, slab] = [
    fresh(),
    fresh(),
    new Region(),
    new Slab({ sizes: [4096], maxCount: 1024 }),
  ];
  for (let i = 0; i < 10; i++) arena.alloc(60 * KiB).fill(1);
  arena.reset();
  reserved.reserve(100 * KiB);
  const entries = [region.alloc(100), region.alloc(100)];
  region.free(entries[0]);
  slab.free(slab.alloc(4096));
  const takenOf = () => [memoryOf(arena).used, region.stats().reserved, slab.stats().committed];
  t.true(takenOf().every((bytes) => bytes > 0));
  const { used } = memoryOf(reserved);
  giveBackAll();
  const [ofArena, ofRegion, ofSlab] = takenOf();
  t.deepEqual([ofArena, ofSlab], [0, 0]);
  t.true(ofRegion > 0, 'a Buffer is in use');
  t.is(memoryOf(reserved).used, used);
  region.free(entries[1]);
  giveBackAll();
  t.is(region.stats().reserved, 0);
  t.is(arena.alloc(10).length + region.alloc(10).length + slab.alloc(10).length, 30);
});
