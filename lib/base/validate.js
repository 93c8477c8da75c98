'use strict';

// Checks of arguments. Nothing here coerces: a value is right or it is refused, before any state
// changes.

const { argumentError, typeError, rangeError } = require('./errors.js');
const { MOST_MS } = require('./time.js');

const ofType = (type) => (value, name) => {
  if (typeof value !== type) throw typeError(name, `of type ${type}`, value);
  return value;
};
const number = ofType('number');
const boolean = ofType('boolean');
const string = ofType('string');
const func = ofType('function');

/** An integer within [min, max]; bytes, unless the name says otherwise. */
function integer(value, name, min, max) {
  number(value, name);
  if (!Number.isSafeInteger(value) || value < min || value > max) {
    throw rangeError(name, `an integer >= ${min} and <= ${max}`, value);
  }
  return value;
}

/** A time for which Node's timers can wait. */
const milliseconds = (value, name, min) => integer(value, name, min, MOST_MS);

/** An encoding of Node's; UTF-8 by default. */
function encoding(value = 'utf8') {
  string(value, 'encoding');
  if (!Buffer.isEncoding(value)) throw typeError('encoding', 'a known encoding', value);
  return value;
}

function view(value, name) {
  if (!ArrayBuffer.isView(value)) {
    throw typeError(name, 'an instance of Buffer, TypedArray, or DataView', value);
  }
  return value;
}

function oneOf(value, name, allowed) {
  string(value, name);
  if (!allowed.includes(value)) {
    throw rangeError(name, `one of ${allowed.map((one) => `'${one}'`).join(', ')}`, value);
  }
  return value;
}

function powerOfTwo(value, name, min, max) {
  integer(value, name, min, max);
  if (!Number.isInteger(Math.log2(value))) {
    throw rangeError(name, `a power of two >= ${min} and <= ${max}`, value);
  }
  return value;
}

/**
 * Reads each known option once and checks that there are no others; `name` is that of the object.
 * `readers` maps an option's name to (value, fullName) => checked value; an undefined option is
 * left out.
 */
function options(object, readers, name = 'options') {
  const checked = {};
  if (object === undefined) return checked;
  if (object === null || typeof object !== 'object' || Array.isArray(object)) {
    throw typeError(name, 'an object', object);
  }
  for (const key of Object.keys(object)) {
    if (!Object.hasOwn(readers, key)) {
      const inside = name.replace(/^options\.?/, '');
      const full = (one) => (inside === '' ? one : `${inside}.${one}`);
      const message = `Unknown option "${full(key)}". ${advice(key, readers, full)}`;
      throw argumentError(TypeError, message);
    }
    const value = object[key];
    if (value !== undefined) checked[key] = readers[key](value, `${name}.${key}`);
  }
  return checked;
}

/** Advice for an unknown name: the name that it resembles, or the list of all. */
function advice(key, readers, full) {
  const all = Object.keys(readers);
  const near = nearest(key, all);
  if (near !== undefined) return `Did you mean "${full(near)}"?`;
  if (all.length === 1) return `The only option is "${full(all[0])}"`;
  return `The options are ${all.map((one) => `"${full(one)}"`).join(', ')}`;
}

const MOST_EDITS = 2;
const LEAST_BEGINNING = 3; // letters

/**
 * The known name that begins with `name`; otherwise one that is at most two edits away
 * (Levenshtein), and has half of the letters in common, or with which `name` begins. If there are
 * several, the one with the fewest edits. Undefined if there is none.
 */
function nearest(name, all) {
  const lower = name.toLowerCase();
  const begins = (a, b) => a.length >= LEAST_BEGINNING && b.startsWith(a);
  const edits = (name) => distance(lower, name.toLowerCase());
  const groups = [
    all.filter((name) => begins(lower, name.toLowerCase())),
    all.filter((one) => edits(one) <= Math.min(MOST_EDITS, name.length / 2, one.length / 2)),
    all.filter((name) => begins(name.toLowerCase(), lower)),
  ];
  return groups.flatMap((names) => names.sort((a, b) => edits(a) - edits(b)))[0];
}

function distance(a, b) {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      next[j] = Math.min(swap, row[j] + 1, next[j - 1] + 1);
    }
    row = next;
  }
  return row[b.length];
}

module.exports = {
  number,
  integer,
  milliseconds,
  boolean,
  string,
  encoding,
  func,
  view,
  oneOf,
  powerOfTwo,
  options,
  nearest,
};
