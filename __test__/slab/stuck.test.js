'use strict';

const test = require('ava');
const { run } = require('../helpers/child.js');

for (const safety of ['checked', 'recycle']) {
  test(`${safety}: Buffers that nobody frees are warned of, once for each pool`, async (t) => {
    const { code, stderr, result } = await run('slab/stuck.js', { args: [safety] });
    t.is(code, 0, stderr);
    const { early, warnings, held } = result;
    t.is(early, 0, 'nothing before it is due');
    t.is(held, 4);
    t.deepEqual(
      warnings.map((warning) => warning.code),
      ['RALLOC_SLOT_STUCK', 'RALLOC_SLOT_STUCK'],
    );
    const [small, large] = warnings.map(({ message }) => message);
    t.regex(small, /^3 Buffers of 64 bytes of the slab 'leaky' are held, the first for \d+ ms/);
    t.regex(large, /^1 Buffer of 1024 bytes of the slab 'leaky' is held, the first for \d+ ms/);
    for (const message of [small, large]) {
      const [, age] = /for (\d+) ms/.exec(message);
      t.true(Number(age) >= 80, message);
    }
  });
}
