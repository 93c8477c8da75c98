'use strict';
// tier: run-time

const test = require('ava');
const { run } = require('../helpers/child.js');
const { modes } = require('../helpers/slab-kinds.js');

// A second mode of one kind is enough: each program sleeps for a second.
const tried = modes.filter(({ safety, isShared }) => safety === 'checked' || !isShared);

for (const { title, kind, safety, isBetween } of tried) {
  test(`${title}: Buffers that nobody frees are warned of, once for each pool`, async (t) => {
    const { code, stderr, result } = await run('slab/stuck.js', { args: [safety, kind] });
    t.is(code, 0, stderr);
    const { early, warnings, held } = result;
    t.is(early, 0, 'nothing before it is due');
    t.is(held, 4);
    t.deepEqual(
      warnings.map((warning) => warning.code),
      ['RALLOC_SLOT_STUCK', 'RALLOC_SLOT_STUCK'],
    );
    const [small, large] = warnings.map(({ message }) => message);
    t.regex(small, /^3 Buffers of 64 bytes of .+ are held, the first for \d+ ms/);
    t.regex(large, /^1 Buffer of 1024 bytes of .+ is held, the first for \d+ ms/);
    if (!isBetween) for (const message of [small, large]) t.regex(message, / of the slab 'leaky' /);
    for (const message of [small, large]) {
      const [, age] = /for (\d+) ms/.exec(message);
      t.true(Number(age) >= 80, message);
    }
  });
}
