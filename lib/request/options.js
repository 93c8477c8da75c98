'use strict';

// The options of requestArena(), checked and completed.

const os = require('node:os');
const check = require('../base/validate.js');
const { rangeError } = require('../base/errors.js');
const { commonReaders, commonDefaults } = require('../arena/owner.js');

const MiB = 1024 * 1024;
const MIN_AHEAD = 4096;

const bytes = (value, name) => check.integer(value, name, 4096, Number.MAX_SAFE_INTEGER);
const readers = {
  ...commonReaders,
  maxBytesPerRequest: bytes,
  maxBytes: bytes,
  maxQuarantineBytes: (value, name) => check.integer(value, name, 0, Number.MAX_SAFE_INTEGER),
  property: propertyName,
  context: check.boolean,
};

/** Options that each of several middlewares of a request has for itself; it has no use for the others of the second. */
const ofEach = ['property', 'context'];

function propertyName(value, name) {
  check.string(value, name);
  if (value === '') throw rangeError(name, 'a non-empty string', value);
  return value;
}

/** The bytes that the process may use: infinite where it may not know (Deno without --allow-sys). */
function memoryOfProcess() {
  try {
    return Math.min(process.constrainedMemory?.() || Infinity, os.totalmem());
  } catch {
    return Infinity;
  }
}

function requestSettings(options) {
  const given = check.options(options, readers);
  const eighth = Math.max(Math.floor(memoryOfProcess() / 8), 16 * MiB);
  const maxBytes = given.maxBytes ?? Math.min(256 * MiB, eighth);
  if (given.maxBytesPerRequest > maxBytes) {
    const range = `an integer >= 4096 and <= options.maxBytes (${maxBytes})`;
    throw rangeError('options.maxBytesPerRequest', range, given.maxBytesPerRequest);
  }
  const { maxBytesPerRequest = Math.min(16 * MiB, maxBytes) } = given;
  return {
    ...commonDefaults,
    guard: true,
    name: 'request',
    maxQuarantineBytes: Math.floor(maxBytes / 4),
    property: 'arena',
    context: false,
    ...given,
    maxBytes,
    maxBytesPerRequest,
    ignored: Object.keys(given).filter((name) => !ofEach.includes(name)),
    ahead: Math.max(MIN_AHEAD, Math.floor(maxBytesPerRequest / 16)), // bytes that a window is charged beforehand
  };
}

module.exports = { requestSettings };
