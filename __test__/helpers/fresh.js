'use strict';

const { join } = require('node:path');

const root = join(__dirname, '..', '..');

/**
 * A module of lib/ with a state of its own, and what it requires too; only the time (helpers/clock.js) is one for
 * all. `stubs` (path → exports) stand for modules of lib/; paths are as in 'memory/gc.js'.
 */
function fresh(path, stubs = {}) {
  const at = (one) => join(root, 'lib', one);
  const shared = at('base/time.js');
  const isOurs = (file) => file.startsWith(at('')) && !file.endsWith('.node') && file !== shared;
  const kept = Object.entries(require.cache).filter(([file]) => isOurs(file));
  for (const [file] of kept) delete require.cache[file];
  for (const [one, exports] of Object.entries(stubs)) {
    require.cache[require.resolve(at(one))] = { loaded: true, exports };
  }
  try {
    return require(at(path));
  } finally {
    for (const file of Object.keys(require.cache).filter(isOurs)) delete require.cache[file];
    for (const [file, module] of kept) require.cache[file] = module;
  }
}

module.exports = { fresh };
