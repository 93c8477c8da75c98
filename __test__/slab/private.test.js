'use strict';
// tier: run-time

// What slabs need of the system: shared memory without files, and private memory where there is no other.

const test = require('ava');
const { isNative, testWhere } = require('../helpers/backend.js');
const { preloadLibrary } = require('../helpers/preload.js');
const { run } = require('../helpers/child.js');
const { limitTest } = require('../helpers/prlimit.js');

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
