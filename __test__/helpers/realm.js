'use strict';

// Another realm: a context with intrinsics of its own, as of node:vm, and ralloc evaluated in one, as test runners
// do that give each file its own globals.

const fs = require('node:fs');
const { createRequire } = require('node:module');
const { dirname, resolve } = require('node:path');
const vm = require('node:vm');

/** What Node adds to the language; the rest of a realm is its own. */
const globals = () => ({
  Buffer,
  process,
  performance,
  structuredClone,
  setTimeout,
  clearTimeout,
  setInterval,
  clearInterval,
  setImmediate,
});

/** Evaluates CommonJS files in `context`; those of Node, and binaries, come from outside. */
function requireIn(context, file) {
  const cache = new Map();
  const load = (path) => {
    if (cache.has(path)) return cache.get(path).exports;
    const outside = createRequire(path);
    const module = { exports: {} };
    cache.set(path, module);
    const source = fs.readFileSync(path, 'utf8');
    if (path.endsWith('.json')) {
      module.exports = JSON.parse(source);
      return module.exports;
    }
    const inside = (name) =>
      /^\.+\/.*\.js(on)?$/.test(name) ? load(resolve(dirname(path), name)) : outside(name);
    const parameters = ['module', 'exports', 'require', '__filename', '__dirname'];
    const body = vm.compileFunction(source, parameters, {
      filename: `realm:${path}`, // apart from the file itself, in coverage
      parsingContext: context,
    });
    body(module, module.exports, inside, path, dirname(path));
    return module.exports;
  };
  return load(file);
}

module.exports = { globals, requireIn };
