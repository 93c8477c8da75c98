'use strict';

// Notes the chunks that Node itself passes to a stream, where it does so. All other chunks of the
// stream are the application's: they came by unshift(), push() or emit(), or were there before.

const fs = require('node:fs');
const { kFunctions, kHandle, kOnRead, nodeHas, symbolOf } = require('../base/internals.js');
const { takeOnRead } = require('./client-reads.js');
const { classTable, functionsOf, readsOf } = require('./own-methods.js');
const { add, noteMessage } = require('./parser-chunks.js');
const { release } = require('./release.js');
const { blockOf, give } = require('./blocks.js');

/** Notes the chunks that a socket's handle reads. Each has its own ArrayBuffer. */
function noteHandle(socket, chunks) {
  const handle = socket[kHandle];
  const note = (onRead) =>
    function (ab) {
      if (ab !== undefined) add(chunks, ab);
      return onRead.call(this, ab);
    };
  const hook = takeOnRead(handle, note);
  if (hook === undefined) return undefined;
  return () => {
    if (handle[kOnRead] === hook.hooked) handle[kOnRead] = hook.onRead;
  };
}

/**
 * While a socket connects, it may get a new handle for each address that it tries. It reads nothing
 * before it is connected.
 */
function noteSocket(socket) {
  const chunks = [];
  let end;
  const begin = () => {
    end = noteHandle(socket, chunks);
  };
  if (!socket.connecting) {
    begin();
    return end && { chunks, end };
  }
  socket.once('connect', begin);
  return {
    chunks,
    end() {
      socket.removeListener('connect', begin);
      end?.();
    },
  };
}

const fileFunctions = functionsOf(fs, ['read']);
const bufferFunctions = functionsOf(Buffer, ['allocUnsafeSlow']);

/** Whether only Node creates and fills the memory that a file's stream reads into. */
const readsAlone = () => fileFunctions.areOn(fs) && bufferFunctions.areOn(Buffer);

let functionsKey; // the symbol under which Node's file streams have their functions of fs

/** The key of a file stream's functions, if these are Node's; otherwise undefined. */
function functionsKeyOf(stream) {
  const key = functionsKey ?? symbolOf(stream, kFunctions);
  if (key === undefined || stream[key] !== fs) return undefined;
  functionsKey = key;
  return key;
}

/** Bytes left up to the `end` of a file's stream. */
const leftOf = ({ bytesRead, end, pos }) => end - (pos ?? bytesRead) + 1;

/**
 * Notes the chunks of a ReadStream, by giving it its own read function instead of fs.read(). A
 * short read at the end of the file would be copied by Node; the function copies it first, and
 * takes the read's memory back at once.
 */
function noteFile(stream) {
  const key = functionsKeyOf(stream);
  if (key === undefined || !readsAlone()) return undefined;
  const chunks = [];
  let block; // the memory to read into, instead of Node's
  const take = (buffer, bytes, drop) => {
    let chunk = buffer;
    if (bytes < buffer.length) {
      chunk = Buffer.allocUnsafeSlow(bytes);
      buffer.copy(chunk, 0, 0, bytes);
      drop(buffer);
    }
    if (bytes > 0) add(chunks, chunk);
    return bytes > 0 ? chunk : buffer;
  };
  const read = (fd, made, offset, length, position, callback) => {
    const isAlone = readsAlone();
    const buffer = block ?? made;
    const most = block?.length ?? length;
    block = undefined;
    fs.read(fd, buffer, offset, most, position, (error, bytes, target) => {
      const isOurs = isAlone && !error && target === buffer && !stream.destroyed && readsAlone();
      callback(
        error,
        bytes,
        isOurs ? take(buffer, bytes, buffer === made ? release : give) : target,
      );
    });
  };
  const ask = (bytes) => {
    block = readsAlone() ? blockOf(Math.min(bytes, leftOf(stream))) : undefined;
    return block === undefined ? bytes : 1; // Node allocates a Buffer of this size, which is not used
  };
  stream[key] = Object.create(fs, { read: { __proto__: null, value: read } });
  const end = () => {
    stream[key] = fs;
  };
  return { chunks, end, ask };
}

/**
 * For Node's classes, by name: their methods, and note(stream), which returns `{ chunks, end() }`,
 * or undefined if that is not possible.
 */
const kinds = {
  IncomingMessage: () => sourceKind(require('node:http').IncomingMessage, noteMessage, true),
  TLSSocket: () => sourceKind(require('node:tls').TLSSocket, noteSocket),
  Socket: () => sourceKind(require('node:net').Socket, noteSocket),
  ReadStream: () => sourceKind(fs.ReadStream, noteFile),
};
const kindOf = classTable(nodeHas('streams') ? kinds : {});

function sourceKind(of, note, notesBefore = false) {
  return { of, methods: readsOf(of), note, notesBefore };
}

module.exports = { functionsKeyOf, kindOf };
