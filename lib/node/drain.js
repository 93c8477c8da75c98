'use strict';

// Reads the rest of a refused body and drops it, up to `drainBytes` and `drainMs`: a client that
// finds its connection reset before it has sent everything does not see the answer. For body() and
// rawBody(); admission() has refusal.js.

const check = require('../base/validate.js');
const time = require('../base/time.js');
const { endRequest } = require('./http2-stream.js');
const { limitReader } = require('./reading.js');

const MiB = 1024 * 1024;

const drainReaders = {
  drainBytes: limitReader,
  drainMs: (value, name) => check.milliseconds(value, name, 0),
};
const DRAIN_BYTES = 16 * MiB;
const DRAIN_MS = 5000;

/**
 * Reads and drops the rest. done(isOver) is called once: at the end of the request or of its
 * connection, or at the bounds.
 */
function drain(reading, req, { drainBytes = DRAIN_BYTES, drainMs = DRAIN_MS }, done) {
  let left = drainBytes;
  const settle = (isOver) => {
    time.clearTimeout(timer);
    req.removeListener('end', onEnd);
    req.removeListener('close', onEnd);
    reading.discard(() => {});
    done(isOver);
  };
  const onEnd = () => settle(true);
  const timer = time.unref(time.setTimeout(() => settle(false), drainMs));
  req.on('end', onEnd);
  req.on('close', onEnd);
  reading.discard((bytes) => {
    left -= bytes;
    if (left < 0) settle(false);
  });
}

/** Stops reading: ends the connection, or in HTTP/2 the stream. */
function cutOff(reading, req) {
  reading.stop();
  req.on('error', () => {});
  endRequest(req);
}

module.exports = { DRAIN_BYTES, DRAIN_MS, cutOff, drain, drainReaders };
