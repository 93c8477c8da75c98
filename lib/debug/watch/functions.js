'use strict';

// Functions of Node that take Buffers and know nothing of dead ones: they write no bytes, or throw
// an error that does not say why. While debug is on they tell.

const buffer = require('node:buffer');
const childProcess = require('node:child_process');
const crypto = require('node:crypto');
const fs = require('node:fs');
const { StringDecoder } = require('node:string_decoder');
const util = require('node:util');
const v8 = require('node:v8');
const worker = require('node:worker_threads');
const zlib = require('node:zlib');
const { isDead, telling } = require('./dead-buffer.js');
const { notePart } = require('./record.js');
const { sharing } = require('./shared.js');

/** The first dead Buffer among the arguments, or in an argument that is a list. */
function deadAmong(args) {
  for (const arg of args) {
    if (arg === null || typeof arg !== 'object') continue;
    if (isDead(arg)) return arg;
    if (Array.isArray(arg)) {
      const found = arg.find(isDead);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

const tellingOfAny = (use) => (original) =>
  telling(use, original, (_self, args) => deadAmong(args));

/**
 * Like tellingOfAny(), for functions that take one Buffer, or a list, as the first argument, and
 * are called in loops: costs about 5 ns.
 */
const tellingIf = (isAbout) => (use) => (original) => {
  const tell = tellingOfAny(use)(original);
  return function wrapper(value, b, c, d) {
    return (isAbout(value) ? tell : original).call(this, value, b, c, d);
  };
};
const tellingFirst = tellingIf(isDead);
const tellingOfList = tellingIf((list) => Array.isArray(list) && list.some(isDead));

/**
 * Like tellingOfAny(), for borrowed methods of Buffer: `Buffer.prototype.toString.call(dead)`. A
 * dead Buffer's own methods report by themselves.
 */
const tellingThis = (use) => (original) => {
  const tell = telling(use, original, (self) => self);
  return function wrapper(a, b, c, d) {
    return (isDead(this) ? tell : original).call(this, a, b, c, d);
  };
};

/** Like tellingOfAny(), for functions that take a Buffer as the option `input`. */
const tellingOfInput = (use) => (original) =>
  telling(use, original, (_self, args) => deadAmong(args.map((arg) => arg?.input)));

/** Like tellingOfAny(), for functions that send a message. */
const sharingAny = (use) => sharing(use, tellingOfAny);

/** For functions that make a view of a watched Buffer: the view is watched with it. */
const seeing = (original) =>
  function part(start, end) {
    const made = original.call(this, start, end);
    notePart(made, this);
    return made;
  };

/** Objects, their names, their functions, and how these are wrapped unless by tellingOfAny(). */
const places = [
  [Buffer, 'Buffer', ['compare', 'byteLength', 'copyBytesFrom']],
  [
    fs,
    'fs',
    ['writeSync', 'readSync', 'writevSync', 'readvSync', 'writeFileSync', 'appendFileSync'],
  ],
  [
    crypto,
    'crypto',
    [
      'timingSafeEqual',
      'randomFillSync',
      'createHmac',
      'hash',
      'createSecretKey',
      'createCipheriv',
      'createDecipheriv',
      'pbkdf2',
      'pbkdf2Sync',
      'scrypt',
      'scryptSync',
      'hkdf',
      'hkdfSync',
      'checkPrime',
      'checkPrimeSync',
      'createPrivateKey',
      'createPublicKey',
      'sign',
      'verify',
      'getRandomValues',
      'publicEncrypt',
      'publicDecrypt',
      'privateEncrypt',
      'privateDecrypt',
    ],
  ],
  [Object.getPrototypeOf(crypto.webcrypto), 'crypto', ['getRandomValues']],
  [crypto.Hash.prototype, 'hash', ['update']],
  [crypto.Hmac.prototype, 'hmac', ['update']],
  [crypto.Sign.prototype, 'sign', ['update']],
  [crypto.Verify.prototype, 'verify', ['update', 'verify']],
  [crypto.Cipheriv?.prototype, 'cipher', ['update', 'setAAD']],
  [crypto.Decipheriv?.prototype, 'decipher', ['update', 'setAAD', 'setAuthTag']],
  [zlib, 'zlib', Object.keys(zlib).filter((name) => name.endsWith('Sync') || name === 'crc32')],
  [buffer, 'buffer', ['isUtf8', 'isAscii', 'transcode']],
  [
    crypto.subtle && Object.getPrototypeOf(crypto.subtle),
    'subtle',
    ['digest', 'encrypt', 'decrypt', 'sign', 'verify', 'importKey'],
  ],
  [util, 'util', ['isDeepStrictEqual']],
  [v8, 'v8', ['serialize', 'deserialize']],
  [StringDecoder.prototype, 'decoder', ['write', 'end']],
  [util.TextDecoder.prototype, 'decoder', ['decode']],
  [util.TextEncoder.prototype, 'encoder', ['encodeInto']],
  [Buffer, 'Buffer', ['from'], tellingFirst],
  [Buffer, 'Buffer', ['concat'], tellingOfList],
  [Buffer.prototype, 'buffer', ['copy', 'equals', 'compare', 'fill'], tellingFirst],
  [Buffer.prototype, 'buffer', ['toString', 'toJSON', 'write'], tellingThis],
  [Buffer.prototype, 'buffer', ['indexOf', 'lastIndexOf', 'includes'], tellingFirst],
  [Object.getPrototypeOf(Uint8Array.prototype), 'buffer', ['set'], tellingFirst],
  [childProcess, 'child_process', ['execFileSync', 'execSync', 'spawnSync'], tellingOfInput],
  [worker.MessagePort.prototype, 'port', ['postMessage'], sharingAny],
  [worker.Worker.prototype, 'worker', ['postMessage'], sharingAny],
  [worker.BroadcastChannel?.prototype, 'channel', ['postMessage'], sharingAny],
  [globalThis, undefined, ['structuredClone'], sharingAny],
  [Buffer.prototype, 'buffer', ['subarray', 'slice'], () => seeing],
];

const named = (of, name) => (of === undefined ? `${name}()` : `${of}.${name}()`);

function watchFunctions(patches) {
  for (const [object, of, names, make = tellingOfAny] of places)
    for (const name of names) patches.method(object, name, make(named(of, name)));
}

module.exports = { watchFunctions };
