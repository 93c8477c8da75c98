'use strict';

// The lines of code whose Buffers live: a sample of what the functions of Buffer return, one in
// 8 MiB. A sample takes some 20 µs, so that a GB/s costs a quarter of a percent of a core; each
// other call takes 110 instructions more.
//
// A small Buffer counts like one of 4 KiB: it may keep the whole block of Node's pool that it is
// cut from, and its object is larger than itself. Chunks of sockets and bodies have no line, since
// Node makes them: the record has their routes.

const { arrayBufferOf, byteLengthOf } = require('../base/views.js');
const { attempt } = require('../base/attempt.js');
const { itemOf } = require('../base/item-of.js');
const { Patches } = require('../base/patches.js');
const { standFor } = require('../base/wrap.js');
const { APPLICATION, Frames, LIBRARY } = require('../debug/stack/frames.js');
const { framesOf, hold } = require('../debug/stack/stack.js');
const { shortOf } = require('./folder.js');

const MEAN = 8 * 2 ** 20; // bytes between two samples
const SMALL = 4096;
const MOST_LINES = 1000; // later ones count for one row
const MOST_FRAMES = 10_000; // that are remembered
const MOST_ROWS = 20;
const MOST_NAME = 160;
const RING = 60; // seconds
const FUNCTIONS = ['alloc', 'allocUnsafe', 'allocUnsafeSlow', 'from', 'concat', 'copyBytesFrom'];
const OTHERS = 'other lines';

const { isView } = ArrayBuffer;

/** How many bytes are left until the next point. */
const countdown = new Float64Array(1);

/**
 * Sets the next points at which a sample is taken, and returns how many were passed. They are
 * nearly regular, so that few of them tell much.
 */
function passPoints() {
  let count = 0;
  for (; countdown[0] < 0; count++) countdown[0] += MEAN * (0.5 + Math.random());
  return count;
}

const costOf = (bytes) => (bytes < SMALL ? SMALL : bytes);

/** What lives of a line, estimated. */
class Line {
  bytes = 0;
  buffers = 0;
  #ring = [0]; // bytes, one a second

  constructor(at) {
    this.at = at;
  }

  add(bytes, buffers) {
    this.bytes += bytes;
    this.buffers += buffers;
  }

  note() {
    this.#ring.push(this.bytes);
    if (this.#ring.length > RING) this.#ring.shift();
  }

  /** By how many bytes it has grown in the last minute. */
  get grown() {
    return this.bytes - this.#ring[0];
  }
}

/** A frame's file, from node_modules or from the current folder if it is there, and its line. */
function placeOf({ file, line }) {
  const [, inner] = /.*[\\/]node_modules[\\/](.+)$/.exec(file) ?? [];
  return `${inner ?? shortOf(file)}:${line}`;
}

/**
 * The innermost line of the application or a package, and of a package the line that calls it;
 * undefined if there is only Node.
 */
function nameOf(frames) {
  const [inner, ...others] = frames.filter(({ kind }) => kind === LIBRARY || kind === APPLICATION);
  if (inner === undefined) return undefined;
  const caller = inner.kind === LIBRARY && others.find(({ kind }) => kind === APPLICATION);
  const name = caller ? `${placeOf(inner)} for ${placeOf(caller)}` : placeOf(inner);
  return name.slice(-MOST_NAME);
}

const dead = new FinalizationRegistry(({ line, bytes, buffers }) => line.add(-bytes, -buffers));

class Lines {
  #patches = new Patches();
  #frames = new Frames();
  #lines = new Map();
  #isSampling = false; // a sample that makes Buffers makes no sample

  start() {
    countdown[0] = MEAN * Math.random();
    for (const name of FUNCTIONS) this.#patches.method(Buffer, name, this.#seeing);
  }

  stop() {
    this.#patches.restore();
  }

  /**
   * Wraps a function that returns a Buffer. One that another of them has made is counted there.
   * The wrapper stands for Node's function: otherwise no body, file or response would be given back
   * while there is a recorder.
   */
  #seeing = (original) => {
    const sample = (made, below) => attempt(() => this.#sample(made, below));
    function make(...args) {
      const before = countdown[0];
      const made = Reflect.apply(original, this, args);
      if (countdown[0] !== before || !isView(made)) return made;
      const left = before - costOf(made.byteLength);
      countdown[0] = left;
      if (left < 0) sample(made, make);
      return made;
    }
    return standFor(make, original);
  };

  #sample(made, below) {
    const points = passPoints();
    if (this.#isSampling) return;
    this.#isSampling = true;
    try {
      const bytes = byteLengthOf(made);
      const at = nameOf(framesOf(hold(below), this.#frames));
      if (at === undefined || bytes === 0) return;
      const buffers = (points * MEAN) / costOf(bytes); // so many it stands for
      const line = this.#lineOf(at);
      const of = { line, bytes: bytes * buffers, buffers };
      line.add(of.bytes, buffers);
      const memory = arrayBufferOf(made);
      dead.register(memory.byteLength === bytes ? memory : made, of);
    } finally {
      this.#isSampling = false;
    }
  }

  #lineOf(at) {
    const isNew = !this.#lines.has(at);
    const known = isNew && this.#lines.size >= MOST_LINES ? OTHERS : at;
    return itemOf(this.#lines, known, () => new Line(known));
  }

  /** The lines with the most bytes, `[{ at, bytes, grown, buffers }]`. Call it once a second. */
  look() {
    this.#isSampling = false; // vm's timeout may have ended a sample anywhere
    if (this.#frames.size > MOST_FRAMES) this.#frames = new Frames();
    const all = [...this.#lines.values()];
    for (const line of all) line.note();
    return all
      .filter(({ buffers }) => buffers >= 0.5)
      .sort((one, other) => other.bytes - one.bytes)
      .slice(0, MOST_ROWS)
      .map(({ at, bytes, grown, buffers }) => ({
        at,
        ...{ bytes: Math.round(bytes), grown: Math.round(grown), buffers: Math.round(buffers) },
      }));
  }
}

module.exports = { Lines };
