'use strict';

// Connects a framework with the arenas: under which name its request object has the arena, and
// whose arena that is if several are mounted. Each adapter is a few lines over this, and passes
// Node's own request and response to begin().

const { IncomingMessage, ServerResponse } = require('node:http');
const { ownerOf } = require('../arena/arena.js');
const { argumentError, received } = require('../base/errors.js');
const { lazy } = require('../base/lazy.js');
const {
  kEndRequest,
  kMounted,
  kOfRequest,
  kProperties,
  kRequestArena,
} = require('../base/protocol.js');
const { looksUpChangedMaps } = require('../base/runtime.js');
const { faultOf } = require('./messages.js');
const { RequestArenas } = require('./requests.js');

/** Returned in place of an error for a request that `skip` leaves out. */
const SKIPPED = Symbol('skipped');

const { getPrototypeOf, hasOwn } = Object;

const routes = lazy(() => require('./route.js'));

// The properties of all mounts, of every copy of ralloc in the process. Only if there is more than
// one, requests have their arena under a symbol too, which costs Node 20 and 22 some microseconds.
if (globalThis[kProperties] === undefined) {
  Object.defineProperty(globalThis, kProperties, { value: new Set() });
}
const places = globalThis[kProperties];

class Mount {
  #arenas;
  #skip;
  #routes = new WeakMap(); // by the options in their configs
  property;
  hasContext;

  /**
   * `of`: the framework whose request object has the arena, if that is not Node's request itself.
   */
  constructor(options, of) {
    this.#arenas = new RequestArenas(options);
    this.property = this.#arenas.settings.property;
    this.#skip = this.#arenas.settings.skip;
    this.hasContext = this.#arenas.hasContext;
    places.add(of === undefined ? this.property : `${this.property} of ${of}`);
  }

  /** Returns the mount of an adapter that builds on another one, or a new mount. */
  static of(options, framework) {
    return options instanceof Mount ? options : new Mount(options, framework);
  }

  get maySkip() {
    return this.#skip !== null;
  }

  get isClosed() {
    return this.#arenas.isClosing;
  }

  /** Whether the property of `holder` is taken by something other than a request's arena. */
  isTaken(holder) {
    return this.property in holder && holder[this.property]?.[kOfRequest] !== true;
  }

  /**
   * Returns SKIPPED or an error if the request gets no arena. `holder`: the framework's object of
   * the request.
   */
  skipped(holder) {
    const skip = this.#skip;
    if (skip === null) return undefined;
    let answer;
    try {
      answer = skip.call(undefined, holder);
    } catch (cause) {
      const error = argumentError(TypeError, 'The function "options.skip" threw: see the cause');
      return Object.assign(error, { cause });
    }
    if (answer === false) return undefined;
    if (answer === true) return SKIPPED;
    const message = `The function "options.skip" must return a boolean. ${received(answer)}`;
    return argumentError(TypeError, message);
  }

  /** The checked options of a route. */
  route(options, name) {
    const { Route } = routes();
    return new Route(options, this, this.#arenas.settings, name);
  }

  /** Like route(), for the options in a route's config, which are read once. */
  routeOf(options) {
    let route = this.#routes.get(options);
    if (route === undefined) {
      route = this.route(options, 'config.ralloc');
      this.#routes.set(options, route);
    }
    return route;
  }

  faultOfRoute(options, arena) {
    try {
      this.routeOf(options).use(arena);
      return undefined;
    } catch (error) {
      return error;
    }
  }

  takenError() {
    const message = `The property "${this.property}" of the request is taken. Choose another by "options.property"`;
    return argumentError(TypeError, message);
  }

  /**
   * Returns the arena of a request: `first`, from an earlier mount, or the one at another property,
   * or a new one. `req` and `res` are Node's; the arena ends with `res`.
   */
  arenaFor(first, req, res) {
    const several = places.size > 1;
    const existing = first ?? (several ? req[kRequestArena] : undefined);
    const arena = existing ?? this.#arenas.enter(req, res);
    if (existing !== undefined) this.#arenas.checkMount(existing);
    if (several) Reflect.set(req, kRequestArena, arena); // returns false if the request is not extensible
    return arena;
  }

  /**
   * Sets the property of `holder` to the arena. If that fails, ends the arena and returns an error.
   */
  give(holder, arena) {
    const { property } = this;
    try {
      holder[property] = arena;
    } catch (cause) {
      if (holder[property] === arena) return undefined; // an earlier mount has set it
      if (ownerOf(arena)?.arenas === this.#arenas) arena[kEndRequest]();
      const message = `The request takes no property "${property}": it is frozen, sealed or not extensible. Mount requestArena() before what makes it so`;
      return Object.assign(argumentError(TypeError, message), { cause });
    }
    return undefined;
  }

  /** Gives Node's own request its arena. Returns SKIPPED or an error if it gets none. */
  enter(req, res) {
    // `instanceof` takes 80 instructions, faultOf() 1 µs on Node 20 and 22, because it reads
    // properties of a request whose prototype Express has replaced.
    if (!(req instanceof IncomingMessage && res instanceof ServerResponse)) {
      const fault = faultOf(req, res);
      if (fault !== undefined) return fault;
    }
    if (this.#skip !== null) {
      const skipped = this.skipped(req);
      if (skipped !== undefined) return skipped;
    }
    const { property } = this;
    const isTaken = looksUpChangedMaps
      ? property in req
      : hasOwn(req, property) || property in (getPrototypeOf(req) ?? req);
    let first;
    if (isTaken) {
      first = req[property];
      if (first?.[kOfRequest] !== true) return this.takenError();
    }
    let arena;
    try {
      const isOnly = first === undefined && places.size === 1;
      arena = isOnly ? this.#arenas.enter(req, res) : this.arenaFor(first, req, res);
      req[property] = arena; // for a second middleware, the first one's
      return undefined;
    } catch (error) {
      if (arena !== undefined) return this.give(req, arena); // fails again, and says why
      if (error instanceof RangeError) throw error; // the stack ends here
      return error; // a file of ralloc cannot be read
    }
  }

  /** Calls next(), in the context of `arena` with the option `context`; returns what it returns. */
  run(arena, next) {
    return this.#arenas.run(arena, next);
  }

  /** Adds to `target` the methods that the result of every requestArena() has. */
  addMethods(target) {
    const arenas = this.#arenas;
    return Object.assign(target, {
      [kMounted]: true,
      stats: () => arenas.stats(),
      current: () => arenas.current(),
      close: (options) => arenas.close(options),
    });
  }
}

module.exports = { Mount, SKIPPED };
