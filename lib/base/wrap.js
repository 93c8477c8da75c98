'use strict';

// Replaces a function of Node by a wrapper, and knows the original of a wrapper.

const { kProfiler } = require('./protocol.js');
const { warnOnce } = require('./warnings.js');

let refused = [];
const originals = new WeakMap(); // wrapper -> the function that it replaced

/**
 * The function that `method` replaced, if it is a wrapper of the guard, of the flight recorder or
 * of a running profiler; otherwise `method` itself.
 */
function originalOf(method) {
  const original = originals.get(method) ?? globalThis[kProfiler]?.originalOf(method);
  return original === undefined ? method : originalOf(original);
}

/**
 * Makes `wrapper` count as `original`, which it calls: it keeps nothing of what it is given, and
 * changes no answer. Returns it.
 */
function standFor(wrapper, original) {
  originals.set(wrapper, original);
  return wrapper;
}

/** The names of the functions of `part` that could not be replaced since the last call. */
function takeRefused(part) {
  const names = refused.map((name) => `${part}.${name}`);
  refused = [];
  return names;
}

/**
 * Gives `wrapper` the name, length and other own properties of `original`, such as
 * util.promisify.custom.
 */
function dress(wrapper, original) {
  for (const key of Reflect.ownKeys(original)) {
    if (key === 'prototype') continue;
    Object.defineProperty(wrapper, key, Object.getOwnPropertyDescriptor(original, key));
  }
  return wrapper;
}

/**
 * Replaces the method `name` of `object` by make(original), which looks like it. Returns false if
 * there is no such method, or it cannot be replaced because the module is frozen or another patch
 * has put a getter there. Throws only at a stack overflow. With `part` 'get', replaces the getter
 * of a property.
 */
function wrap(object, name, make, part = 'value') {
  const descriptor = Object.getOwnPropertyDescriptor(object ?? {}, name);
  if (descriptor === undefined) return false; // not on this Node
  if (originals.has(descriptor[part])) return true; // an interrupted installation has done it
  try {
    const wrapper = standFor(dress(make(descriptor[part]), descriptor[part]), descriptor[part]);
    if (Reflect.defineProperty(object, name, { ...descriptor, [part]: wrapper })) return true;
  } catch (error) {
    if (error instanceof RangeError) throw error;
  }
  refused.push(name);
  return false;
}

/**
 * Returns a function that calls wrapEnds() at the first hold. It wraps methods that only end holds,
 * which cost nothing in a server without holds. If wrapping fails, holds end later, by `holdMs`;
 * after a stack overflow the next hold tries again.
 */
function withFirstHold(part, wrapEnds) {
  let isDone = false;
  return () => {
    if (isDone) return;
    try {
      wrapEnds();
      const names = takeRefused(part);
      if (names.length > 0)
        warnOnce('RALLOC_GUARD_PARTIAL', { names, fate: 'held until holdMs is over' }, wrapEnds);
      isDone = true;
    } catch {
      // Stack overflow.
    }
  };
}

module.exports = { wrap, dress, originalOf, standFor, takeRefused, withFirstHold };
