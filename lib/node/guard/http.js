'use strict';

// Messages of HTTP. What is written to one that has its socket goes there at once, and is held as
// every stream's. A message keeps chunks itself while it has no socket (a response behind another
// that is not over, a request whose connection is not there yet) and while it is corked; since Node
// 24.22 it corks itself with the first chunk of a turn.

const { ClientRequest, OutgoingMessage, ServerResponse } = require('node:http');
const net = require('node:net');
const { kFlush, kQueue, loadList, nodeHas } = require('../../base/internals.js');
const { kHolder } = require('../../base/protocol.js');
const { refused } = require('./refused.js');
const { withFirstHold, wrap } = require('../../base/wrap.js');

const { isView } = ArrayBuffer;

const kEnds = Symbol('ralloc.http.ends'); // of a message: functions that end the operations on the chunks that it keeps
const kWatched = Symbol('ralloc.http.watched'); // of a message: true if there is a listener for its close
const kMessages = Symbol('ralloc.http.messages'); // of a socket: the messages that wait for it

const major = Number.parseInt(process.versions.node, 10);
const corks = major >= 22; // Node 20 corks the socket instead
let corksItself = major >= 25; // on 24, which does so since 24.22, the first chunk shows it

let keeping = 0; // number of messages with kEnds; while it is 0, messages are not looked at

const isCorked = (message) => corks && message.writableCorked > 0;

/** Whether chunks wait in a message; as far as anybody knows, if that cannot be seen. */
const isQueueing = nodeHas('messages') ? (message) => message[kQueue].length > 0 : () => true;

const isKeeping = (message) =>
  isQueueing(message) || (message.chunkedEncoding && isCorked(message));

/** Called when all chunks of a message are with its socket, or never will be. */
function letGo(message) {
  const ends = message[kEnds];
  if (ends === undefined) return;
  message[kEnds] = undefined;
  keeping--;
  message.req?.socket?.[kMessages]?.delete(message);
  for (const end of ends) end();
}

function onClose() {
  letGo(this);
}

function onSocketClose() {
  for (const message of this[kMessages]) letGo(message);
}

/**
 * Listens for the end of a message, and of the socket that it waits for: Node 20 and 22 emit
 * nothing on a waiting message.
 */
function watch(message) {
  if (message[kWatched] !== true) {
    message[kWatched] = true;
    message.once('close', onClose);
  }
  const socket = message.req?.socket; // for a response
  if (message.socket || !socket) return;
  if (socket[kMessages] === undefined) {
    socket[kMessages] = new Set();
    socket.once('close', onSocketClose);
  }
  socket[kMessages].add(message);
}

const isOver = (message) =>
  message.closed === true || (!message.socket && message.req?.socket?.destroyed === true);

/**
 * Called after a chunk was written to `message`. Calls `end` once the message does not keep the
 * chunk any more.
 */
function keep(message, end, corkedItself) {
  if (!isKeeping(message) || isOver(message)) return end();
  if (message[kEnds] === undefined) {
    wrapEnds();
    message[kEnds] = [];
    keeping++;
  }
  message[kEnds].push(end);
  if (isQueueing(message) || !corkedItself) watch(message); // otherwise Node uncorks it in the next tick
  return undefined;
}

/** Called after chunks may have gone to the socket. */
function look(message) {
  if (message[kEnds] === undefined) return;
  if (isKeeping(message) && !isOver(message)) watch(message);
  else letGo(message);
}

/** Whether the message may keep the next chunk. */
const mayKeep = (message) =>
  !message.socket ||
  isCorked(message) ||
  (corksItself && (message.chunkedEncoding || !message.headersSent));

/**
 * Holds a chunk and returns the function that ends the hold. Throws for a dead chunk; if the
 * headers are already sent, also ends the connection, or the stream of HTTP/2, because the client
 * would take what an error handler writes next for another message.
 */
function take(message, holder, chunk) {
  try {
    return holder.take(chunk, 'http', message);
  } catch (error) {
    refused(message, error);
    const carrier = message.stream?.rstCode === undefined ? message : message.stream;
    if (message.headersSent) carrier.destroy(error);
    throw error;
  }
}

/**
 * Throws for a dead chunk. The socket's own write() would only destroy the socket, because the
 * server listens to its errors.
 */
function check(message, holder, chunk) {
  if (chunk.byteLength === 0 || holder.isFreed?.(chunk)) take(message, holder, chunk)();
}

