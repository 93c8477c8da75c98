'use strict';

const { join, sep } = require('node:path');
const { exportLater } = require('../../lib/base/lazy.js');

const root = join(__dirname, '..', '..');
const folders = ['lib', 'tools'].map((name) => join(root, name) + sep);

/** In the place of base/lazy.js: what is loaded by its first use is loaded with the module that uses it, or it would be of another copy. */
function eager() {
  const makes = [];
  const lazy = (make) => {
    let made;
    const get = () => {
      made ??= make();
      return made;
    };
    makes.push(get);
    return get;
  };
  return {
    exports: { exportLater, lazy },
    load() {
      for (const get of makes) get(); // and what comes with them
    },
  };
}

/**
 * A module with a state of its own, and what it requires too; only the time (helpers/clock.js) is one for
 * all. `stubs` (path → exports) stand for modules. Paths are as in 'memory/gc.js', of lib/, or 'tools/recorder/samples.js'.
 */
function fresh(path, stubs = {}) {
  const at = (one) => join(root, one.startsWith('tools/') ? '' : 'lib', one);
  const shared = at('base/time.js');
  const isOurs = (file) =>
    folders.some((folder) => file.startsWith(folder)) && !file.endsWith('.node') && file !== shared;
  const kept = Object.entries(require.cache).filter(([file]) => isOurs(file));
  for (const [file] of kept) delete require.cache[file];
  const { exports: lazies, load } = eager();
  for (const [one, exports] of Object.entries({ 'base/lazy.js': lazies, ...stubs })) {
    require.cache[require.resolve(at(one))] = { loaded: true, exports };
  }
  try {
    const made = require(at(path));
    load();
    return made;
  } finally {
    for (const file of Object.keys(require.cache).filter(isOurs)) delete require.cache[file];
    for (const [file, module] of kept) require.cache[file] = module;
  }
}

module.exports = { fresh };
