'use strict';

// createGzip(), createDeflate() and createDeflateRaw() of node:zlib, whose memory is used again:
// deflateInit() takes 268 KB for each stream, which costs as much as it does to compress 4 KiB. The
// streams are Node's own, made by its classes. Only what Node has behind one, its handle, is kept
// where the stream has ended as it should, and given to another one of the same settings: reset,
// and with a new async id, as Node itself does with the handles of an agent's sockets.
//
// What a reset leaves in a handle is why there are no others. Inflate keeps the size of the window
// that the stream before has told, Unzip what that was (gzip or deflate), and Brotli and Zstandard
// lose their parameters, and allocate anew. The handles of Gunzip and InflateRaw take 10 KB, and
// little time.

const { syncBuiltinESMExports } = require('node:module');
const { isProxy } = require('node:util').types;
const zlib = require('node:zlib');
const { isDisabled } = require('../base/environment.js');
const internals = require('../base/internals.js');
const { kChunkSize, kHandle, kLevel, kMode, kOutput } = internals;
const { kOwner, kReference, kRenew, kStrategy, kWriteState } = internals;
const { itemOf } = require('../base/item-of.js');
const { isKnownNode } = require('../base/runtime.js');
const check = require('../base/validate.js');
const time = require('../base/time.js');
const { dress } = require('../base/wrap.js');
const { Spares } = require('../memory/spares.js');
const { compressors: counts } = require('../memory/stream-counts.js');
const { ownMethod } = require('./own-methods.js');

const { Z_DEFAULT_CHUNK, Z_FINISH, Z_FULL_FLUSH, Z_MIN_CHUNK, Z_NO_FLUSH, Z_RLE } = zlib.constants;
const FLUSHES = { flush: Z_NO_FLUSH, finishFlush: Z_FINISH, fullFlush: Z_FULL_FLUSH };

const MOST = 128; // handles at rest: 36 MB. No more than were in use at once

/**
 * A handle is kept if so many other streams are open. The memory of one alone is still warm when
 * malloc gives it to the next, and to overwrite it takes longer than deflateInit().
 */
const OTHERS = 2;

/**
 * Of gzip, whose level cannot be changed for that, to overwrite more bytes than these takes longer
 * than a new handle.
 */
const MOST_OF_GZIP = 12 * 1024;

/**
 * So many streams of the same settings are made, none of which ends, before further ones are Node's
 * own: those of connections, as of permessage-deflate, never do.
 */
const VAIN = 32;
const RETRY = 64; // of so many one is tried again

/** Options that make a stream work or end in another way. */
const UNUSUAL = new Set([
  ...['dictionary', 'info', 'rejectGarbageAfterEnd', 'construct', 'destroy', 'final', 'read'],
  ...['transform', 'write', 'writev'],
]);

const entries = new WeakMap(); // stream -> { kind, key, level, strategy, handle, writeState, mode, output }

let most = MOST;
let open = 0; // streams

const { set, subarray } = Uint8Array.prototype;
const { allocUnsafeSlow } = Buffer;
const NONE = Buffer.alloc(0);

/**
 * A Buffer into which a handle writes for one stream after another. Node allocates 16 KiB for each
 * stream, and pushes slices of them: these here are copies, so that nobody has its memory. What is
 * larger than this goes into Node's own Buffers.
 */
function newOutput() {
  const output = allocUnsafeSlow(Z_DEFAULT_CHUNK);
  const slice = (from = 0, to = output.length) => {
    const chunk = allocUnsafeSlow(to - from);
    set.call(chunk, subarray.call(output, from, to));
    return chunk;
  };
  return Object.defineProperty(output, 'slice', ownMethod(slice));
}

/**
 * Makes a stream by `make(options)`. Unless the options have a size of chunks, it writes into the
 * output of `entry`, which it may give one.
 */
function withOutput(make, options, entry) {
  if (options.chunkSize !== undefined) return make(options);
  const stream = make({ ...options, chunkSize: Z_MIN_CHUNK }); // of Node's pool
  entry.output ??= newOutput();
  stream[kOutput] = entry.output;
  stream[kChunkSize] = Z_DEFAULT_CHUNK;
  return stream;
}

/** What Node's streams write to a handle of zlib. Anything else would belong to one stream. */
const WRITTEN = new Set([
  ...['onerror', 'buffer', 'cb', 'flushFlag', 'inOff', 'availInBefore', 'availOutBefore'],
]);

/**
 * Removes what a stream left on its handle of zlib. Returns whether nothing else is there. Symbols
 * are removed too: with them AsyncLocalStorage (Node 20 and 22) and others keep the context of the
 * handle's creation.
 */
function forgetStream(handle) {
  handle.cb = null;
  handle[kReference] = null; // the stream
  for (const symbol of Object.getOwnPropertySymbols(handle)) {
    if (symbol.description !== kOwner) delete handle[symbol];
  }
  return Object.getOwnPropertyNames(handle).every((name) => WRITTEN.has(name));
}

