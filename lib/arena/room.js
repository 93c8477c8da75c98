'use strict';

// How much of a span a window may hand out, as the limit of its owner counts it: a request is charged for what
// it asks for, and not for the size of the span that happened to be warm. An arena's own limit is kept by the
// memory below, so its windows are open to the end of their spans.

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

module.exports = { extend, retract };
