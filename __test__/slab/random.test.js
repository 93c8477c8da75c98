'use strict';
// tier: run-time

// Thousands of random steps against a model. A failure names the seed, which replays it.

const test = require('ava');
const { budget, isSoak } = require('../helpers/budget.js');
const { SlabProgram } = require('../helpers/slab-program.js');
const { isNative, nativeTest } = require('../helpers/backend.js');
const { freshName, sharedTest } = require('../helpers/slab-process.js');

const STEPS = budget(900, 20_000, 900);

const kinds = {
  'roomy pools': { sizes: [16, 64, 256, 4096], count: 300 },
  'tiny pools': { sizes: [8, 32, 128], count: [3, 2, 1] },
  'one pool': { sizes: [1024], count: 40 },
  'growing pools': { sizes: [64, 1024, 65536], maxCount: 200, maxBytes: 6 * 2 ** 20, idleMs: 20 },
  'growing pools with a minimum': {
    sizes: [32, 4096],
    count: [1, 256],
    minCount: [0, 256],
    maxCount: 1000,
    idleMs: 10,
  },
  'stolen memory': { sizes: [4096, 65536], maxCount: 500, idleMs: 20, steals: true },
};

async function keepsItsPromises(t, seed, { steals, ...options }, participants, name) {
  const program = new SlabProgram(seed, options, participants, steals, name);
  t.deepEqual(await program.run(STEPS), []);
  return program;
}

for (const safety of ['checked', 'recycle']) {
  for (const [kind, options] of Object.entries(kinds)) {
    for (const seed of isSoak ? [7, 70] : [7]) {
      const title = `${safety}: a random program keeps every promise: ${kind}, seed ${seed}`;
      test.serial(title, async (t) => {
        const { refusals, thefts } = await keepsItsPromises(t, seed, { ...options, safety }, 1);
        if (kind.startsWith('tiny')) t.true(refusals > STEPS / 15);
        t.is(thefts > 0, options.steals === true);
      });
      if (options.maxCount !== undefined) continue;
      for (const count of [2, 4]) {
        nativeTest(`${title}, ${count} participants`, 'memory is of one thread', async (t) => {
          await keepsItsPromises(t, seed, { ...options, safety }, count);
        });
        if (count === 4 && !isSoak) continue;
        sharedTest(`${title}, ${count} participants by name`, async (t) => {
          await keepsItsPromises(t, seed, { ...options, safety }, count, freshName(t));
        });
      }
    }
  }
}

test('watched slabs do the same', async (t) => {
  for (const safety of ['checked', 'recycle']) {
    const options = { sizes: [64, 1024], count: 50, safety, warnAfterMs: 60_000 };
    await keepsItsPromises(t, 3, options, isNative ? 2 : 1);
  }
});
