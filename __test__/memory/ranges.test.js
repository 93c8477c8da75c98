'use strict';
// tier: tools

const os = require('node:os');
const test = require('ava');
const { budget } = require('../helpers/budget.js');
const { isNative, testWhere } = require('../helpers/backend.js');
const { preloadLibrary } = require('../helpers/preload.js');
const { run } = require('../helpers/child.js');

/** Whether guard pages take no range of their own: since Linux 6.13. */
function marksGuardPages() {
  const [major, minor] = os.release().split('.').map(Number);
  return major > 6 || (major === 6 && minor >= 13);
}

const isLinux = process.platform === 'linux';

/** The library that answers as a Linux before 6.13, compiled; undefined where it cannot be. */
const library = preloadLibrary(test, 'memory/refuses-guard-marks.c');

/** Of 300 arenas: V8 and the C library, musl's above all, take some tens of ranges meanwhile; a third one each would be 900. */
const TWO_EACH = 750;

const olderLinuxTest = (title, body) =>
  testWhere(library !== undefined, 'a binary, Linux and a C compiler', title, body);

const title = 'arenas, and slabs that were closed, take few of the ranges that the kernel allows';

testWhere(
  isLinux && isNative,
  'ranges are counted on Linux, of native memory',
  title,
  async (t) => {
    const { code, signal, stderr, result } = await run('memory/ranges.js');
    t.deepEqual([code, signal], [0, null], stderr);
    t.log(
      `300 arenas take ${result.arenas}; after each 100 closed slabs there are ${result.slabs}`,
    );
    t.true(result.arenas <= (marksGuardPages() ? 90 : TWO_EACH));
    t.true(
      result.slabs.at(-1) - result.slabs[0] <= 60,
      'later slabs use the addresses of earlier ones',
    );
    const { retained, unmapped } = result.depot;
    t.is(unmapped, 0);
    t.true(retained > 0 && retained < 64 * 1024 * 1024);
  },
);

olderLinuxTest(
  'before Linux 6.13 each arena takes two ranges, and what is used again takes none',
  async (t) => {
    const { code, signal, stderr, result } = await run('memory/ranges.js', {
      env: { LD_PRELOAD: library },
    });
    t.deepEqual([code, signal], [0, null], stderr);
    t.log(`300 arenas take ${result.arenas}; then there are ${result.slabs}`);
    t.true(result.arenas > 570, 'the library answers in the place of the kernel');
    t.true(result.arenas <= TWO_EACH);
    t.true(result.slabs.at(-1) - result.slabs[0] <= 60);
  },
);

olderLinuxTest(
  'before Linux 6.13 arenas, slabs and workers have their bytes, and leave nothing',
  async (t) => {
    const env = { LD_PRELOAD: library };
    const { code, signal, stderr, result } = await run('arena/random-program.js', { env });
    t.deepEqual([code, signal, result], [0, null, [[], []]], stderr);

    const closed = await run('slab/made-and-closed.js', { args: [`${budget(200, 2000)}`], env });
    t.deepEqual([closed.code, closed.signal], [0, null], closed.stderr);
    t.true(closed.result.dead && closed.result.ranges < 500);
    t.true(closed.result.retained < 2 ** 20);

    const workers = await run('slab/workers-in-a-row.js', {
      env: { ...env, MALLOC_ARENA_MAX: '1' }, // more of glibc's would be ranges too
    });
    t.deepEqual([workers.code, workers.signal], [0, null], workers.stderr);
    const { workers: count, grown, held, participants } = workers.result;
    t.true(grown < count / 2);
    t.deepEqual([held, participants], [0, 1]);
  },
);
