'use strict';

// What stands for Jest, which is too large to be installed for this: a require() over modules of its own, whose `require.cache` takes nothing from
// outside and can be emptied at any time, as by jest.resetModules(). Binaries are Node's, as there.

const fs = require('node:fs');
const { createRequire } = require('node:module');
const { dirname } = require('node:path');
const { compileFunction } = require('node:vm');

const PARAMETERS = ['exports', 'require', 'module', '__filename', '__dirname'];

function jestLike() {
  const modules = new Map();

  const cache = new Proxy(Object.create(null), {
    deleteProperty: () => true,
    get: (_, file) => modules.get(file),
    getOwnPropertyDescriptor: () => ({ configurable: true, enumerable: true }),
    ownKeys: () => [...modules.keys()],
    set: () => true,
  });

  function load(file) {
    if (modules.has(file)) return modules.get(file).exports;
    const module = { children: [], exports: {}, filename: file, loaded: false };
    modules.set(file, module);
    const text = fs.readFileSync(file, 'utf8');
    if (file.endsWith('.json')) module.exports = JSON.parse(text);
    else {
      const body = compileFunction(text, PARAMETERS, { filename: file });
      body(module.exports, requireOf(file), module, file, dirname(file));
    }
    module.loaded = true;
    return module.exports;
  }

  function requireOf(from) {
    const own = createRequire(from);
    const require = (name) => {
      const file = own.resolve(name);
      return /\.js(on)?$/.test(file) ? load(file) : own(name);
    };
    return Object.assign(require, { cache, resolve: own.resolve });
  }

  return {
    files: () => [...modules.keys()],
    require: load,
    reset: () => modules.clear(),
  };
}

module.exports = { jestLike };
