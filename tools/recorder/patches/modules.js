'use strict';

// Patches Module.prototype._compile(), which sees the texts of CommonJS modules as they run, also of those that are compiled in memory, and tells whether
// somebody else than Node loads modules.

const { Module } = require('node:module');
const { attempt } = require('../../../lib/base/attempt.js');

function patchModules(patches, compiled) {
  patches.method(Module.prototype, '_compile', (original) => {
    return function _compile(content, file, ...others) {
      attempt(() => compiled.loaded(file, content));
      return Reflect.apply(original, this, [content, file, ...others]);
    };
  });
  for (const name of ['register', 'registerHooks']) {
    patches.method(Module, name, (original) => {
      return function register(...args) {
        compiled.isHooked = true;
        return Reflect.apply(original, this, args);
      };
    });
  }
}

module.exports = { patchModules };
