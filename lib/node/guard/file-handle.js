'use strict';

// Guards the methods of FileHandle: read, readv, readFile, write, writev, writeFile, appendFile.
// Node does not export the class, so its methods are wrapped once a handle is seen.
//
// The first comes from fs.promises.open(), and is seen before its user has it. For those who took
// open() out of the module before, and for handles that another thread sent, a file is opened here,
// in the background. Not held is what such a handle is given before that is open, soon after the
// installation; nothing is held where this process may not read its own binary, until open() is
// called.

const fs = require('node:fs');
const { bufferOrOptions, bufferList, bufferOrChunks, readOptions } = require('./buffers.js');
const { makeSettling } = require('./promises.js');
const { wrap } = require('../../base/wrap.js');

const methods = {
  read: bufferOrOptions(0),
  readv: bufferList(0),
  write: bufferOrOptions(0),
  writev: bufferList(0),
  writeFile: bufferOrChunks(0),
  appendFile: bufferOrChunks(0),
  readFile: readOptions(0),
};

/**
 * Wraps the methods of the handle's class. Returns false if the class is not Node's, because open()
 * was replaced.
 */
function guardClass(handle) {
  const prototype = Object.getPrototypeOf(handle);
  if (prototype?.constructor?.name !== 'FileHandle') return false;
  for (const [name, prepare] of Object.entries(methods)) {
    wrap(prototype, name, makeSettling(prepare));
  }
  return true;
}

/** Whether a file can be opened without the user or the program noticing. */
function mayOpen(file) {
  if (process.versions.deno !== undefined) return false; // it asks the user
  return process.permission === undefined || process.permission.has('fs.read', file);
}

function guardFileHandles() {
  let guarded = false;
  const see = (handle) => {
    guarded ||= guardClass(handle);
    return handle;
  };
  const { open } = fs.promises;
  wrap(
    fs.promises,
    'open',
    (original) =>
      function (...args) {
        const opening = Reflect.apply(original, this, args);
        return guarded ? opening : opening.then(see);
      },
  );
  const file = process.execPath;
  if (!mayOpen(file)) return;
  open(file)
    .then((handle) => see(handle).close())
    .catch(() => {}); // then the first open() of the program wraps the class
}

module.exports = { guardFileHandles };
