'use strict';

// Preloaded by ava's workers (ava.config.mjs): what they load and no test uses, for globs and snapshots, is an empty module. It would take a third of
// the time in which a worker starts.

const { createRequire } = require('node:module');
const path = require('node:path');

const UNUSED = {
  ava: ['cbor', 'picomatch'],
  concordance: ['semver'],
  globby: ['fast-glob', 'ignore', 'micromatch'],
};

function leaveOut() {
  const ava = createRequire(process.argv[1]);
  for (const [name, unused] of Object.entries(UNUSED)) {
    const from = name === 'ava' ? ava : createRequire(ava.resolve(name));
    for (const file of unused.map((one) => from.resolve(one)))
      require.cache[file] = { id: file, filename: file, loaded: true, exports: {} };
  }
}

if (process.argv[1]?.endsWith(path.join('ava', 'lib', 'worker', 'base.js'))) leaveOut();
