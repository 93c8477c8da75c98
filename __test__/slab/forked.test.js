'use strict';
// tier: run-time

// A fork by native code, without `exec`: Node never does so, but addons can.

const { constants } = require('node:os');
const native = require('../../lib/memory/native.js');
const { testWhere } = require('../helpers/backend.js');
const { run } = require('../helpers/child.js');
const { canShare } = require('../helpers/slab-process.js');

// V8 keeps its heap from forked children (MADV_DONTFORK), so that none of them gets to a slab by JavaScript. This is why the
// binding does not ask at every call which process it is in. (`ThreadCache` and `Slab` of the crate ask.)
testWhere(
  canShare && native.forkForTest !== undefined,
  'a binary built by npm run build, on Linux',
  'a child that an addon forks runs no JavaScript, and leaves the slabs of its parent as they are',
  async (t) => {
    const { code, result, stderr } = await run('slab/forked.js');
    t.is(code, 0, stderr);
    t.is(result.signal, constants.signals.SIGSEGV);
    const whole = { isSame: true, isIntact: true, recovered: [] };
    t.deepEqual(result.left, [whole, whole]);
  },
);
