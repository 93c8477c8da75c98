'use strict';

// Larger reads of files. fs.createReadStream() reads 64 KiB at a time; a file of 1 MiB takes 0.61
// to 0.75 of its CPU in reads of 256 KiB. They follow the file, so that one of 2 KiB takes no more
// than it did, and the number of streams that are open, so that a thousand slow clients have what
// they would have without. Where it is piped to a stream that is known, the memory is used again
// once it is written.

const fs = require('node:fs');
const { syncBuiltinESMExports } = require('node:module');
const { hasText, nodeHas, isStream, kState } = require('../base/internals.js');
const { attempt } = require('../base/attempt.js');
const { isDisabled } = require('../base/environment.js');
const check = require('../base/validate.js');
const { dress } = require('../base/wrap.js');
const { files: counts, streams } = require('../memory/stream-counts.js');
const { allow, ownMethod } = require('./own-methods.js');
const { isKnownSink, watchPipe } = require('./pipe/patch.js');

const KiB = 1024;
const USUAL = 64 * KiB; // the highWaterMark of Node's ReadStream
const SIZE = 256 * KiB;
const MOST_SIZE = 1024 * KiB; // takes 1.15 to 1.40 times the memory
const LAST = 4 * KiB; // for the read that finds the end
const MOST_BYTES = 16 * 1024 * KiB; // for the reads of all open streams, one each

/**
 * Open streams with larger reads -> their StreamChunks if they are piped; null if their chunks are
 * left alone.
 */
const larger = new WeakMap();

/**
 * Whether its reads stay as they are: it is a delegate, Object.create(stream), or the caller has
 * chosen their size, or keeps its file open.
 */
const isLeft = (stream, usual) =>
  !Object.hasOwn(stream, '_read') || usual !== USUAL || stream.autoClose === false;

/** Streams that auto leaves as they are, because of what they are piped to. */
const passing = new WeakSet();

/**
 * Whether a stream passes on what it gets: it is read too, and is no socket, nor of zlib or crypto.
 */
const passesOn = (stream) => attempt(() => isStream(stream), false) && !isKnownSink(stream);

/**
 * Whether a stream is piped to one that passes on what it gets. Larger chunks would wait there, so
 * they would take memory, and V8 would collect more often.
 */
function goesOn(stream) {
  if (passing.has(stream)) return true;
  if (!stream[kState].pipes?.some(passesOn)) return false;
  passing.add(stream);
  streams.left.sink += 1;
  return true;
}

/**
 * Streams that are read to the end of their file -> its size; 0 where that is unknown, or it is no
 * file.
 */
const sizes = new WeakMap();

/** Whether the next read would be larger if the file was, whose size nobody has told. */
const mustMeasure = (stream) =>
  stream.end === Number.POSITIVE_INFINITY &&
  stream.bytesRead > 0 &&
  stream.bytesRead % USUAL === 0 &&
  !sizes.has(stream);

/**
 * Asks for the size of the file, by the function of the moment: who replaces fs.read() replaces
 * that one too.
 */
function measure(stream, next) {
  const learn = (error, stats) => {
    sizes.set(stream, !error && stats.isFile() ? stats.size : 0);
    if (!stream.destroyed) next();
  };
  try {
    fs.fstat(stream.fd, learn);
  } catch (error) {
    learn(error);
  }
}

/** Bytes of the file behind those that were read; undefined if nobody knows. */
function leftOf(stream) {
  const { bytesRead, end, pos = bytesRead } = stream;
  if (end !== Number.POSITIVE_INFINITY) return end - pos + 1;
  const size = sizes.get(stream);
  return size > 0 ? size - pos : undefined;
}

/**
 * Bytes to read, at most `size`. Node allocates as much, also for the read that finds the end, and
 * copies what was less.
 */
