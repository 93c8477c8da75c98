'use strict';

// subarray() of Buffers, by which their slice() goes too. Hot: a Buffer that nobody follows has no place in a WeakMap, which V8 knows by one look at it: 15 ns more, of 31 to 47.

const { attempt } = require('../../../lib/base/attempt.js');

function patchSlices(patches, parts) {
  patches.method(Buffer.prototype, 'subarray', (original) => {
    return function subarray(start, end) {
      const part = original.call(this, start, end);
      if (parts.has(this)) attempt(() => parts.made(this, part));
      return part;
    };
  });
}

module.exports = { patchSlices };