/**
 * Writes a chunk whose hold the socket's write takes. The message may still keep it if the socket
 * ends or serves another message, or if the message corks itself.
 */
function give(method, message, holder, chunk, encoding, callback) {
  check(message, holder, chunk);
  const result = method.call(message, chunk, encoding, callback);
  if (isKeeping(message)) {
    corksItself ||= isCorked(message);
    keep(message, holder.take(chunk, 'http'), true);
  }
  return result;
}

function giveHeld(method, message, holder, chunk, encoding, callback) {
  const end = take(message, holder, chunk);
  const corksItselfNow = message.socket && !isCorked(message);
  try {
    return method.call(message, chunk, encoding, callback);
  } finally {
    keep(message, end, corksItselfNow);
  }
}

// Hot: called by most responses, most of which have their socket.
const makeWrite = (write) =>
  function (chunk, encoding, callback) {
    const holder = isView(chunk) ? chunk.buffer[kHolder] : undefined;
    if (holder === undefined) return write.call(this, chunk, encoding, callback);
    const how = mayKeep(this) ? giveHeld : give;
    return how(write, this, holder, chunk, encoding, callback);
  };

/**
 * end() uncorks. It is not replaced by write() and end(), because it sets Content-Length if the
 * chunk is the whole body.
 */
const makeEnd = (end) =>
  function (chunk, encoding, callback) {
    const holder = isView(chunk) ? chunk.buffer[kHolder] : undefined;
    if (holder === undefined) return end.call(this, chunk, encoding, callback);
    const how = this.socket ? give : giveHeld;
    return how(end, this, holder, chunk, encoding, callback);
  };

const makeFlush = (flush) =>
  function (socket) {
    try {
      return flush.call(this, socket);
    } finally {
      if (keeping > 0) look(this);
    }
  };

/**
 * A message that is destroyed without a socket, for example while it waits for its agent, is never
 * sent.
 */
const makeDestroy = (destroy) =>
  function (...args) {
    try {
      return Reflect.apply(destroy, this, args);
    } finally {
      if (keeping > 0 && !this.socket) letGo(this);
    }
  };

const OWN = [ClientRequest.prototype, ServerResponse.prototype];

// Node's classes have no own methods here. Patches may have added some that call saved ones of the
// prototype.
const wrapEnds = withFirstHold('http', () => {
  const { prototype } = OutgoingMessage;
  for (const name of ['uncork', kFlush]) wrap(prototype, name, makeFlush);
  wrap(prototype, 'destroy', makeDestroy);
  for (const own of OWN) if (own.destroy !== prototype.destroy) wrap(own, 'destroy', makeDestroy);
});

function guardMessages() {
  const { prototype } = OutgoingMessage;
  wrap(prototype, 'write', makeWrite);
  wrap(prototype, 'end', makeEnd);
  for (const own of OWN) {
    wrap(own, 'write', makeWrite);
    if (own.end !== prototype.end) wrap(own, 'end', makeEnd);
  }
}

// Responses of HTTP/2, by the compatibility API. What is written to them goes to their stream at
// once, which holds it. But a dead chunk would reach that behind the headers, and destroy it: here
// it throws before anything is sent.
//
// To load http2 takes 10 ms and more, and a megabyte. So it is not loaded for this: who has a
// server of it has loaded it.

const makeHttp2Write = (write) =>
  function (chunk, encoding, callback) {
    const holder = isView(chunk) ? chunk.buffer[kHolder] : undefined;
    if (holder !== undefined) check(this, holder, chunk);
    return write.call(this, chunk, encoding, callback);
  };

let isGuarded = false;

function guardResponses() {
  if (isGuarded) return;
  // Not require(): a closure that stays installed would keep it, and with it all of this copy of
  // ralloc.
  const { Http2ServerResponse } = process.getBuiltinModule('node:http2');
  wrap(Http2ServerResponse.prototype, 'write', makeHttp2Write); // end() calls it
  isGuarded = true;
}

function isOfHttp2(server) {
  for (let one = server; one; one = Object.getPrototypeOf(one)) {
    if (/^Http2(?:Secure)?Server$/.test(one.constructor?.name)) return true;
  }
  return false;
}

const makeListen = (listen) =>
  function (...args) {
    if (isOfHttp2(this)) guardResponses();
    return Reflect.apply(listen, this, args);
  };

function guardHttp2() {
  if (loadList.includes('NativeModule http2')) guardResponses();
  else wrap(net.Server.prototype, 'listen', makeListen);
}

module.exports = { guardHttp2, guardMessages };
