'use strict';

// The options of rawBody(): those of express.raw(), and the bounds of what is read for nothing.

const check = require('../base/validate.js');
const { rangeError, typeError, argumentError } = require('../base/errors.js');
const { limitReader } = require('../node/reading.js');
const { DRAIN_BYTES, DRAIN_MS, drainReaders } = require('../node/drain.js');
const { propertyName } = require('./options.js');

// Matches the Content-Type of a request against the types that a body parser is for, as `type-is`
// does: types that are written out, with `*`, as a suffix (`+json`), or by one of a few short
// names.

const SHORT = {
  bin: 'application/octet-stream',
  csv: 'text/csv',
  html: 'text/html',
  js: 'text/javascript',
  json: 'application/json',
  multipart: 'multipart/*',
  pdf: 'application/pdf',
  text: 'text/plain',
  txt: 'text/plain',
  urlencoded: 'application/x-www-form-urlencoded',
  xml: 'text/xml',
  zip: 'application/zip',
};

const NAME = '[a-z0-9][a-z0-9!#$&^_.+-]{0,126}';
const ACTUAL = new RegExp(`^${NAME.replace('.+', '')}/${NAME}$`);

/** `name`: the name of the option, for the error. */
function expand(type, name) {
  if (typeof type !== 'string') throw typeError(name, 'of type string', type);
  const whole = type.startsWith('+') ? `*/*${type}` : (SHORT[type] ?? type);
  const parts = whole.split('/');
  if (parts.length === 2 && parts.every((part) => part !== '')) return parts;
  const message = `The "${name}" property must be a media type such as "application/json", "image/*" or "+json", or one of ${Object.keys(SHORT).join(', ')}. Received "${type}"`;
  throw argumentError(TypeError, message);
}

const isSubtype = (expected, actual) =>
  expected === '*' ||
  expected === actual ||
  (expected.startsWith('*+') && actual.endsWith(expected.slice(1)));

/** The content type of a request without parameters; undefined if it is missing or malformed. */
function typeOf({ headers }) {
  const header = headers['content-type'];
  if (header === undefined) return undefined;
  const type = header.split(';', 1)[0].trim().toLowerCase();
  return ACTUAL.test(type) ? type : undefined;
}

/**
 * Returns a function that tells whether a request's type is one of `types`, a string or an array.
 * An empty array matches every type.
 */
function typeMatcher(types, name) {
  const all = (Array.isArray(types) ? types : [types]).map((type) => expand(type, name));
  return (req) => {
    const type = typeOf(req);
    if (type === undefined) return false;
    const [main, sub] = type.split('/');
    return (
      all.length === 0 ||
      all.some(([one, other]) => (one === '*' || one === main) && isSubtype(other, sub))
    );
  };
}

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
  drainBytes: DRAIN_BYTES,
  drainMs: DRAIN_MS,
  limit: 100 * KiB,
  type: typeMatcher('application/octet-stream', 'options.type'),
  inflate: true,
  verify: undefined,
  property: 'arena',
};

const rawSettings = (options) => ({ ...defaults, ...check.options(options, readers) });

module.exports = { rawSettings, typeMatcher };
