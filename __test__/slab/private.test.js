'use strict';
// tier: run-time

// What slabs need of the system: shared memory without files, and private memory where there is no other.

const test = require('ava');
const { constants } = require('node:os');
const { isNative, testWhere } = require('../helpers/backend.js');
const { preloadLibrary } = require('../helpers/preload.js');
const { run } = require('../helpers/child.js');
const { limitTest } = require('../helpers/prlimit.js');
const native = require('../../lib/memory/native.js');
const { canShare } = require('../helpers/slab-process.js');

/** The library that refuses, compiled; undefined where it cannot be, or changes nothing. */
const library = preloadLibrary(test, 'slab/refuses-sharing.c');

testWhere(
  library !== undefined,
  'a binary, Linux and a C compiler',
  'where memory cannot be shared a slab has private memory, and handle() says why it has none',
  async (t) => {
    const { code, signal, stderr, result } = await run('slab/private.js', {
      env: { LD_PRELOAD: library },
    });
    t.deepEqual([code, signal], [0, null], stderr);
    t.deepEqual(result, {
      backend: 'native',
      works: true,
      error: {
        name: 'RallocError',
        code: 'ERR_RALLOC_UNSUPPORTED',
        message: 'The slab cannot be shared: mremap failed: EPERM (errno 1)',
      },
      live: true,
    });
  },
);

if (isNative) {
  limitTest('a shared slab keeps no file open, and needs none', async (t) => {
    const { code, signal, stderr, result } = await run('slab/no-files.js');
    t.deepEqual([code, signal], [0, null], stderr);
    t.deepEqual(result, { files: 0, works: Array(40).fill(true) });
  });
}

// A fork by native code, without `exec`: Node never does so, but addons can.

// V8 keeps its heap from forked children (MADV_DONTFORK), so that none of them gets to a slab by JavaScript. This is why the
// binding does not ask at every call which process it is in. (`ThreadCache` and `Slab` of the crate ask.)
testWhere(
  // Under qemu the child never ends.
  canShare && native.forkForTest !== undefined && process.env.RALLOC_EMULATOR !== 'qemu',
  'a binary built by npm run build, on Linux without an emulator',
  'a child that an addon forks runs no JavaScript, and leaves the slabs of its parent as they are',
  async (t) => {
    const { code, result, stderr } = await run('slab/forked.js');
    t.is(code, 0, stderr);
    t.is(result.signal, constants.signals.SIGSEGV);
    const whole = { isSame: true, isIntact: true, recovered: [] };
    t.deepEqual(result.left, [whole, whole]);
  },
);
