'use strict';

// Patches functions whose results Node's bindings allocate, with no call of a function of Buffer:
// random bytes, digests, keys, signatures and ciphers of node:crypto, v8.serialize(), transcode(),
// the copies that fetch() makes of whole bodies, and on Node 26 readFile() for files of up to half
// a MiB.

const buffer = require('node:buffer');
const fs = require('node:fs');
const process = require('node:process');
const { isArrayBuffer } = require('node:util').types;
const v8 = require('node:v8');
const { originalOf } = require('../../../lib/base/patches.js');
const { look, whenLoaded } = require('../late.js');
const { begun, countdown, finished, sampled } = require('../sampling.js');

const { isView } = ArrayBuffer;

const MOST = 16 * 1024; // keys and signatures are at most this long

const READS_WHOLE = Number.parseInt(process.versions.node, 10) >= 26;

const MOST_OF_FILES = 512 * 1024; // larger files are read into a Buffer of allocUnsafeSlow(), which is counted already

const isMemory = (made) => isView(made) || isArrayBuffer(made);

/** Counts what the function `below` returns, if it is memory: some return texts. */
function see(made, source, below) {
  if (isMemory(made)) {
    const left = countdown[0] - made.byteLength;
    countdown[0] = left;
    if (left < 0) sampled(made, made.byteLength, source, below);
  }
  return made;
}

/** Counts what arrived for a ticket, if there is one, of at most `most` bytes. */
function arrived(ticket, most, made, source) {
  if (ticket === undefined || !isMemory(made) || made.byteLength > most) return;
  finished(ticket, made, made.byteLength, source);
}

/**
 * The most bytes that a function of node:crypto gives its callback: its arguments tell it, or it is
 * a key or signature.
 */
const mostOf = (args) => Math.max(MOST, ...args.filter((one) => typeof one === 'number'));

/**
 * Wraps a function that returns its result, or passes it to a callback. Keeping the stack of each
 * such call until its callback would add a quarter to the cost of readFile(), so only calls that
 * can become a sample with the most bytes take a ticket.
 */
const resulting =
  (source, mostBytes = mostOf) =>
  (original) =>
    function result(...args) {
      const callback = args.at(-1);
      if (typeof callback !== 'function') {
        return see(Reflect.apply(original, this, args), source, result);
      }
      const most = mostBytes(args);
      const ticket = begun(most, result);
      if (ticket === undefined) return Reflect.apply(original, this, args);
      args[args.length - 1] = function done(...results) {
        arrived(ticket, most, results[1], source);
        return Reflect.apply(callback, this, results);
      };
      return Reflect.apply(original, this, args);
    };

/**
 * Wraps a function whose promise gives memory of at most `most` bytes, made in a later turn, whose
 * stack has no frame of the caller: readFile() of fs.promises, and the copy that arrayBuffer() or
 * bytes() of a response of fetch() makes.
 */
const promising = (source, most) => (original) =>
  async function promised(...args) {
    const ticket = begun(most, promised);
    const made = await Reflect.apply(original, this, args);
    arrived(ticket, most, made, source);
    return made;
  };

const readingFiles = promising('fs', MOST_OF_FILES);
const readingBodies = promising('fetch', 2 ** 31);

/** Those of ralloc/auto copy by functions of Buffer, which are counted already. */
function patchResponses(patches) {
  const { prototype } = globalThis.Response;
  for (const name of ['arrayBuffer', 'bytes']) {
    if (originalOf(prototype[name]) === undefined) patches.method(prototype, name, readingBodies);
  }
}

const OF_CRYPTO = [
  ...['hash', 'pbkdf2Sync', 'hkdfSync', 'scryptSync'],
  ...['publicEncrypt', 'publicDecrypt', 'privateEncrypt', 'privateDecrypt'],
  ...['randomBytes', 'pbkdf2', 'hkdf', 'scrypt', 'sign', 'diffieHellman'],
];

/** Patches readFile() of fs.promises once that is loaded, which reading it does. */
function patchPromises(patches) {
  const own = Object.getOwnPropertyDescriptor(fs, 'promises');
  if (own?.get === undefined) return patches.method(fs.promises, 'readFile', readingFiles);
  const get = () => {
    restore();
    const loaded = fs.promises;
    look();
    return loaded;
  };
  const restore = () => {
    const now = Object.getOwnPropertyDescriptor(fs, 'promises');
    if (now?.get === get) Reflect.defineProperty(fs, 'promises', own);
  };
  Reflect.defineProperty(fs, 'promises', { ...own, get });
  const patch = () => {
    restore();
    patches.method(fs.promises, 'readFile', readingFiles);
  };
  return whenLoaded('internal/fs/promises', patch, { drop: restore });
}

function patchResults(patches) {
  patches.method(v8.Serializer.prototype, 'releaseBuffer', resulting('v8.serialize'));
  patches.method(buffer, 'transcode', resulting('buffer.transcode'));
  if (READS_WHOLE) {
    const reading = resulting('fs', () => MOST_OF_FILES);
    patches.method(fs, 'readFile', reading);
    patchPromises(patches);
  }
  whenLoaded('internal/deps/undici/undici', () => patchResponses(patches), { canMiss: true });
  whenLoaded('crypto', () => patchCrypto(patches, require('node:crypto')));
}

function patchCrypto(patches, crypto) {
  const wrap = (object, ...names) => {
    for (const name of names) patches.method(object, name, resulting('crypto'));
  };
  wrap(crypto, ...OF_CRYPTO);
  wrap(crypto.Sign.prototype, 'sign');
  for (const { prototype } of [crypto.Hash, crypto.Hmac]) wrap(prototype, 'digest');
  for (const { prototype } of [crypto.Cipheriv, crypto.Decipheriv])
    wrap(prototype, 'update', 'final');
}

module.exports = { patchResults };
