'use strict';

// When a response is over, as measured on Node 20 to 26 over http, https and h2: at its `close`, not one
// turn earlier; where `close` never comes (pipelined requests behind a pending one whose client resets), at
// the close of the socket.

// Registered symbols: one listener a socket serves all middlewares and all copies of ralloc in a process.
const kSocket = Symbol.for('ralloc.socket');
const kRequest = Symbol('ralloc.request');

class Watch {
  #request;
  #res;
  #open; // the socket's set of those that are not over
  #closed = false;

  constructor(request, res, open) {
    this.#request = request;
    this.#res = res;
    this.#open = open;
  }

  /** The socket is gone, and the response's own `close` did not come. */
  abandon() {
    if (!this.#closed) this.close();
  }

  // Other listeners of `close` may still read the request's Buffers: the release waits for them.
  close() {
    if (this.#closed) return;
    this.#closed = true;
    process.nextTick(release, this);
  }

  release() {
    this.#open?.delete(this);
    this.#request.end(this.#res.writableFinished === true);
  }
}

const release = (watch) => watch.release();

function onResponseClose() {
  for (const watch of this[kRequest]) watch.close();
}

function onSocketClose() {
  const open = this[kSocket];
  // A listener added at an earlier request of a kept-alive socket runs before the response's own `close`.
  setImmediate(() => {
    for (const watch of open) watch.abandon();
  });
}

/** The watches of a socket whose responses are not over; undefined where streams close by themselves. */
function openOf(req) {
  const { socket } = req;
  if (req.httpVersionMajor >= 2 || typeof socket?.once !== 'function') return undefined;
  let open = socket[kSocket];
  if (open === undefined) {
    open = new Set();
    socket[kSocket] = open;
    socket.once('close', onSocketClose);
  }
  return open;
}

const isOver = (req, res) =>
  res.closed === true || res.destroyed === true || req.socket?.destroyed === true;

/** Calls request.end(clean) once, when the response is over. */
function watchResponse(req, res, request) {
  if (isOver(req, res)) {
    request.end(false);
    return;
  }
  const open = openOf(req);
  const watch = new Watch(request, res, open);
  open?.add(watch);
  if (res[kRequest] === undefined) {
    res[kRequest] = [watch];
    res.on('close', onResponseClose);
  } else {
    res[kRequest].push(watch);
  }
}

module.exports = { watchResponse };
