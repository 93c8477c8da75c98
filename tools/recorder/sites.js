'use strict';

// The site of an allocation: a source (the function, or the kind of stream), and the frames that
// are neither Node's nor ralloc's, innermost first. Without such frames, a site has Node's own
// function and the route of the request instead.

const { Compiled } = require('./compiled.js');
const { PART, placeOfSite } = require('./events.js');
const { fingerprint } = require('./fingerprint.js');
const { Frames, NODE, RECORDER, OWN, APPLICATION } = require('../../lib/debug/stack/frames.js');
const { framesOf } = require('../../lib/debug/stack/stack.js');

/**
 * The first 20,000 sites have their whole stack. Later ones have one frame, so there cannot be more
 * of them than lines of code.
 */
const MOST = 20_000;

const numberOf = (frame) => frame.number;

class RecordedSite {
  /**
   * A hash of the frames in the original source, set once these are known. It is the same in all
   * processes.
   */
  id;
  /** The id and the place in one string, which `ralloc holders` reads in a heap snapshot. */
  text;
  /**
   * Estimates, in bytes: what is alive, the most that was alive, and the part of the latter that is
   * in blocks already.
   */
  live = 0;
  peak = 0;
  toldPeak = 0;
  pinned = 0;
  /** The site that made the Buffers, if this one makes parts of them. */
  whole;

  constructor(index, source, route, frames) {
    this.index = index;
    this.source = source;
    this.route = route;
    this.frames = frames;
  }

  /** The definition of the site in a block. `told`: its frames in the original source. */
  describe(told) {
    const places = told.map((f) => `${f.function} ${f.file}:${f.line}:${f.column}`);
    this.id = fingerprint([this.source, this.route ?? '', ...places].join('\n'));
    const { id, source, route } = this;
    const own = this.frames.findIndex(({ kind }) => kind === APPLICATION);
    this.text = [id, source, places[Math.max(0, own)] ?? route].join(' ');
    return { id, source, route, frames: told };
  }
}

/**
 * The outermost function of Buffer: up to Node 22 Buffer.concat() calls Buffer.allocUnsafe(), and
 * on Node 20 Buffer.from() calls allocUnsafeSlow().
 */
function outerOf(source, stack) {
  const frame = stack.find(({ file }) => !file.startsWith('node:'));
  if (!frame?.isOfBuffers) return source;
  return `Buffer.${frame.function.slice(frame.function.lastIndexOf('.') + 1)}`;
}

class Sites {
  compiled = new Compiled();
  #frames = new Frames((file, site) => this.compiled.meet(file, site));
  #byKey = new Map();
  #sites = [];
  #told = 0; // how many sites blocks have defined

  /**
   * The site of the stack `held` (see stack.js). Undefined if the recorder itself has allocated.
   * Calls `routeOf()` if there are only frames of Node.
   */
  of(name, held, routeOf) {
    const stack = framesOf(held, this.#frames);
    const own = stack.find((frame) => frame.kind !== NODE);
    if (own?.kind === RECORDER) return undefined;
    const source = outerOf(name, stack);
    let frames = stack.filter((frame) => frame.kind > OWN);
    if (frames.length === 0) {
      const inner = stack.find((frame) => frame.file.startsWith('node:'));
      return this.#at(source, routeOf?.(), inner === undefined ? [] : [inner]);
    }
    if (this.#sites.length >= MOST) {
      frames = [frames.find((frame) => frame.kind === APPLICATION) ?? frames[0]];
    }
    return this.#at(source, undefined, frames);
  }

  /** The site that makes a part of a Buffer of `whole`; its route is the place of that. */
  ofPart(held, whole) {
    const frames = framesOf(held, this.#frames).filter((frame) => frame.kind > OWN);
    if (frames.length === 0 || this.#sites.length >= MOST) return undefined;
    const site = this.#at(PART, placeOfSite(whole), frames);
    site.whole = whole;
    return site;
  }

  ofStream(source, route) {
    return this.#at(source, route, []);
  }

  #at(source, route, frames) {
    const key = `${frames.map(numberOf)} ${route?.length} ${route}${source}`;
    let site = this.#byKey.get(key);
    if (site === undefined) {
      site = new RecordedSite(this.#sites.length, source, route, frames);
      this.#byKey.set(key, site);
      this.#sites.push(site);
    }
    return site;
  }

  [Symbol.iterator]() {
    return this.#sites[Symbol.iterator]();
  }

  tellAgain() {
    this.#told = 0;
  }

  /**
   * The definitions of the sites that no block has defined yet. They are marked as told only at the
   * end: vm's timeout may stop this anywhere. A site has no id before.
   */
  untold() {
    const untold = this.#sites.slice(this.#told);
    const told = this.compiled.tell(untold.flatMap(({ frames }) => frames));
    for (const site of untold) {
      const { whole } = site;
      if (whole === undefined) continue;
      site.route = placeOfSite({ ...whole, frames: this.compiled.tell(whole.frames.slice(0, 1)) });
    }
    const definitions = untold.map((site) => site.describe(told.splice(0, site.frames.length)));
    this.#told += untold.length;
    return definitions;
  }
}

module.exports = { Sites };
