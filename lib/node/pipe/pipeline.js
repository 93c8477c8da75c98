'use strict';

// pump(): stream.pipeline() that frees chunks when they are written, and leaves nothing open when
// it fails. Errors, aborts, and when what is destroyed, are as in Node. Only pipes between known
// streams are made by Link (link.js).

const { IncomingMessage, ServerResponse } = require('node:http');
const { destroy } = require('node:stream');
const { pipeline } = require('node:stream/promises');
const { isSmall } = require('../../base/announced.js');
const { isDisabled } = require('../../base/environment.js');
const { isStream } = require('../../base/internals.js');
const time = require('../../base/time.js');
const { Link, prematureClose } = require('./link.js');

const isSource = (value) =>
  typeof value?.pipe === 'function' && typeof value.on === 'function' && isStream(value);

const isSink = (value) => typeof value?.write === 'function' && typeof value.on === 'function';

const isNodes = (value) => isSource(value) || isSink(value);

const isIterable = (value) =>
  typeof value?.[Symbol.iterator] === 'function' ||
  typeof value?.[Symbol.asyncIterator] === 'function';

const isWeb = (value) => !!value?.getWriter || !!value?.getReader || !!value?.readable?.getReader;

const isOptions = (value) =>
  typeof value === 'object' &&
  value !== null &&
  !(isNodes(value) || isWeb(value) || isIterable(value));

/** Reads the parts of a pipeline, which are given one by one or as a list, and its options. */
function read(args) {
  const last = args.at(-1);
  const options = isOptions(last) ? last : undefined;
  const parts = options === undefined ? args : args.slice(0, -1);
  return { parts: parts.length === 1 && Array.isArray(parts[0]) ? parts[0] : parts, options };
}

/**
 * A Link for each step. Only the first can be small, because a transform may make a small body
 * large.
 */
function linksOf(parts) {
  const links = [];
  const [first] = parts;
  const areSmall = parts.length === 2 && first instanceof IncomingMessage && isSmall(first);
  for (let i = 1; i < parts.length; i++) {
    const [source, sink] = [parts[i - 1], parts[i]];
    if (isSource(source) && isSink(sink)) links.push(new Link(source, sink, areSmall));
  }
  return links;
}

/** The socket of a response that waits behind another one on its connection. */
const socketAhead = (sink) =>
  sink instanceof ServerResponse && !sink.socket ? sink.req?.socket : undefined;

/** Whether nothing can be written any more. For a response of HTTP/2 only its stream tells. */
const isGone = (sink) =>
  isSink(sink) &&
  (sink.closed === true ||
    sink.destroyed === true ||
    sink.stream?.destroyed === true ||
    socketAhead(sink)?.closed === true);

/**
 * The pipeline's promise. For a response that waits behind another one, it also rejects when the
 * connection is lost, because on Node 20 and 22 only the socket emits `close` then. If the response
 * emits `close` too, that comes first and decides: the pipeline ends, or waits for the close of
 * another stream.
 */
function orLost(promise, sink) {
  const socket = socketAhead(sink);
  if (socket === undefined) return promise;
  let onClose;
  const lost = new Promise((_resolve, reject) => {
    onClose = () =>
      time.setImmediate(() => {
        if (!sink.closed) reject(prematureClose());
      });
    socket.on('close', onClose);
  });
  return Promise.race([promise, lost]).finally(() => socket.removeListener('close', onClose));
}

const ignore = () => {};

/** Ends a web stream or an iterator. A locked web stream is left to its reader or writer. */
async function cancel(part, error) {
  if (part.getReader) {
    if (!part.locked) await part.cancel(error);
  } else if (part.getWriter) {
    if (!part.locked) await part.abort(error);
  } else if (part.readable?.getReader) {
    await Promise.all([cancel(part.readable, error), cancel(part.writable, error)]);
  } else if (typeof part.next === 'function') {
    await part.return?.();
  }
}

/**
 * Destroys each part that has not ended. pipeline() does that too, except for the parts that it has
 * not reached when it throws. With the option `end: false`, the last one stays open.
 */
function destroyAll(parts, error, options) {
  const last = parts.length - 1;
  for (const [i, part] of parts.entries()) {
    const [reads, writes] = [i < last || i === 0, i > 0];
    if (i === last && writes && options?.end === false) continue;
    if (!isNodes(part)) {
      if (typeof part === 'object' && part !== null) cancel(part, error).catch(ignore);
    } else if ((reads && !part.readableEnded) || (writes && !part.writableFinished)) {
      part.on('error', ignore);
      destroy(part, error);
    }
  }
}

/** Calls pipeline() with streams that are all open. */
function connect(args, parts, links) {
  const offers = links.map((link) => link.offer());
  let promise;
  try {
    promise = pipeline(...args);
  } finally {
    for (const withdraw of offers) withdraw?.();
  }
  return orLost(promise, parts.at(-1));
}

/**
 * Like stream.promises.pipeline(...streams, options). A chunk that Node made and that no other code
 * can have is released in the callback of its write, if the sink is known to be done with it by
 * then.
 */
async function pump(...args) {
  const { parts, options } = read(args);
  const links = isDisabled() ? [] : linksOf(parts);
  try {
    // With a closed sink Node 24 and 26 would throw and leave the source open. Others wait for a
    // past `close`, or read on without end.
    const gone = parts.slice(1).find(isGone);
    if (gone !== undefined) throw prematureClose(gone.errored);
    const result = await connect(args, parts, links);
    for (const link of links) link.stop();
    return result;
  } catch (error) {
    for (const link of links) link.fail();
    destroyAll(parts, error, options);
    throw error;
  }
}

module.exports = { pump };
