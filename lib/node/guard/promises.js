'use strict';

// Guards the functions of fs.promises: writeFile, appendFile, readFile, rm, rmdir. The thread pool
// has the Buffers until the promise settles. For the methods of a FileHandle, read() among them,
// see file-handle.js.

const fs = require('node:fs');
const { buffer, bufferOrChunks, readOptions } = require('./buffers.js');
const { settling } = require('./operation.js');
const { wrap } = require('../../base/wrap.js');

/** As in Node's methods, an error is a rejection. */
const makeSettling = (prepare) => (original) =>
  function (...args) {
    let end;
    try {
      end = prepare(args);
    } catch (error) {
      return Promise.reject(error);
    }
    if (end === undefined) return Reflect.apply(original, this, args);
    return settling(Reflect.apply(original, this, args), end);
  };

function guardPromises() {
  wrap(fs.promises, 'writeFile', makeSettling(bufferOrChunks(1)));
  wrap(fs.promises, 'appendFile', makeSettling(bufferOrChunks(1)));
  wrap(fs.promises, 'readFile', makeSettling(readOptions(1)));
  for (const name of ['rm', 'rmdir']) wrap(fs.promises, name, makeSettling(buffer(0)));
}

module.exports = { guardPromises, makeSettling };
