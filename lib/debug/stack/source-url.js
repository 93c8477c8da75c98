'use strict';

// Resolves names and URLs in source maps to files and texts.

const path = require('node:path');
const { fileURLToPath } = require('node:url');
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

module.exports = { pathOf, sourceOf, textOfData };
