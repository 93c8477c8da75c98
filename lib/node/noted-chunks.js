'use strict';

// A bounded list of a stream's chunks that Node made, until the next stream has got them
// (provenance.js, parser-chunks.js).

/** More chunks than wait in a stream of Node, unless they are very small. */
const MOST = 64;

/**
 * Adds a chunk. If there are too many, nothing takes them out of the list any more (for example
 * because a program replaced the sink's write()), and they are dropped.
 */
function add(chunks, chunk) {
  if (chunks.length >= MOST) chunks.length = 0;
  chunks.push(chunk);
}

module.exports = { add };
