'use strict';

// How much of a span a window may hand out, as the limit of its owner counts it: a request is charged for what
// it asks for, and not for the size of the span that happened to be warm. An arena's own limit is kept by the
// memory below, so its windows are open to the end of their spans.

const CUT_SPAN = 16 * 1024;
const CHUNK_CAP = 1024 * 1024; // larger chunks gain nothing, and 4 MiB lose on Node 20 and 22

/** Bytes of the next chunk after `opened` others: they double, up to a cap. */
const chunkGrowth = (first, opened) => Math.max(first, Math.min(first * 2 ** opened, CHUNK_CAP));

/** Bytes of the next span that is cut from a chunk for a checkpoint or a scope, which has so many. */
const pieceSize = (pieces) => CUT_SPAN << Math.max(Math.min(pieces, 4), 0);

/** Opens `span`, used up to `cursor`, for `size` bytes more. False when it has not so many, or its owner no room. */
function extend(span, cursor, size, owner) {
  if (span === null || span.end === span.size) return false;
  const need = cursor + size - span.end;
  const rest = span.size - span.end;
  if (need > rest || need > owner.room) return false;
  span.end += owner.charge(need, rest, rest);
  return true;
}

/** Gives the room back that nothing was handed out of: others may need it more, and extend() can have it again. */
function retract(span, cursor, owner) {
  if (owner.room === Number.POSITIVE_INFINITY) return;
  const end = Math.min(cursor, span.end);
  owner.discharge(span.end - end);
  span.end = end;
}

/** Bytes that an epoch has handed out, with the padding between. */
function usedOf(epoch) {
  if (epoch === null) return 0;
  let bytes = 0;
  for (const span of epoch.spans) if (span.ab !== null) bytes += span.used;
  return bytes;
}

/** How many spans from index `from` on were opened for what is allocated, but for those that were cut short. */
function openedSince({ spans, cutShort }, from) {
  let count = -cutShort;
  for (let i = from; i < spans.length; i++) if (spans[i].adopted === null) count++;
  return count;
}

/** Gives a span of `epoch` back that nothing was handed out of. */
function giveBack(span, { spans }, owner) {
  const { pool } = owner;
  const index = spans.indexOf(span);
  pool.pending++;
  owner.discharge(span.end);
  span.end = 0;
  spans.splice(index, 1);
  span.home = null;
  pool.release(span, owner.settings);
  pool.pending--;
}

module.exports = { chunkGrowth, extend, giveBack, openedSince, pieceSize, retract, usedOf };
