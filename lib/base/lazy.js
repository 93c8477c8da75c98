'use strict';

// Loads a module of ralloc by its first use. The one door to that: a require() that vm's timeout or the stack's end cuts off leaves a module that
// is half made in Node's cache for ever, and whoever requires it afterwards gets what it had exported by then. Seen on Node 20 to 26.

const path = require('node:path');

const HERE = path.join('lib', 'base', 'lazy.js');

/** Where our modules are; undefined in a bundle, which is one module. */
const ROOT =
  typeof __filename === 'string' && __filename.endsWith(path.sep + HERE)
    ? __filename.slice(0, -HERE.length)
    : undefined;
const OURS = ['lib', 'tools'].map((name) => ROOT + name + path.sep);
const isOurs = (file) => OURS.some((folder) => file.startsWith(folder));

/** What was half made before the load that is under way; null once that is over. What it began and did not finish is what was cut off. */
let before = null;

/** Our modules that are not loaded yet: those of a `--require` that is at work, and what was cut off. */
function halfMade() {
  const { cache } = require; // undefined where a program has made a `require` of its own
  if (ROOT === undefined || cache === undefined) return [];
  return Object.keys(cache).filter((file) => isOurs(file) && cache[file]?.loaded === false);
}

function load(make) {
  const unfinished = halfMade();
  if (before !== null) {
    for (const file of unfinished) if (!before.includes(file)) delete require.cache[file];
  }
  before ??= unfinished;
  const made = make();
  before = null;
  return made;
}

/**
 * Returns a function that returns what `make` returned. `make` is called once, unless it throws or is cut off, and consists of calls of require()
 * alone. A module that `make` loads must not call another such function while it is loaded: that would drop the module as cut off.
 */
function lazy(make) {
  let made;
  return () => {
    made ??= load(make);
    return made;
  };
}

/**
 * Gives `exports` the names of `later`, each with the function of lazy() that has it. Those of `functions` are functions, which load when they are called: so a test can
 * put a stub in their place. The others are properties that load when they are read, and plain ones from then on.
 */
function exportLater(exports, later, functions = []) {
  const plain = (value) => ({ configurable: true, enumerable: true, value, writable: true });
  for (const [name, loaded] of Object.entries(later)) {
    if (functions.includes(name)) {
      exports[name] = { [name]: (...args) => loaded()[name](...args) }[name]; // which has the name
      continue;
    }
    Object.defineProperty(exports, name, {
      configurable: true,
      enumerable: true,
      get() {
        const value = loaded()[name];
        Reflect.defineProperty(exports, name, plain(value)); // false where they are frozen
        return value;
      },
      set(value) {
        Object.defineProperty(this, name, plain(value)); // of what has `exports` as its prototype, perhaps
      },
    });
  }
}

module.exports = { exportLater, lazy };
