'use strict';

// What may be asked of a stream of zlib, as a list of steps, and what comes of it: so that two makers of such streams can be compared.

const { once } = require('node:events');
const zlib = require('node:zlib');

const { Z_FULL_FLUSH, Z_PARTIAL_FLUSH, Z_SYNC_FLUSH } = zlib.constants;
const FLUSHES = [Z_PARTIAL_FLUSH, Z_SYNC_FLUSH, Z_FULL_FLUSH];
const EVENTS = ['finish', 'end', 'error', 'close'];

const WORDS = ['"id":', '"name":', 'product ', 'shelf-', '{', '},', '0.99', '\u00e9\u00df', 'new'];

/** Text that deflate can shorten, of `length` words. */
const textOf = (random, length) =>
  Array.from({ length }, () => WORDS[random(WORDS.length)] + random(100)).join('');

const picked = (random, all) => all[random(all.length)];

/** Options of a compressor. */
function optionsOf(random) {
  const options = {};
  const set = (name, all) => {
    if (random(3) === 0) options[name] = picked(random, all);
  };
  set('level', [-1, 0, 1, 5, 6, 9]);
  set('memLevel', [1, 4, 8, 9]);
  set('windowBits', [9, 12, 15]);
  set('strategy', [0, 1, 2, 3, 4]);
  set('chunkSize', [64, 1000, 16384, 65536]);
  set('highWaterMark', [1, 1000, 65536]);
  return random(4) === 0 ? undefined : options;
}

/**
 * Steps `[kind, value, isAwaited]`; what is not awaited is followed at once by the next. params() is: Node changes the settings when it calls back, and where the thread pool
 * is at the next write by then, the process ends.
 */
function stepsOf(random) {
  const steps = Array.from({ length: random(6) }, () => {
    const isAwaited = random(2) === 0;
    const kind = random(10);
    if (kind === 0) return ['flush', picked(random, FLUSHES), isAwaited];
    if (kind === 1) return ['params', [random(10), random(5)], true];
    return ['write', Buffer.from(textOf(random, random(random(3) === 0 ? 5000 : 50))), isAwaited];
  });
  return [...steps, ['end', picked(random, [undefined, Buffer.from(textOf(random, 20))]), false]];
}

const ACTS = {
  write: (stream, value, callback) => stream.write(value, callback),
  flush: (stream, kind, callback) => stream.flush(kind ?? Z_FULL_FLUSH, callback),
  params: (stream, [level, strategy], callback) => stream.params(level, strategy, callback),
  end: (stream, value, callback) => stream.end(value, callback),
  destroy: (stream, value, callback) => process.nextTick(callback, stream.destroy(value)),
};

/** Resolves to `{ events, bytes, written }`, once the stream is closed. */
async function follow(stream, steps) {
  const events = [];
  const chunks = [];
  for (const event of EVENTS) stream.on(event, (error) => events.push(error?.code ?? event));
  stream.on('data', (chunk) => chunks.push(chunk));
  const closed = once(stream, 'close');
  closed.catch(() => {}); // of 'error'
  for (const [kind, value, isAwaited] of steps) {
    const called = new Promise((resolve) => ACTS[kind](stream, value, resolve));
    if (isAwaited) await Promise.race([called, closed.catch(() => {})]);
  }
  if (!stream.closed) await new Promise((resolve) => stream.once('close', resolve));
  return { events, bytes: Buffer.concat(chunks), written: stream.bytesWritten };
}

module.exports = { follow, optionsOf, stepsOf, textOf };
