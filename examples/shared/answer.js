'use strict';

// Answers of node:http whose bytes are a slab's: they are free when the answer is over, however it ends.

const open = new WeakMap(); // socket → what to call when it closes, of the answers on it

/**
 * Calls done() once: when the response is closed, or its socket is. A pipelined response whose turn never came has no
 * 'close' of its own on Node 20 and 22.
 */
function whenOver(res, done) {
  const { socket } = res.req;
  let waiting = open.get(socket);
  if (waiting === undefined) {
    waiting = new Set();
    open.set(socket, waiting);
    socket.once('close', () => {
      for (const over of waiting) over();
    });
  }
  const over = () => {
    if (waiting.delete(over)) done();
  };
  waiting.add(over);
  res.once('close', over);
}

/** Answers with `body`, and calls done() when nobody reads these bytes any more. */
function answer(res, status, headers, body, done) {
  if (res.req.socket.destroyed) {
    done();
    return;
  }
  whenOver(res, done);
  res.writeHead(status, { ...headers, 'content-length': body.length });
  res.end(body);
}

/** Answers with a line of text. What is left of the request's body is read, and dropped. */
function refuse(res, status, text, headers = {}) {
  res.writeHead(status, { 'content-type': 'text/plain', ...headers });
  res.end(`${text}\n`);
}

module.exports = { answer, refuse };
