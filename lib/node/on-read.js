'use strict';

// The function by which the handle of a socket gives what it has read: Node's own, or one of ralloc's in its place.

const { isOfNode } = require('./own-methods.js');

let nodesOnRead; // one for all handles

/** Those of ralloc's that stay, and before which another may be put. */
const passing = new WeakSet();

/** Puts make(what is there) in its place. Returns what it has put there, and what was; undefined where that is somebody else's. */
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
