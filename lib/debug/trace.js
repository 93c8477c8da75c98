'use strict';

// A stack that is kept for a report that may never come: V8's at first, which is cheap to take,
// then the places, and as text when somebody reads it. Nothing here throws, whatever an application
// has made of Error.

const { inspect } = require('node:util');
const { attempt } = require('../base/attempt.js');
const { captureStackTrace } = require('../base/runtime.js');
const { DEPENDENCY, Frames, isOfRalloc } = require('./stack/frames.js');
const { originsOf, originsOnDisk } = require('./stack/mapper.js');
const { framesOf, hold } = require('./stack/stack.js');
const { settings } = require('./settings.js');

/**
 * Most places that are remembered, each once. Only programs that keep evaluating new code reach
 * this.
 */
const MOST_FRAMES = 20_000;
const INSIDE = /^(node|ext|native|bun|internal):/;
/** ralloc in a bundle, as its source map names it. */
const RALLOC = /[\\/]node_modules[\\/]ralloc[\\/]/;

const APPLICATION = 0;
const LIBRARY = 1;
const NOBODY = 2; // ralloc or the runtime

function rankOf({ file }) {
  if (file === '' || INSIDE.test(file) || isOfRalloc(file) || RALLOC.test(file)) return NOBODY;
  return DEPENDENCY.test(file) ? LIBRARY : APPLICATION;
}

const makeFrames = () => new Frames(undefined, true);

let frames = makeFrames();
let described = new Map(); // frame -> the frame as reported

function places(held) {
  if (frames.size > MOST_FRAMES) {
    frames = makeFrames();
    described = new Map();
  }
  return framesOf(held, frames);
}

/** Frames at their places in the original source. */
function tell(all) {
  const byFile = new Map();
  for (const frame of all) {
    if (described.has(frame)) continue;
    described.set(frame, plain(frame));
    if (rankOf(frame) !== APPLICATION) continue; // source maps of packages name sources that are not installed
    if (byFile.has(frame.file)) byFile.get(frame.file).push(frame);
    else byFile.set(frame.file, [frame]);
  }
  for (const [file, news] of byFile) {
    const found = originsOf(file, undefined, news) ?? originsOnDisk(file, news);
    for (const frame of news) described.set(frame, plain({ ...frame, ...found?.get(frame) }));
  }
  return all.map((frame) => described.get(frame));
}

const plain = ({ function: name, file, line, column }) =>
  Object.freeze({ function: name, file, line, column });

/** The application's frames first, then those of packages; if there are neither, all others. */
function inOrder(all) {
  const ranks = [APPLICATION, LIBRARY].map((rank) => all.filter((one) => rankOf(one) === rank));
  const found = ranks.flat();
  return found.length > 0 ? found : all;
}

function lineOf({ function: name, file, line, column }) {
  const place = line === 0 ? file : `${file}:${line}:${column}`;
  return name === '(anonymous)' ? `    at ${place}` : `    at ${name} (${place})`;
}

let place; // who requested the current work, if the application's lines are not on the stack

/** Traces that read() takes in this turn show `asked` as their place. */
function readFor(asked, read) {
  place = asked;
  try {
    return read();
  } finally {
    place = undefined;
  }
}

class Trace {
  #place = place;
  #held; // V8's stack, until the places are read. It keeps the `this` of each function reachable
  #places;
  #frames;
  #key;

  /** The stack from the caller of the function `below`. */
  static take(below = Trace.take, depth = settings.stackDepth) {
    const trace = new Trace();
    try {
      trace.#held = hold(below, depth);
    } catch {
      // An Error that cannot be changed but is not frozen either, or a stack overflow, at which no
      // trace can be taken.
      trace.#held = {};
      attempt(() => captureStackTrace(trace.#held, below));
    }
    return trace;
  }

  /** Reads the places, and drops V8's stack. */
  settle() {
    if (this.#places !== undefined) return this;
    this.#places = attempt(() => places(this.#held), []);
    this.#held = undefined;
    return this;
  }

  /** `{ function, file, line, column }`, lines and columns from 1. */
  get frames() {
    const all = this.settle().#places;
    this.#frames ??= attempt(() => inOrder(tell(all))) ?? inOrder(all).map(plain);
    return this.#frames;
  }

  /** Whether any frame belongs to the application or a package. */
  get isOfApplication() {
    return this.settle().#places.some((frame) => rankOf(frame) !== NOBODY);
  }

  /**
   * The function of Node, or ralloc's wrapper of it, that the application or a package called;
   * undefined if there is none.
   */
  get callee() {
    const all = this.settle().#places;
    return all[all.findIndex((frame) => rankOf(frame) !== NOBODY) - 1]?.function;
  }

  /** The most relevant frame; undefined if the stack is empty. */
  get top() {
    return this.frames[0];
  }

  /** A text that is the same for the same lines of the application, whatever called them. */
  get key() {
    if (this.#key === undefined) {
      const all = this.settle().#places;
      const own = all.filter((frame) => rankOf(frame) === APPLICATION);
      this.#key = (own.length > 0 ? own : all)
        .map(({ file, line, column }) => `${file}:${line}:${column}`)
        .join('\n');
      if (own.length === 0 && this.#place !== undefined) this.#key = `${this.#place}\n${this.#key}`;
    }
    return this.#key;
  }

  toString() {
    const own = this.frames.filter((frame) => rankOf(frame) === APPLICATION);
    if (own.length === 0 && this.#place !== undefined) return `    by ${this.#place}`;
    const shown = own.length > 0 ? own : this.frames; // frames of packages in between rarely help
    return shown.map(lineOf).join('\n') || '    at an unknown place';
  }

  toJSON() {
    return { frames: this.frames };
  }

  [inspect.custom]() {
    return `DebugTrace\n${this}`;
  }
}

module.exports = { Trace, readFor };
