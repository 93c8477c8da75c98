'use strict';

// stream.pipeline(), which gives the memory of chunks back when they are written. All of it is Node's: errors, abort, what is
// destroyed and when. Only the pipes between streams that are known are Link's.

const { ServerResponse } = require('node:http');
const { pipeline } = require('node:stream/promises');
const time = require('../base/time.js');
const { Link, prematureClose } = require('./link.js');

const isStream = (value) =>
  typeof value?.pipe === 'function' && typeof value.on === 'function' && !!value._readableState;

const isSink = (value) => typeof value?.write === 'function' && typeof value.on === 'function';

/** The streams that follow each other in what pipeline() is called with. */
function linksOf(args) {
  const streams = args.length === 1 && Array.isArray(args[0]) ? args[0] : args;
  const links = [];
  for (let i = 1; i < streams.length; i++) {
    const [source, sink] = [streams[i - 1], streams[i]];
    if (isStream(source) && isSink(sink)) links.push(new Link(source, sink));
  }
  return links;
}

/**
 * Two sinks of which pipeline() waits for a close that does not come. One that is closed already: a response whose client has gone, and on Node 20
 * and 22 any. And a response that is queued behind another, which has no socket: on Node 20 and 22 only the socket closes when the client resets it.
 * Calls lose(error) there; returns a function that ends the waiting, or undefined.
 */
function watchClosed(sink, lose) {
  if (sink?.closed === true) {
    let isOver = false;
    time.setImmediate(() => isOver || lose(prematureClose()));
    return () => {
      isOver = true;
    };
  }
  const socket = sink instanceof ServerResponse && !sink.socket && sink.req?.socket;
  if (!socket) return undefined;
  // Where the response hears of it, that comes first, and is enough: the pipeline ends then, or waits for another stream's close.
  const onClose = () =>
    time.setImmediate(() => {
      if (!sink.closed) lose(prematureClose());
    });
  if (socket.closed) onClose();
  else socket.on('close', onClose);
  return () => socket.removeListener('close', onClose);
}

/** The pipeline's promise, or the loss of the connection. */
function orLost(promise, args) {
  const streams = args.flat().filter((one) => isStream(one) || isSink(one));
  let end;
  const lost = new Promise((_resolve, reject) => {
    end = watchClosed(streams.at(-1), (error) => {
      reject(error);
      for (const stream of streams) if (!stream.destroyed) stream.destroy?.(error);
    });
  });
  return end === undefined ? promise : Promise.race([promise, lost]).finally(end);
}

/**
 * As stream.promises.pipeline(...streams, options). Each chunk that Node made, and that nobody else can have, is released in the callback of its
 * write, where the stream that it is written to is known to be done with it then.
 */
function pump(...args) {
  const links = linksOf(args);
  const offers = links.map((link) => link.offer());
  let promise;
  try {
    promise = pipeline(...args);
  } finally {
    for (const withdraw of offers) withdraw?.();
  }
  return orLost(promise, args).catch((error) => {
    for (const link of links) link.fail();
    throw error;
  });
}

module.exports = { pump };