/** Whether another stream of node:zlib can have the handle of this one. */
const isReusable = (stream, handle, writeState) =>
  internals.areIn(stream, [kOutput, kChunkSize, kLevel, kStrategy]) &&
  writeState instanceof Uint32Array &&
  [kRenew, 'close', 'params', 'reset', 'writeSync'].every(
    (name) => typeof handle?.[name] === 'function',
  );

function close({ handle }, why) {
  counts.closed[why] += 1;
  handle.close();
}

const idle = new Spares((entry) => {
  close(entry, 'rest');
  counts.idle -= 1;
});

let isBroken = false;

function onBroken() {
  isBroken = true;
}

const ZEROS = Buffer.alloc(65_536); // the most that deflate keeps of a stream
const rubbish = allocUnsafeSlow(1024); // more than comes of them

/**
 * Overwrites what deflate keeps of its input, which a reset leaves as it is. Zlib looks at the byte
 * behind the end of the input: what a stream puts out would depend on what another one had there,
 * and who chooses a text, and gets it compressed, could find out that byte. Runs of zeros take
 * least time, least of all at level 1; but a handle of gzip ignores params().
 */
function wipe({ handle, level, strategy, writeState }, written) {
  handle.reset(); // what has ended takes no more
  handle.params(1, Z_RLE);
  const size = Math.min(written, ZEROS.length);
  handle.writeSync(Z_FINISH, ZEROS, 0, size, rubbish, 0, rubbish.length);
  if (writeState[1] > 0) isBroken = true; // it has not taken all
  handle.reset();
  handle.params(level, strategy);
}

/**
 * Keeps the handle of a finished stream, without anything of the stream. Called outside of every
 * AsyncLocalStorage, whose stores it would keep alive.
 */
function keep(entry, written) {
  const { handle } = entry;
  const isClean = forgetStream(handle);
  handle.onerror = onBroken;
  isBroken = false;
  wipe(entry, written);
  if (isBroken || !isClean) return close(entry, 'unfinished');
  handle[kRenew](handle);
  idle.add(entry);
  if (idle.length > most) close(idle.shift(), 'full');
  counts.idle = idle.length;
  idle.watch();
}

/** The handle of a stream must not be used again. */
function forgo(stream, why = 'unfinished') {
  if (entries.delete(stream)) counts.closed[why] += 1;
}

/** Whether a stream has ended normally, with no write under way. */
const isOver = (stream, { handle }, error) =>
  error === null &&
  stream.errored === null &&
  stream.readableEnded &&
  stream.writableFinished &&
  stream[kHandle] === handle &&
  handle.buffer === null;

/** Creates streams of one of Node's classes, whose handles are kept. */
class Kind {
  #Class;
  #Base;
  #mode;
  #made = new Map(); // key -> streams since the last one that has ended
  #own; // descriptors of the methods that each stream has of its own: its prototype is that of Node's class

  /** `longest`: the most bytes of a stream whose handle is kept. */
  constructor(name, mode, longest = Number.POSITIVE_INFINITY) {
    this.#Class = zlib[name];
    this.#Base = Object.getPrototypeOf(Object.getPrototypeOf(this.#Class));
    this.#mode = mode;
    const { prototype } = this.#Class;
    const { _destroy: nodes } = prototype;
    const made = this.#made;
    const params = function params(...args) {
      // Afterwards the handle has other settings. Also, Node allows the call while a write is under
      // way, which can crash the process.
      forgo(this);
      return Reflect.apply(prototype.params, this, args);
    };
    const destroy = function _destroy(error, callback) {
      open -= 1;
      const entry = entries.get(this);
      const isOwn = prototype._destroy === nodes;
      const isSound = entry !== undefined && isOwn && isOver(this, entry, error);
      if (isSound) made.set(entry.key, 0);
      if (!isSound || open < OTHERS || this.bytesWritten > longest) {
        forgo(this, isSound ? 'cheap' : 'unfinished');
        if (isSound && entry.output !== undefined) this[kOutput] = NONE; // it has what others put out
        return Reflect.apply(prototype._destroy, this, [error, callback]);
      }
      entries.delete(this);
      this[kHandle] = null;
      this[kOutput] = NONE; // the output may be the next stream's
      callback(error); // first: listeners of 'close' look at the handle
      time.outside(() => keep(entry, this.bytesWritten));
    };
    this.#own = { params: ownMethod(params), _destroy: ownMethod(destroy) };
  }

  /** Whether to leave a stream alone, because none of these settings has ended for long. */
  isInVain(key) {
    const made = this.#made.get(key) ?? 0;
    this.#made.set(key, made + 1);
    return made >= VAIN && made % RETRY !== 0;
  }

