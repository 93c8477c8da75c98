'use strict';

// Files, by callbacks. The thread pool has the Buffer until the callback is called.

const fs = require('node:fs');
const time = require('../base/time.js');
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

// A dead Buffer is told to the callback: fs.writeFile() itself calls fs.write(), from where nobody could catch it.
const make = (dataOf) => (original) =>
  function (...args) {
    const last = args.findLastIndex((arg) => typeof arg === 'function');
    let end;
    try {
      end = beginAll(dataOf(...args), 'fs');
    } catch (error) {
      if (last === -1) throw error;
      time.nextTick(args[last], error);
      return undefined;
    }
    if (end === undefined) return Reflect.apply(original, this, args);
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
