'use strict';

// Sources and source maps that are on disk now.

const fs = require('node:fs');
const path = require('node:path');
const { pathToFileURL } = require('node:url');
const { attempt } = require('../../base/attempt.js');
const { textOfData } = require('./source-url.js');

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

module.exports = { readCode, readMap };
