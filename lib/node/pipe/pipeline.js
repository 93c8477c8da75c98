'use strict';

// pump(): stream.pipeline() that frees chunks when they are written, and leaves nothing open when it fails. Errors, aborts, and when what is destroyed, are as
// in Node. Only pipes between known streams are made by Link (link.js).

const { IncomingMessage, ServerResponse } = require('node:http');
const { destroy } = require('node:stream');
const { pipeline } = require('node:stream/promises');
const { isSmall } = require('../../base/announced.js');
const time = require('../../base/time.js');
const { Link, prematureClose } = require('./link.js');

const isStream = (value) =>
  typeof value?.pipe === 'function' && typeof value.on === 'function' && !!value._readableState;

const isSink = (value) => typeof value?.write === 'function' && typeof value.on === 'function';

const isNodes = (value) => isStream(value) || isSink(value);

const isIterable = (value) =>
  typeof value?.[Symbol.iterator] === 'function' ||
  typeof value?.[Symbol.asyncIterator] === 'function';

const isWeb = (value) => !!value?.getWriter || !!value?.getReader || !!value?.readable?.getReader;

const isOptions = (value) =>
  typeof value === 'object' &&
  value !== null &&
  !(isNodes(value) || isWeb(value) || isIterable(value));

/** What pipeline() is to connect, which it takes one by one or as a list, and its options. */
function read(args) {
  const last = args.at(-1);
  const options = isOptions(last) ? last : undefined;
  const parts = options === undefined ? args : args.slice(0, -1);
  return { parts: parts.length === 1 && Array.isArray(parts[0]) ? parts[0] : parts, options };
}

/** The streams that follow each other. What a stream between makes of a small body may be large. */
function linksOf(parts) {
  const links = [];
  const [first] = parts;
  const areSmall = parts.length === 2 && first instanceof IncomingMessage && isSmall(first);
  for (let i = 1; i < parts.length; i++) {
    const [source, sink] = [parts[i - 1], parts[i]];
    if (isStream(source) && isSink(sink)) links.push(new Link(source, sink, areSmall));
  }
  return links;
}

/** The socket of a response that waits behind another of its connection. */
const socketAhead = (sink) =>
  sink instanceof ServerResponse && !sink.socket ? sink.req?.socket : undefined;

/** Whether nothing can be written any more. A response of HTTP/2 tells it by its stream alone. */
const isGone = (sink) =>
  isSink(sink) &&
  (sink.closed === true ||
    sink.destroyed === true ||
    sink.stream?.destroyed === true ||
    socketAhead(sink)?.closed === true);

/**
 * The pipeline's promise, or the loss of the connection of a response that waits behind another: on Node 20 and 22 only the socket closes when the
 * client resets it. Where the response hears of it, that comes first, and is enough: the pipeline ends then, or waits for another stream's close.
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

/** Ends what a web stream or an iterator has opened. Of one that is locked, its reader or writer decides. */
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
 * Destroys each part that has not ended, as pipeline() does, but all of them: it forgets those that it has not come to when it throws. The last one
 * stays with the option `end: false`.
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

/** pipeline() of streams of which none has gone. */
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
 * As stream.promises.pipeline(...streams, options). Each chunk that Node made, and that nobody else can have, is released in the callback of its
 * write, where the stream that it is written to is known to be done with it then.
 */
async function pump(...args) {
  const { parts, options } = read(args);
  const links = linksOf(parts);
  try {
    // Node 24 and 26 would throw, and leave the source open. Others wait for a close that was before, or read on without end.
    const gone = parts.slice(1).find(isGone);
    if (gone !== undefined) throw prematureClose(gone.errored);
    return await connect(args, parts, links);
  } catch (error) {
    for (const link of links) link.fail();
    destroyAll(parts, error, options);
    throw error;
  }
}

module.exports = { pump };
