'use strict';

// Finds the place of a frame in the original source, by the source maps that exist now, and the
// code around it.

const { SourceMap } = require('node:module');
const { itemOf } = require('../../lib/base/item-of.js');
const { pathOf, readCode, readMap, sourceOf } = require('../../lib/debug/stack/sources.js');

const AROUND = 4; // how many lines of code a snippet shows before and after its line
const MOST_COLUMNS = 300;

class Sources {
  #places = new Map();
  #files = new Map();
  #maps = new Map();
  /**
   * Sources of maps: name → their text if the map has it, and when the compiled file was changed:
   * lines are mapped by that file as it is now.
   */
  #mapped = new Map();
  unreadable = new Map(); // source maps that exist and cannot be read: file → why

  /**
   * The frame in the original source, or the frame itself without a map: one object per place,
   * which sites share.
   */
  resolve(frame) {
    const place = `${frame.function}\n${frame.file}:${frame.line}:${frame.column}`;
    return itemOf(this.#places, place, () => this.#resolve(frame));
  }

  #resolve({ function: name, file, line, column }) {
    const at = { function: name, file: pathOf(file), line, column };
    const map = itemOf(this.#maps, at.file, (file) => this.#load(file));
    const entry = map?.map.findEntry(line - 1, Math.max(0, column - 1));
    if (entry?.originalSource === undefined) return at;
    const source = sourceOf(entry.originalSource, map.payload.sourceRoot, map.base);
    return { ...at, file: source, line: entry.originalLine + 1, column: entry.originalColumn + 1 };
  }

  /**
   * The code around a line: `{ first, lines, changed }`. `changed`: the last change of the file, or
   * of the file compiled from it, in ms since 1970.
   */
  snippet(file, line) {
    const { text, compiled = 0 } = this.#mapped.get(file) ?? {};
    const code = text === undefined ? itemOf(this.#files, file, readCode) : { text };
    if (code === undefined) return undefined;
    code.lines ??= code.text.split(/\r?\n/);
    if (line < 1 || line > code.lines.length) return undefined;
    const first = Math.max(1, line - AROUND);
    const around = code.lines.slice(first - 1, line + AROUND);
    const lines = around.map((one) => one.slice(0, MOST_COLUMNS));
    return { first, lines, changed: Math.max(code.changed ?? 0, compiled) };
  }

  #load(file) {
    const code = itemOf(this.#files, file, readCode);
    try {
      const found = code && readMap(code.text, file);
      if (found === undefined) return undefined;
      const payload = JSON.parse(found.json);
      const { sources, sourcesContent, sourceRoot } = payload;
      const map = new SourceMap(payload);
      sources?.forEach((name, index) => {
        const text = sourcesContent?.[index]?.toString();
        const source = { text, compiled: code.changed };
        this.#mapped.set(sourceOf(name, sourceRoot, found.base), source);
      });
      return { map, payload, base: found.base };
    } catch (error) {
      this.unreadable.set(file, error.message);
      return undefined;
    }
  }
}

module.exports = { Sources };
