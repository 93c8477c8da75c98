'use strict';

// Decides when a response is over, sent to its end or aborted, and ends its request. Measured on Node 20 to 26 over http, https and h2, that is at its `close`,
// not one turn earlier; where `close` never comes (pipelined requests behind a pending one whose client resets), at the close of the socket, and over TLS a
// while after the peer has gone. A response over anything but a socket (a test's injection, a function in a cloud, a stream in memory) may emit `finish` alone:
// then it is over at that.
//
// When a socket emits `close`, the kernel, TLS or HTTP/2 has the bytes, and the memory is freed. In three cases it is not: after an abort (the client
// disconnects before all was sent); after a server's error (5xx), which may be a timeout, or one failure of several operations, with the rest of the handler
// still at work; and on another stream, such as `stream.duplexPair()`, which may pass chunks on by reference to a reader that looks at them later. Then the
// memory is never detached: it waits until V8 has collected it.
//
// One listener a socket serves all middlewares and all copies of ralloc in a process. Nothing is written to the request or the response: where Express changed
// their prototypes, a symbol more costs Node 20 and 22 several microseconds a request.

const { Socket } = require('node:net');
const { requestName } = require('../base/name.js');
const time = require('../base/time.js');
const { lazy } = require('../base/lazy.js');
const { kOpenResponses } = require('../base/protocol.js');

const parsers = lazy(() => require('../node/parser-chunks.js'));

/**
 * One response that is not over, in the list of its socket. Intrusive: a Set that has grown old keeps the
 * young requests in it alive for a while, and made a request cost 1.2–2 µs instead of 0.4.
 */
class OpenResponse {
  next = null;
  previous = null;
  #request;
  #req;
  #res;
  #list; // none once it has left it
  #keepsChunks; // whether what carries the response may still have them when it is over
  #finished = false; // `finish` was emitted
  #endedAt = 0; // of server's errors only

  constructor(request, req, res, list, keepsChunks) {
    this.#request = request;
    this.#req = req;
    this.#res = res;
    this.#list = list;
    this.#keepsChunks = keepsChunks;
    if (list === undefined) return;
    this.next = list.first;
    if (list.first !== null) list.first.previous = this;
    list.first = this;
  }

  /** The response is closed, or its socket, or both. Other listeners of `close` may still read: the release waits. */
  close() {
    time.nextTick(release, this);
  }

  /** The response is finished, and `close` may never come. */
  finish() {
    this.#finished = true;
    this.close();
  }

  /** The user says that it is over, because no event does. */
  endNow() {
    this.#leave(true, this.#keepsChunks || !isSent(this.#res));
  }

  release() {
    const finished = this.#finished || isSent(this.#res);
    this.#leave(finished, this.#keepsChunks || !finished);
  }

