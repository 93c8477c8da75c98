'use strict';

// What another server answers, passed on in the best way that each allocator has.

const { IncomingMessage } = require('node:http');
const { pipeline } = require('node:stream/promises');
const { pump } = require('../../lib/index.js');

/** Whether a handler gave the answer of another server. */
const isAnswer = (given) => given instanceof IncomingMessage;

/** `forward(answer, res)` sends such an answer by a response of Node's. What sends streams in a framework itself would do so without pump(). */
function forwarder(lease) {
  const move = lease === null ? pump : pipeline;
  return async (answer, res) => {
    // The client has gone while the other server was asked: pipeline() would wait for ever.
    if (res.destroyed) return answer.destroy();
    const { 'content-length': length } = answer.headers;
    if (length !== undefined) res.setHeader('Content-Length', length);
    res.statusCode = answer.statusCode;
    // Whichever side breaks off, both are destroyed: the client sees an answer that is cut, and nobody else is to be told.
    await move(answer, res).catch(() => {});
  };
}

module.exports = { forwarder, isAnswer };
