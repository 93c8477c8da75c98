'use strict';

// The request that something is allocated for, and what it is called.

const { AsyncLocalStorage, AsyncResource } = require('node:async_hooks');
const process = require('node:process');
const { Bearer } = require('../../lib/base/bearer.js');
const time = require('../../lib/base/time.js');
const { attempt } = require('../../lib/base/attempt.js');

/** From Node 24 on each run() of an AsyncLocalStorage makes a new Map of all of them, and a resource keeps one (450 and 25 ns). */
const KEEPS_FRAME = Number.parseInt(process.versions.node, 10) >= 24;

/** Routes that are told apart: an address may have anything in it. */
const MOST_ROUTES = 500;

/** A part of an address that is a name of one thing, and not of many: digits, or a long word with some in it. */
const NAME = /^(?:\d+|(?=.*\d)[\w~=+%.-]{16,}|[0-9a-f-]{16,})$/i;

/** What a sample has of its request, which must not keep it in memory. By its name `ralloc holders` passes over it. */
class RecordedRequest {
  /** When its response was over, in ms of the recorder's clock. */
  end = Number.POSITIVE_INFINITY;
  /** Whether somebody may ask for its route when it is over. */
  isSampled = false;
  /** The context in which its listeners are called. */
  frame;
  /** What the storage has there. */
  listened = { request: this };
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

  /** 'POST /upload': by the framework's word where it has one, and 'POST' where it has not said so yet; else by the address. */
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

/** Express has it once the route is found. What a middleware reads before that is of no route, '': each address would make one of its own. Undefined without a framework. */
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

/** No handle that is open, for those who look for them, as Jest does. */
class Frame extends AsyncResource {
  hasRef() {
    return false;
  }
}

const newFrame = () => new Frame('RALLOC');

class Requests {
  #storage = new AsyncLocalStorage();
  #routes = new Routes();

  /** Calls `act(...args)` for the request that comes by `stream`, until whose `response` is closed it lasts; `message` has its address. */
  begin(stream, response, message, act, ...args) {
    let request = RequestBearer.of(stream);
    if (request === undefined) {
      request = new RecordedRequest(message, this.#routes);
      new RequestBearer(stream, request);
      response.on('close', () => attempt(() => request.finish()));
    }
    return this.#storage.run(request, act, ...args);
  }

  /** The request whose body comes by `stream`; undefined for that of a client's response, or without one. */
  of(stream) {
    return RequestBearer.of(stream);
  }

  /** Calls `act(...args)`, which calls listeners, for a request. Where its own context does not reach, current() of ralloc is undefined: isListening says so. */
  run(request, act, ...args) {
    if (this.#storage.getStore() === request) return act(...args);
    const { listened } = request;
    if (!KEEPS_FRAME) return this.#storage.run(listened, act, ...args);
    request.frame ??= this.#storage.run(listened, newFrame);
    return request.frame.runInAsyncScope(act, null, ...args);
  }

  /** For which JavaScript runs now. */
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