  #leave(finished, mayBeRead) {
    const failed = this.#res.statusCode >= 500;
    if (failed) this.#endedAt = time.now(); // for every response that would be 40 ns
    this.#request.end(finished, mayBeRead || failed);
    const list = this.#list;
    if (list === undefined) return;
    this.#list = undefined;
    if (this.previous === null) list.first = this.next;
    else this.previous.next = this.next;
    if (this.next !== null) this.next.previous = this.previous;
    this.next = null;
    this.previous = null;
  }

  /** Node's request and response, or the objects in their place. */
  get exchange() {
    return { req: this.#req, res: this.#res };
  }

  /** For people: `GET /path`. */
  describe() {
    return requestName(this.#req);
  }

  /** For people: { request, answer, isDead }, such as `GET /path`, `503 41 ms ago`, and whether its Buffers are dead with it. */
  describeAnswer() {
    const { statusCode } = this.#res;
    const ago = this.#endedAt === 0 ? '' : ` ${Math.round(time.now() - this.#endedAt)} ms ago`;
    return {
      request: this.describe(),
      answer: statusCode === undefined ? undefined : `${statusCode}${ago}`,
      isDead: !this.#keepsChunks && isSent(this.#res) && !(statusCode >= 500),
    };
  }
}

const release = (response) => response.release();

function onSocketClose() {
  const list = this[kOpenResponses];
  if (list.probe !== null) time.clearInterval(list.probe);
  // A listener added at an earlier request of a kept-alive socket runs before the response's own `close`.
  time.setImmediate(() => {
    closeAll(list);
  });
}

function closeAll(list) {
  for (let response = list.first; response !== null; response = response.next) response.close();
}

const PROBE_MS = 5000;

// Over TLS `close` may never come either (nodejs/node#55804), as measured on Node 20 to 26: of connections whose clients reset TCP below
// TLS with their first requests, up to a quarter keep what was not written, and never close, whether they got `end` or their
// reading was paused. So a connection with responses that are not over is looked at: one that the kernel has closed has no peer.
// What is in flight to one that reads slowly goes on.
function watchPeer(socket, list) {
  if (socket.destroyed) return;
  list.probe = time.setInterval(probe, PROBE_MS, socket, list);
  list.probe.unref?.();
}

function probe(socket, list) {
  if (list.first === null) return;
  const status = socket._handle?.getpeername?.({}); // without a handle `close` comes; 0 where there is a peer
  if (status === 0) return;
  time.clearInterval(list.probe);
  if (status !== undefined) closeAll(list);
}

/** A GET with a body is read as well, and its chunks are left to V8. */
const mayHaveBody = ({ method }) => method !== 'GET' && method !== 'HEAD';

/**
 * The list of open responses of their carrier: an HTTP/2 stream, or the socket. `isSocket`: whether the kernel has, or has copied, what was written to
 * the carrier when its callback is called.
 */
function listOf(req, carrier, isStream, takesChunks) {
  let list = carrier?.[kOpenResponses];
  if (list === undefined) {
    if (typeof carrier?.once !== 'function') return undefined;
    const isSocket = isStream || carrier instanceof Socket;
    list = { first: null, isSocket, isParserWatched: false, probe: null };
    carrier[kOpenResponses] = list;
    carrier.once('close', onSocketClose);
    if (carrier.encrypted === true) time.outside(() => watchPeer(carrier, list));
  }
  if (takesChunks && !list.isParserWatched && mayHaveBody(req)) {
    parsers().watchParser(carrier);
    list.isParserWatched = true;
  }
  return list;
}

// HTTP/2 finishes the writable side of a stream that is reset, and of a HEAD at its beginning: only `end()` of the
// response tells whether the handler was done.
const isSent = (res) => res.writableFinished === true && res.writableEnded !== false;

const isOver = (socket, res) =>
  res.closed === true || res.destroyed === true || socket?.destroyed === true;

/** Whether a response goes to the socket of its request: frameworks and tests can give it another stream. It has none while it is pipelined behind another one. */
const isOn = (socket, { socket: own }) => own === socket || own === null || own === undefined;

/**
 * Calls request.end(finished, mayBeRead) once, when the response is over; `mayBeRead` when something may still read
 * its memory. Returns the open response, or null when it is over already. `takesChunks`: whether the request may take over what the parser gives.
 */
function watchResponse(req, res, request, takesChunks = true) {
  const { socket, httpVersionMajor } = req; // once: see Mount's #faultOf()
  // Of a pair of Node's own the socket tells it all: each look at a response with another prototype takes Node 20 and 22 half a microsecond.
  const isOwn = socket?._httpMessage === res;
  if (isOwn ? socket.destroyed : isOver(socket, res)) {
    request.end(false, true);
    return null;
  }
  const isStream = httpVersionMajor >= 2;
  const list = listOf(req, isStream ? req.stream : socket, isStream, takesChunks);
  const onSocket = list?.isSocket === true && (isStream || isOwn || isOn(socket, res));
  const response = new OpenResponse(request, req, res, list, !onSocket);
  res.on('close', () => response.close());
  if (!onSocket) res.on('finish', () => response.finish());
  return response;
}

module.exports = { watchResponse };
