'use strict';

// The body of a request, in one Buffer of its arena, or as a list of its chunks.

const { isStream } = require('../base/internals.js');
const check = require('../base/validate.js');
const { RallocError, abortedError, argumentError, tooLarge } = require('../base/errors.js');
const { announcedBy, contentLength } = require('../base/announced.js');
const { Collected, collect } = require('../arena/collect.js');
const { Listed } = require('../arena/listed.js');
const { Reading, drainReaders, endedError, faultOf } = require('../node/reading.js');
const { limitReader, readBefore } = require('../node/reading.js');
const { HeapBody, SMALL, SmallBody } = require('../node/small-body.js');

const MiB = 1024 * 1024;
const LIMIT = MiB; // Fastify's

const readers = {
  limit: limitReader,
  ...drainReaders,
};

/**
 * Reads and drops the rest of the body while the answer is sent. It does not set `Connection:
 * close`, with which Node would close the connection at the end of the response: a client that is
 * still sending would not see the answer.
 */
function refuse(reading, options) {
  reading.drain(options, (isOver) => {
    if (!isOver) reading.cutOff();
  });
}

const goneError = (error) =>
  abortedError(
    'The request was cut off before its body was complete',
    error instanceof RallocError ? error.cause : error,
  );

/** Reads the body into `collected`. */
function read(request, collected, announced, limit, options) {
  const { req } = request;
  return new Promise((resolve, reject) => {
    let isSettled = false;
    const settle = () => {
      isSettled = true;
      request.bodyReading = null;
    };
    const fail = (error) => {
      settle();
      collected.discard();
      reject(error);
    };
    const finish = () => {
      try {
        checkLength(announced, collected.size);
        settle();
        resolve(collected.finish());
      } catch (error) {
        fail(error);
      }
    };
    const done = (error, isOver) => {
      if (isSettled) return;
      if (error === undefined) return finish();
      const isDead = error.code === 'ERR_RALLOC_DEAD_BUFFER';
      if (isOver && isDead) return fail(req.destroyed ? goneError(req.errored) : error);
      if (isOver) return fail(goneError(error));
      fail(error);
      return refuse(reading, options);
    };
    const take = (chunk, isOurs) => collected.take(chunk, isOurs);
    const reading = new Reading(req, take, done);
    request.bodyReading = reading;
    if (announced > limit) done(tooLarge(announced, limit, 0), false);
    else if (announced > request.limit) done(request.limitError(announced), false);
  });
}

/**
 * Begins the request, of which reading a body is a use, except for a small one. Throws if it is
 * over.
 */
function begin(request) {
  request.begin();
  if (request.response === null || request.isOver) throw abortedError('The request is over');
}

function readBody(request, windowOf, Target, options, isScope) {
  const { limit = Math.min(LIMIT, request.settings.maxBytesPerRequest) } = options;
  const { req } = request;
  if (!isStream(req)) {
    begin(request);
    return readWeb(req, windowOf, Target, limit);
  }
  const fault = faultOf(req, 'The request');
  const announced = announcedBy(req) ?? 0;
  const isSmall = announced <= limit && Target === Collected && fault === undefined;
  const onHeap = isSmall && announced <= SMALL && !isScope && request.leavesBody(announced);
  const collected = () =>
    onHeap ? new HeapBody(announced, limit) : new Target(windowOf(), announced, limit);
  const readStream = () => read(request, collected(), announced, limit, options);
  const small = () => {
    const gone = () => (req.destroyed ? goneError(req.errored) : endedError());
    const ways = { windowOf: onHeap ? null : windowOf, readStream, gone };
    const body = new SmallBody(request, announced, ways);
    return body.begin(req) ? body.promise : undefined;
  };
  const whole = onHeap ? small() : undefined;
  if (whole !== undefined) return whole;
  begin(request);
  if (fault !== undefined) throw fault;
  const mayBeSmall = isSmall && announced > 0 && announced <= Math.min(SMALL, request.limit);
  return (mayBeSmall && !onHeap ? small() : undefined) ?? readStream();
}

/** HTTP/1 cuts a body off at its announced length; in other protocols that length may be wrong. */
function checkLength(announced, size) {
  if (announced === 0 || announced === size) return;
  throw abortedError(`The body has ${size} bytes, and Content-Length says ${announced}`);
}

/** Reads the body of a fetch API Request, such as Hono's if there is no request of Node. */
async function readWeb({ body, bodyUsed, headers }, windowOf, Target, limit) {
  if (bodyUsed) throw readBefore();
  if (body === null || body === undefined) return new Target(windowOf(), 0, 0).finish();
  const length = contentLength(headers.get('content-length'));
  if (length > limit) throw tooLarge(length, limit, 0);
  return collect(windowOf, body, { limit }, Target);
}

/** Reads a body in another way. Passed to body() instead of options. */
class BodyReader {
  /** read(request, windowOf) -> promise of the Buffer. */
  constructor(read) {
    this.read = read;
  }
}

const ignore = () => {};
const lists = new WeakSet(); // the promises of chunks()

const otherError = (isList) =>
  argumentError(TypeError, `The body was read before, by ${isList ? 'body' : 'chunks'}()`);

/**
 * Returns the same promise for all calls of a request. A call with wrong options reads nothing, so
 * a later call can still succeed.
 */
function promiseOf(request, windowOf, options, Target, isScope = false) {
  const isList = Target === Listed;
  const before = request.bodyPromise;
  if (before !== null) {
    return lists.has(before) === isList ? before : Promise.reject(otherError(isList));
  }
  let checked;
  try {
    checked = check.options(options, readers);
  } catch (error) {
    return Promise.reject(error);
  }
  try {
    request.bodyPromise = readBody(request, windowOf, Target, checked, isScope);
  } catch (error) {
    request.bodyPromise = Promise.reject(error);
  }
  // A client can make it reject at any time. If the handler does not await it, that must not end
  // the process.
  request.bodyPromise.catch(ignore);
  if (isList) lists.add(request.bodyPromise);
  return request.bodyPromise;
}

function bodyOf(request, windowOf, options, isScope) {
  if (options instanceof BodyReader && request.bodyPromise === null) {
    request.bodyPromise = options.read(request, windowOf);
    return request.bodyPromise;
  }
  return promiseOf(request, windowOf, options, Collected, isScope);
}

const chunksOf = (request, windowOf, options) => promiseOf(request, windowOf, options, Listed);

module.exports = { BodyReader, bodyOf, chunksOf };
