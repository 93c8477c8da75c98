'use strict';

// Watched Buffers of arenas. Each has memory of its own, which the arena adopts: it ends with the epoch, waits for holds, and has operations
// of Node, as all adopted memory.

const { usedWindow } = require('../../arena/arena.js');
const { takeSole } = require('../../arena/adopt.js');
const { Trace } = require('../trace.js');
const { OwnMemory } = require('./own-memory.js');
const { Record, note, recordOf } = require('./record.js');
const { attempt, watchShared, watchSole } = require('./span-watch.js');

/** Of ralloc's own memory; more is a matter of the address, which V8 chooses here. */
const MOST_ALIGN = 16;

function recordFor(owner, size, allocated) {
  const of = owner.ofRequest ? "a request's arena" : owner.describe();
  return new Record('arena', of, size, allocated, owner);
}

/** A Buffer of an arena with memory of its own; undefined where it cannot have that. Each function between the application and the stack costs half a µs. */
function allocating(arena, size, zero, below) {
  try {
    const window = usedWindow(arena);
    return isWatchable(window, size) ? watchedIn(window, size, zero, Trace.take(below)) : undefined;
  } catch {
    return undefined; // the stack ends here, or V8 has no memory
  }
}

function isWatchable(window, size) {
  if (typeof size !== 'number' || size >>> 0 !== size || size === 0) return false;
  if (window === undefined || window.mask >= MOST_ALIGN) return false;
  // V8 collects no ArrayBuffer that has a WeakRef before the turn is over, and with 'gc' nothing else frees it.
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

/** Notes a Buffer that an arena has made otherwise. */
function noteSeen(arena, buffer, allocated) {
  const window = usedWindow(arena);
  const span = window?.epoch?.spans.find(({ ab, adopted }) => (ab ?? adopted) === buffer.buffer);
  if (span === undefined || span.isSole || buffer.length === 0) return;
  if (recordOf(buffer) !== undefined) return; // body() and chunks() give the same to each call
  const record = recordFor(window.owner, buffer.length, allocated);
  watchShared(span, record);
  note(buffer, record);
}

function adopted(arena, buffer, below) {
  attempt(() => noteSeen(arena, buffer, Trace.take(below)));
}

/** What `promise` is of is allocated where its reading was asked for. */
function reading(arena, promise, below) {
  const allocated = Trace.take(below).settle();
  // Runs before the code that awaits it, which gets the promise itself: the same for each call.
  promise.then(
    (found) =>
      attempt(() => {
        for (const buffer of [found].flat()) noteSeen(arena, buffer, allocated);
      }),
    () => {},
  );
}

module.exports = { adopted, allocating, reading };
