'use strict';

// Decides when a response is over, sent to its end or aborted, and ends its request. Measured on
// Node 20 to 26 over http, https and h2, that is at its `close`, not one turn earlier; where
// `close` never comes (pipelined requests behind a pending one whose client resets), at the close
// of the socket, and over TLS a while after the peer has gone. A response over anything but a
// socket (a test's injection, a function in a cloud, a stream in memory) may emit `finish` alone:
// then it is over at that. Nobody watches a response before its request begins, at which it may be
// over already.
//
// When a socket emits `close`, the kernel, TLS or HTTP/2 has the bytes, and the memory is freed. In
// three cases it is not: after an abort (the client disconnects before all was sent); after a
// server's error (5xx), which may be a timeout, or one failure of several operations, with the rest
// of the handler still at work; and on another stream, such as `stream.duplexPair()`, which may
// pass chunks on by reference to a reader that looks at them later. Then the memory is never
// detached: it waits until V8 has collected it.
//
// One listener a socket serves all middlewares and all copies of ralloc in a process. Little is
// read from the request and the response, and nothing is written:
// where Express has replaced a prototype, V8 of Node 20 and 22 makes a new map for each property
// that is added, of which no inline cache knows. So a read takes it 5,000 instructions, and a
// symbol more several microseconds.

const { EventEmitter } = require('node:events');
const { Socket } = require('node:net');
const { kHandle, kMessage } = require('../base/internals.js');
const { requestName } = require('../base/name.js');
const time = require('../base/time.js');
const { lazy } = require('../base/lazy.js');
const { kOpenResponses } = require('../base/protocol.js');

const { on: listen } = EventEmitter.prototype; // `res.on` would be one read more

const parsers = lazy(() => require('../node/parser-chunks.js'));

/**
 * Whether a response was sent to its end. HTTP/2 finishes the writable side of a stream when it is
 * reset, and for a HEAD at its beginning. Only `end()` of the response tells there whether the
 * handler was done.
 */
const isSent = (res, isOwn) =>
  res.writableFinished === true && (isOwn || res.writableEnded !== false);

/**
 * One response that is not over, in the list of its socket. The list is intrusive: a Set in the old
 * generation keeps young requests alive for a while, and made a request cost 1.2-2 µs instead of
 * 0.4.
 */
class OpenResponse {
  // Without fields and small methods: each function on the way of every request is compiled for
  // itself.
  constructor(request, req, res, list, isOwn, keepsChunks) {
    this.next = null;
    this.previous = null;
    this.request = request;
    this.req = req; // Node's, or the object in its place
    this.res = res;
    this.list = list; // undefined once it has left the list
    this.isOwn = isOwn; // whether it is Node's own response, on the socket of its request
    this.keepsChunks = keepsChunks; // whether the stream that carries the response may still use the chunks when it is over
    this.isClosed = false; // whether it or its socket was closed
    this.isFinished = false; // whether it is over by `finish` or by the user's word
    this.endedAt = 0; // the time; only for server errors
    if (list === undefined) return;
    this.next = list.first;
    if (list.first === null) list.last = this;
    else list.first.previous = this;
    list.first = this;
  }

  isOpenFor(res) {
    return this.res === res && !this.isClosed;
  }

  get isSent() {
    return isSent(this.res, this.isOwn);
  }

  /** Whether it has ended without having been told. */
  get isUntold() {
    return !this.isClosed && (this.isSent || isOver(undefined, this.res));
  }

  /**
   * Called when the response or its socket is closed. The release waits a tick, because other
   * listeners of `close` may still read.
   */
  close() {
    this.isClosed = true;
    time.nextTick(release, this);
  }

  /** Called when the response is finished but `close` may never come. */
  finish() {
    this.isFinished = true;
    this.close();
  }

  /** Called by the user (arenas.end()) if no event tells that it is over. */
  endNow() {
    this.isFinished = true;
    release(this);
  }

  /** Its name in messages: `GET /path`. */
  describe() {
    return requestName(this.req);
  }

  /**
   * For messages: { request, answer, isDead }, such as `GET /path`, `503 41 ms ago`, and whether
   * its Buffers died with it.
   */
  describeAnswer() {
    const { statusCode } = this.res;
    const ago = this.endedAt === 0 ? '' : ` ${Math.round(time.now() - this.endedAt)} ms ago`;
    return {
      request: this.describe(),
      answer: statusCode === undefined ? undefined : `${statusCode}${ago}`,
      isDead: !this.keepsChunks && this.isSent && !(statusCode >= 500),
    };
  }
}

/** Ends the request of a response that is over, and takes the response out of its list. */
function release(response) {
  const { res, list } = response;
  const sent = response.isSent;
  const failed = res.statusCode >= 500;
  if (failed) response.endedAt = time.now(); // only then, because reading the clock takes 40 ns
  response.request.end(response.isFinished || sent, response.keepsChunks || !sent || failed);
  if (list === undefined) return;
  response.list = undefined;
  const { next, previous } = response;
  if (previous === null) list.first = next;
  else previous.next = next;
  if (next === null) list.last = previous;
  else next.previous = previous;
  response.next = null;
  response.previous = null;
}

