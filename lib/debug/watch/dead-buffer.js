'use strict';

// Turns a watched Buffer into a dead one: its methods report the use, and then do what they do with no bytes. While it lives it is like all others, so that no
// comparison sees a difference.

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

/** The error tells what is known of the Buffer. */
function explain(error, cause) {
  if (cause === undefined || error === null || typeof error !== 'object') return;
  try {
    if (error.cause === undefined)
      Object.defineProperty(error, 'cause', { value: cause, writable: true, configurable: true });
  } catch {
    // It is frozen.
  }
}

/** Uses that are reported as one: methods of Buffer call others, and so do functions of Node. */
let depth = 0;

/** `original`, which tells as `use` that it is given the dead Buffer that deadIn(its this, its arguments) finds, if there is one. */
const telling = (use, original, deadIn) =>
  function method(...args) {
    const dead = deadIn(this, args);
    if (dead === undefined)
      return new.target === undefined
        ? Reflect.apply(original, this, args)
        : Reflect.construct(original, args, new.target);
    const cause = depth === 0 ? used(dead, use, method) : undefined;
    depth++; // not before, where the stack ends
    try {
      return Reflect.apply(original, this, args);
    } catch (error) {
      explain(error, cause);
      throw error;
    } finally {
      depth--;
    }
  };

const itself = (self) => self;

for (const prototype of [ofBuffers, ofArrays, ofViews]) {
  for (const name of Reflect.ownKeys(prototype)) {
    const { value } = getOwnPropertyDescriptor(prototype, name);
    if (typeof value !== 'function' || name === 'constructor' || Object.hasOwn(DEAD, name))
      continue;
    const use = USES.get(name) ?? `buffer.${String(name)}()`;
    Object.defineProperty(DEAD, name, {
      value: telling(use, value, itself),
      writable: true,
      configurable: true,
    });
  }
}

// Buffers of slabs and regions have it: it frees nothing twice.
Object.defineProperty(DEAD, Symbol.dispose, { value() {}, writable: true, configurable: true });

const isDead = (value) =>
  typeof value === 'object' && value !== null && getPrototypeOf(value) === DEAD;

/** All that somebody may have of a Buffer tells from now on that it is used. */
function endViews(record) {
  for (const view of record.views()) {
    // Not what a program has made its own class of.
    if (Object.isExtensible(view) && Buffer.isBuffer(view)) setPrototypeOf(view, DEAD);
  }
}

module.exports = { endViews, isDead, telling };
