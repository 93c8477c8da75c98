'use strict';

// Bytes copied into an arena, and out of one. Values are read once, before the arena's cursor is:
// what a getter, proxy or iterator of the caller does can so never come between a check and its
// use.

const { argumentError, typeError } = require('../base/errors.js');
const { checkAlive, checkOwned } = require('../base/dead.js');
const check = require('../base/validate.js');

const { FastBuffer } = require('../base/runtime.js');
const { arrayBufferOf, bufferOf, lengthOf, offsetOf } = require('../base/views.js');
const { set, fill } = Uint8Array.prototype;
const { isUint8Array, isAnyArrayBuffer } = require('node:util').types;

/**
 * Like Buffer.from(value, encoding), or from(arrayBuffer, byteOffset, length), but copies the bytes
 * to `arena`.
 */
function from(arena, value, encoding, length) {
  if (typeof value === 'string') return fromString(arena, value, encoding);
  if (isUint8Array(value)) return fromBytes(arena, value);
  if (isAnyArrayBuffer(value)) return fromBytes(arena, bytesOf(value, encoding, length));
  if (value === null || typeof value !== 'object') throw notBytes(value);
  if (ArrayBuffer.isView(value)) checkAlive(arrayBufferOf(value), 'value', value);
  return fromBytes(arena, readByNode(value, encoding, length));
}

/**
 * Lets Node read all other values: arrays, array-likes, {type: 'Buffer', data}, valueOf,
 * Symbol.toPrimitive.
 */
function readByNode(value, encoding, length) {
  try {
    return Buffer.from(value, encoding, length);
  } catch (error) {
    if (error?.code === 'ERR_INVALID_ARG_TYPE') throw notBytes(value);
    throw isOfV8(error) ? tooLong(error) : error;
  }
}

// V8's two messages for a length that it cannot allocate; these errors have no code.
const OF_V8 = /^(?:Invalid typed array length|Array buffer allocation failed)/;
const isOfV8 = (error) => error instanceof RangeError && OF_V8.test(error.message);
const tooLong = ({ message }) =>
  argumentError(RangeError, `The "value" argument is too long. ${message}`);

const notBytes = (value) =>
  typeError(
    'value',
    'of type string or an instance of Buffer, ArrayBuffer, or Array or an Array-like Object',
    value,
  );

function fromString(arena, value, name) {
  const encoding = check.encoding(name);
  const size = Buffer.byteLength(value, encoding);
  const buffer = arena.allocUnsafe(size);
  const written = size === 0 ? 0 : buffer.write(value, 0, size, encoding);
  // For base64 and hex byteLength is an upper bound.
  if (written === size) return buffer;
  return buffer.subarray(0, written); // a call that debug mode can observe
}

/** The bytes of an ArrayBuffer, or `length` of them from `offset` on. */
function bytesOf(ab, offset = 0, length = undefined) {
  checkAlive(ab, 'value');
  const size = ab.byteLength;
  check.integer(offset, 'byteOffset', 0, size);
  if (length !== undefined) check.integer(length, 'length', 0, size - offset);
  return new Uint8Array(ab, offset, length);
}

function fromBytes(arena, bytes) {
  const size = lengthOf.call(bytes);
  if (size === 0) checkAlive(bufferOf.call(bytes), 'value', bytes);
  else checkOwned(bytes, 'value');
  const buffer = arena.allocUnsafe(size);
  if (size > 0) set.call(buffer, bytes);
  return buffer;
}

/** Buffer.concat(list, length), with the bytes in `arena`. */
function concat(arena, list, length) {
  if (!Array.isArray(list)) throw typeError('list', 'an Array', list);
  if (length !== undefined) check.integer(length, 'length', 0, Number.MAX_SAFE_INTEGER);
  const parts = [];
  let total = 0;
  const count = list.length;
  if (count === 0) return arena.allocUnsafe(0); // whatever `length` is, as Node does
  for (let i = 0; i < count; i++) {
    const part = list[i];
    if (!isUint8Array(part))
      throw typeError(`list[${i}]`, 'an instance of Buffer or Uint8Array', part);
    parts.push(part);
    const bytes = lengthOf.call(part);
    if (bytes === 0) checkAlive(bufferOf.call(part), `list[${i}]`, part);
    else checkOwned(part, 'list', i);
    total += bytes;
  }
  const size = length ?? total;
  return join(parts, arena.allocUnsafe(size), size);
}

/**
 * Copies `parts` into `buffer`, which has `size` bytes. Surplus bytes are left out, missing ones
 * are 0.
 */
function join(parts, buffer, size) {
  let at = 0;
  for (const part of parts) {
    const room = size - at;
    if (room === 0) break;
    const bytes = lengthOf.call(part);
    if (bytes === 0) continue; // empty, or dead by now: a getter of the list can do anything
    const fits = bytes <= room;
    set.call(buffer, fits ? part : firstBytes(part, room), at);
    at += fits ? bytes : room;
  }
  if (at < size) fill.call(buffer, 0, at);
  return buffer;
}

const firstBytes = (part, count) => new Uint8Array(bufferOf.call(part), offsetOf.call(part), count);

/** A copy on V8's heap, which outlives every arena. */
function toHeap(view) {
  const ab = arrayBufferOf(view);
  checkAlive(ab, 'buffer', view);
  checkOwned(view, 'buffer');
  if (ab.byteLength === 0) return new FastBuffer();
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  const buffer = Buffer.allocUnsafeSlow(bytes.length);
  set.call(buffer, bytes);
  return buffer;
}

module.exports = { from, concat, join, toHeap };
