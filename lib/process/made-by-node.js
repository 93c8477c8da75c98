'use strict';

// Weak references to what Node makes: sockets, requests with a body, children, streams of HTTP/2, of files and of node:zlib. Most come by channels of node:diagnostics_channel. Node tells nothing of
// the streams of files and of node:zlib, so two functions are patched, and only by install(): `fs.createWriteStream`, and the assignment of `_handle` in the constructor of zlib's streams.

const { subscribe } = require('node:diagnostics_channel');
const fs = require('node:fs');
const { syncBuiltinESMExports } = require('node:module');
const { attempt } = require('../base/attempt.js');
const { Patches } = require('../base/patches.js');

/** The original WeakRef: an application may delete it later. */
const Reference = WeakRef;

/** Objects of a kind, as long as somebody has them and they are not finished. */
class Kind {
  #refs = [];
  #most = 64; // beyond this number, those that are gone are dropped
  #first = 0; // of the next sample
  #isOver;

  /** `isOver(object)`: whether it is finished, so that it has nothing any more. */
  constructor(isOver) {
    this.#isOver = isOver;
  }

  add(object) {
    if (this.#refs.length >= this.#most) this.#sweep();
    this.#refs.push(new Reference(object));
  }

  #sweep() {
    this.#refs = this.#refs.filter((ref) => {
      const object = ref.deref();
      return object !== undefined && !this.#isOver(object);
    });
    this.#most = 64 + 2 * this.#refs.length;
  }

  /** Returns `{ objects, share }`: all if they are at most `most`, else a sample, of which each stands for `share` objects. The next sample has others. */
  some(most) {
    if (this.#refs.length > most) this.#sweep();
    const { length } = this.#refs;
    const step = Math.max(1, Math.ceil(length / most));
    const from = this.#first++ % step;
    const objects = [];
    for (let index = from; index < length; index += step) {
      const object = this.#refs[index].deref();
      if (object !== undefined && !this.#isOver(object)) objects.push(object);
    }
    return { objects, share: step };
  }
}

const isDestroyed = ({ destroyed }) => destroyed === true;

const kinds = {
  sockets: new Kind(isDestroyed),
  bodies: new Kind((response) => response.writableFinished || response.destroyed),
  http2: new Kind(isDestroyed),
  children: new Kind(({ exitCode, signalCode }) => (exitCode ?? signalCode) !== null),
  files: new Kind(isDestroyed),
  zlib: new Kind(({ destroyed, _handle }) => destroyed || !_handle),
};

const secure = new WeakSet(); // TLS sockets that were seen
const begins = new WeakMap(); // response -> what its connection had read when the headers were read

const hasNoBody = (method) => method === 'GET' || method === 'HEAD';

function onRequest({ request, response, socket }) {
  if (socket.encrypted && !secure.has(socket)) {
    secure.add(socket);
    kinds.sockets.add(socket);
  }
  if (hasNoBody(request.method)) return;
  begins.set(response, socket.bytesRead);
  kinds.bodies.add(response);
}

/** Channel -> what to do. Node publishes to those of HTTP/2 from 22 on. */
const CHANNELS = {
  'net.client.socket': ({ socket }) => kinds.sockets.add(socket),
  'net.server.socket': ({ socket }) => kinds.sockets.add(socket),
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
  for (const [name, add] of Object.entries(CHANNELS))
    subscribe(name, (made) => attempt(() => add(made)));
}

/** The prototype of all streams of node:zlib. */
const zlibBase = () =>
  Object.getPrototypeOf(Object.getPrototypeOf(require('node:zlib').Gzip.prototype));

/** Notes each stream of node:zlib once its constructor assigns `_handle`. As an own property it has then the place that it has without this. */
function noteZlib() {
  const base = zlibBase();
  if (Object.hasOwn(base, '_handle')) return;
  Object.defineProperty(base, '_handle', {
    configurable: true,
    get: () => undefined,
    set(value) {
      const property = { value, writable: true, enumerable: true, configurable: true };
      Object.defineProperty(this, '_handle', property);
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
  attempt(() => Reflect.deleteProperty(zlibBase(), '_handle'));
  patches.restore();
  syncBuiltinESMExports();
}

const isPatched = () => users > 0;

module.exports = { begins, install, isPatched, kinds, uninstall, watch };
