'use strict';

// Guards the functions of node:fs that take a callback: read, readv, readFile, write, writev,
// writeFile, appendFile, rm, rmdir; those of fs.promises; the methods of FileHandle; and streams of
// files. The thread pool has the Buffer until the callback is called, or the promise settles.

const fs = require('node:fs');
const time = require('../../base/time.js');
const { wrap } = require('../../base/wrap.js');
const operation = require('./operation.js');

const { begin, beginAll, callingBack, copied, orEnd, readingBack, settling } = operation;
const { isView } = ArrayBuffer;

// Each of these functions, such as buffer(1), returns one that takes the arguments of one of fs,
// begins an operation (operation.js) on the Buffers in args[at], and returns the function that ends
// it, or undefined if there is nothing to hold. It may also replace the argument.

const buffer = (at) => (args) => begin(args[at], 'fs');

/** The argument is a Buffer, or options with one. */
const bufferOrOptions = (at) => (args) => {
  const value = args[at];
  return begin(isView(value) ? value : value?.buffer, 'fs');
};

const bufferList = (at) => (args) =>
  Array.isArray(args[at]) ? beginAll(args[at], 'fs') : undefined;

const isIterable = (data) =>
  data !== null &&
  typeof data === 'object' &&
  (typeof data[Symbol.asyncIterator] === 'function' || typeof data[Symbol.iterator] === 'function');

/** Yields the chunks of `data`, each held until the next one is requested, or iteration ends. */
async function* holding(data) {
  for await (const chunk of data) {
    const end = begin(chunk, 'fs');
    try {
      yield chunk;
    } finally {
      end?.();
    }
  }
}

/**
 * The argument is a Buffer, or an iterable of Buffers or of promises. An array is held as a whole,
 * others chunk by chunk.
 */
const bufferOrChunks = (at) => (args) => {
  const data = args[at];
  if (isView(data)) return begin(data, 'fs');
  const end = Array.isArray(data) ? beginAll(data, 'fs') : undefined;
  if (isIterable(data)) args[at] = holding(data);
  return end;
};

/**
 * The argument is options whose `buffer` is a Buffer to read the file into, or a function that
 * returns one once the size is known.
 */
const readOptions = (at) => (args) => {
  const options = args[at];
  const target = options?.buffer;
  if (typeof target !== 'function') return begin(target, 'fs');
  let end;
  const make = (size) => {
    const made = target.call(options, size);
    end = begin(made, 'fs');
    return made;
  };
  args[at] = { __proto__: options, buffer: make };
  return () => end?.();
};

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
    if (last === -1) {
      end();
      return Reflect.apply(original, this, args); // no callback: Node throws
    }
    args[last] = whenCalled(args[last], end);
    return orEnd(end, () => Reflect.apply(original, this, args));
  };

function guardFiles() {
  for (const [name, prepare] of Object.entries(reading)) wrap(fs, name, make(prepare, readingBack));
  for (const [name, prepare] of Object.entries(writing)) wrap(fs, name, make(prepare, callingBack));
}

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
  for (const name of ['writeFile', 'appendFile'])
    wrap(fs.promises, name, makeSettling(bufferOrChunks(1)));
  wrap(fs.promises, 'readFile', makeSettling(readOptions(1)));
  for (const name of ['rm', 'rmdir']) wrap(fs.promises, name, makeSettling(buffer(0)));
}

// Node does not export the class FileHandle, so its methods are wrapped once a handle is seen.
//
// The first comes from fs.promises.open(), and is seen before its user has it. For those who took
// open() out of the module before, and for handles that another thread sent, a file is opened here,
// in the background. Not held is what such a handle is given before that is open, soon after the
// installation; nothing is held where this process may not read its own binary, until open() is
// called.

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

// Streams of files. Node gets copies: of a path, which is opened in a later tick, and of what is
// written to a fs.Utf8Stream (Node 24 and later), which calls nobody back for it. Both are small.

const makeOpen = (open) =>
  function (path, options) {
    return open.call(this, copied(path, 'fs'), options);
  };

const makeWrite = (write) =>
  function (data, ...rest) {
    return write.call(this, copied(data, 'fs'), ...rest);
  };

/** Wraps the getter that loads the class, and guards the class when it is first read. */
const makeUtf8Stream = (get) => {
  let isGuarded = false;
  return function () {
    const Utf8Stream = get.call(this);
    if (!isGuarded) {
      isGuarded = true;
      wrap(Utf8Stream?.prototype, 'write', makeWrite);
    }
    return Utf8Stream;
  };
};

function guardFileStreams() {
  for (const name of ['createReadStream', 'createWriteStream']) wrap(fs, name, makeOpen);
  wrap(fs, 'Utf8Stream', makeUtf8Stream, 'get');
}

module.exports = { guardFiles, guardPromises, guardFileHandles, guardFileStreams };
