'use strict';

// Applications that take away what the recorder needs: they run as without it.

const test = require('ava');
const { profiled } = require('../helpers/profile.js');

const KEPT = 1001;

for (const way of ['no process', 'another process', 'no WeakRef', 'another Error']) {
  test(`an application with ${way} on the global object runs, and is recorded to its end`, async (t) => {
    const { code, stderr, result, read } = await profiled(t, 'takes-away.js', { args: [way] });
    t.is(code, 0, stderr);
    t.deepEqual(result, { kept: KEPT });
    t.regex(stderr, /^ralloc: Recorded one thread in .*\n$/);
    const sites = new Set(read().sites.map(({ frames }) => frames[0]?.line));
    t.true(sites.size >= 2, 'with the lines of before and after');
  });
}
