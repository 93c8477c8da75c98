'use strict';

const os = require('node:os');
const { isNative, testWhere } = require('../helpers/backend.js');
const { run } = require('../helpers/child.js');

/** Whether guard pages take no range of their own: since Linux 6.13. */
function marksGuardPages() {
  const [major, minor] = os.release().split('.').map(Number);
  return major > 6 || (major === 6 && minor >= 13);
}

const isLinux = process.platform === 'linux';
const title = 'arenas, and slabs that were closed, take few of the ranges that the kernel allows';

testWhere(
  isLinux && isNative,
  'ranges are counted on Linux, of native memory',
  title,
  async (t) => {
    const { code, signal, stderr, result } = await run('memory/ranges.js');
    t.deepEqual([code, signal], [0, null], stderr);
    t.log(
      `1,000 arenas take ${result.arenas}; after each 300 closed slabs there are ${result.slabs}`,
    );
    t.true(result.arenas <= (marksGuardPages() ? 300 : 2100));
    t.true(
      result.slabs.at(-1) - result.slabs[0] <= 60,
      'later slabs use the addresses of earlier ones',
    );
    const { retained, unmapped } = result.depot;
    t.is(unmapped, 0);
    t.true(retained > 0 && retained < 64 * 1024 * 1024);
  },
);
