'use strict';

// rawBody(): express.raw(), with the body in the request's arena. Its errors are those of
// body-parser 2, and are passed on after the rest of the request was read, so that the answer of
// any error handler reaches the client. If the rest is too much, rawBody() answers itself:
// Express's own handler would wait for the end of the request, which then never comes.

const http = require('node:http');
const zlib = require('node:zlib');
const { kState } = require('../base/internals.js');
const { RallocError } = require('../base/errors.js');
const { requestName } = require('../base/name.js');
const { kOfRequest } = require('../base/protocol.js');
const { readFor } = require('../base/observer.js');
const { ownerOf } = require('../arena/arena.js');
const { Collected } = require('../arena/collect.js');
const { Reading } = require('../node/reading.js');
const { HeapBody, SMALL, SmallBody } = require('../node/small-body.js');
const { BodyReader } = require('./body.js');
const { nextError } = require('./messages.js');
const errors = require('./parser-errors.js');
const { rawSettings } = require('./raw-options.js');

const nothing = () => {};

const INFLATERS = {
  deflate: zlib.createInflate,
  gzip: zlib.createGunzip,
  br: zlib.createBrotliDecompress,
  zstd: zlib.createZstdDecompress, // undefined on Node 20
};

/**
 * Returns the function that creates the stream to decompress the body, or undefined if it is not
 * compressed. Throws for an unknown encoding.
 */
function inflaterOf({ headers }, inflate) {
  const encoding = (headers['content-encoding'] || 'identity').toLowerCase();
  if (encoding === 'identity') return undefined;
  if (!inflate) throw errors.unsupported('content encoding unsupported', encoding);
  const create = Object.hasOwn(INFLATERS, encoding) ? INFLATERS[encoding] : undefined;
  if (create !== undefined) return create;
  throw errors.unsupported(`unsupported content encoding "${encoding}"`, encoding);
}

/** Whether nothing more can be read. */
const isFinished = ({ upgrade, socket, complete, readable }) =>
  upgrade || !socket?.readable || (complete && !readable);

/** The announced length; null if there is none. */
function lengthOf({ headers }) {
  const text = headers['content-length'];
  if (text === undefined) return null;
  const length = Number(text); // once: V8 does not keep the number of a text that is new
  return Number.isNaN(length) ? null : Math.trunc(length);
}

/** The body of a request, from its first chunk until the rest of a refused body was read. */
class RawBody {
  #req;
  #res;
  #settings;
  #collected;
  #length; // as announced, or null
  #inflater;
  #reading = null; // the StreamReading of the request itself

  /** `announced`: its length, or null. */
  constructor(req, res, settings, announced, collected, createInflater) {
    const isPlain = createInflater === undefined;
    this.#req = req;
    this.#res = res;
    this.#settings = settings;
    this.#length = isPlain ? announced : null;
    this.#inflater = isPlain ? null : createInflater();
    this.#collected = collected;
  }

  /** Resolves with the Buffer. When it rejects, the request has already ended or been answered. */
  async read() {
    const length = this.#length;
    try {
      this.#check();
      await (this.#inflater === null ? this.#readPlain() : this.#readInflated());
      const { size } = this.#collected;
      if (length !== null && length !== size) throw errors.wrongSize(length, size);
      return this.#collected.finish();
    } catch (thrown) {
      // The response is over, mostly because its client has disconnected.
      const isOver = thrown.code === 'ERR_RALLOC_DEAD_BUFFER';
      const error = isOver ? this.#gone(thrown) : thrown;
      this.#collected.discard();
      await this.#drain(error);
      throw error;
    }
  }

  #check() {
    const { readable, [kState]: state, readableDidRead } = this.#req;
    const { limit } = this.#settings;
    const length = this.#length;
    if (length !== null && length > limit) {
      throw errors.tooLarge({ expected: length, length, limit });
    }
    if (state?.decoder && this.#inflater === null) throw errors.encodingSet(); // a compressed body that was decoded as text is no longer one, which its stream tells
    if (!readable || readableDidRead) throw errors.notReadable();
  }

  #take(chunk) {
    const { limit } = this.#settings;
    const received = this.#collected.size + chunk.length;
    if (received > limit) throw errors.tooLarge({ limit, received });
    return this.#collected.take(chunk);
  }

  #gone = (cause) => errors.aborted(this.#length, this.#collected.size, cause);

  #readPlain() {
    return new Promise((resolve, reject) => {
      const done = (error, isOver) => {
        if (error === undefined) resolve();
        else reject(isOver ? this.#gone(error) : error);
      };
      this.#reading = new Reading(this.#req, (chunk) => this.#take(chunk), done);
    });
  }

