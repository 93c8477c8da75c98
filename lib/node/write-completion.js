'use strict';

// The streams that are done with a chunk when the callback of its write is called, and have shown
// it to nobody, because they write to the kernel, or transform it. A stream that may pass a chunk
// on, or keep it, is not among them.

const fs = require('node:fs');
const { kHandle, kHasBody, nodeHas } = require('../base/internals.js');
const { classTable, functionsOf, isCompiled, writesOf } = require('./own-methods.js');
const { functionsKeyOf } = require('./provenance.js');

/** Whether a socket has a handle of Node. A connecting socket has none yet, or may get another. */
const isOnHandle = ({ [kHandle]: handle }) =>
  handle === null ||
  (isCompiled(handle?.writeBuffer, 'writeBuffer') && isCompiled(handle.writev, 'writev'));

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

const isKnown = (stream, { methods, check }, isWritten) =>
  methods.areOn(stream) && check(stream, isWritten);

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

module.exports = { completionCheckOf, isKnownSink };
