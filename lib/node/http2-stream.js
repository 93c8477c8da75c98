'use strict';

// Streams of HTTP/2: how they end, where Node does not see to it.

const time = require('../base/time.js');

const GONE = 1; // the state of a stream that nghttp2 does not know any more

/**
 * Whether a client has reset a stream with NO_ERROR: nothing more is sent, but Node ends the stream
 * for other codes only, and keeps what waits as long as its session lives. False without a stream.
 */
const isReset = (stream) =>
  stream?.closed === true &&
  !stream.destroyed &&
  !stream.writableFinished &&
  stream.state?.state === GONE;

/**
 * Ends a stream, with `code` or as Node does. In the next turn: Node 20 frees a stream that ends
 * while its frames are read, and then reads it once more.
 */
function endStream(stream, code) {
  time.setImmediate(() => (code === undefined ? stream.destroy() : stream.close(code)));
}

/** Ends the connection of a request, or in HTTP/2 its stream, as endStream() does. */
function endRequest({ stream, socket }, code) {
  if (stream !== undefined) endStream(stream, code);
  else socket?.destroy();
}

module.exports = { endRequest, endStream, isReset };
