'use strict';

// What ava's workers load for globs and snapshots, and no test uses, is an empty module. It would
// take a sixth of the time in which a worker starts. Preloaded by them, and called by ava once it
// is loaded (ava.config.mjs): others that require the same packages have the real ones.

const { createRequire } = require('node:module');
const path = require('node:path');

const UNUSED = {
  ava: ['cbor', 'picomatch'],
  concordance: ['semver'],
  globby: ['fast-glob', 'ignore', 'micromatch'],
};

const empty = [];

function leaveOut() {
  const ava = createRequire(process.argv[1]);
  for (const [name, unused] of Object.entries(UNUSED)) {
    const from = name === 'ava' ? ava : createRequire(ava.resolve(name));
    for (const file of unused.map((one) => from.resolve(one))) {
      require.cache[file] = { id: file, filename: file, loaded: true, exports: {} };
      empty.push(file);
    }
  }
}

if (process.argv[1]?.endsWith(path.join('ava', 'lib', 'worker', 'base.js'))) leaveOut();

module.exports = () => {
  for (const file of empty.splice(0)) delete require.cache[file];
};
