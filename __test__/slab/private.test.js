'use strict';

// What slabs need of the system: shared memory without files, and private memory where there is no other.

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const { join } = require('node:path');
const test = require('ava');
const { isNative, testWhere } = require('../helpers/backend.js');
const { run } = require('../helpers/child.js');
const { limitTest } = require('../helpers/prlimit.js');

const folder = fs.mkdtempSync(join(os.tmpdir(), 'ralloc-test-'));
test.after.always(() => fs.rmSync(folder, { recursive: true }));

/** The library that refuses, compiled; undefined where it cannot be, or changes nothing. */
const library = (() => {
  if (process.platform !== 'linux' || !isNative) return undefined;
  const source = join(__dirname, '..', 'fixtures', 'slab', 'refuses-sharing.c');
  const output = join(folder, 'refuses.so');
  try {
    execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', output, source], { stdio: 'ignore' });
    return output;
  } catch {
    return undefined;
  }
})();

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
        message: 'The slab has no handle: mremap failed: EPERM (errno 1)',
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