function sizeOf(stream, size) {
  const left = leftOf(stream);
  if (left === 0) return LAST;
  if (!(left > 0)) return USUAL;
  if (left <= USUAL) return left;
  if (!larger.has(stream)) {
    larger.set(stream, undefined);
    counts.streams += 1;
    counts.open += 1;
  }
  const share = Math.floor(MOST_BYTES / counts.open / USUAL) * USUAL;
  return Math.max(USUAL, Math.min(size, share, left));
}

/** The size to pass to Node to read `bytes`. */
function ask(stream, bytes) {
  const { pipes } = stream[kState];
  if (larger.get(stream) === undefined && pipes?.length > 0)
    larger.set(stream, attempt(() => watchPipe(stream)) ?? null);
  return larger.get(stream)?.ask(bytes) ?? bytes;
}

/**
 * The prototype of a stream's class. A delegate, Object.create(stream), has the stream before it,
 * and so the methods that call those of the class.
 */
function classOf(stream) {
  let prototype = Object.getPrototypeOf(stream);
  while (!Object.hasOwn(prototype, 'constructor')) prototype = Object.getPrototypeOf(prototype);
  return prototype;
}

/** Forgets a stream, or that of which it is a delegate. */
function forget(stream) {
  if (larger.delete(stream)) counts.open -= 1;
  else if (stream !== null) forget(Object.getPrototypeOf(stream));
}

/**
 * Methods for a stream's own properties; they call those of its class. With `isChosen` the caller
 * has asked for them.
 */
function methodsOf(size, isPooled, isChosen) {
  return {
    read: allow(function read(usual) {
      const isOurs = !isLeft(this, usual) && (isChosen || !goesOn(this));
      if (isOurs && mustMeasure(this)) return measure(this, () => read.call(this, usual));
      const bytes = isOurs ? sizeOf(this, size) : usual;
      if (bytes > usual) counts.reads += 1;
      const asked = isPooled && larger.has(this) ? ask(this, bytes) : bytes;
      classOf(this)._read.call(this, asked);
    }),
    destroy(error, callback) {
      forget(this);
      classOf(this)._destroy.call(this, error, callback);
    },
  };
}

/**
 * Options for fs.createReadStream(), and for functions that pass their options on to it:
 * express.static(), serve-static, send.
 */
function files(options) {
  const { size = SIZE, pool = true } = check.options(options, {
    pool: check.boolean,
    size: (value, name) => check.integer(value, name, USUAL, MOST_SIZE),
  });
  return isDisabled() || !nodeHas('streams') ? {} : methodsOf(size, pool, true);
}

/** Options by which a caller chooses how to read. */
const SAYS = ['fs', 'fd', 'encoding', 'highWaterMark', 'read', 'destroy', 'construct'];

const isUsual = (options) =>
  options === undefined ||
  options === null ||
  (typeof options === 'object' && SAYS.every((name) => options[name] === undefined));

const CHANGED = 'fs.createReadStream changed';

/**
 * Makes fs.createReadStream() use larger reads, unless its caller chooses otherwise or its chunks
 * are passed on. Returns true, or why it cannot.
 */
function install(isPooled) {
  const original = fs.createReadStream;
  if (!nodeHas('streams') || !hasText('createReadStream', original)) return CHANGED;
  const { read, destroy } = methodsOf(SIZE, isPooled, false);
  const methods = { __proto__: null, _read: ownMethod(read), _destroy: ownMethod(destroy) };
  function createReadStream(...args) {
    const stream = Reflect.apply(original, this, args);
    // Only Node's own class: not that of a virtual file system, nor a replaced fs.ReadStream.
    if (isUsual(args[1]) && Object.getPrototypeOf(stream) === fs.ReadStream.prototype) {
      // A stream with an early `end` stays as it is, because own methods would cost it 10 µs.
      if (stream.end - (stream.start ?? 0) < USUAL) return stream;
      Object.defineProperties(stream, methods);
    } else {
      counts.left += 1;
    }
    return stream;
  }
  fs.createReadStream = dress(createReadStream, original);
  syncBuiltinESMExports();
  return fs.createReadStream !== original || CHANGED;
}

module.exports = { files, install };
