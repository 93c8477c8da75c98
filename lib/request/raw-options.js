'use strict';

// The options of rawBody(): those of express.raw(), and the bounds of what is read for nothing.

const check = require('../base/validate.js');
const { rangeError, typeError } = require('../base/errors.js');
const { drainDefaults, drainReaders, limitReader } = require('../node/reading.js');
const { typeMatcher } = require('./media-types.js');
const { propertyName } = require('./options.js');

const KiB = 1024;
const UNITS = { b: 1, kb: KiB, mb: KiB ** 2, gb: KiB ** 3, tb: KiB ** 4, pb: KiB ** 5 };
const SIZE = /^(\d+(?:\.\d+)?) *(b|kb|mb|gb|tb|pb)?$/i;

/** Reads bytes given as a number or as a text: '100kb' is 102,400. */
function sizeReader(value, name) {
  if (typeof value === 'number') return limitReader(value, name);
  if (typeof value !== 'string') throw typeError(name, 'of type number or string', value);
  const [, count, unit = 'b'] = SIZE.exec(value) ?? [];
  if (count === undefined) throw rangeError(name, "a number of bytes, such as '100kb'", value);
  return limitReader(Math.floor(Number(count) * UNITS[unit.toLowerCase()]), name);
}

const readers = {
  ...drainReaders,
  type: (value, name) => (typeof value === 'function' ? value : typeMatcher(value, name)),
  limit: sizeReader,
  inflate: check.boolean,
  verify: check.func,
  property: propertyName,
};

const defaults = {
  ...drainDefaults,
  limit: 100 * KiB,
  type: typeMatcher('application/octet-stream', 'options.type'),
  inflate: true,
  verify: undefined,
  property: 'arena',
};

const rawSettings = (options) => ({ ...defaults, ...check.options(options, readers) });

module.exports = { rawSettings };
