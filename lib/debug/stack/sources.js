'use strict';

// Sources and source maps: what their names and URLs stand for, and their texts on disk now.

const fs = require('node:fs');
const path = require('node:path');
const { fileURLToPath, pathToFileURL } = require('node:url');
const { attempt } = require('../../base/attempt.js');

const DATA_URL = /^data:[^,]*?(;base64)?,(.*)$/s;

/** `file:///a.js` -> `/a.js`. Other schemes stay as they are. */
const pathOf = (file) =>
  file.startsWith('file:') ? attempt(() => fileURLToPath(file), file) : file;

/**
 * Resolves a name in a map's `sources` to a path, or to a URL that a bundler has invented. `base`:
 * the URL of the map; `of`: the system's path module.
 */
function sourceOf(name, root, base, of = path) {
  const joined = root ? `${root.replace(/[\\/]?$/, '/')}${name}` : name;
  // On Windows compilers write either slash; stacks have backslashes.
  if (of.isAbsolute(joined)) return of === path.win32 ? of.normalize(joined) : joined;
  return pathOf(new URL(joined, base).href);
}

/** The text that a data: URL has; undefined for another URL. */
function textOfData(url) {
  const data = DATA_URL.exec(url);
  if (data === null) return undefined;
  const [, base64, body] = data;
  return base64 ? Buffer.from(body, 'base64').toString() : decodeURIComponent(body);
}

/** Only code is read: a foreign profile may name any file, and a report may be passed on. */
const CODE = /\.[cm]?[jt]sx?$/i;
const MOST_BYTES = 1 << 26;
const MAPPING = /^[ \t]*\/\/[#@][ \t]*sourceMappingURL=(\S+)[ \t]*$/gm;

/** Reads a source: { text, changed }; undefined if it does not exist or must not be read. */
function readCode(file, mostBytes = MOST_BYTES) {
  if (!CODE.test(file) || !path.isAbsolute(file)) return undefined;
  return attempt(() => {
    const { size, mtimeMs } = fs.statSync(file);
    if (size > mostBytes) return undefined;
    return { text: fs.readFileSync(file, 'utf8'), changed: mtimeMs };
  });
}

/**
 * Reads the source map that the last sourceMappingURL of a text names: { json, base }; undefined if
 * it is not on this disk.
 */
function readMap(text, file) {
  const url = [...text.matchAll(MAPPING)].at(-1)?.[1];
  if (url === undefined) return undefined;
  const json = textOfData(url);
  if (json !== undefined) return { json, base: pathToFileURL(file) };
  const base = new URL(url, pathToFileURL(file));
  if (base.protocol !== 'file:') return undefined;
  return { json: fs.readFileSync(base, 'utf8'), base };
}

module.exports = { pathOf, readCode, readMap, sourceOf, textOfData };
