'use strict';

// The options of a route. A request begins before its route is known, so it changes over to
// these options later: what it has handed out by then also ends as the route says.

const check = require('../base/validate.js');
const { warnOnce } = require('../base/warnings.js');
const { ownerOf } = require('../arena/arena.js');
const { routeReaders, routeSettings } = require('./options.js');
const { requireArena } = require('./skip.js');

const FORGOTTEN = 'Mount requestArena() before what its routes have';

class Route {
  #checked;
  #base = null; // of which #settings were made: almost always those of one requestArena()
  #settings = null;

  #place;

  /**
   * `place`: the property of requests, and whether some have nothing there. `base`: the settings that it will be used with,
   * if they are known already. Throws if an option is wrong.
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
   * Gives the request with `value` at its property these options. Throws, and changes nothing, if an option exceeds what its requestArena()
   * allows.
   */
  use(value) {
    const arena = requireArena(value, this.#place, FORGOTTEN);
    if (arena === undefined) return;
    const request = ownerOf(arena);
    if (request !== undefined) request.change(this.#settingsOn(request.settings));
    else warnOnce('RALLOC_OPTIONS_IGNORED', Object.keys(this.#checked), this); // of another copy of ralloc
  }

  /** The same for middlewares that pass errors on: the error, or undefined. */
  faultOf(value) {
    try {
      this.use(value);
      return undefined;
    } catch (error) {
      return error;
    }
  }
}

module.exports = { Route };
