'use strict';

// The function by which the handle of a socket gives what it has read: Node's own, or one of
// ralloc's in its place.

const { isOfNode } = require('./own-methods.js');

let nodesOnRead; // one for all handles

/** ralloc's functions that stay on a handle, and that may be wrapped by another one. */
const passing = new WeakSet();

/**
 * Replaces a handle's function by make(function). Returns the new and the old one; undefined if it
 * was neither Node's nor ralloc's.
 */
function takeOnRead(handle, make) {
  const onRead = handle?.onread;
  if (onRead === undefined) return undefined;
  if (!passing.has(onRead)) {
    if (onRead !== nodesOnRead && !isOfNode(onRead)) return undefined;
    nodesOnRead = onRead;
  }
  const hooked = make(onRead);
  handle.onread = hooked;
  return { hooked, onRead };
}

module.exports = { passing, takeOnRead };
