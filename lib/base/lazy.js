'use strict';

// Loads a module of ralloc at its first use. All lazy loads go through here: a require() that is
// interrupted, by vm's timeout or by a stack overflow, leaves half a module in Node's cache for
// ever, and later require() calls return what it had exported by then (seen on Node 20 to 26).
// Also, if a reload empties the cache, modules of two copies must not mix: what is loaded later
// belongs to the copy that asks for it.

const path = require('node:path');

const HERE = path.join('lib', 'base', 'lazy.js');

/** The folder of our modules; undefined in a bundle, which is one module. */
const ROOT =
  typeof __filename === 'string' && __filename.endsWith(path.sep + HERE)
    ? __filename.slice(0, -HERE.length)
    : undefined;
const OURS = ['lib', 'tools'].map((name) => ROOT + name + path.sep);
const isOurs = (file) => OURS.some((folder) => file.startsWith(folder));

/**
 * The file of a module in Node's cache. Before it begins to load, when it can also be interrupted,
 * it has only an id.
 */
const fileOf = (one) => one?.filename ?? one?.id;

/**
 * Our modules in Node's cache, without those that a program has replaced. Empty if the program's
 * own `require` has no cache.
 */
function cached() {
  if (ROOT === undefined) return [];
  const all = Object.entries(require.cache ?? {});
  return all.flatMap(([file, one]) => (isOurs(file) && fileOf(one) === file ? one : []));
}

/** The modules of this copy that were loaded before this one, and those found at each load. */
const known = new Set();

/**
 * All modules of this copy: the known ones and those that they loaded. Complete ones come last, and
 * replace interrupted ones.
 */
function copy() {
  const found = new Set(known);
  for (const one of found) {
    for (const child of one.children ?? []) if (isOurs(fileOf(child))) found.add(child);
  }
  return [...found].sort((one, other) => one.loaded - other.loaded);
}

/** Notes that the modules now in the cache belong to this copy. */
function know() {
  const ours = cached();
  for (const one of ours) known.add(one);
  return ours;
}

know();

const put = (modules) => {
  for (const one of modules) require.cache[fileOf(one)] = one;
};

/**
 * The modules that were incomplete before the current load; null once that is over. Other
 * incomplete modules are those that it was interrupted in.
 */
let before = null;

function loadWhole(make) {
  // Modules that a running `--require` is loading, and interrupted ones.
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

/** Whether a program has emptied Node's cache, so that it may now contain another copy. */
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

/**
 * Whether the cache accepts modules. Jest's does not: modules that jest.resetModules() has dropped
 * cannot be put back.
 */
function takesModules() {
  const { cache } = require;
  const file = `${__filename}?`;
  cache[file] = module;
  const takes = cache[file] === module;
  delete cache[file];
  return takes;
}

/**
 * If this copy could not load its modules once the cache is emptied, loads all of them now and
 * returns true. Called when ralloc's entry is loaded or used.
 */
function loadEarly() {
  if (known.size === 0 || takesModules()) return false;
  for (const get of unloaded) get(); // including those that are added meanwhile
  return true;
}

/**
 * Returns a function that calls `make` at its first call, and always returns the result of that. If
 * `make` throws or is interrupted, the next call repeats it. It consists of calls of require()
 * alone. A module that it loads must not call another such function while loading: that would drop
 * the module as interrupted.
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
 * Adds names to `exports`. `later`: for each function of lazy(), itself and the names that it
 * loads. `name()` becomes a function that loads when called, so that a test can replace it by a
 * stub; `name` a property that loads when read, and is a plain property afterwards.
 */
function exportLater(exports, later) {
  const plain = (value) => ({ configurable: true, enumerable: true, value, writable: true });
  const names = later.flatMap(([loaded, ...all]) => all.map((name) => [name, loaded]));
  for (const [text, loaded] of names) {
    const name = text.replace('()', '');
    if (text !== name) {
      exports[name] = { [name]: (...args) => loaded()[name](...args) }[name]; // gives the function its name
      continue;
    }
    Object.defineProperty(exports, name, {
      configurable: true,
      enumerable: true,
      get() {
        const value = loaded()[name];
        Reflect.defineProperty(exports, name, plain(value)); // returns false if `exports` is frozen
        return value;
      },
      set(value) {
        Object.defineProperty(this, name, plain(value)); // `this` may be an object that inherits from `exports`
      },
    });
  }
  if (loadEarly()) for (const name of Object.keys(exports)) void exports[name]; // makes them plain properties, as Jest's automock needs
}

module.exports = { exportLater, lazy, loadEarly };
