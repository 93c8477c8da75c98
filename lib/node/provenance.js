'use strict';

// Notes the chunks that Node itself passes to a stream, where it does so. All other chunks of the stream are the application's: they came by
// unshift(), push() or emit(), or were there before.

const fs = require('node:fs');
const { add } = require('./noted-chunks.js');
const { takeOnRead } = require('./on-read.js');
const { functionsOf, readsOf } = require('./own-methods.js');
const { noteMessage } = require('./parser-chunks.js');
const { release } = require('./release.js');
const { classTable } = require('./classes.js');
const { blockOf, give } = require('./blocks.js');

/** What the handle of a socket reads: for each chunk an ArrayBuffer. */
function noteHandle(socket, chunks) {
  const handle = socket._handle;
  const note = (onRead) =>
    function (ab) {
      if (ab !== undefined) add(chunks, ab);
      return onRead.call(this, ab);
    };
  const hook = takeOnRead(handle, note);
  if (hook === undefined) return undefined;
  return () => {
    if (handle.onread === hook.hooked) handle.onread = hook.onRead;
  };
}

/** A socket that connects may get another handle for each address that it tries; nothing is read before it is connected. */
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

/** Whether what a stream of a file reads into is made and filled by Node alone. */
const readsAlone = () => fileFunctions.areOn(fs) && bufferFunctions.areOn(Buffer);

let kFs; // Node's symbol of what a stream of a file calls in the place of node:fs

/** Where a stream of a file has its functions, if those are Node's; else undefined. */
function functionsKeyOf(stream) {
  const key =
    kFs ?? Object.getOwnPropertySymbols(stream).find(({ description }) => description === 'kFs');
  if (key === undefined || stream[key] !== fs) return undefined;
  kFs = key;
  return key;
}

/** Bytes up to the end that a stream of a file was told. */
const leftOf = ({ bytesRead, end, pos }) => end - (pos ?? bytesRead) + 1;

/**
 * What a ReadStream reads, by a function of its own in the place of fs.read(). Where less came than was asked for, at the end
 * of the file, Node copies it; here that is done before, and what was read into goes back at once.
 */
function noteFile(stream) {
  const key = functionsKeyOf(stream);
  if (key === undefined || !readsAlone()) return undefined;
  const chunks = [];
  let block; // to read into, in the place of what Node has made
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
    return block === undefined ? bytes : 1; // of which Node makes its Buffer, for nothing
  };
  stream[key] = Object.create(fs, { read: { value: read } });
  const end = () => {
    stream[key] = fs;
  };
  return { chunks, end, ask };
}

/** By the names of Node's classes: their methods, and note(stream) → `{ chunks, end() }`, or undefined where that cannot be. */
const kindOf = classTable({
  IncomingMessage: () => sourceKind(require('node:http').IncomingMessage, noteMessage, true),
  TLSSocket: () => sourceKind(require('node:tls').TLSSocket, noteSocket),
  Socket: () => sourceKind(require('node:net').Socket, noteSocket),
  ReadStream: () => sourceKind(fs.ReadStream, noteFile),
});

function sourceKind(of, note, notesBefore = false) {
  return { of, methods: readsOf(of), note, notesBefore };
}

module.exports = { functionsKeyOf, kindOf };
