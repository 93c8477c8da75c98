'use strict';

// Watched Buffers of arenas. Each has memory of its own, which the arena adopts: it ends with the
// epoch, waits for holds, and has operations of Node, as all adopted memory.

const { usedWindow } = require('../../arena/arena.js');
const { takeSole } = require('../../arena/adopt.js');
const { attempt } = require('../../base/attempt.js');
const { Trace } = require('../trace.js');
const { OwnMemory } = require('./own-memory.js');
const { Record, note, recordOf } = require('./record.js');
const { watchShared, watchSole } = require('./span-watch.js');

/** The largest alignment here: a larger one depends on the address, which V8 chooses. */
const MOST_ALIGN = 16;

function recordFor(owner, size, allocated) {
  const of = owner.ofRequest ? "a request's arena" : owner.describe();
  return new Record('arena', of, size, allocated, owner);
}

/**
 * Returns a Buffer of an arena with separate memory; undefined if that is not possible. Each
 * function between the application and the trace costs 0.5 µs.
 */
function allocating(arena, size, zero, below) {
  try {
    const window = usedWindow(arena);
    return isWatchable(window, size) ? watchedIn(window, size, zero, Trace.take(below)) : undefined;
  } catch {
    return undefined; // stack overflow, or V8 has no memory
  }
}

function isWatchable(window, size) {
  if (typeof size !== 'number' || size >>> 0 !== size || size === 0) return false;
  if (window === undefined || window.mask >= MOST_ALIGN) return false;
  // With 'gc' only V8 frees an ArrayBuffer, and one with a WeakRef it frees only after the turn.
  return window.owner.settings.safety !== 'gc';
}

function watchedIn(window, size, zero, allocated) {
  const memory = new OwnMemory(size, zero, recordFor(window.owner, size, allocated));
  const { ab } = memory;
  const span = takeSole(window, ab, size);
  if (span === undefined) {
    memory.leave();
    return undefined;
  }
  watchSole(memory);
  if (span.guard === undefined) memory.watchOperations(ab);
  return memory.buffer(ab);
}

/** Notes a Buffer that an arena has made in another way. */
function noteSeen(arena, buffer, allocated) {
  const window = usedWindow(arena);
  const span = window?.spans.find(({ ab, adopted }) => (ab ?? adopted) === buffer.buffer);
  if (span === undefined || span.isSole || buffer.length === 0) return;
  if (recordOf(buffer) !== undefined) return; // body() and chunks() return the same Buffer to each call
  const record = recordFor(window.owner, buffer.length, allocated);
  watchShared(span, record);
  note(buffer, record);
}

function adopted(arena, buffer, below) {
  attempt(() => noteSeen(arena, buffer, Trace.take(below)));
}

/** The Buffers that `promise` resolves with count as allocated where the reading was requested. */
function reading(arena, promise, below) {
  const allocated = Trace.take(below).settle();
  // Runs before the code that awaits the promise. The caller gets the promise itself, so that it is
  // the same for each call.
  promise.then(
    (found) =>
      attempt(() => {
        for (const buffer of [found].flat()) noteSeen(arena, buffer, allocated);
      }),
    () => {},
  );
}

module.exports = { adopted, allocating, reading };
