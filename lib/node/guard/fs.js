'use strict';

// Guards the functions of node:fs that take a callback: read, readv, readFile, write, writev,
// writeFile, appendFile, rm, rmdir. The thread pool has the Buffer until the callback is called.

const fs = require('node:fs');
const time = require('../../base/time.js');
const { buffer, bufferOrOptions, bufferList, readOptions } = require('./buffers.js');
const { callingBack, readingBack } = require('./operation.js');
const { wrap } = require('../../base/wrap.js');

const reading = {
  read: bufferOrOptions(1),
  readv: bufferList(1),
  readFile: readOptions(1),
};
const writing = {
  write: buffer(1),
  writev: bufferList(1),
  writeFile: buffer(1),
  appendFile: buffer(1),
  rm: buffer(0), // the path, which is used again for each file below it; other functions use theirs at once
  rmdir: buffer(0),
};

const lastFunction = (args) => args.findLastIndex((arg) => typeof arg === 'function');

// For a dead Buffer the callback gets the error: fs.writeFile() itself calls fs.write(), where no
// code could catch it.
const make = (prepare, whenCalled) => (original) =>
  function (...args) {
    let end;
    try {
      end = prepare(args);
    } catch (error) {
      const last = lastFunction(args);
      if (last === -1) throw error;
      time.nextTick(args[last], error);
      return undefined;
    }
    if (end === undefined) return Reflect.apply(original, this, args);
    const last = lastFunction(args);
    if (last !== -1) args[last] = whenCalled(args[last], end);
    try {
      if (last === -1) end(); // no callback: Node throws
      return Reflect.apply(original, this, args);
    } catch (error) {
      if (last !== -1) end();
      throw error;
    }
  };

function guardFiles() {
  for (const [name, prepare] of Object.entries(reading)) wrap(fs, name, make(prepare, readingBack));
  for (const [name, prepare] of Object.entries(writing)) wrap(fs, name, make(prepare, callingBack));
}

module.exports = { guardFiles };
