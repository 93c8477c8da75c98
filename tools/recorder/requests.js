'use strict';

// Finds the request that memory is allocated for, and the request's name.

const { AsyncLocalStorage, AsyncResource } = require('node:async_hooks');
const { itemOf } = require('../../lib/base/item-of.js');
const { PrivateFields } = require('../../lib/base/private-fields.js');
const { originalOf } = require('../../lib/base/patches.js');
const time = require('../../lib/base/time.js');
const { attempt } = require('../../lib/base/attempt.js');

// Addresses may contain anything, such as keys.
const MOST_ROUTES = 500; // that are distinguished
const MOST_PARTS = 20; // after the same beginning: more are names of single things
const MOST_DEEP = 12; // parts of an address

/**
 * Matches a part of an address that identifies a single thing: digits, or a longer word with some
 * digits.
 */
const NAME = /^(?:\d+|(?=.*\d)[\w~=+%.-]{8,}|[0-9a-f-]{16,})$/i;

/**
 * A sample's reference to its request, which does not keep the request in memory. `ralloc holders`
 * recognizes it by its name, and ignores it.
 */
class RecordedRequest {
  /** When its response was over, in ms of the recorder's clock. */
  end = Number.POSITIVE_INFINITY;
  /** Whether its route may be needed after its end. */
  isSampled = false;
  /**
   * Site -> the bytes that the request has allocated there, an estimate; undefined without a
   * sample. A field costs less than an entry of a WeakMap.
   */
  allocated;
  /** The store of the context in which its listeners are called. */
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
    this.end = time.now();
  }

  /**
   * 'POST /upload': the framework's route ('POST' until that is known); without a framework, made
   * from the address.
   */
  get route() {
    return this.#message === null ? this.#route : routeOf(this.#message, this.#routes);
  }
}

function routeOf(message, known) {
  const path = frameworkPath(message) ?? generalPath(message.url, known);
  const route = path === '' ? message.method : `${message.method} ${path}`;
  if (!known.routes.has(route) && known.routes.size >= MOST_ROUTES)
    return `${message.method} (others)`;
  known.routes.add(route);
  return route;
}

/**
 * The framework's path. Express sets it once the route is found; before that it is '', because each
 * address would make another route. Undefined without a framework.
 */
function frameworkPath({ route, baseUrl }) {
  const isRouted = typeof baseUrl === 'string';
  if (typeof route?.path !== 'string') return isRouted ? '' : undefined;
  return `${isRouted ? baseUrl : ''}${route.path}`;
}

function generalPath(url, { routes, parts }) {
  const [pathname] = String(url).split(/[?#]/, 1);
  const isNamed = (part, before) => {
    const known = parts.get(before);
    if (known?.has(part)) return true;
    if (known?.size >= MOST_PARTS || routes.size >= MOST_ROUTES) return false;
    itemOf(parts, before, () => new Set()).add(part);
    return true;
  };
  return pathname
    .split('/', MOST_DEEP)
    .reduce((path, part) =>
      NAME.test(part) || !isNamed(part, path) ? `${path}/:id` : `${path}/${part}`,
    );
}

/** Gives a message its request. */
class RequestBearer extends PrivateFields {
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

/**
 * Whether what `storage.enterWith()` sets is gone with the callback that Node is in, as from Node
 * 24 on; before, each later callback of the connection would have it.
 */
function endsWithCallback(storage) {
  const resource = new AsyncResource('RALLOC');
  resource.runInAsyncScope(() => storage.enterWith(true));
  return resource.runInAsyncScope(() => storage.getStore()) === undefined;
}

/** Whether Node's parser calls for this message of HTTP/1: in a callback of its own. */
const isParsing = (message) =>
  message.httpVersionMajor === 1 && message.socket?.parser?.incoming === message;

class Requests {
  #storage = new AsyncLocalStorage();
  #canEnter = endsWithCallback(this.#storage);
  #routes = { routes: new Set(), parts: new Map() };
  /** How many have begun. */
  count = 0;

  /**
   * The request that comes by `stream`, which begins with the first call. It ends when its
   * `response` is closed, whose emit() tells that, if it is patched; `message` has its address.
   */
  begin(stream, response, message) {
    const known = RequestBearer.of(stream);
    if (known !== undefined) return known;
    const request = new RecordedRequest(message, this.#routes);
    this.count++;
    new RequestBearer(stream, request);
    const isKnown = message.httpVersionMajor < 2 && response.req === stream; // a response of HTTP/2 loses its request before it is closed
    if (!isKnown && RequestBearer.of(response) === undefined) new RequestBearer(response, request);
    const isHeard = isKnown || RequestBearer.of(response) === request; // not if it was emitted with another message before
    if (!isHeard || originalOf(response.emit) === undefined)
      response.on('close', () => attempt(() => request.finish()));
    return request;
  }

  /**
   * Whether all that follows in this callback of Node has `store` now. False where only run() of
   * the storage gives it, which copies the context twice: 0.4 to 1 µs.
   */
  enter(stream, store) {
    if (!this.#canEnter || !isParsing(stream)) return false;
    this.#storage.enterWith(store);
    return true;
  }

  /** Calls `act(...args)` with `store`. */
  within(stream, store, act, ...args) {
    return this.enter(stream, store) ? act(...args) : this.#storage.run(store, act, ...args);
  }

  /** Ends the requests of `response`: called when that is closed. */
  finish(response) {
    attempt(() => RequestBearer.of(response)?.finish());
    attempt(() => RequestBearer.of(response.req)?.finish());
  }

  /**
   * The request whose body comes by `stream`; undefined for a client's response, or if there is
   * none.
   */
  of(stream) {
    return RequestBearer.of(stream);
  }

  /**
   * Calls `act(...args)`, which calls listeners of `stream`, for its request. If the context there
   * is not the request's own, ralloc's current() is undefined, and isListening is true.
   */
  run(stream, request, act, ...args) {
    if (this.#storage.getStore() === request) return act(...args);
    request.listened ??= { request };
    return this.within(stream, request.listened, act, ...args);
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
