'use strict';

// Weak references to what Node makes: sockets, children, streams of HTTP/2, of files and of
// node:zlib. Most come by channels of node:diagnostics_channel. Node tells nothing of the streams
// of files and of node:zlib, so two functions are patched, and only by install():
// `fs.createWriteStream`, and the assignment of the handle in the constructor of zlib's streams.

const { subscribe } = require('node:diagnostics_channel');
const fs = require('node:fs');
const { syncBuiltinESMExports } = require('node:module');
const { attempt } = require('../base/attempt.js');
const { kHandle } = require('../base/internals.js');
const { Patches } = require('../base/patches.js');
const time = require('../base/time.js');

const FRESH_MS = 1000;
const MOST_PLACES = 1024; // that are kept for what is new

/**
 * Of the places for what is new, so many are looked at for each new object: what is finished there
 * is let go.
 */
const CHECKED = 4;

/**
 * Objects of a kind, as long as somebody has them and they are not finished. V8 keeps the target of
 * a WeakRef until a major collection, with all that it has. So only what is there for longer gets
 * one: most streams and many sockets are finished before. Till then they are in an array that is
 * used again and again: dead tables of a Set that are old would keep them as long.
 */
class Kind {
  #fresh = []; // objects, and null
  #hand = 0; // the last place that was looked at
  #refs = [];
  #most = 64; // of refs; beyond it, those that are finished are dropped
  #first = 0; // of the next sample
  #isOver;

  /** `isOver(object)`: whether it is finished, so that it has nothing any more. */
  constructor(isOver) {
    this.#isOver = isOver;
  }

  add(object) {
    const fresh = this.#fresh;
    let place = fresh.length;
    for (let i = Math.min(CHECKED, fresh.length); i > 0; i--) {
      this.#hand = (this.#hand + 1) % fresh.length;
      const one = fresh[this.#hand];
      if (one !== null && !this.#isOver(one)) continue;
      place = this.#hand;
      fresh[place] = null;
    }
    fresh[place] = object;
    settleLater();
  }

  settle() {
    for (const one of this.#fresh)
      if (one !== null && !this.#isOver(one)) this.#refs.push(new WeakRef(one));
    if (this.#fresh.length > MOST_PLACES) this.#fresh = [];
    else this.#fresh.fill(null);
    if (this.#refs.length >= this.#most) this.#sweep();
  }

  #sweep() {
    this.#refs = this.#refs.filter((ref) => {
      const object = ref.deref();
      return object !== undefined && !this.#isOver(object);
    });
    this.#most = 64 + 2 * this.#refs.length;
  }

  /**
   * Returns `{ objects, share }`: all if they are at most `most`, else a sample, of which each
   * stands for `share` objects. The next sample has others.
   */
  some(most) {
    this.settle();
    if (this.#refs.length > most) this.#sweep();
    return this.#sample(most, []);
  }

  /**
   * The same with what is new, for which it makes no weak references: for looks that are less than
   * a second apart.
   */
  peek(most) {
    return this.#sample(most, this.#fresh);
  }

  #sample(most, fresh) {
    const refs = this.#refs;
    const step = Math.max(1, Math.ceil((refs.length + fresh.length) / most));
    const from = this.#first++ % step;
    const objects = [];
    for (let index = from; index < refs.length; index += step) objects.push(refs[index].deref());
    for (let index = from; index < fresh.length; index += step) objects.push(fresh[index]);
    const isOpen = (one) => one !== undefined && one !== null && !this.#isOver(one);
    return { objects: objects.filter(isOpen), share: step };
  }
}

let timer = null;

function settleAll() {
  timer = null;
  for (const kind of Object.values(kinds)) kind.settle();
}

function settleLater() {
  if (timer !== null) return;
  timer = undefined; // so that this turn sets no second timer
  time.outside(() => {
    timer = time.unref(time.setTimeout(settleAll, FRESH_MS));
  });
}

const isDestroyed = ({ destroyed }) => destroyed === true;

const kinds = {
  sockets: new Kind(isDestroyed),
  http2: new Kind(isDestroyed),
  children: new Kind(({ exitCode, signalCode }) => (exitCode ?? signalCode) !== null),
  files: new Kind(isDestroyed),
  zlib: new Kind(({ destroyed, [kHandle]: handle }) => destroyed || !handle),
};

/**
 * Property of a connection: what it had read when the headers of its last request with a body were
 * read.
 */
const kRead = Symbol('ralloc.read');

const hasNoBody = (method) => method === 'GET' || method === 'HEAD';

let hasTls = false;

/** Called for each request: most have no body, and no TLS. */
function onRequest({ request, socket }) {
  if (!hasTls && request.method === 'GET') return;
  if (socket.encrypted && socket[kRead] === undefined) {
    socket[kRead] = 0;
    kinds.sockets.add(socket);
  }
  if (!hasNoBody(request.method)) socket[kRead] = socket.bytesRead;
}

function onConnection({ socket }) {
  if (socket.server?.setSecureContext === undefined) kinds.sockets.add(socket);
  else hasTls = true; // the socket that its requests have is another one
}

/** Channel -> what to do, of which nothing throws. Node publishes to those of HTTP/2 from 22 on. */
const CHANNELS = {
  'net.client.socket': ({ socket }) => kinds.sockets.add(socket),
  'net.server.socket': onConnection,
  'undici:client:connected': ({ socket }) => kinds.sockets.add(socket),
  'http.server.request.start': onRequest,
  'http2.server.stream.created': ({ stream }) => kinds.http2.add(stream),
  child_process: ({ process: child }) => kinds.children.add(child),
};

let isWatching = false;
let users = 0; // of install()
const patches = new Patches();

/** Subscribes to the channels. What was made before is not seen. */
function watch() {
  if (isWatching) return;
  isWatching = true;
  for (const [name, add] of Object.entries(CHANNELS)) subscribe(name, add);
}

/** The prototype of all streams of node:zlib. */
const zlibBase = () =>
  Object.getPrototypeOf(Object.getPrototypeOf(require('node:zlib').Gzip.prototype));

/**
 * Notes each stream of node:zlib once its constructor assigns its handle. As an own property it has
 * then the place that it has without this.
 */
function noteZlib() {
  const base = zlibBase();
  if (Object.hasOwn(base, kHandle)) return;
  Object.defineProperty(base, kHandle, {
    configurable: true,
    get: () => undefined,
    set(value) {
      const property = { value, writable: true, enumerable: true, configurable: true };
      Object.defineProperty(this, kHandle, property);
      if (value) kinds.zlib.add(this);
    },
  });
}

function noteFiles() {
  const make = (original) =>
    function createWriteStream(...args) {
      const stream = Reflect.apply(original, this, args);
      attempt(() => kinds.files.add(stream));
      return stream;
    };
  patches.method(fs, 'createWriteStream', make);
  syncBuiltinESMExports();
}

/** Watches, and patches what no channel tells of. Returns true. */
function install() {
  watch();
  users += 1;
  if (users === 1) for (const note of [noteZlib, noteFiles]) attempt(note);
  return true;
}

/** Removes the patches once all have called this that have called install(). */
function uninstall() {
  users -= 1;
  if (users > 0) return;
  attempt(() => Reflect.deleteProperty(zlibBase(), kHandle));
  patches.restore();
  syncBuiltinESMExports();
}

const isPatched = () => users > 0;

module.exports = { hasNoBody, install, isPatched, kRead, kinds, uninstall, watch };
