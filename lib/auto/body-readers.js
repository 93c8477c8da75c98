'use strict';

// The functions that changed parsers call (known-parsers.js). Each gets its chunks from Node's
// parser, if that is possible (node/direct-body.js), and calls one of these when it has copied
// them.

const { subscribe } = require('node:diagnostics_channel');
const { Readable, Writable } = require('node:stream');
const { announcedBy } = require('../base/announced.js');
const { nodeHas, kEvents, kState, readsAlone, textOf } = require('../base/internals.js');
const { itemOf } = require('../base/item-of.js');
const { bindsBodies } = require('../base/runtime.js');
const { bufferOf } = require('../base/views.js');
const { DirectBody, goesOn } = require('../node/direct-body.js');
const { allow, functionsOf, isOfNode, isOfPipe, readsOf } = require('../node/own-methods.js');
const { watchConnection, watchFirst } = require('../node/parser-chunks.js');
const { release } = require('../node/release.js');
const { prepare } = require('../memory/foreign.js');
const { DECODERS, PLAIN_BODY, hashOf } = require('./known-parsers.js');

prepare(); // before the first body arrives

// The first body may come before anybody reads it.
if (bindsBodies) subscribe('http.server.request.start', ({ request }) => watchConnection(request));

/** Giving back a smaller body takes longer than it saves. */
const SMALL = 16 * 1024;

const counts = { bodies: 0, bytes: 0 };

const concats = functionsOf(Buffer, ['concat']);
const decodes = functionsOf(Buffer.prototype, ['toString']);

/** Whether Node's own functions have copied a body. Patched ones may keep the chunks. */
const isCopied = () => concats.areOn(Buffer) && decodes.areOn(Buffer.prototype);

function give(chunk) {
  counts.bytes += release(chunk);
}

const verdicts = new WeakMap(); // a decoder's write() -> whether it keeps no chunk

const isKnown = (write) =>
  itemOf(verdicts, write, () => isOfNode(write) || DECODERS.includes(hashOf(textOf(write))));

/** Whether a decoder of iconv-lite, and all decoders that it passes chunks to, keep no chunk. */
function keepsNone(decoder) {
  for (let one = decoder; one !== undefined; one = one.decoder) {
    if (typeof one.write !== 'function' || !isKnown(one.write)) return false;
  }
  return true;
}

const { set, subarray } = Uint8Array.prototype;

/** The announced length is allocated only up to so many times the bytes that have come. */
const AHEAD = 16;

/**
 * A body that a listener of 'data' reads. If its length is announced, chunks are copied into the
 * body's Buffer as they come, and freed at once, so that the next chunk gets the same memory, which
 * is still in the processor's caches.
 */
class Body {
  #direct;
  #announced;
  #size = 0; // of all chunks
  #whole = null; // a Buffer for all of them
  #kept = []; // chunks that no other code has had

  constructor(stream, listener, announced) {
    this.#direct = new DirectBody(stream, listener);
    this.#announced = announced;
  }

  /** Called once the listener is added. */
  begin() {
    if (this.#direct.begin()) counts.bodies += 1;
    else this.#direct = undefined;
  }

  #isOurs(chunk) {
    return this.#direct !== undefined && this.#direct.given === chunk;
  }

