'use strict';

// Who captures the chunks that pump() moves.

const { once } = require('node:events');
const net = require('node:net');
const { Writable } = require('node:stream');
const { sameBytes } = require('./bytes.js');
const { stats } = require('../..');
const { listen } = require('./pumps.js');

const PIECE = 65_536;
const PIECES = 16;

/** Every piece has its own byte, so that a part of any length can be judged. */
const piecesOf = (count) =>
  Buffer.concat(Array.from({ length: count }, (_, i) => Buffer.alloc(PIECE, i + 1)));
const bytes = piecesOf(PIECES);

/** Keeps chunks, and what they were. */
class Keeper {
  #kept = [];

  keep(chunk) {
    if (Buffer.isBuffer(chunk)) this.#kept.push([chunk, Buffer.from(chunk)]);
  }

  /** `isFilled`: what was kept had its bytes then. */
  check(t, isFilled = true) {
    t.true(this.#kept.length > 0);
    for (const [chunk, copy] of this.#kept) {
      t.true(chunk.length > 0);
      if (isFilled) sameBytes(t, chunk, copy);
    }
  }
}

/** `object[name]` is replaced for good, and keeps what it is called with. */
function tap(object, name, keeper) {
  const method = object[name];
  object[name] = function (...args) {
    for (const one of args.flat()) keeper.keep(one?.chunk ?? one);
    return Reflect.apply(method, this, args);
  };
  return () => {
    object[name] = method;
  };
}

/** Who captures the chunks of a source: `capture(source, keeper)`. */
const ofSource = {
  'a listener of data': (source, keeper) => source.on('data', (chunk) => keeper.keep(chunk)),
  'a listener of data that is gone when one counts': (source, keeper) =>
    source.prependOnceListener('data', (chunk) => keeper.keep(chunk)),
  'a pipe': (source, keeper) =>
    source.pipe(
      new Writable({
        write(chunk, _encoding, done) {
          keeper.keep(chunk);
          done();
        },
      }),
    ),
  'a method emit()': (source, keeper) => tap(source, 'emit', keeper),
  'a method push()': (source, keeper) => tap(source, 'push', keeper),
};

/** And of a sink. */
const ofSink = {
  'a method write()': (sink, keeper) => tap(sink, 'write', keeper),
  'a method _write()': (sink, keeper) => {
    tap(sink, '_write', keeper);
    tap(sink, '_writev', keeper);
  },
};

/** A source whose chunks come one by one: step() sends the next. */
async function stepwise(t) {
  const server = net.createServer();
  const to = await listen(t, server);
  const accepted = once(server, 'connection');
  const stream = net.connect(to);
  const [peer] = await accepted;
  t.teardown(() => stream.destroy());
  let sent = 0;
  const send = (upTo) => {
    peer.write(bytes.subarray(sent, upTo));
    sent = upTo;
  };
  return { stream, peer, send, end: () => peer.end(bytes.subarray(sent)) };
}

async function releasedBy(work) {
  const { released } = stats().bodies;
  await work();
  return stats().bodies.released - released;
}

module.exports = { Keeper, PIECE, bytes, ofSink, ofSource, piecesOf, releasedBy, stepwise, tap };
