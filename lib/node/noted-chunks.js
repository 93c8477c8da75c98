'use strict';

// A bounded list of a stream's chunks that Node made, until the next stream has got them (provenance.js, parser-chunks.js).

/** More than wait in a stream of Node's, but for the smallest ones. */
const MOST = 64;

/** Adds one. Where too many are there nobody asks for them any more, as where a program replaces write() of what is piped to: they are no longer kept. */
function add(chunks, chunk) {
  if (chunks.length >= MOST) chunks.length = 0;
  chunks.push(chunk);
}

module.exports = { add };
