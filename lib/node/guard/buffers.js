'use strict';

// Finds the Buffers in the arguments of a function of fs. Each function here, such as buffer(1),
// returns one that takes the arguments, begins an operation (operation.js) on the Buffers in
// args[at], and returns the function that ends it, or undefined if there is nothing to hold. It may
// also replace the argument.

const { begin, beginAll } = require('./operation.js');

const { isView } = ArrayBuffer;

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

module.exports = { buffer, bufferOrOptions, bufferList, bufferOrChunks, readOptions };
