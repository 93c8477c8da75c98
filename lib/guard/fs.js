'use strict';

// Files, by callbacks. The thread pool has the Buffer until the callback is called.

const fs = require('node:fs');
const { beginAll, callingBack } = require('./operation.js');
const { wrap } = require('./wrap.js');

const list = (value) => (Array.isArray(value) ? value : []);

/** The values among a function's arguments that may be Buffers. */
const data = {
  read: (_fd, buffer) => [ArrayBuffer.isView(buffer) ? buffer : buffer?.buffer], // or options
  readv: (_fd, buffers) => list(buffers),
  write: (_fd, buffer) => [buffer],
  writev: (_fd, buffers) => list(buffers),
  writeFile: (_file, content) => [content],
  appendFile: (_file, content) => [content],
};

const make = (dataOf) => (original) =>
  function (...args) {
    const end = beginAll(dataOf(...args), 'fs');
    if (end === undefined) return Reflect.apply(original, this, args);
    const last = args.findLastIndex((arg) => typeof arg === 'function');
    if (last !== -1) args[last] = callingBack(args[last], end);
    try {
      if (last === -1) end(); // Node throws
      return Reflect.apply(original, this, args);
    } catch (error) {
      if (last !== -1) end();
      throw error;
    }
  };

function guardFiles() {
  for (const [name, dataOf] of Object.entries(data)) wrap(fs, name, make(dataOf));
}

module.exports = { guardFiles };
