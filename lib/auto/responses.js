'use strict';

// text(), json(), bytes() and arrayBuffer() of the responses of Node's fetch() and undici's. Their
// body is a stream of bytes: such a stream detaches what it is given, and each clone of it gets a
// copy. So nobody but its reader has a chunk, and the reader gives it back when it is copied or
// decoded. Chunks of the socket, which diagnostics channels pass on, are left alone.

const { isDisturbed, isErrored } = require('node:stream');
const { ReadableStream, ReadableStreamDefaultReader } = require('node:stream/web');
const { attempt } = require('../base/attempt.js');
const { hasText } = require('../base/internals.js');
const { Patches } = require('../base/patches.js');
const { lengthOf } = require('../base/views.js');
const { prepare } = require('../memory/foreign.js');
const { functionsOf } = require('../node/own-methods.js');
const { release } = require('../node/release.js');

/** Giving back a smaller body takes longer than it saves. */
const SMALL = 16 * 1024;

const { set, subarray } = Uint8Array.prototype;
const { allocUnsafeSlow } = Buffer;
const { decode } = TextDecoder.prototype;
const { getReader } = ReadableStream.prototype;
const { read } = ReadableStreamDefaultReader.prototype;
const streams = functionsOf(ReadableStream.prototype, ['getReader']);
const decoders = functionsOf(TextDecoder.prototype, ['decode']);
const allocators = functionsOf(Buffer, ['allocUnsafeSlow']);
const decoder = new TextDecoder();

const hasOwnRead = hasText('read', read);

const isUnpatched = (stream) =>
  hasOwnRead &&
  ReadableStreamDefaultReader.prototype.read === read &&
  streams.areOn(stream) &&
  decoders.areOn(TextDecoder.prototype) &&
  allocators.areOn(Buffer);

/**
 * Whether a stream is one of bytes, and not locked. Only such streams have readers of that mode.
 */
function isFreeBytes(stream) {
  try {
    getReader.call(stream, { mode: 'byob' }).releaseLock();
    return true;
  } catch {
    return false;
  }
}

const isReadable = (stream) =>
  isUnpatched(stream) && !isDisturbed(stream) && !isErrored(stream) && isFreeBytes(stream);

prepare(); // before the first body arrives

const counts = { bodies: 0, bytes: 0 };

function giveAll(chunks, size) {
  if (size > SMALL) for (const chunk of chunks) counts.bytes += release(chunk);
}

/** The chunks of a stream to its end. */
async function chunksOf(stream) {
  const reader = getReader.call(stream); // locked before the caller goes on, and for ever, as undici's
  const chunks = [];
  for (;;) {
    const { done, value } = await read.call(reader);
    if (done) return chunks;
    chunks.push(value);
  }
}

const sizeOf = (chunks) => chunks.reduce((sum, chunk) => sum + lengthOf.call(chunk), 0);

/** All chunks in a Buffer of its own. */
function copied(chunks) {
  const size = sizeOf(chunks);
  const whole = allocUnsafeSlow(size);
  let at = 0;
  for (const chunk of chunks) {
    set.call(whole, chunk, at);
    at += lengthOf.call(chunk);
  }
  giveAll(chunks, size);
  return whole;
}

/** As undici decodes, which skips two byte order marks. */
function decoded(chunks) {
  const whole = chunks.length === 1 ? chunks[0] : copied(chunks);
  const hasMark = whole[0] === 0xef && whole[1] === 0xbb && whole[2] === 0xbf;
  const text = decode.call(decoder, hasMark ? subarray.call(whole, 3) : whole);
  giveAll([whole], lengthOf.call(whole));
  return text;
}

const METHODS = {
  arrayBuffer: (chunks) => copied(chunks).buffer,
  bytes: (chunks) => new Uint8Array(copied(chunks).buffer),
  json: (chunks) => JSON.parse(decoded(chunks)),
  text: decoded,
};

async function consumed(stream, convert) {
  const chunks = await chunksOf(stream);
  counts.bodies += 1;
  return convert(chunks);
}

/**
 * Replaces the methods of undici's class. Those that somebody has patched stay. Returns the class.
 */
function changeResponses(Response) {
  const { prototype } = Response;
  const body = Object.getOwnPropertyDescriptor(prototype, 'body')?.get;
  for (const [name, convert] of Object.entries(METHODS)) {
    if (!attempt(() => hasText('ofResponse', prototype[name]), false)) continue;
    new Patches().method(prototype, name, (original) => {
      return function (...args) {
        const stream = attempt(() => body.call(this)) ?? null; // `this` may be anything
        if (stream === null || !isReadable(stream)) return Reflect.apply(original, this, args);
        return consumed(stream, convert);
      };
    });
  }
  return Response;
}

module.exports = { changeResponses, counts };
