'use strict';

// Code that was compiled in memory, by tsx, ts-node, Babel, or Node itself for TypeScript: its places are none of the file that has its name, and no report
// could find that out, or has its source map. So the few places of such files that are told are told as their author has them, where the text that ran
// has a source map with it, and else under a name that says so. Looked up when a block is made, once a place.

const { createHash } = require('node:crypto');
// The originals: an application's tests may replace them later.
const { readFileSync, statSync } = require('node:fs');
const { wrap } = require('node:module');
const path = require('node:path');
const process = require('node:process');
const { originsOf } = require('../../lib/debug/stack/mapper.js');

const CODE = /\.[cm]?[jt]sx?$/i;
const TYPED = /\.[cm]?ts$/i;
const MOST_BYTES = 4 * 1024 * 1024; // nobody compiles more in memory; to read and compare it would take 100 ms

/** Behind the name of a file that has not the text that ran. */
const MARK = ' (compiled in memory)';

/** Node passes CommonJS to V8 with its byte order mark, which counts as a column, and ES modules without it. */
const withoutMark = (text) => text.replace(/^\uFEFF/, '');

const hashOf = (text) => createHash('sha256').update(text).digest('hex');

/** The text that is on disk, without what Node leaves off; undefined where it is not to be had. */
function readText(file) {
  try {
    if (!path.isAbsolute(file) || statSync(file).size > MOST_BYTES) return undefined;
    return withoutMark(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

/** Whether `ran` is `text` without its types, which leave blanks where they stood. */
function isStripped(text, ran) {
  const lines = ran.split('\n');
  return text.split('\n').every((line, i) => lines[i] !== undefined && isBlanked(line, lines[i]));
}

function isBlanked(line, ran) {
  if (line.length !== ran.length) return false;
  for (let i = 0; i < line.length; i++) {
    if (line[i] !== ran[i] && ran[i] !== ' ' && ran[i] !== ';') return false;
  }
  return true;
}

/** Options of Node that have somebody else load its ES modules. */
const HOOKS = /--(experimental-)?loader\b/;

class Compiled {
  /** Whether somebody else than Node may have made the text of an ES module. */
  isHooked = HOOKS.test([...process.execArgv, process.env.NODE_OPTIONS].join(' '));
  #texts = new Map(); // file → the text that ran, of CommonJS, without its byte order mark; V8 has it as long as its functions
  #marked = new Set(); // files that began with such a mark
  #hashes = new Map(); // file → that of the text that ran, of other modules
  #states = new Map(); // file → AS_ON_DISK …
  #told = new Map(); // frame → as it is told

  /** The text of a module of CommonJS, before it runs. */
  loaded(file, text) {
    if (typeof file !== 'string' || typeof text !== 'string') return;
    const ran = withoutMark(text);
    this.#texts.set(file, ran);
    if (ran !== text) this.#marked.add(file);
    this.#states.delete(file);
  }

  /** A file of the application's is met first, by V8's call site. */
  meet(file, site) {
    if (this.#texts.has(file) || !CODE.test(file)) return;
    try {
      if (statSync(file).size <= MOST_BYTES) this.#hashes.set(file, site.getScriptHash());
    } catch {
      // Nothing is claimed of what is not there, or may not be read.
    }
  }

  /** Frames as they are told, by those that ran; the same object where nothing is to be changed. */
  tell(frames) {
    this.#look(frames.filter((frame) => !this.#told.has(frame)));
    return frames.map((frame) => this.#told.get(frame));
  }

  #look(frames) {
    const byFile = new Map();
    for (const frame of frames) {
      if (byFile.has(frame.file)) byFile.get(frame.file).push(frame);
      else byFile.set(frame.file, [frame]);
    }
    for (const [file, all] of byFile) {
      for (const frame of all) this.#told.set(frame, this.#atColumn(frame));
      if (this.#differs(file)) this.#tellOthers(file, all);
    }
  }

  /** Its column as in a text without the byte order mark. */
  #atColumn(frame) {
    if (frame.line !== 1 || !this.#marked.has(frame.file)) return frame;
    return { ...frame, column: Math.max(1, frame.column - 1) };
  }

  /** Whether what ran is known to be another text than that of the file. */
  #differs(file) {
    if (!this.#states.has(file)) this.#states.set(file, this.#compare(file));
    return this.#states.get(file);
  }

  #compare(file) {
    const [ran, hash] = [this.#texts.get(file), this.#hashes.get(file)];
    if ((ran === undefined && !hash) || !CODE.test(file)) return false;
    const text = readText(file);
    if (text === undefined) return false;
    if (ran !== undefined) return ran !== text;
    return hashOf(text) !== hash && hashOf(wrap(text)) !== hash;
  }

  #tellOthers(file, frames) {
    const ran = frames.map((frame) => this.#told.get(frame));
    const found = originsOf(file, this.#texts.get(file), ran);
    if (found === undefined && TYPED.test(file) && this.#isStripped(file)) return;
    frames.forEach((frame, i) => {
      const marked = { line: ran[i].line, column: ran[i].column, file: `${file}${MARK}` };
      this.#told.set(frame, { ...frame, ...(found?.get(ran[i]) ?? marked) });
    });
  }

  /** Node leaves what it takes the types of at its places. */
  #isStripped(file) {
    const ran = this.#texts.get(file);
    if (ran === undefined) return !this.isHooked && process.features.typescript === 'strip';
    return isStripped(readText(file) ?? '', ran);
  }
}

module.exports = { Compiled, MARK };
