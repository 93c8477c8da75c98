'use strict';

// What outlives the reset of its arena, while others fill the memory: with the guard the bytes are right, and
// without it they are wrong, or lost.

const test = require('ava');
const { Arena } = require('../../lib/index.js');
const { turns, until } = require('./until.js');

const SIZE = 1000;
const HOLD_MS = 3_600_000; // so that what is not let go stays, for a test to see it
const PATIENCE = 300; // turns for what may never come, without the guard: streams wait for bytes that are gone

class Outliving {
  constructor(options) {
    this.arena = new Arena({ chunkSize: 64 * 1024, holdMs: HOLD_MS, ...options });
  }

  /** A Buffer of `size` times a letter. */
  make(letter, size = SIZE) {
    return this.arena.allocUnsafe(size).fill(letter);
  }

  /** Others have the memory now: returns what they have. */
  reset() {
    this.arena.reset();
    return Array.from({ length: 4 }, () => this.arena.allocUnsafe(16 * 1024).fill('!'));
  }

  get held() {
    return this.arena.stats().memory.held;
  }
}

/** `aaab` → `a×3 b×1`, of one Buffer or a list. */
function runs(bytes) {
  const text = (Array.isArray(bytes) ? Buffer.concat(bytes) : Buffer.from(bytes)).toString();
  return (text.match(/(.)\1*/gs) ?? []).map((run) => `${run[0]}×${run.length}`).join(' ');
}

async function seenBy(use, outliving) {
  try {
    return await use(outliving);
  } catch (error) {
    return error;
  }
}

/**
 * A test that `use` sees what `expected` says under the guard, something else without it, and that nothing is held in
 * the end. `kind`: as what the guard counts it; null where Node itself copies, which is the same without the guard.
 */
function testOutliving(title, { kind, expected, run = test }, use) {
  run(title, async (t) => {
    const guarded = new Outliving({ guard: true });
    t.deepEqual(await seenBy(use, guarded), expected);
    await until(() => guarded.held === 0);
    if (kind !== null) t.true(guarded.arena.stats().guarded[kind].operations > 0);
    else t.true(Object.values(guarded.arena.stats().guarded).every((of) => of.operations === 0));

    const bare = new Outliving({ guard: false });
    const limit = kind === null ? [] : [turns(PATIENCE).then(() => 'nothing')];
    const seen = await Promise.race([seenBy(use, bare), ...limit]);
    if (kind === null) t.deepEqual(seen, expected);
    else t.notDeepEqual(seen, expected);
  });
}

module.exports = { Outliving, testOutliving, runs, SIZE };
