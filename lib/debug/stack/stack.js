'use strict';

// A stack, without the application's own settings of Error having a part in it, or being changed by
// it.

const { OfV8, captureStackTrace } = require('../../base/runtime.js');

const DEPTH = 16; // frames: each costs a µs

const defaultText = (error, sites) => `${error}\n    at ${sites.join('\n    at ')}`;

let target = null;
let sitesOfTarget;
let preparer; // the application's Error.prepareStackTrace, while ours is installed

/**
 * Stays installed if vm's timeout interrupts framesOf(), so it also handles the application's
 * errors.
 */
function prepare(error, sites) {
  if (error !== target) {
    const isSet = typeof preparer === 'function';
    return isSet ? preparer.call(OfV8, error, sites) : defaultText(error, sites);
  }
  sitesOfTarget = sites;
  return '';
}

const plain = (value) => ({ value, writable: true, enumerable: true, configurable: true });
const WITH_PREPARE = plain(prepare);

/**
 * Sets a property by its descriptor, so that an accessor of the application is not called, and can
 * be restored.
 */
function set(name, descriptor) {
  if (descriptor === undefined) delete OfV8[name];
  else Object.defineProperty(OfV8, name, descriptor);
}

/**
 * With --frozen-intrinsics Node freezes Error; then the stack is only available as text, with
 * Error's own depth.
 */
const isFrozen = () => Object.isFrozen(OfV8);

/**
 * Takes the stack above the function `below`, of at most `depth` frames, without formatting it,
 * which is half of the cost.
 */
function hold(below, depth = DEPTH) {
  const holder = {};
  if (isFrozen()) {
    captureStackTrace(holder, below);
    return holder;
  }
  const limit = Object.getOwnPropertyDescriptor(OfV8, 'stackTraceLimit');
  const isPlain = limit?.writable === true; // Node's own property, which saves 1 µs
  try {
    if (isPlain) OfV8.stackTraceLimit = depth;
    else set('stackTraceLimit', plain(depth));
    captureStackTrace(holder, below);
  } finally {
    if (isPlain) OfV8.stackTraceLimit = limit.value;
    else set('stackTraceLimit', limit);
  }
  return holder;
}

/** The frames of a stack from hold(), the innermost first. */
function framesOf(holder, frames) {
  const own = Object.getOwnPropertyDescriptor(OfV8, 'prepareStackTrace');
  const isClosed = own === undefined && !Object.isExtensible(OfV8);
  if (isFrozen() || isClosed) return framesOfText(String(holder.stack), frames);
  const isStuck = own?.value === prepare;
  if (!isStuck) preparer = own?.value;
  sitesOfTarget = undefined;
  target = holder;
  try {
    set('prepareStackTrace', WITH_PREPARE);
    holder.stack; // formats it
  } finally {
    set('prepareStackTrace', isStuck ? undefined : own);
    target = null;
  }
  const sites = sitesOfTarget;
  sitesOfTarget = undefined; // call sites keep the `this` of each function reachable
  if (sites === undefined) return framesOfText(String(holder.stack), frames); // Bun has formatted it long before
  return sites.map((site) => frames.of(site));
}

function framesOfText(text, frames) {
  const parsed = text.split('\n').map((line) => frames.parse(line));
  return parsed.filter((frame) => frame !== undefined);
}

module.exports = { hold, framesOf };
