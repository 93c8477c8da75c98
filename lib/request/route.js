'use strict';

// The options of a route. A request begins before its route is known, so it changes over to
// these options later: what it has handed out by then also ends as the route says.

const { RallocError } = require('../base/errors.js');
const { kOfRequest } = require('../base/protocol.js');
const check = require('../base/validate.js');
const { warnOnce } = require('../base/warnings.js');
const { ownerOf } = require('../arena/arena.js');
const { routeReaders, routeSettings } = require('./options.js');

const FORGOTTEN = 'Mount requestArena() before what its routes have';

/**
 * Returns `value` if it is a request's arena, and undefined if the request was left out, which
 * `maySkip` allows. Throws otherwise, with `remedy` in the message.
 */
function requireArena(value, { property, maySkip }, remedy) {
  if (value?.[kOfRequest] === true) return value;
  if (maySkip) return undefined;
  throw new RallocError('ERR_RALLOC_UNSUPPORTED', `The request has no "${property}". ${remedy}`);
}

class Route {
  #checked;
  #base = null; // the settings from which #settings were made, almost always those of one requestArena()
  #settings = null;

  #place;

  /**
   * `place`: the property of requests, and whether some requests may have no arena there. `base`:
   * the settings that the route will be used with, if they are already known. Throws if an option
   * is wrong.
   */
  constructor(options, place, base, name = 'options') {
    this.#place = place;
    this.#checked = check.options(options, routeReaders, name);
    if (base !== undefined) this.#settingsOn(base);
  }

  #settingsOn(base) {
    if (base !== this.#base) {
      this.#settings = routeSettings(base, this.#checked);
      this.#base = base;
    }
    return this.#settings;
  }

  /**
   * Applies these options to the request that has `value` at its property. If an option exceeds
   * what its requestArena() allows, throws and changes nothing.
   */
  use(value) {
    const arena = requireArena(value, this.#place, FORGOTTEN);
    if (arena === undefined) return;
    const request = ownerOf(arena);
    if (request !== undefined) request.change(this.#settingsOn(request.settings));
    else warnOnce('RALLOC_OPTIONS_IGNORED', Object.keys(this.#checked), this); // the arena is another copy of ralloc's
  }

  /**
   * Like use(), but returns the error, for middlewares that pass errors on; undefined if there is
   * none.
   */
  faultOf(value) {
    try {
      this.use(value);
      return undefined;
    } catch (error) {
      return error;
    }
  }
}

module.exports = { Route, requireArena };
