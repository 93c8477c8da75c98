'use strict';

// Finds the request that memory is allocated for, and the request's name.

const { AsyncLocalStorage, AsyncResource } = require('node:async_hooks');
const process = require('node:process');
const { Bearer } = require('../../lib/base/bearer.js');
const time = require('../../lib/base/time.js');
const { attempt } = require('../../lib/base/attempt.js');

/** From Node 24 on, AsyncLocalStorage.run() copies a Map of all storages (450 ns). An AsyncResource keeps one such Map, so entering that takes 25 ns. */
const KEEPS_FRAME = Number.parseInt(process.versions.node, 10) >= 24;

/** Most routes that are distinguished, because addresses may contain anything. */
const MOST_ROUTES = 500;

/** Matches a part of an address that identifies a single thing: digits, or a long word with some digits. */
const NAME = /^(?:\d+|(?=.*\d)[\w~=+%.-]{16,}|[0-9a-f-]{16,})$/i;

/** A sample's reference to its request, which does not keep the request in memory. `ralloc holders` recognizes it by its name, and ignores it. */
class RecordedRequest {
  /** When its response was over, in ms of the recorder's clock. */
  end = Number.POSITIVE_INFINITY;
  /** Whether its route may be needed after its end. */
  isSampled = false;
  /** Site → the bytes that the request has allocated there, an estimate; undefined without a sample. A field costs less than an entry of a WeakMap. */
  allocated;
  /** The context in which its listeners are called. */
  frame;
  /** The store in that context. */
  listened;
  #message;
  #route;
  #routes;

  constructor(message, routes) {
    this.#message = message;
    this.#routes = routes;
  }

  finish() {
    if (this.#message === null) return;
    if (this.isSampled) this.#route = this.route;
    this.#message = null;
    this.frame = undefined;
    this.end = time.now();
  }

  /** 'POST /upload': the framework's route ('POST' until that is known); without a framework, made from the address. */
  get route() {
    return this.#message === null ? this.#route : this.#routes.of(this.#message);
  }
}

class Routes {
  #known = new Set();

  of(message) {
    const path = frameworkPath(message) ?? generalPath(message.url);
    const route = path === '' ? message.method : `${message.method} ${path}`;
    if (this.#known.has(route)) return route;
    if (this.#known.size >= MOST_ROUTES) return `${message.method} (others)`;
    this.#known.add(route);
    return route;
  }
}

/** The framework's path. Express sets it once the route is found; before that it is '', because each address would make another route. Undefined without a framework. */
function frameworkPath({ route, baseUrl }) {
  const isRouted = typeof baseUrl === 'string';
  if (typeof route?.path !== 'string') return isRouted ? '' : undefined;
  return `${isRouted ? baseUrl : ''}${route.path}`;
}

function generalPath(url) {
  const [pathname] = String(url).split(/[?#]/, 1);
  return pathname
    .split('/')
    .map((part) => (NAME.test(part) ? ':id' : part))
    .join('/');
}

/** Gives a message its request. */
class RequestBearer extends Bearer {
  #request;

  constructor(message, request) {
    super(message);
    this.#request = request;
  }

  static of(message) {
    if (message === null || typeof message !== 'object') return undefined;
    return #request in message ? message.#request : undefined;
  }
}

/** An AsyncResource that Jest does not report as an open handle. */
class Frame extends AsyncResource {
  hasRef() {
    return false;
  }
}

const newFrame = () => new Frame('RALLOC');

class Requests {
  #storage = new AsyncLocalStorage();
  #routes = new Routes();

  /** Calls `act(...args)` for the request that comes by `stream`. It ends when its `response` is closed; `message` has its address. */
  begin(stream, response, message, act, ...args) {
    let request = RequestBearer.of(stream);
    if (request === undefined) {
      request = new RecordedRequest(message, this.#routes);
      new RequestBearer(stream, request);
      response.on('close', () => attempt(() => request.finish()));
    }
    return this.#storage.run(request, act, ...args);
  }

  /** The request whose body comes by `stream`; undefined for a client's response, or if there is none. */
  of(stream) {
    return RequestBearer.of(stream);
  }

  /** Calls `act(...args)`, which calls listeners, for a request. If the context there is not the request's own, ralloc's current() is undefined, and isListening is true. */
  run(request, act, ...args) {
    if (this.#storage.getStore() === request) return act(...args);
    request.listened ??= { request };
    const { listened } = request;
    if (!KEEPS_FRAME) return this.#storage.run(listened, act, ...args);
    request.frame ??= this.#storage.run(listened, newFrame);
    return request.frame.runInAsyncScope(act, null, ...args);
  }

  /** The request for which JavaScript runs now. */
  get current() {
    const store = this.#storage.getStore();
    return store instanceof RecordedRequest ? store : store?.request;
  }

  get isListening() {
    return this.#storage.getStore()?.request !== undefined;
  }

  stop() {
    this.#storage.disable();
  }
}

module.exports = { Requests };