  /** Creates a stream with a new handle, which is kept afterwards if this Node allows that. */
  make(options, settings) {
    const entry = { kind: this, ...settings };
    const stream = Object.defineProperties(new this.#Class(options), this.#own);
    open += 1;
    counts.made += 1;
    const { [kHandle]: handle, [kWriteState]: writeState, [kMode]: mode } = stream;
    if (isReusable(stream, handle, writeState))
      entries.set(stream, Object.assign(entry, { handle, writeState, mode }));
    return stream;
  }

  /** Creates a stream as Node's Zlib() would, but with a kept handle. */
  remake(options, entry) {
    const { handle, writeState, level, strategy, mode } = entry;
    const stream = Object.create(this.#Class.prototype, this.#own);
    handle[kRenew](handle);
    stream[kWriteState] = writeState;
    const construct = (all) => {
      Reflect.apply(this.#Base, stream, [all, this.#mode, handle, FLUSHES]);
      return stream;
    };
    try {
      withOutput(construct, options, entry);
    } catch (error) {
      close(entry, 'unfinished');
      throw error; // Node's error for wrong options
    }
    stream[kLevel] = level;
    stream[kStrategy] = strategy;
    if (mode !== undefined) stream[kMode] = mode; // not on Node 20
    open += 1;
    counts.reused += 1;
    entries.set(stream, entry);
    return stream;
  }
}

const KINDS = {
  createGzip: new Kind('Gzip', zlib.constants.GZIP, MOST_OF_GZIP),
  createDeflate: new Kind('Deflate', zlib.constants.DEFLATE),
  createDeflateRaw: new Kind('DeflateRaw', zlib.constants.DEFLATERAW),
};

/**
 * Reads the options once; undefined if they are not a plain object, or contain an unusual option.
 */
function plain(options) {
  if (options === undefined) return {};
  if (options === null || typeof options !== 'object' || isProxy(options)) return undefined;
  const prototype = Object.getPrototypeOf(options);
  if (prototype !== null && prototype !== Object.prototype) return undefined;
  const own = { ...options };
  for (const name in own) if (UNUSUAL.has(name) && own[name] !== undefined) return undefined; // inherited ones, too
  return own;
}

function within(value, min, max, usual) {
  if (value === undefined) return usual;
  return Number.isInteger(value) && value >= min && value <= max ? value : Number.NaN;
}

/**
 * Returns `{ key, level, strategy }`; undefined if a value is not an integer or out of range, for
 * which Node throws.
 */
function settingsOf(options) {
  const level = within(options.level, -1, 9, -1);
  const windowBits = within(options.windowBits, 9, 15, 15); // deflate takes 9 for 8
  const memLevel = within(options.memLevel, 1, 9, 8);
  const strategy = within(options.strategy, 0, 4, 0);
  if (Number.isNaN(level + windowBits + memLevel + strategy)) return undefined;
  return { key: `${level},${windowBits},${memLevel},${strategy}`, level, strategy };
}

function take(kind, key) {
  const found = idle.take((entry) => entry.kind === kind && entry.key === key);
  counts.idle = idle.length;
  return found;
}

/** Creates a createGzip() that replaces Node's `original`. */
function creatorOf(kind, original) {
  function create(...args) {
    const own = plain(args[0]);
    const settings = own && settingsOf(own);
    if (settings === undefined) {
      counts.left += 1;
      return Reflect.apply(original, this, args);
    }
    const entry = take(kind, settings.key);
    if (entry !== undefined) return kind.remake(own, entry);
    if (!kind.isInVain(settings.key)) return kind.make(own, settings);
    counts.left += 1;
    return Reflect.apply(original, this, args);
  }
  return dress(create, original);
}

const creators = new Map(); // Node's -> ours

/**
 * Our functions, by name. Patched functions are not replaced, and none is if this Node's streams
 * are unknown.
 */
function creatorsHere() {
  const here = {};
  if (!isKnownNode || isDisabled()) return here;
  for (const [name, kind] of Object.entries(KINDS)) {
    const original = zlib[name];
    if ([...creators.values()].includes(original)) here[name] = original;
    else if (creators.has(original) || internals.hasText('createGzip', original))
      here[name] = itemOf(creators, original, () => creatorOf(kind, original));
  }
  return here;
}

/** Replaces Node's functions in node:zlib. Returns true, or why none is replaced. */
function install() {
  const here = creatorsHere();
  const names = Object.keys(here).filter((name) => {
    const descriptor = Object.getOwnPropertyDescriptor(zlib, name);
    return Reflect.defineProperty(zlib, name, { ...descriptor, value: here[name] });
  });
  syncBuiltinESMExports();
  if (names.length > 0) return true;
  return isKnownNode ? 'zlib.createGzip changed' : `Node ${process.version} is not known`;
}

/**
 * Returns a copy of node:zlib with these functions. With `install`, replaces them in the module
 * itself too.
 */
function compressors(options) {
  const { maxIdle, install: isGlobal = false } = check.options(options, {
    install: check.boolean,
    maxIdle: (value, name) => check.integer(value, name, 0, 1024),
  });
  if (maxIdle !== undefined) most = maxIdle;
  if (isGlobal) install();
  const all = Object.getOwnPropertyDescriptors(zlib);
  for (const [name, value] of Object.entries(creatorsHere())) all[name] = { ...all[name], value };
  return Object.defineProperties({}, all);
}

module.exports = { NAMES: Object.keys(KINDS), compressors, install };
