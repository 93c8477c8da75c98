'use strict';

// Patches the arenas, slabs, regions and sites of each copy of ralloc in this thread.

const { kSiteMemory } = require('../../../lib/base/protocol.js');
const { attempt } = require('../../../lib/base/attempt.js');
const { events, sourceOfSite } = require('../events.js');
const { NEVER, countdown, sampled } = require('../sampling.js');

const ARENA = ['alloc', 'allocUnsafe', 'from', 'concat'];
const FREED = ['alloc', 'allocUnsafe', 'tryAlloc', 'tryAllocUnsafe'];

let uses = 0; // running calls of use(), which frees its Buffer without calling a patched function

/**
 * Counts a method's Buffer, unless it came from the heap or another method, where it was counted.
 */
const allocating = (source) => (original) =>
  function allocate(a, b, c) {
    const before = countdown[0];
    const buffer = original.call(this, a, b, c);
    if (countdown[0] !== before || buffer === null || uses > 0) return buffer;
    const size = buffer.length;
    const left = before - size;
    countdown[0] = left;
    if (left < 0) sampled(buffer, size, source, allocate);
    return buffer;
  };

/**
 * Counts a Buffer for `sourceOf(this, memory)`, whatever memory it is in, and not for the function
 * below that allocated it.
 */
const allocatingAt = (sourceOf) => (original) =>
  function allocate(a, b, c) {
    const before = countdown[0];
    countdown[0] = NEVER;
    let buffer;
    try {
      buffer = original.call(this, a, b, c);
    } finally {
      countdown[0] = before;
    }
    const size = buffer.length;
    const left = before - size;
    countdown[0] = left;
    if (left < 0) {
      const memory = this[kSiteMemory](buffer);
      sampled(buffer, size, sourceOf(this, memory), allocate, memory);
    }
    return buffer;
  };

const ending = (samples, event) => (original) =>
  function end(buffer) {
    const isKnown = attempt(() => samples.has(buffer));
    const result = original.call(this, buffer);
    if (isKnown) attempt(() => samples.leave(buffer, event));
    return result;
  };

const using = (original) =>
  function use(size, fn) {
    uses++;
    try {
      return original.call(this, size, fn);
    } finally {
      uses--;
    }
  };

/**
 * For classes whose memory is of several kinds: makes the wrapper of a method `name` that
 * allocates.
 */
const AT = {
  site: () => allocatingAt((site) => sourceOfSite(site.name)),
  request: (name) => allocatingAt((_, memory) => (memory === 'arena' ? memory : `Buffer.${name}`)),
};

function patchOwn(patches, samples, source, prototype) {
  const frees = source === 'slab' || source === 'region';
  for (const name of frees ? FREED : ARENA) {
    patches.method(prototype, name, AT[source]?.(name) ?? allocating(source));
  }
  if (!frees) return;
  patches.method(prototype, 'free', ending(samples, events.DIED));
  if (source !== 'slab') return;
  patches.method(prototype, 'send', ending(samples, events.TRANSFERRED));
  patches.method(prototype, 'use', using);
}

module.exports = { patchOwn };
