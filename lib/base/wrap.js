'use strict';

// Replaces a function of Node by a wrapper, and knows the original of a wrapper.

const { kProfiler } = require('./protocol.js');
const { warnOnce } = require('./warnings.js');

let refused = [];
const originals = new WeakMap(); // of wrappers

/** What `method` stands in the place of, if it is the guard's, or that of a profiler that runs. */
function originalOf(method) {
  const original = originals.get(method) ?? globalThis[kProfiler]?.originalOf(method);
  return original === undefined ? method : originalOf(original);
}

/** The names of the functions of `part` that could not be replaced since the last call. */
function takeRefused(part) {
  const names = refused.map((name) => `${part}.${name}`);
  refused = [];
  return names;
}

/** `wrapper` gets name, length and other own properties of `original`, as util.promisify.custom. */
function dress(wrapper, original) {
  for (const key of Reflect.ownKeys(original)) {
    if (key === 'prototype') continue;
    Object.defineProperty(wrapper, key, Object.getOwnPropertyDescriptor(original, key));
  }
  return wrapper;
}

/**
 * Replaces the method `name` of `object` by make(original), which looks like it. False where there is no such method,
 * or where it cannot be replaced: in a module that somebody froze, or behind a getter of another patch. Throws only
 * where the stack ends. With `part` 'get' it is the getter of a property.
 */
function wrap(object, name, make, part = 'value') {
  const descriptor = Object.getOwnPropertyDescriptor(object ?? {}, name);
  if (descriptor === undefined) return false; // not on this Node
  if (originals.has(descriptor[part])) return true; // by an installation that was cut off
  try {
    const wrapper = dress(make(descriptor[part]), descriptor[part]);
    originals.set(wrapper, descriptor[part]);
    if (Reflect.defineProperty(object, name, { ...descriptor, [part]: wrapper })) return true;
  } catch (error) {
    if (error instanceof RangeError) throw error;
  }
  refused.push(name);
  return false;
}

/**
 * A function that calls wrapEnds() once, with the first hold, for methods that only end holds: in a server that has none nothing is asked of them. Where
 * it cannot be done holds end later, by `holdMs`; where the stack ends, the next hold does it.
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
      // The stack ends here.
    }
  };
}

module.exports = { wrap, dress, originalOf, takeRefused, withFirstHold };
