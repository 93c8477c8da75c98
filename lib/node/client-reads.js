'use strict';

// The chunks that a client's socket reads for HTTP/1 messages. Node's parser gives a message copies
// of their parts, so nobody has a chunk once it is parsed, except for a parser error, which has it
// as `rawPacket`, and the head of an upgrade, which is a part of it.

const internals = require('../base/internals.js');
const { kEvents, kHandle, kMessage, kOnRead, kState, readsAlone } = internals;
const { leave } = require('../memory/foreign.js');
const { classTable, isCompiled, isOfNode, readsOf } = require('./own-methods.js');
const { releaseWhole } = require('./release.js');

const socketKind = (of) => ({ of, methods: readsOf(of) });

const kindOf = classTable({
  TLSSocket: () => socketKind(require('node:tls').TLSSocket),
  Socket: () => socketKind(require('node:net').Socket),
});

let nodesOnData; // Node's listener of 'data' that gives a client's parser its chunks

/** Whether `listener` is Node's. Does not call it to find out. */
function isNodesOnData(listener) {
  if (listener === nodesOnData) return listener !== undefined;
  if (typeof listener !== 'function') return false;
  if (!internals.isOnData(internals.textOf(listener)) || !isOfNode(listener)) return false;
  nodesOnData = listener;
  return true;
}

let reading; // the ArrayBuffer that a parser is reading now
let isCopied; // whether no message has got a part of it

/** Called when a parser gives `chunk` to a message. */
function notePart(chunk) {
  if (reading !== undefined && chunk.buffer === reading) isCopied = false;
}

/**
 * Whether chunks wait in the socket, as while it is paused because the message has enough. Any code
 * may read them there.
 */
const isWaiting = ({ length, flowing }) => length > 0 || flowing !== true;

/** Whether chunks go only to Node's parser. */
function goesToParser(socket, handle, { methods, isParsing }) {
  const { parser } = socket;
  return (
    socket[kHandle] === handle &&
    readsAlone(socket, nodesOnData) &&
    !socket.destroyed &&
    parser?.socket === socket &&
    isParsing(parser) &&
    methods.areOn(socket)
  );
}

/** Whether Node is done with a parsed chunk: neither an error nor an upgrade has it. */
function isUsedUp(socket, parser, request) {
  const { res: message, method } = request;
  if (message.upgrade || request.upgradeOrConnect || method === 'CONNECT') return false;
  if (socket[internals.kHadError] !== false) return false;
  if (socket.parser !== parser) return message.complete && socket.parser === null;
  return parser.incoming === message && socket[kEvents].data === nodesOnData;
}

/**
 * Replaces Node's onread function of a handle, for as long as the handle lives, because many
 * messages follow each other on it.
 */
function behind(socket, handle, rules) {
  let total = handle.bytesRead;
  const make = (onRead) => {
    const hooked = function (ab) {
      const before = total;
      total = handle.bytesRead;
      const bytes = total - before;
      const { parser, [kMessage]: request, [kState]: state } = socket;
      const waits = isWaiting(state);
      // A read within another read comes from unknown code.
      const isAlone =
        ab !== undefined &&
        reading === undefined &&
        this === handle &&
        handle[kOnRead] === hooked &&
        goesToParser(socket, handle, rules);
      if (!isAlone) isCopied = false;
      else [reading, isCopied] = [ab, true];
      let result;
      try {
        result = onRead.call(this, ab);
      } finally {
        if (isAlone) reading = undefined;
      }
      const message = request?.res;
      if (ab === undefined || !message || !rules.isNoted(message)) return result;
      if (waits || state.length > 0 || socket.destroyed) return result;
      if (isAlone && isCopied && isUsedUp(socket, parser, request)) releaseWhole(ab, bytes);
      else leave('seen', bytes);
      return result;
    };
    passing.add(hooked);
    return hooked;
  };
  takeOnRead(handle, make);
}

/**
 * Called for a noted `message`. If it is a client's response, the chunks that its socket reads from
 * now on are freed once they are parsed. `isParsing(parser)`: whether it is Node's parser and calls
 * notePart() with what it gives to messages; `isNoted(message)`: whether the message is still
 * noted.
 */
function watchResponse(message, isParsing, isNoted) {
  if (typeof message.method === 'string') return; // a server's: looking for `req` in vain takes long
  const { socket, req: request } = message;
  if (!request || request !== socket?.[kMessage] || request.res !== message) return;
  const handle = socket[kHandle];
  if (!handle || passing.has(handle[kOnRead])) return;
  const kind = kindOf(socket);
  if (kind === undefined || !isNodesOnData(socket[kEvents]?.data)) return;
  if (!isCompiled(handle.readStart, 'readStart')) return; // not a handle of Node
  behind(socket, handle, { methods: kind.methods, isParsing, isNoted });
}

// The function by which the handle of a socket gives what it has read: Node's own, or one of
// ralloc's in its place.

let nodesOnRead; // one for all handles

/** ralloc's functions that stay on a handle, and that may be wrapped by another one. */
const passing = new WeakSet();

/**
 * Replaces a handle's function by make(function). Returns the new and the old one; undefined if it
 * was neither Node's nor ralloc's.
 */
function takeOnRead(handle, make) {
  const onRead = handle?.[kOnRead];
  if (onRead === undefined) return undefined;
  if (!passing.has(onRead)) {
    if (onRead !== nodesOnRead && !isOfNode(onRead)) return undefined;
    nodesOnRead = onRead;
  }
  const hooked = make(onRead);
  handle[kOnRead] = hooked;
  return { hooked, onRead };
}

module.exports = { notePart, watchResponse, takeOnRead };
