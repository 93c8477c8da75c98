'use strict';

// Code that tsx, ts-node, Babel, or Node for TypeScript compiled in memory: its lines and columns
// are not those of the file with its name. A report could not find that out later, and would not
// have the source map. So the recorder itself maps a place to the original if the text that ran
// contains a source map, and marks the file name if not. A place is looked up once, when a block is
// made.

// The originals: an application's tests may replace them later.
const { readFileSync, statSync } = require('node:fs');
const { wrap } = require('node:module');
const path = require('node:path');
const process = require('node:process');
const { itemOf } = require('../../lib/base/item-of.js');
const { lazy } = require('../../lib/base/lazy.js');

const mapper = lazy(() => require('../../lib/debug/stack/mapper.js'));

const CODE = /\.[cm]?[jt]sx?$/i;
const TYPED = /\.[cm]?ts$/i;
const MOST_BYTES = 4 * 1024 * 1024; // larger files are hardly compiled in memory, and take over 100 ms to read and compare

const MARK = ' (compiled in memory)'; // added to the name of a file whose text is not the one that ran

/** Node passes CommonJS modules to V8 with their byte order mark, and ES modules without. */
const withoutMark = (text) => text.replace(/^\uFEFF/, '');

const hashOf = (text) => require('node:crypto').createHash('sha256').update(text).digest('hex');

/**
 * The text of a file without its byte order mark; undefined if it cannot be read, or is too large.
 */
function readText(file) {
  try {
    if (!path.isAbsolute(file) || statSync(file).size > MOST_BYTES) return undefined;
    return withoutMark(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

/** Whether `ran` is `text` with its types replaced by blanks, and perhaps a comment behind it. */
function isStripped(text, ran) {
  for (let i = 0; i < text.length; i++) {
    if (ran[i] === text[i]) continue;
    if (text[i] === '\n' || (ran[i] !== ' ' && ran[i] !== ';')) return false;
  }
  return true;
}

const HOOKS = /--(experimental-)?loader\b/; // options of Node that let other code load ES modules

class Compiled {
  /** Whether a loader other than Node's may have produced the text of an ES module. */
  isHooked = HOOKS.test([...process.execArgv, process.env.NODE_OPTIONS].join(' '));
  #texts = new Map(); // file of CommonJS -> the text that ran, without its byte order mark; V8 keeps it too, as long as its functions live
  #hashes = new Map(); // file of another module -> the hash of the text that ran
  #states = new Map(); // file -> whether another text than the file's ran
  #told = new Map(); // frame -> the frame as the profile has it

  /** Called with the text of a CommonJS module before it runs. */
  loaded(file, text) {
    if (typeof file !== 'string' || typeof text !== 'string') return;
    this.#texts.set(file, withoutMark(text));
    this.#states.delete(file);
  }

  /** Called when a file of the application is first on a stack. `site`: V8's call site. */
  meet(file, site) {
    if (this.#texts.has(file) || !CODE.test(file)) return;
    try {
      if (statSync(file).size <= MOST_BYTES) this.#hashes.set(file, site.getScriptHash());
    } catch {
      // A file that is missing or unreadable counts as unchanged.
    }
  }

  /** Returns frames as the profile has them; a frame that needs no change is the same object. */
  tell(frames) {
    const byFile = new Map();
    for (const frame of frames) {
      if (this.#told.has(frame)) continue;
      this.#told.set(frame, frame);
      itemOf(byFile, frame.file, () => []).push(frame);
    }
    for (const [file, all] of byFile) {
      if (itemOf(this.#states, file, () => this.#differs(file))) this.#tellOthers(file, all);
    }
    return frames.map((frame) => this.#told.get(frame));
  }

  /** Whether the text that ran is known to differ from the file's. */
  #differs(file) {
    const [ran, hash] = [this.#texts.get(file), this.#hashes.get(file)];
    if ((ran === undefined && !hash) || !CODE.test(file)) return false;
    const text = readText(file);
    if (text === undefined) return false;
    if (ran !== undefined) return ran !== text;
    return hashOf(text) !== hash && hashOf(wrap(text)) !== hash;
  }

  #tellOthers(file, frames) {
    const found = mapper().originsOf(file, this.#texts.get(file), frames);
    if (found === undefined && TYPED.test(file) && this.#isStripped(file)) return;
    const marked = { file: `${file}${MARK}` };
    for (const frame of frames)
      this.#told.set(frame, { ...frame, ...(found?.get(frame) ?? marked) });
  }

  /** Whether only types were removed, which Node does without moving any code. */
  #isStripped(file) {
    const ran = this.#texts.get(file);
    if (ran === undefined) return !this.isHooked && process.features.typescript === 'strip';
    return isStripped(readText(file) ?? '', ran);
  }
}

module.exports = { Compiled, MARK };
