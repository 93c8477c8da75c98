'use strict';

// Maps places of code that ran in memory to its source, by whoever knows: the text itself, Node, or
// source-map-support, to which compilers give their maps so that errors show them.

const { findSourceMap } = require('node:module');
const { pathToFileURL } = require('node:url');
const { attempt } = require('../../base/attempt.js');
const { loadedModules } = require('../../base/internals.js');
const { findAll } = require('./mappings.js');
const { pathOf, readCode, readMap, sourceOf, textOfData } = require('./sources.js');

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
