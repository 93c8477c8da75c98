'use strict';

const test = require('ava');
const { run } = require('../helpers/child.js');

for (const safety of ['checked', 'recycle']) {
  test(`${safety}: Buffers that nobody frees are warned of, once for each pool`, async (t) => {
    const { code, stderr, result } = await run('slab/stuck.js', { args: [safety] });
    t.is(code, 0, stderr);
    t.deepEqual(
      result.map((warning) => warning.code),
      ['RALLOC_SLOT_STUCK', 'RALLOC_SLOT_STUCK'],
    );
    const [small, large] = result.map(({ message }) => message);
    t.regex(small, /^3 Buffers of 64 bytes of the slab 'leaky' are held, the first for \d+ ms/);
    t.regex(large, /^1 Buffer of 1024 bytes of the slab 'leaky' is held, the first for \d+ ms/);
    for (const message of [small, large]) {
      const [, age] = /for (\d+) ms/.exec(message);
      t.true(Number(age) >= 80, message);
    }
  });
}
