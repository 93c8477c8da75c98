'use strict';

// The options that a route has for itself. Its requests have begun before their route is known, so they change over to
// these in the middle: what was handed out ends as the route says.

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
   * where they are known already. Throws where an option is wrong.
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
   * The request with `value` at its property goes on with these options. Throws where one goes beyond what its requestArena()
   * allows, and changes nothing then.
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
