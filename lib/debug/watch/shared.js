'use strict';

// Watched Buffers in messages. Sent as they are, V8 copies all of the memory that they lie in, with
// what others have there; in a transfer list it takes that from them.

const { report } = require('../report.js');
const { Trace } = require('../trace.js');
const { memoryOf, recordOf } = require('./record.js');

const { isView } = ArrayBuffer;
const MOST = 1000; // values of a message that are examined

/** The views and ArrayBuffers in a message, among its first values. */
function* bytesIn(message) {
  const visited = new Set();
  const open = [message];
  while (open.length > 0 && visited.size < MOST) {
    const value = open.pop();
    if (value === null || typeof value !== 'object' || visited.has(value)) continue;
    visited.add(value);
    if (isView(value) || value instanceof ArrayBuffer) yield value;
    else if (Array.isArray(value) || value instanceof Set) open.push(...value);
    else if (value instanceof Map) open.push(...value.keys(), ...value.values());
    else if (Object.getPrototypeOf(value) === Object.prototype) open.push(...Object.values(value));
  }
}

const recordIn = (value) => (isView(value) ? recordOf(value) : memoryOf(value)?.record);

/** The records of living watched Buffers in a message. */
function aliveIn(message) {
  const records = new Set();
  for (const value of bytesIn(message)) {
    const record = recordIn(value);
    if (record !== undefined && record.ended === null) records.add(record);
  }
  return records;
}

function tellShared(message, options, use, below) {
  if (options === undefined && (typeof message !== 'object' || message === null)) return;
  const transferred = aliveIn(Array.isArray(options) ? options : options?.transfer);
  const copied = aliveIn(message);
  if (transferred.size + copied.size === 0) return; // true for most messages
  const used = Trace.take(below).settle();
  for (const record of new Set([...transferred, ...copied])) {
    const does = transferred.has(record)
      ? 'takes the memory'
      : 'copies all of the memory around it';
    report('shared', { record, use, used, detail: `it ${does}` });
  }
}

const sharing = (use, telling) => (original) => {
  const teller = telling(use)(original);
  return function share(...args) {
    const [message, options] = args;
    tellShared(message, options, use, share);
    return Reflect.apply(teller, this, args);
  };
};

module.exports = { sharing };
