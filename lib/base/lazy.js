'use strict';

// A part of ralloc that is loaded when it is first used.

const path = require('node:path');

const HERE = path.join('lib', 'base', 'lazy.js');
/** Where our modules are, with a separator; undefined in a bundle, which is one module. */
const ROOT =
  typeof __filename === 'string' && __filename.endsWith(path.sep + HERE)
    ? __filename.slice(0, -HERE.length)
    : undefined;
const OURS = ['lib', 'tools'].map((name) => ROOT + name + path.sep);
const isOurs = (file) => OURS.some((folder) => file.startsWith(folder));

/**
 * Drops our modules that were begun and not ended. If the timeout of vm, or the end of the stack, cuts a require(), Node keeps half a module in its cache for ever, and gives
 * that to all who require it later.
 */
function dropHalfLoaded() {
  if (ROOT === undefined) return;
  for (const [file, module] of Object.entries(require.cache)) {
    if (!module.loaded && isOurs(file)) delete require.cache[file];
  }
}

/** Returns a function that returns what `load` returned: it is called once, unless it throws or is cut off. `load` must require literals. */
function lazy(load) {
  let loaded;
  let isLoaded = false;
  return () => {
    if (!isLoaded) {
      dropHalfLoaded();
      loaded = load();
      isLoaded = true;
    }
    return loaded;
  };
}

module.exports = { lazy };
