'use strict';

// The chunks that Node's parser gave a message of HTTP/1. A user's own Buffer comes in by
// unshift(), push() or emit() too. A soak of 20,000 requests with seven kinds of captures had wrong
// bytes without any of these rules.

const { bodyIndexOf, kState, nodeHas } = require('../base/internals.js');
const { kParsed } = require('../base/protocol.js');
const { bindsBodies } = require('../base/runtime.js');
const { notePart, watchResponse } = require('./client-reads.js');
const { isCompiled, isOfNode, readsOf } = require('./own-methods.js');

/**
 * Node's function that passes chunks to a message, and its index in a parser: the same for all
 * parsers.
 */
let nodesOnBody;
let bodyIndex;

/**
 * Sockets on which another function was once in front of onBody(). Node 26.12 calls the function
 * that a parser had at the first body of its connection for all bodies: that one may still be in
 * front when onBody() is in its place again.
 */
const shared = new WeakSet();

const isShared = (parser) => shared.has(parser.socket ?? parser);

const hasStreams = nodeHas('streams');

/** Whether no code has begun to read. */
const isUnread = ({ flowing, dataEmitted }) => flowing !== true && !dataEmitted;

// Once other code reads, nothing more is noted: otherwise a body that takes an hour would stay in
// memory.
function note(state, chunk) {
  const parsed = state[kParsed];
  if (parsed !== undefined && (parsed.isOurs || isUnread(state))) add(parsed.chunks, chunk);
  else if (parsed !== undefined) state[kParsed] = undefined;
  else if (isUnread(state)) state[kParsed] = { chunks: [chunk], isOurs: false };
}

/** Whether note() may do something. */
const mayNote = (state) => state !== undefined && (state[kParsed] !== undefined || isUnread(state));

let methods; // of node:http, which is already loaded if there is a parser

function isUntouched(message) {
  methods ??= readsOf(require('node:http').IncomingMessage);
  return methods.areOn(message);
}

// Hot where others read small bodies. isUntouched() comes last because it takes 350 instructions.
function onBody(chunk) {
  notePart(chunk);
  const message = this.incoming;
  const state = message?.[kState];
  // Code that replaced this function, or patched the message, may have the chunk.
  if (this[bodyIndex] !== onBody) shared.add(this.socket ?? this);
  else if (mayNote(state) && !isShared(this) && isUntouched(message)) {
    const parsed = state[kParsed];
    if (parsed !== undefined) parsed.isHeard = true;
    if (parsed?.direct?.takes(chunk)) return undefined;
    note(state, chunk);
  }
  return nodesOnBody.call(this, chunk);
}

const isWatched = (parser) => parser?.[bodyIndexOf(parser)] === onBody && !isShared(parser);

/** Whether a parser is Node's. Others may keep the chunks that they give. */
const isNodes = (parser) =>
  isCompiled(parser.constructor, 'HTTPParser') && isCompiled(parser.execute, 'execute');

/** Whether ralloc sees the chunks that a parser gives. */
const isParsing = (parser) => isWatched(parser) && isNodes(parser);

/**
 * Whether a message is noted, and its parser calls onBody(). On Node 26.12 it does not if a body
 * came on the connection before.
 */
function isNoted(message) {
  const parsed = message[kState]?.[kParsed];
  return parsed?.isOurs === true && parsed.isHeard === true;
}

/**
 * Watches the bodies that arrive on `socket`; from Node 26.12 on, before its first. Parsers are
 * pooled, so a parser stays watched.
 */
function watchParser({ parser }) {
  const index = bodyIndexOf(parser);
  if (typeof index !== 'number' || !hasStreams) return; // not HTTP/1, or not Node
  const method = parser[index];
  if (method === onBody) return;
  if (method !== nodesOnBody && !isOfNode(method)) return;
  if (!isNodes(parser)) return;
  nodesOnBody = method;
  bodyIndex = index;
  parser[index] = onBody;
}

function watchConnection({ socket }) {
  if (socket) watchParser(socket);
}

/**
 * Called for a message that is not noted: later ones on its connection may be. Watching costs each
 * small body a thousand instructions: before Node 26.12 a later, larger one begins it.
 */
function watchFirst(message) {
  if (bindsBodies) watchConnection(message);
}

/**
 * Returns the chunks of `message` noted from now on, and the earlier ones that are still unread;
 * undefined if none can be noted. When the parser has a chunk, `direct.takes(chunk)` is called
 * first: if it takes the chunk, that does not go through the stream.
 */
function noteMessage(message, direct) {
  const { socket, [kState]: state } = message;
  watchConnection(message);
  const isHooked = isWatched(socket?.parser);
  if (state[kParsed] === undefined && !isHooked) return undefined;
  const { chunks = [] } = state[kParsed] ?? {};
  const parsed = { chunks, isOurs: true, direct: isHooked ? direct : undefined };
  state[kParsed] = parsed;
  if (isHooked) watchResponse(message, isParsing, isNoted);
  return {
    chunks,
    isDirect: parsed.direct !== undefined,
    /** From now on all chunks go through the stream. */
    pass() {
      parsed.direct = undefined;
    },
    end() {
      state[kParsed] = undefined;
    },
  };
}

/** More chunks than wait in a stream of Node, unless they are very small. */
const MOST = 64;

/**
 * Adds a chunk to those that the next stream has not got yet. If there are too many, nothing takes
 * them out of the list any more (for example because a program replaced the sink's write()), and
 * they are dropped.
 */
function add(chunks, chunk) {
  if (chunks.length >= MOST) chunks.length = 0;
  chunks.push(chunk);
}

module.exports = { noteMessage, watchConnection, watchFirst, watchParser, add };
