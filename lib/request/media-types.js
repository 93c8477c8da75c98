'use strict';

// Matches the Content-Type of a request against the types that a body parser is for, as `type-is`
// does: types that are written out, with `*`, as a suffix (`+json`), or by one of a few short
// names.

const { argumentError, typeError } = require('../base/errors.js');

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

module.exports = { typeMatcher };
