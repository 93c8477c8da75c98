'use strict';

// Detects which runtime this is, and which of its features there are.

const { loadList } = require('./internals.js');

/** Node's own FastBuffer, by its only public reference. Its instances are Node's Buffers. */
const FastBuffer = Buffer[Symbol.species];

/** Sets the `constructor` of a subclass of FastBuffer to Buffer, as FastBuffer itself has it. */
function lookLikeBuffers(prototype) {
  const value = { value: Buffer, writable: true, configurable: true };
  Object.defineProperty(prototype, 'constructor', value);
}

const { bun, deno, node } = process.versions;
const [major, minor] = String(node).split('.').map(Number);

/**
 * Whether the inner workings of this Node's streams are known: how they use a handle, and which
 * memory they read into.
 */
const isKnownNode = bun === undefined && deno === undefined && major >= 20 && major <= 26;

/** Not on Node 20. */
const hasTransfer = typeof ArrayBuffer.prototype.transfer === 'function';

/**
 * V8 up to 12.x (Node 20, 22) counts every ArrayBuffer that is created or transferred as young
 * external memory, with its full size; above about 32 MB of live ones it scavenges a thousand times
 * a second.
 */
const countsTransfers = major < 24;

/**
 * Whether all bodies of a connection go to the function that its parser had at the first one. Where
 * that is so and not known, later bodies are left to V8.
 */
const bindsBodies = major > 26 || (major === 26 && minor >= 12);

/**
 * Whether looking for a property of an object whose prototype was replaced, as Express does, is as
 * fast as of any other. Before Node 24 V8 makes a new map for each, of which no inline cache knows,
 * and a property that is not there takes half a microsecond.
 */
const looksUpChangedMaps = major >= 24;

/**
 * Whether Node may have loaded its internal module `name`. True if that is unknown: Bun's list is
 * empty.
 */
const mayHaveLoaded = (name) => loadList.length === 0 || loadList.includes(`NativeModule ${name}`);

/**
 * Workers load this internal module first. Loading node:worker_threads to ask would cost the main
 * thread a millisecond and a third of a megabyte.
 */
const isMainThread =
  !mayHaveLoaded('internal/worker/io') || require('node:worker_threads').isMainThread;
const threadId = isMainThread ? 0 : require('node:worker_threads').threadId;

/**
 * V8 reads the settings of stacks from this Error, even if an application replaces the global
 * (lockdown() of SES).
 */
const OfV8 = Error;
const { captureStackTrace } = Error;

module.exports = {
  bindsBodies,
  OfV8,
  captureStackTrace,
  FastBuffer,
  lookLikeBuffers,
  hasTransfer,
  countsTransfers,
  isKnownNode,
  isMainThread,
  mayHaveLoaded,
  looksUpChangedMaps,
  threadId,
};
