'use strict';

// What modules are made of: the texts of CommonJS, as they run, which what compiles them in memory gives to Module.prototype._compile(); and whether somebody
// else than Node loads modules.

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