  async #readInflated() {
    const req = this.#req;
    const inflater = this.#inflater;
    let reading;
    let onClose;
    try {
      await new Promise((resolve, reject) => {
        const done = (error, isOver) => {
          if (error === undefined) resolve();
          else reject(isOver ? errors.badRequest(error) : error);
        };
        // A pipe does not end if its source is aborted.
        onClose = () => {
          if (!req.readableEnded) reject(this.#gone());
        };
        req.on('close', onClose);
        reading = new Reading(inflater, (chunk) => this.#take(chunk), done);
        req.pipe(inflater);
      });
    } finally {
      reading.stop();
      req.removeListener('close', onClose);
      req.unpipe(inflater);
      inflater.on('error', nothing);
      inflater.destroy();
      req.resume(); // drops what follows the compressed data
    }
  }

  async #drain(error) {
    const req = this.#req;
    if (isFinished(req) || req.destroyed) return;
    const { drainBytes, drainMs } = this.#settings;
    const half = { drainBytes: Math.floor(drainBytes / 2), drainMs: Math.floor(drainMs / 2) };
    const reading = this.#reading ?? new Reading(req, nothing, nothing);
    const isOver = () => new Promise((resolve) => reading.drain(half, resolve));
    if (await isOver()) return;
    const isOurs = this.#answer(error);
    if (!(await isOver())) reading.cutOff();
    else if (isOurs) this.#res.end();
  }

  /**
   * Writes the whole answer, but does not end it: Node would then close the connection, and unread
   * bytes would reset it for the client. Returns false if an answer has already begun.
   */
  #answer({ status = 500 }) {
    const res = this.#res;
    if (res.headersSent) return false;
    const text = http.STATUS_CODES[status];
    const headers = { 'Content-Type': 'text/plain; charset=utf-8', 'Content-Length': text.length };
    if (this.#req.stream === undefined) headers.Connection = 'close';
    res.writeHead(status, headers);
    res.write(text);
    return true;
  }
}

/** Returns the arena at the request's property. */
function arenaOf(req, { property }) {
  const arena = req[property];
  const fail = (message) => new RallocError('ERR_RALLOC_UNSUPPORTED', message);
  if (arena?.[kOfRequest] !== true) {
    const how = 'Mount requestArena() before rawBody(), with no option "skip" for its requests';
    throw fail(`The request has no "${property}". ${how}`);
  }
  if (ownerOf(arena) !== undefined) return arena;
  throw fail(`The "${property}" of the request is of another copy of ralloc than rawBody()`);
}

function placeOf(req) {
  const { method, baseUrl, route } = req;
  const of = route === undefined ? requestName(req) : `the route ${method} ${baseUrl}${route.path}`;
  return `rawBody() of ralloc/express, for ${of}`;
}

function readerOf(req, res, settings, announced) {
  const createInflater = inflaterOf(req, settings.inflate);
  const length = createInflater === undefined ? (announced ?? 0) : 0; // 0 if it is unknown
  const { limit } = settings;
  return new BodyReader((request, windowOf) => {
    const onHeap = length <= Math.min(limit, SMALL) && request.leavesBody(length);
    const readStream = async () => {
      request.begin();
      if (request.isOver) throw errors.aborted(null, 0);
      const collected = onHeap
        ? new HeapBody(length, limit)
        : new Collected(windowOf(), length, limit);
      return new RawBody(req, res, settings, announced, collected, createInflater).read();
    };
    if (!onHeap || !req.readable || req.readableDidRead) return readStream();
    const gone = () => errors.aborted(length, 0);
    const small = new SmallBody(request, length, { windowOf: null, readStream, gone });
    return small.begin(req) ? small.promise : readStream();
  });
}

/** Sets `req.body`; returns the error of `verify`, or of a request that cannot be changed. */
function give(body, req, res, verify) {
  try {
    verify?.(req, res, body, null);
  } catch (thrown) {
    return errors.notVerified(thrown, body);
  }
  try {
    req.body = body;
  } catch (error) {
    return error; // it was frozen meanwhile
  }
  try {
    req._body = true; // for body-parser 1. Reflect.set() would take 2 µs
  } catch {} // the request is not extensible
  return undefined;
}

/** Creates a middleware that replaces express.raw(). */
function rawBody(options) {
  const settings = rawSettings(options);

  return (req, res, next) => {
    if (typeof next !== 'function') throw nextError(req, res, next);
    if (isFinished(req)) return next();
    if (!('body' in req)) req.body = undefined;
    const length = lengthOf(req);
    if (length === null && req.headers['transfer-encoding'] === undefined) return next();
    if (!settings.type(req)) return next();
    let promise;
    try {
      const arena = arenaOf(req, settings);
      const reader = readerOf(req, res, settings, length);
      promise = readFor(
        () => placeOf(req),
        () => arena.body(reader),
      );
    } catch (error) {
      return next(error);
    }
    promise.then((body) => {
      const error = give(body, req, res, settings.verify);
      if (error === undefined) next();
      else next(error);
    }, next);
    return undefined;
  };
}

module.exports = { rawBody };
