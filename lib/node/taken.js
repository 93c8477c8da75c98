'use strict';

// How much of what was written to a socket its peer has taken. `writableLength` changes when a
// whole write is done, and libuv's queue when a third of the kernel's buffer is free, for which a
// reader of 20 KB/s needs more than a minute. The kernel knows what the peer has acknowledged:
// after 6 s at most, measured on Linux for such a reader on the same machine.

const process = require('node:process');
const { kHandle, kParent } = require('../base/internals.js');
const memory = require('../memory/native.js');

/**
 * Whether the kernel is asked: Linux and macOS, with the binary. Elsewhere progress shows in steps
 * of a third of its buffer.
 */
const isExact = () => typeof memory.unacknowledged === 'function' && process.platform !== 'win32';

/**
 * Bytes that the peer has taken since it connected, a number that only grows; undefined if nobody
 * knows.
 */
function takenFrom(socket) {
  const own = socket?.[kHandle];
  const handle = own?.[kParent] ?? own; // TLS writes to the handle below its own
  const { bytesWritten, writeQueueSize: queued } = handle ?? {};
  if (typeof bytesWritten !== 'number' || typeof queued !== 'number') return undefined;
  return bytesWritten - queued - (memory.unacknowledged?.(handle.fd) ?? 0);
}

module.exports = { isExact, takenFrom };
