'use strict';

// Patches Module.prototype._compile(), which gets the text of each CommonJS module as it runs, even if it was compiled in memory; and the functions that
// register other loaders.

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
