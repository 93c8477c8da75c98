'use strict';

// Where a framework meets the arenas: what its object of a request has under which name, and whose arena that is where several
// are mounted. Each adapter is a few lines over this, and gives begin() Node's own request and response.

const { argumentError } = require('../base/errors.js');
const { kMounted, kOfRequest, kProperties, kRequestArena } = require('../base/protocol.js');
const { RequestArenas } = require('./requests.js');

// The places of all mounts, of every copy of ralloc in the process. Only where there is more than
// one does a request carry its arena under a symbol as well, which costs Node 20 and 22 some microseconds.
if (globalThis[kProperties] === undefined) {
  Object.defineProperty(globalThis, kProperties, { value: new Set() });
}
const places = globalThis[kProperties];

class Mount {
  #arenas;
  property;

  /** `of`: the framework whose object of a request has the arena, where that is not Node's request itself. */
  constructor(options, of) {
    this.#arenas = new RequestArenas(options);
    this.property = this.#arenas.settings.property;
    places.add(of === undefined ? this.property : `${this.property} of ${of}`);
  }

  /** One that was made before, by an adapter that stands on another's; or a new one. */
  static of(options, framework) {
    return options instanceof Mount ? options : new Mount(options, framework);
  }

  get isClosed() {
    return this.#arenas.isClosing;
  }

  /** Whether something that is no request's arena is at the property of `holder`. */
  isTaken(holder) {
    return this.property in holder && holder[this.property]?.[kOfRequest] !== true;
  }

  takenError() {
    const message = `The property "${this.property}" of the request is taken. Choose another by "options.property"`;
    return argumentError(TypeError, message);
  }

  /**
   * The arena of a request: `first`, which a mount before this gave it, or one that it has under another name, or a new one. `req` and
   * `res` are Node's; the arena ends with `res`.
   */
  arenaFor(first, req, res) {
    const several = places.size > 1;
    const given = first ?? (several ? req[kRequestArena] : undefined);
    const arena = given ?? this.#arenas.begin(req, res);
    if (given !== undefined) this.#arenas.checkMount(given);
    if (several) req[kRequestArena] = arena;
    return arena;
  }

  /** Calls next(), in the context of `arena` with the option `context`; returns what it returns. */
  run(arena, next) {
    return this.#arenas.run(arena, next);
  }

  /** Gives `target` what the result of every requestArena() has. */
  face(target) {
    const arenas = this.#arenas;
    return Object.assign(target, {
      [kMounted]: true,
      stats: () => arenas.stats(),
      current: () => arenas.current(),
      close: (options) => arenas.close(options),
    });
  }
}

module.exports = { Mount };
