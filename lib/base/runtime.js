'use strict';

// Detects which runtime this is, and which of its features there are.

/** The public door to Node's own FastBuffer: what it makes nobody can tell from Node's Buffers. */
const FastBuffer = Buffer[Symbol.species];

/** Heirs of FastBuffer say, as it does, that Buffer made them. */
function lookLikeBuffers(prototype) {
  const value = { value: Buffer, writable: true, configurable: true };
  Object.defineProperty(prototype, 'constructor', value);
}

const { bun, deno, node } = process.versions;
const major = Number.parseInt(node, 10);

/** Whether the streams of this Node are known from within: how they use a handle, or what they have read into. */
const isKnownNode = bun === undefined && deno === undefined && major >= 20 && major <= 26;

/** Not on Node 20. */
const hasTransfer = typeof ArrayBuffer.prototype.transfer === 'function';

/**
 * V8 up to 12.x (Node 20, 22) counts every ArrayBuffer that is made or transferred as young external
 * memory of its full size, and above about 32 MB of live ones scavenges a thousand times a second.
 */
const countsTransfers = major < 24;

/** Whether Node has loaded this module of its own. True where that is not known: Bun's list is empty. */
function mayHaveLoaded(name) {
  const { moduleLoadList: list } = process;
  return !(list?.length > 0) || list.includes(`NativeModule ${name}`);
}

/** Node begins a worker with this module. For a main thread to ask node:worker_threads costs a millisecond, and a third of a megabyte. */
const isMainThread =
  !mayHaveLoaded('internal/worker/io') || require('node:worker_threads').isMainThread;

/** V8 asks this one for the settings of stacks, whatever an application has in its place (lockdown() of SES). */
const OfV8 = Error;
const { captureStackTrace } = Error;

module.exports = {
  OfV8,
  captureStackTrace,
  FastBuffer,
  lookLikeBuffers,
  hasTransfer,
  countsTransfers,
  isKnownNode,
  isMainThread,
  mayHaveLoaded,
};
