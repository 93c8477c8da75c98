'use strict';

// Turns a watched Buffer into a dead one: its methods report the use, and then do what they do with
// no bytes. While it lives it is like all others, so that no comparison sees a difference.

const { inspect } = require('node:util');
const { used } = require('./uses.js');

const { getOwnPropertyDescriptor, getPrototypeOf, setPrototypeOf } = Object;

const ofBuffers = Buffer.prototype;
const ofArrays = Uint8Array.prototype;
const ofViews = getPrototypeOf(ofArrays);

const DEAD = Object.create(ofBuffers);

/** How a use is named in reports; a log shows a Buffer by one of its methods. */
const USES = new Map([
  [Symbol.iterator, 'for … of'],
  [inspect.custom, 'util.inspect()'],
  ['inspect', 'util.inspect()'],
]);

/** Sets the error's cause to what is known of the Buffer. */
function explain(error, cause) {
  if (cause === undefined || error === null || typeof error !== 'object') return;
  try {
    if (error.cause === undefined)
      Object.defineProperty(error, 'cause', { value: cause, writable: true, configurable: true });
  } catch {
    // The error is frozen.
  }
}

/**
 * The nesting of reported uses. Only the outermost is reported, because methods of Buffer and
 * functions of Node call others.
 */
let depth = 0;

/**
 * Wraps `original`: if deadIn(this, args) finds a dead Buffer, the wrapper reports its use as
 * `use`.
 */
const telling = (use, original, deadIn) =>
  function method(...args) {
    const dead = deadIn(this, args);
    if (dead === undefined)
      return new.target === undefined
        ? Reflect.apply(original, this, args)
        : Reflect.construct(original, args, new.target);
    const cause = depth === 0 ? used(dead, use, method) : undefined;
    depth++; // only here, because the calls before can overflow the stack
    try {
      return Reflect.apply(original, this, args);
    } catch (error) {
      explain(error, cause);
      throw error;
    } finally {
      depth--;
    }
  };

for (const prototype of [ofBuffers, ofArrays, ofViews]) {
  for (const name of Reflect.ownKeys(prototype)) {
    const { value } = getOwnPropertyDescriptor(prototype, name);
    if (typeof value !== 'function' || name === 'constructor' || Object.hasOwn(DEAD, name))
      continue;
    const use = USES.get(name) ?? `buffer.${String(name)}()`;
    Object.defineProperty(DEAD, name, {
      value: telling(use, value, (self) => self),
      writable: true,
      configurable: true,
    });
  }
}

// Buffers of slabs and regions have this method; on a freed Buffer it does nothing.
Object.defineProperty(DEAD, Symbol.dispose, { value() {}, writable: true, configurable: true });

const isDead = (value) =>
  typeof value === 'object' && value !== null && getPrototypeOf(value) === DEAD;

/** Makes all known views of a Buffer report their uses from now on. */
function endViews(record) {
  for (const view of record.views()) {
    // Not views to which a program has given another class.
    if (Object.isExtensible(view) && Buffer.isBuffer(view)) setPrototypeOf(view, DEAD);
  }
}

module.exports = { endViews, isDead, telling };
