'use strict';
// tier: run-time

const test = require('ava');
const { run } = require('../helpers/child.js');

test('ten million recycled pairs leave the garbage collector nothing to do', async (t) => {
  const { code, stderr, result } = await run('slab/gc.js');
  t.is(code, 0, stderr);
  const { recycle, allocUnsafe } = result;
  t.log(JSON.stringify(result));
  t.true(allocUnsafe.minor > 100);
  t.is(recycle.major, 0);
  t.true(recycle.minor < allocUnsafe.minor / 100);
});
