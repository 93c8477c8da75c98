'use strict';

// The options of requestArena(), checked and completed.

const os = require('node:os');
const check = require('../base/validate.js');
const { rangeError } = require('../base/errors.js');
const { commonReaders, commonDefaults } = require('../arena/owner.js');

const MiB = 1024 * 1024;

const bytes = (value, name) => check.integer(value, name, 4096, Number.MAX_SAFE_INTEGER);
const readers = {
  ...commonReaders,
  maxBytesPerRequest: bytes,
  maxBytes: bytes,
  maxQuarantineBytes: (value, name) => check.integer(value, name, 0, Number.MAX_SAFE_INTEGER),
  property: propertyName,
  context: check.boolean,
};

function propertyName(value, name) {
  check.string(value, name);
  if (value === '') throw rangeError(name, 'a non-empty string', value);
  return value;
}

function requestSettings(options) {
  const given = check.options(options, readers);
  const memory = process.constrainedMemory?.() || os.totalmem();
  const eighth = Math.max(Math.floor(Math.min(memory, os.totalmem()) / 8), 16 * MiB);
  const maxBytes = given.maxBytes ?? Math.min(256 * MiB, eighth);
  if (given.maxBytesPerRequest > maxBytes) {
    const range = `an integer >= 4096 and <= options.maxBytes (${maxBytes})`;
    throw rangeError('options.maxBytesPerRequest', range, given.maxBytesPerRequest);
  }
  return {
    ...commonDefaults,
    name: 'request',
    maxBytesPerRequest: Math.min(16 * MiB, maxBytes),
    maxQuarantineBytes: Math.floor(maxBytes / 4),
    property: 'arena',
    context: false,
    ...given,
    maxBytes,
  };
}

module.exports = { requestSettings };
