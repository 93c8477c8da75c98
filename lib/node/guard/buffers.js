'use strict';

// Where functions of fs have their Buffers. What is made here begins the operation of a function whose Buffers are in
// args[at]. It returns what ends it, or undefined where there is nothing to hold, and may put something else in the place
// of the argument.

const { begin, beginAll } = require('./operation.js');

const { isView } = ArrayBuffer;

const buffer = (at) => (args) => begin(args[at], 'fs');

/** A Buffer, or options with one. */
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

/** `data`, with each chunk held from when it is yielded until the next is asked for, or nobody wants one. */
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

/** A Buffer, or an iterable of them or of promises. An array may have them all now, others give them one by one. */
const bufferOrChunks = (at) => (args) => {
  const data = args[at];
  if (isView(data)) return begin(data, 'fs');
  const end = Array.isArray(data) ? beginAll(data, 'fs') : undefined;
  if (isIterable(data)) args[at] = holding(data);
  return end;
};

/** Options whose `buffer` is where a file is read to, or a function that makes it once the size is known. */
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
