'use strict';

// A whole stream in one Buffer of an arena.

const { isUint8Array } = require('node:util').types;
const { isStream } = require('../base/internals.js');
const check = require('../base/validate.js');
const { tooLarge, typeError, argumentError } = require('../base/errors.js');
const { checkAlive, checkOwned } = require('../base/dead.js');
const { announcedBy } = require('../base/announced.js');
const { arrayBufferOf, lengthOf } = require('../base/views.js');
const { counts, leave } = require('../memory/foreign.js');
const { Growing } = require('./growing.js');
const { Reading, faultOf, limitReader } = require('../node/reading.js');

const readers = { limit: limitReader };
const ignore = () => {};

/**
 * The bytes of a source so far, in memory of `window`: `announced` are expected, `limit` are
 * allowed.
 */
class Collected extends Growing {
  #limit;

  constructor(window, announced, limit) {
    super(window, announced);
    this.#limit = limit;
  }

  take(chunk) {
    const { size } = this;
    const length = lengthOf.call(chunk); // an own property `length` may be wrong
    if (length > this.#limit - size) throw tooLarge(size + length, this.#limit, size);
    if (length === 0) return checkAlive(arrayBufferOf(chunk), 'chunk', chunk);
    checkOwned(chunk, 'chunk');
    this.append(chunk, length);
    counts.copied += length;
    return undefined;
  }
}

/** Reads a stream of Node, and destroys it if reading fails, as stream.pipeline() does. */
function fromReadable(source, collected) {
  const fault = faultOf(source);
  if (fault !== undefined) throw fault;
  return new Promise((resolve, reject) => {
    const reading = new Reading(
      source,
      (chunk) => collected.take(chunk),
      (error) => {
        if (error === undefined) return resolve();
        reading.stop();
        source.on('error', ignore);
        source.destroy(error);
        return reject(error);
      },
    );
  });
}

/** Takes a chunk that others may use too, as those of a tee. It is copied and never released. */
function takeForeign(collected, chunk) {
  if (!isUint8Array(chunk)) throw typeError('chunk', 'an instance of Uint8Array', chunk);
  collected.take(chunk);
  leave('foreign', lengthOf.call(chunk));
}

async function fromWeb(source, collected) {
  if (source.locked) throw argumentError(TypeError, 'The "source" argument is locked to a reader');
  const reader = source.getReader();
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      takeForeign(collected, value);
    }
  } catch (error) {
    reader.cancel(error).catch(ignore);
    throw error;
  } finally {
    reader.releaseLock();
  }
}

async function fromIterable(source, collected) {
  for await (const chunk of source) takeForeign(collected, chunk);
}

/** The function that reads `source`; undefined if it can be read by none. */
function readerOf(source) {
  const isObject = typeof source === 'object' || typeof source === 'function';
  if (!isObject || source === null) return undefined;
  if (isStream(source) && typeof source.on === 'function') return fromReadable;
  if (typeof source.getReader === 'function') return fromWeb;
  return typeof source[Symbol.asyncIterator] === 'function' ? fromIterable : undefined;
}

/**
 * Reads all of `source` into one Buffer of the arena whose window windowOf() returns, or into what
 * another `Target` makes.
 */
async function collect(windowOf, source, options, Target = Collected) {
  const { limit = Number.MAX_SAFE_INTEGER } = check.options(options, readers);
  const read = readerOf(source);
  if (read === undefined) {
    throw typeError('source', 'an instance of Readable, ReadableStream or AsyncIterable', source);
  }
  const window = windowOf();
  const announced = announcedBy(source) || Math.min(window.owner.announced, limit);
  const collected = new Target(window, announced, limit);
  try {
    await read(source, collected);
    return collected.finish();
  } catch (error) {
    collected.discard();
    throw error;
  }
}

module.exports = { Collected, collect };