  /** The listener keeps what this returns for concat(). */
  keep(chunk) {
    const at = this.#size;
    this.#size += chunk.length;
    if (!this.#isOurs(chunk)) return chunk;
    const whole = this.#room();
    if (whole === null) {
      this.#kept.push(chunk);
      return chunk;
    }
    set.call(whole, chunk, at);
    give(chunk);
    return subarray.call(whole, at, this.#size);
  }

  /** Like keep(), but copies chunks that other code has too, because that may change them. */
  own(chunk) {
    return this.keep(this.#isOurs(chunk) ? chunk : Buffer.concat([chunk]));
  }

  /**
   * Where to copy the chunk that ends at #size; null if it must wait. Not into a Buffer of Node's
   * pool, which could be taken for a chunk.
   */
  #room() {
    const announced = this.#announced;
    if (announced <= Buffer.poolSize || announced > AHEAD * this.#size) return null;
    if (!isCopied()) return null;
    this.#whole ??= Buffer.allocUnsafe(announced);
    return this.#size <= announced ? this.#whole : null;
  }

  decode(decoder, chunk) {
    const isOurs = this.#isOurs(chunk) && keepsNone(decoder);
    const text = decoder.write(chunk);
    if (isOurs) give(chunk);
    return text;
  }

  concat(chunks) {
    const body = this.#filled(chunks) ?? Buffer.concat(chunks);
    this.copied(body);
    return body;
  }

  /** Completes the Buffer of the whole body with the chunks that other code had. */
  #filled(chunks) {
    const whole = this.#whole;
    if (whole === null || whole.length !== this.#size || !isCopied()) return undefined;
    let at = 0;
    for (const chunk of chunks) {
      if (bufferOf.call(chunk) !== whole.buffer) set.call(whole, chunk, at);
      at += chunk.length;
    }
    return whole;
  }

  /** Called when all chunks are in `body`, a Buffer or a string, and no longer needed. */
  copied(body) {
    if (!isCopied()) return;
    for (const chunk of this.#kept) if (bufferOf.call(chunk) !== body.buffer) give(chunk);
    this.#kept = [];
    if (typeof body === 'string' && this.#whole !== null) release(this.#whole);
  }

  /** Called when the listener is removed. */
  end() {
    this.#direct?.end();
    this.#direct = undefined;
  }
}

const isSmall = (length) => length > 0 && length <= SMALL;

/**
 * What a changed function calls for the body that `listener` will read. `length`: the announced
 * one, if the function has it, because reading it from the headers takes 600 instructions.
 */
function bodyOf(stream, listener, length) {
  const announced = isSmall(length) ? length : stream.rawHeaders && announcedBy(stream);
  if (announced === undefined) return PLAIN_BODY;
  if (!isSmall(announced)) return new Body(stream, listener, announced);
  watchFirst(stream);
  return PLAIN_BODY;
}

// Busboy passes parts of a chunk to files. The chunk is freed once the parser is done with it and
// all parts were copied. If a part went anywhere else, it is not freed.

const notes = new WeakMap(); // ArrayBuffer of a chunk -> its note
const files = new WeakMap(); // stream of a file -> its FileBody
const uploads = new WeakSet(); // requests
const owners = new WeakMap(); // stream of a file -> the parser that it comes from
const sources = new WeakMap(); // parser -> what is piped to it
const parsers = new WeakSet(); // prototypes of busboy's parsers
const fileStreams = new WeakSet(); // prototypes of the streams of files
const searches = new WeakSet(); // classes of streamsearch

const readableMethods = readsOf(Readable);

class Note {
  #chunk;
  #parts = 0; // parts that were not copied yet
  #isParsed = false;

  constructor(chunk) {
    this.#chunk = chunk;
  }

  add() {
    this.#parts += 1;
  }

  copied() {
    this.#parts -= 1;
    this.#settle();
  }

  parsed() {
    this.#isParsed = true;
    this.#settle();
  }

  #settle() {
    if (this.#isParsed && this.#parts === 0) give(this.#chunk);
  }
}

const noteOf = (view) => notes.get(bufferOf.call(view));

/** Whether a pipe leads directly to busboy's parser. */
const isParser = (sink) =>
  parsers.has(Object.getPrototypeOf(sink)) &&
  !Object.hasOwn(sink, '_write') &&
  sink.write === Writable.prototype.write &&
  isOfNode(sink.write);

/** Notes the chunks of the request that `stream` is a file of, from now on. */
function watch(stream) {
  const sink = owners.get(stream);
  const req = sources.get(sink);
  const listener = req?.[kEvents]?.data;
  if (listener === undefined || uploads.has(req) || !isParser(sink) || !isOfPipe(listener)) return;
  uploads.add(req);
  const note = (chunk) => {
    if (isParser(sink)) notes.set(bufferOf.call(chunk), new Note(chunk));
  };
  if (new DirectBody(req, listener, sink, note).begin()) counts.bodies += 1;
}

/** A file that multer's memoryStorage() reads. */
class FileBody {
  #stream;
  #listener;
  #given;
  #kept = [];

  constructor(stream) {
    this.#stream = stream;
  }

  /** Called once its listener is added. */
  begin() {
    const stream = this.#stream;
    if (!fileStreams.has(Object.getPrototypeOf(stream))) return;
    this.#listener = stream[kEvents].data;
    if (typeof this.#listener !== 'function') return; // there are several
    files.set(stream, this);
    watch(stream);
  }

  /** Called by busboy with a part. Returns false if it must go through the stream. */
  takes(part) {
    const stream = this.#stream;
    if (!this.#isAlone()) return false;
    stream[kState].dataEmitted = true;
    this.#given = part;
    try {
      this.#listener.call(stream, part);
    } finally {
      this.#given = undefined;
    }
    return true;
  }

  #isAlone() {
    const stream = this.#stream;
    return readsAlone(stream, this.#listener) && readableMethods.areOn(stream);
  }

  keep(part) {
    if (part === this.#given) this.#kept.push(part);
    return part;
  }

  concat(parts) {
    const body = Buffer.concat(parts);
    if (isCopied()) for (const part of this.#kept.splice(0)) noteOf(part).copied();
    return body;
  }
}

/** The parts of a file for collect(), which has copied each when `direct.takes()` returns. */
function notePart(stream, direct) {
  if (direct === undefined) return undefined;
  files.set(stream, direct);
  watch(stream);
  const end = () => files.delete(stream);
  return { chunks: [], isDirect: true, pass: end, end, used: (part) => noteOf(part).copied() };
}

const fileKind = { methods: readableMethods, note: notePart, notesBefore: false };

const takes = (stream, part) =>
  noteOf(part) !== undefined && goesOn(stream[kState]) && files.get(stream)?.takes(part) === true;

/** The functions, by their names in known-parsers.js. */
const readers = {
  counts,
  responses: (Response) => require('./responses.js').changeResponses(Response),
  body: bodyOf,
  file: (stream) => new FileBody(stream),
  /**
   * What node/provenance.js has for Node's own classes; undefined for a stream that is no file of
   * busboy's.
   */
  kindOf: (stream) => (fileStreams.has(Object.getPrototypeOf(stream)) ? fileKind : undefined),
  parser(parser) {
    parser.on('pipe', (source) => sources.set(parser, source));
  },
  opened: (stream, parser) => owners.set(stream, parser),
  slice(data, start, end) {
    const part = data.slice(start, end);
    noteOf(part)?.add();
    return part;
  },
  push: (stream, part) => takes(stream, part) || stream.push(part),
  parsed: (chunk) => noteOf(chunk)?.parsed(),
  search(Search) {
    searches.add(Search);
    return Search;
  },
  busboy(Parser, FileStream, Search) {
    if (nodeHas('streams') && searches.has(Search)) {
      parsers.add(Parser.prototype);
      fileStreams.add(FileStream.prototype);
      allow(FileStream.prototype._read);
    }
    return Parser;
  },
};

module.exports = { readers };