function onSocketClose() {
  const list = this[kOpenResponses];
  if (list.probe !== null) time.clearInterval(list.probe);
  // Deferred: on a kept-alive socket this listener was added at an earlier request, and so runs
  // before the response's own `close`.
  time.setImmediate(() => {
    closeAll(list);
  });
}

function closeAll(list) {
  for (let response = list.first; response !== null; response = response.next) response.close();
}

const PROBE_MS = 5000;

// Over TLS the socket's `close` may be missing too (nodejs/node#55804). Measured on Node 20 to 26:
// if clients reset TCP below TLS with their first requests, up to a quarter of the connections keep
// unwritten data and never close, whether they got `end` or were paused. So connections with open
// responses are checked: one that the kernel has closed has no peer name. Responses to a slow
// reader are not affected.
function watchPeer(socket, list) {
  if (socket.destroyed) return;
  list.probe = time.setInterval(probe, PROBE_MS, socket, list);
  list.probe.unref?.();
}

function probe(socket, list) {
  if (list.first === null) return;
  const status = socket[kHandle]?.getpeername?.({}); // 0: there is a peer; undefined: no handle, so `close` will come
  if (status === 0) return;
  time.clearInterval(list.probe);
  if (status !== undefined) closeAll(list);
}

/** The oldest response in the list, which is the last, of which `test` is true. */
function oldest({ last }, test) {
  let response = last;
  while (response !== null && !test(response)) response = response.previous;
  return response;
}

/** For the `close` of `res`, closes the oldest response in the list that it can be of. */
function closeOldest(list, res) {
  const response = oldest(list, (one) => one.isOpenFor(res)); // those of other copies may have no `res`
  // An object around Node's response, which a middleware has put in its place, emits nothing
  // itself.
  (response ?? oldest(list, (one) => one.isUntold))?.close();
}

/**
 * The listener of `close` of all responses in the list. Each middleware adds it once for its own. A
 * closure for each would keep its request from V8's collections of the young generation: where V8
 * has found that arrays of listeners live long, it makes them in the old generation, and all that a
 * dead one refers to stays until a major collection.
 */
function closerOf(list) {
  return function onClose() {
    const { last } = list; // mostly the only one
    if (last !== null && last.res === this && !last.isClosed) last.close();
    else closeOldest(list, this);
  };
}

/**
 * Gives a carrier, which is an HTTP/2 stream or the socket, its list of open responses; returns
 * undefined if it emits nothing. `isSocket`: whether the kernel has sent or copied a chunk by the
 * time when its write calls back.
 */
function listOn(carrier, isStream) {
  if (typeof carrier?.once !== 'function') return undefined;
  const isSocket = isStream || carrier instanceof Socket;
  const list = {
    first: null,
    last: null,
    isSocket,
    isParserWatched: false,
    probe: null,
    onClose: null,
  };
  list.onClose = closerOf(list);
  carrier[kOpenResponses] = list;
  carrier.once('close', onSocketClose);
  if (carrier.encrypted === true) time.outside(() => watchPeer(carrier, list));
  return list;
}

const isOver = (socket, res) =>
  res.closed === true || res.destroyed === true || socket?.destroyed === true;

/**
 * Whether a response goes to the socket of its request. Frameworks and tests can give it another
 * stream; while it is pipelined behind another response, it has none.
 */
const isOn = (socket, { socket: own }) => own === socket || own === null || own === undefined;

/**
 * Calls request.end(finished, mayBeRead) once, when the response is over; `mayBeRead`: something
 * may still read its memory. Returns the response, which may be over already. `takesChunks`:
 * whether the request may take over the parser's chunks.
 */
function watchResponse(req, res, request, takesChunks = true) {
  const { socket } = req;
  // If both are Node's own, of HTTP/1, the socket tells everything.
  const isOwn = socket?.[kMessage] === res;
  const sent = isSent(res, isOwn);
  if (sent || (isOwn ? socket.destroyed : isOver(socket, res))) {
    request.end(sent, true);
    return new OpenResponse(request, req, res, undefined, isOwn, true);
  }
  const isStream = !isOwn && req.httpVersionMajor >= 2;
  const carrier = isStream ? req.stream : socket;
  const list = carrier?.[kOpenResponses] ?? listOn(carrier, isStream);
  // A GET may have a body too; it is read, but its chunks are left to V8.
  const mayTake = takesChunks && list?.isParserWatched === false;
  if (mayTake && req.method !== 'GET' && req.method !== 'HEAD') {
    parsers().watchParser(carrier);
    list.isParserWatched = true;
  }
  const onSocket = list?.isSocket === true && (isStream || isOwn || isOn(socket, res));
  const response = new OpenResponse(request, req, res, list, isOwn, !onSocket);
  const onClose = list === undefined ? () => response.close() : list.onClose;
  if (isOwn) listen.call(res, 'close', onClose);
  else res.on('close', onClose);
  if (!onSocket) res.on('finish', () => response.finish());
  return response;
}

module.exports = { watchResponse };
