'use strict';

// Loads a module of ralloc at its first use. All lazy loads go through here: a require() that is interrupted, by vm's timeout or by a stack overflow, leaves
// half a module in Node's cache for ever, and later require() calls return what it had exported by then (seen on Node 20 to 26). Also, if a
// reload empties the cache, modules of two copies must not mix: what is loaded later belongs to the copy that asks for it.

const path = require('node:path');

const HERE = path.join('lib', 'base', 'lazy.js');

/** Where our modules are; undefined in a bundle, which is one module. */
const ROOT =
  typeof __filename === 'string' && __filename.endsWith(path.sep + HERE)
    ? __filename.slice(0, -HERE.length)
    : undefined;
const OURS = ['lib', 'tools'].map((name) => ROOT + name + path.sep);
const isOurs = (file) => OURS.some((folder) => file.startsWith(folder));

/** Of a module in Node's cache. Until it begins to load, where it can be cut off too, its id alone says that. */
const fileOf = (one) => one?.filename ?? one?.id;

/** Our modules in Node's cache: not what a program has put there in their place. None where it has made a `require` of its own, which has no cache. */
function cached() {
  if (ROOT === undefined) return [];
  const all = Object.entries(require.cache ?? {});
  return all.flatMap(([file, one]) => (isOurs(file) && fileOf(one) === file ? one : []));
}

/** Of this copy's modules, those that were there before this one, and what was there at each load. */
const known = new Set();

/** All modules of this copy: what is known and what that loaded. Whole ones last, which replace what was cut off. */
function copy() {
  const found = new Set(known);
  for (const one of found) {
    for (const child of one.children ?? []) if (isOurs(fileOf(child))) found.add(child);
  }
  return [...found].sort((one, other) => one.loaded - other.loaded);
}

/** What is in the cache now is of this copy. */
function know() {
  const ours = cached();
  for (const one of ours) known.add(one);
  return ours;
}

know();

const put = (modules) => {
  for (const one of modules) require.cache[fileOf(one)] = one;
};

/** What was half made before the load that is under way; null once that is over. What it began and did not finish is what was cut off. */
let before = null;

function loadWhole(make) {
  // Those of a `--require` that is at work, and what was cut off.
  const unfinished = know().flatMap((one) => (one.loaded === false ? fileOf(one) : []));
  if (before !== null) {
    for (const file of unfinished) if (!before.includes(file)) delete require.cache[file];
  }
  before ??= unfinished;
  const made = make();
  before = null;
  return made;
}

function drop() {
  const dropped = cached();
  for (const one of dropped) delete require.cache[fileOf(one)];
  return dropped;
}

/** Whether a program has emptied Node's cache, and perhaps has another copy in it by now. */
const isDropped = () => known.size > 0 && require.cache[__filename] !== module;

function load(make) {
  if (!isDropped()) return loadWhole(make);
  const others = drop();
  try {
    put(copy());
    return loadWhole(make);
  } finally {
    drop();
    put(others);
  }
}

const unloaded = new Set();

/** Jest's cache takes no module from outside: what jest.resetModules() has dropped cannot be put back. */
function takesModules() {
  const { cache } = require;
  const file = `${__filename}?`;
  cache[file] = module;
  const takes = cache[file] === module;
  delete cache[file];
  return takes;
}

/** Where nothing of this copy could be loaded once it is dropped: loads all that is not loaded yet, and returns true. To be called where ralloc's entry is loaded, or used. */
function loadEarly() {
  if (known.size === 0 || takesModules()) return false;
  for (const get of unloaded) get(); // and what comes with them
  return true;
}

/**
 * Returns a function that returns what `make` returned. `make` is called once, unless it throws or is cut off, and consists of calls of require()
 * alone. A module that `make` loads must not call another such function while it is loaded: that would drop the module as cut off.
 */
function lazy(make) {
  let made;
  const get = () => {
    if (made === undefined) {
      made = load(make);
      unloaded.delete(get);
    }
    return made;
  };
  unloaded.add(get);
  return get;
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
  if (loadEarly()) for (const name of Object.keys(later)) void exports[name]; // plain ones, as Jest's automock wants them
}

module.exports = { exportLater, lazy, loadEarly };
