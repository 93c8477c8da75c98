'use strict';

// The streams that are done with a chunk when the callback of its write is called, and have shown
// it to nobody, because they write to the kernel, or transform it. A stream that may pass a chunk
// on, or keep it, is not among them. And the chunks that go from one stream to another.

const fs = require('node:fs');
const { isUint8Array } = require('node:util').types;
const { kHandle, kHasBody, nodeHas } = require('../base/internals.js');
const { leave } = require('../memory/foreign.js');
const { classTable, functionsOf, isCompiled, writesOf } = require('./own-methods.js');
const { functionsKeyOf } = require('./provenance.js');
const { release } = require('./release.js');

/** Whether a socket has a handle of Node. A connecting socket has none yet, or may get another. */
function isOnHandle({ [kHandle]: handle }) {
  return (
    handle === null ||
    (isCompiled(handle?.writeBuffer, 'writeBuffer') && isCompiled(handle.writev, 'writev'))
  );
}

/**
 * Whether a message has its socket. Before, it keeps written chunks; a message without a body drops
 * them.
 */
function isOnSocket({ socket, [kHasBody]: hasBody }, isWritten) {
  if (!socket) return !isWritten || hasBody === false;
  const kind = kindOf(socket);
  return kind?.check === isOnHandle && isKnown(socket, kind, isWritten);
}

/** Whether a stream of zlib has a handle of Node. A closed one has none. */
const isOnZlib = ({ [kHandle]: handle }) => handle === null || isCompiled(handle?.write, 'write');

const fileFunctions = functionsOf(fs, ['write', 'writev']);

const isOnFile = (stream) => functionsKeyOf(stream) !== undefined && fileFunctions.areOn(fs);

const always = () => true;

const sinkKind = (of, check = always) => ({ of, methods: writesOf(of), check });

const messageKind = (of) => sinkKind(of, nodeHas('messages') ? isOnSocket : () => false);

const names = {
  TLSSocket: () => sinkKind(require('node:tls').TLSSocket, isOnHandle),
  Socket: () => sinkKind(require('node:net').Socket, isOnHandle),
  ServerResponse: () => messageKind(require('node:http').ServerResponse),
  ClientRequest: () => messageKind(require('node:http').ClientRequest),
  WriteStream: () => sinkKind(fs.WriteStream, isOnFile),
};
for (const name of [
  'Gzip',
  'Gunzip',
  'Deflate',
  'Inflate',
  'DeflateRaw',
  'InflateRaw',
  'Unzip',
  'BrotliCompress',
  'BrotliDecompress',
  'ZstdCompress',
  'ZstdDecompress',
]) {
  names[name] = () => sinkKind(require('node:zlib')[name], isOnZlib);
}
for (const name of ['Cipheriv', 'Decipheriv', 'Hash', 'Hmac', 'Sign', 'Verify']) {
  names[name] = () => sinkKind(require('node:crypto')[name]);
}

const kindOf = classTable(names);

function isKnown(stream, { methods, check }, isWritten) {
  return methods.areOn(stream) && check(stream, isWritten);
}

/**
 * Returns a function that tells whether `stream` is still as Node made it: call it before each
 * write, and with true in the write's callback. Returns undefined if the stream is not so now.
 */
function completionCheckOf(stream) {
  const kind = kindOf(stream);
  if (kind === undefined || !isKnown(stream, kind, false)) return undefined;
  return (isWritten) => isKnown(stream, kind, isWritten);
}

/** Whether a stream is of one of those classes, patched or not. */
const isKnownSink = (stream) => kindOf(stream) !== undefined;

// Streams of small pieces, such as events, are no longer watched: it would take longer than it
// saves.
const PIECE = 4 * 1024;
const MANY = 32;

/**
 * Frees the chunks that go from one stream to another, each in the callback of its write: then the
 * sink is done with it, and nobody else has it. For Link and for watched pipes.
 */
class Handover {
  #sink;
  #isUntouched;
  #chunks;
  #give;
  #pieces = 0; // small pieces in a row
  #pending = 0; // bytes whose callback was not called yet
  #isOver = false; // whether later callbacks are ignored

  /**
   * `chunks`: the StreamChunks of the source. `isUntouched`: completionCheckOf(sink). `give(chunk)`
   * frees a chunk.
   */
  constructor(sink, isUntouched, chunks, give = release) {
    this.#sink = sink;
    this.#isUntouched = isUntouched;
    this.#chunks = chunks;
    this.#give = give;
  }

  /**
   * Returns the callback for writing a chunk that the source has just emitted; undefined if other
   * code may have the chunk.
   */
  callbackOf(chunk) {
    if (chunk?.length >= PIECE) this.#pieces = 0;
    else if (++this.#pieces === MANY) this.#chunks.end();
    if (!isUint8Array(chunk) || !this.#chunks.isOurs(chunk)) return undefined;
    const bytes = chunk.byteLength;
    if (!this.#isUntouched(false)) {
      leave('seen', bytes);
      return undefined;
    }
    const { socket } = this.#sink; // a message has none any more when it is over
    this.#pending += bytes;
    return (error) => this.#onWritten(chunk, bytes, socket, error);
  }

  #onWritten(chunk, bytes, socket, error) {
    if (this.#isOver) return;
    this.#pending -= bytes;
    if (error || this.#sink.destroyed || socket?.destroyed) leave('unwritten', bytes);
    else if (this.#isUntouched(true)) this.#give(chunk);
    else leave('seen', bytes);
  }

  /** Leaves unwritten chunks to V8, because their callbacks may never be called. */
  fail() {
    this.#isOver = true;
    leave('unwritten', this.#pending);
    this.#pending = 0;
  }
}

module.exports = { completionCheckOf, isKnownSink, Handover };
