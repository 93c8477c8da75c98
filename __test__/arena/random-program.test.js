'use strict';
// tier: run-time

// Thousands of random steps (allocations, checkpoints, rewinds, overlapping scopes, holds, adoptions, thefts, resets)
// against a model. A failure names the seed, which replays it.

const test = require('ava');
const { budget, isSoak } = require('../helpers/budget.js');
const { Program } = require('../helpers/program.js');
const { gc } = require('../helpers/until.js');

const KiB = 1024;
const MiB = 1024 * KiB;
const STEPS = budget(800, 20_000, 800);

const kinds = {
  'detach, roomy': { maxBytes: 32 * MiB },
  'detach, at its limit': { maxBytes: 512 * KiB, chunkSize: 64 * KiB },
  'detach, wiped and finely aligned': { maxBytes: 8 * MiB, wipe: true, align: 1 },
  'detach, small chunks, aligned to pages': { maxBytes: 16 * MiB, chunkSize: 4 * KiB, align: 4096 },
  gc: { maxBytes: 32 * MiB, safety: 'gc' },
  recycle: { maxBytes: 16 * MiB, safety: 'recycle' },
};

for (const [kind, options] of Object.entries(kinds)) {
  for (const seed of isSoak ? [1, 20, 300] : [1]) {
    test.serial(`a random program keeps every promise: ${kind}, seed ${seed}`, async (t) => {
      const program = new Program(seed, options);
      t.deepEqual(await program.run(STEPS), []);
      if (kind.includes('limit')) t.true(program.refusals > 0);
      gc();
    });
  }
}
