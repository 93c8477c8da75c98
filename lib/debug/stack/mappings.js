'use strict';

// The `mappings` of a source map, read for a few places: Node's SourceMap makes an array of each
// segment, which takes ten times as long.

const DIGITS = new Map(
  [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'].map((digit, value) => [
    digit.charCodeAt(0),
    value,
  ]),
);
const VALUES = Int8Array.from({ length: 128 }, (_, code) => DIGITS.get(code) ?? -1);

const MORE = 32; // this bit is set in all digits of a number except the last
const SEMICOLON = 59;

/** Reads segments, whose numbers are differences to the previous value of the same field. */
class Segments {
  #text;
  #at = 0;
  line = 0; // in the generated text; all fields count from 0
  column = 0;
  source = 0;
  sourceLine = 0;
  sourceColumn = 0;
  hasSource = false;

  constructor(text) {
    this.#text = text;
  }

  /** Goes to the next segment; false at the end. */
  next() {
    while (this.#at < this.#text.length && !this.#isDigit()) {
      if (this.#text.charCodeAt(this.#at++) !== SEMICOLON) continue; // a comma
      this.line++;
      this.column = 0;
    }
    if (this.#at >= this.#text.length) return false;
    this.column += this.#number();
    this.hasSource = this.#isDigit();
    if (!this.hasSource) return true;
    this.source += this.#number();
    this.sourceLine += this.#number();
    this.sourceColumn += this.#number();
    if (this.#isDigit()) this.#number(); // a name
    return true;
  }

  #isDigit() {
    return VALUES[this.#text.charCodeAt(this.#at)] >= 0;
  }

  #number() {
    let [value, shift] = [0, 0];
    for (;;) {
      const digit = VALUES[this.#text.charCodeAt(this.#at++)];
      if (!(digit >= 0)) throw new SyntaxError('A number of a source map is cut off');
      value += (digit & (MORE - 1)) << shift;
      if (digit < MORE) break;
      shift += 5;
    }
    return value & 1 ? -(value >> 1) : value >> 1;
  }
}

const inOrder = (a, b) => a.line - b.line || a.column - b.column;

/**
 * @param {string} text
 * @param {{ line: number, column: number }[]} places in the generated text, from 0
 * @returns {Map<object, { source: number, line: number, column: number }>} place -> its position in
 *   the source, from 0, if it has one
 */
function findAll(text, places) {
  const found = new Map();
  const segments = new Segments(text);
  let segment; // the last at or before the place, in its line
  let isLeft = segments.next();
  for (const place of [...places].sort(inOrder)) {
    while (isLeft && inOrder(segments, place) <= 0) {
      const { source, sourceLine: line, sourceColumn: column } = segments;
      segment = { at: segments.line, origin: segments.hasSource ? { source, line, column } : null };
      isLeft = segments.next();
    }
    if (segment?.at === place.line && segment.origin !== null) found.set(place, segment.origin);
  }
  return found;
}

module.exports = { findAll };
