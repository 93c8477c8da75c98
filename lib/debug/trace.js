'use strict';

// A stack that is kept for a report that may never come: V8's at first, which is cheap to take, then the places, and as text
// when somebody reads it. Nothing here throws, whatever an application has made of Error.

const { inspect } = require('node:util');
const { captureStackTrace } = require('../base/runtime.js');
const { DEPENDENCY, Frames, isOfRalloc } = require('./stack/frames.js');
const { originsOf, originsOnDisk } = require('./stack/mapper.js');
const { framesOf, hold } = require('./stack/stack.js');
const { settings } = require('./settings.js');

/** Places that are remembered, each once. Only code that is made anew all the time comes to so many. */
const MOST_FRAMES = 20_000;
const INSIDE = /^(node|ext|native|bun|internal):/;
/** ralloc in a bundle whose source map tells it. */
const RALLOC = /[\\/]node_modules[\\/]ralloc[\\/]/;

const APPLICATION = 0;
const LIBRARY = 1;
const NOBODY = 2; // of ralloc, of the runtime

function rankOf({ file }) {
  if (file === '' || INSIDE.test(file) || isOfRalloc(file) || RALLOC.test(file)) return NOBODY;
  return DEPENDENCY.test(file) ? LIBRARY : APPLICATION;
}

const makeFrames = () => new Frames(undefined, true);

let frames = makeFrames();
let described = new Map(); // frame → as it is reported

function places(held) {
  if (frames.size > MOST_FRAMES) {
    frames = makeFrames();
    described = new Map();
  }
  return framesOf(held, frames);
}

/** Frames as their author has them. */
function tell(all) {
  const byFile = new Map();
  for (const frame of all) {
    if (described.has(frame)) continue;
    described.set(frame, plain(frame));
    if (rankOf(frame) !== APPLICATION) continue; // packages' maps tell of sources that are not installed
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

/** The application's first, then packages'; others where there are none of these. */
function inOrder(all) {
  const ranks = [APPLICATION, LIBRARY].map((rank) => all.filter((one) => rankOf(one) === rank));
  const found = ranks.flat();
  return found.length > 0 ? found : all;
}

function lineOf({ function: name, file, line, column }) {
  const place = line === 0 ? file : `${file}:${line}:${column}`;
  return name === '(anonymous)' ? `    at ${place}` : `    at ${name} (${place})`;
}

let place; // what has asked for what is done now, where the application's lines are not on the stack

/** What traces tell that read() takes in this turn. */
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
  #held; // V8's, until the places are known. It keeps the `this` of each of its functions reachable
  #places;
  #frames;
  #key;

  /** The stack from the caller of the function `below`. */
  static take(below = Trace.take, depth = settings.stackDepth) {
    const trace = new Trace();
    try {
      trace.#held = hold(below, depth);
    } catch {
      trace.#held = trace.#withoutDepth(below);
    }
    return trace;
  }

  /** Where Error cannot be changed and is not frozen either. */
  #withoutDepth(below) {
    const holder = {};
    try {
      captureStackTrace(holder, below);
    } catch {
      // At the end of the stack, no trace can be taken.
    }
    return holder;
  }

  /** Finds the places, and lets go of what V8 keeps for them. */
  settle() {
    if (this.#places !== undefined) return this;
    try {
      this.#places = places(this.#held);
    } catch {
      this.#places = [];
    }
    this.#held = undefined;
    return this;
  }

  /** `{ function, file, line, column }`, lines and columns from 1. */
  get frames() {
    if (this.#frames === undefined) {
      const all = this.#all();
      try {
        this.#frames = inOrder(tell(all));
      } catch {
        this.#frames = inOrder(all).map(plain);
      }
    }
    return this.#frames;
  }

  #all() {
    return this.settle().#places;
  }

  /** Whether any of its code is the application's, or of a package. */
  get isOfApplication() {
    return this.#all().some((frame) => rankOf(frame) !== NOBODY);
  }

  /** The function of Node, or of ralloc in its place, that the application or a package called; undefined if there is none. */
  get callee() {
    const all = this.#all();
    return all[all.findIndex((frame) => rankOf(frame) !== NOBODY) - 1]?.function;
  }

  /** The frame that a person looks at first; undefined where nobody is on the stack. */
  get top() {
    return this.frames[0];
  }

  /** The same text for the same lines of the application, whatever called those. */
  get key() {
    if (this.#key === undefined) {
      const all = this.#all();
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
    const shown = own.length > 0 ? own : this.frames; // what packages do between is seldom of help
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
