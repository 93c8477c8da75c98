'use strict';

// Maps places of code that ran in memory to its source, by whoever knows: the text itself, Node, or
// source-map-support, to which compilers give their maps so that errors show them. The `mappings`
// of a source map are read for a few places: Node's SourceMap makes an array of each segment, which
// takes ten times as long.

const { findSourceMap } = require('node:module');
const { pathToFileURL } = require('node:url');
const { attempt } = require('../../base/attempt.js');
const { loadedModules } = require('../../base/internals.js');
const { pathOf, readCode, readMap, sourceOf, textOfData } = require('./sources.js');

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

const INLINE = '//# sourceMappingURL=data:';
const SUPPORT = /[\\/]source-map-support[\\/]source-map-support\.js$/;

/** The source map at the end of a text. */
function inlineMap(ran) {
  const at = ran.lastIndexOf(INLINE);
  if (at === -1) return undefined;
  const [url] = ran.slice(at + INLINE.indexOf('data:')).split(/\s/, 1);
  const json = textOfData(url);
  return json && JSON.parse(json);
}

/**
 * Maps frames by a source map: frame -> { file, line, column }, counted from 1. `base`: the URL of
 * the map.
 */
function byMap({ mappings, sources, sourceRoot }, base, frames) {
  const places = frames.map((frame) => ({
    frame,
    line: frame.line - 1,
    column: frame.column - 1,
  }));
  const found = new Map();
  for (const [{ frame }, { source, line, column }] of findAll(mappings, places)) {
    const place = { line: line + 1, column: column + 1 };
    found.set(frame, { file: sourceOf(sources[source], sourceRoot, base), ...place });
  }
  return found;
}

/** The copies of source-map-support that the application has loaded. */
const supports = () =>
  loadedModules()
    .filter(([file]) => SUPPORT.test(file))
    .map(([, { exports }]) => exports.mapSourcePosition)
    .filter((method) => typeof method === 'function');

function bySupport(frames) {
  const found = new Map();
  for (const map of supports()) {
    for (const frame of frames) {
      const at = { source: frame.file, line: frame.line, column: frame.column - 1 };
      const { source, line, column } = map({ ...at });
      if (source === at.source && line === at.line && column === at.column) continue;
      found.set(frame, { file: pathOf(source), line, column: column + 1 });
    }
  }
  return found.size > 0 ? found : undefined;
}

const isMap = (map) => typeof map?.mappings === 'string';

/**
 * Maps `frames`, all of one file: frame -> { file, line, column }, as far as known; undefined if
 * there is no map of the file that can be read. `ran`: the text that ran, if it is known.
 */
function originsOf(file, ran, frames) {
  return attempt(() => {
    const map = (ran && inlineMap(ran)) ?? findSourceMap(file)?.payload;
    return isMap(map) ? byMap(map, pathToFileURL(file), frames) : bySupport(frames);
  });
}

const MOST_BYTES = 1 << 24; // reading more would block a server for too long

/**
 * Like originsOf(), by the map that `file` names now, on disk or inline: Node reads maps only with
 * `--enable-source-maps`.
 */
function originsOnDisk(file, frames) {
  return attempt(() => {
    const code = readCode(file, MOST_BYTES);
    const found = code && readMap(code.text, file);
    const map = found && JSON.parse(found.json);
    return isMap(map) ? byMap(map, found.base, frames) : undefined;
  });
}

module.exports = { originsOf, originsOnDisk };
