'use strict';

const Module = require('node:module');
const { join, sep } = require('node:path');

const root = join(__dirname, '..', '..');
const folders = ['lib', 'tools'].map((name) => join(root, name) + sep);

/** What stands for a module. */
const stub = (filename, exports) =>
  Object.assign(new Module(filename), { exports, filename, loaded: true });

/**
 * A module with a state of its own, and what it requires too, at once or by its first use; only the time (helpers/clock.js) is one for
 * all. `stubs` (path → exports) stand for modules. Paths are as in 'memory/gc.js', of lib/, or 'tools/recorder/samples.js'.
 */
function fresh(path, stubs = {}) {
  const at = (one) => join(root, one.startsWith('tools/') ? '' : 'lib', one);
  const shared = at('base/time.js');
  const isOurs = (file) =>
    folders.some((folder) => file.startsWith(folder)) && !file.endsWith('.node') && file !== shared;
  const kept = Object.entries(require.cache).filter(([file]) => isOurs(file));
  for (const [file] of kept) delete require.cache[file];
  for (const [one, exports] of Object.entries(stubs)) {
    const file = require.resolve(at(one));
    require.cache[file] = stub(file, exports);
  }
  try {
    return require(at(path));
  } finally {
    for (const file of Object.keys(require.cache).filter(isOurs)) delete require.cache[file];
    for (const [file, module] of kept) require.cache[file] = module;
  }
}

module.exports = { fresh };
