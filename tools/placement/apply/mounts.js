'use strict';

// Finds where an application calls requestArena(), and the edit that turns on its option `context`, without which current() is undefined. Only the text is searched:
// calls that are not written in the usual way are reported, and must be changed by hand.

const fs = require('node:fs');
const path = require('node:path');
const { sourceText } = require('../../../lib/auto/source/source-text.js');

const CODE = /(?<!\.d)\.[cm]?[jt]sx?$/i;
/** Folders and files that do not run in production. */
const OTHER = /^(node_modules|__tests?__|tests?|spec|coverage|\..*)$|\.(test|spec)\.[^.]+$/i;
const MOST_BYTES = 1 << 20;
const OF_RALLOC = /['"]ralloc(|\/express|\/http|\/koa|\/hono|\/nest|\/fastify)['"]/;
const MOST_FILES = 20_000;

/** The source files below a folder, breadth first: at most MOST_FILES, and no links, which may form cycles. */
function* codeIn(root) {
  const folders = [root];
  let count = 0;
  for (const folder of folders) {
    let entries;
    try {
      entries = fs.readdirSync(folder, { withFileTypes: true });
    } catch {
      continue;
    }
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      if (OTHER.test(entry.name)) continue;
      const file = path.join(folder, entry.name);
      if (entry.isDirectory()) folders.push(file);
      if (!entry.isFile() || !CODE.test(entry.name)) continue;
      if (++count > MOST_FILES) return;
      yield file;
    }
  }
}

/** The text of a file that may mount arenas. */
function textOf(file) {
  try {
    if (fs.statSync(file).size > MOST_BYTES) return undefined;
    const { text } = sourceText(fs.readFileSync(file));
    const [, door] = OF_RALLOC.exec(text) ?? [];
    return door === '/fastify' || (door !== undefined && text.includes('requestArena'))
      ? text
      : undefined;
  } catch {
    return undefined;
  }
}

const IS_ON = /\bcontext['"]?\s*:\s*true\b/;
const IS_GIVEN = /\bcontext['"]?\s*[:,}]/; // as a key of an object, and no word of a comment

/** `requestArena()` or `requestArena({`; ends where the options are to be inserted, or begin. */
const CALL = /\brequestArena\(\s*(?=\)|(\{(\s*)))/g;

const insertion = (at, text) => ({ start: at, end: at, text });

/** `{ line, edit }` for a text with the option off. `edit` is undefined if there are several calls, or none that is written like CALL. */
function mountIn(text) {
  const calls = [...text.matchAll(CALL)];
  const begin = calls[0]?.index ?? OF_RALLOC.exec(text).index;
  const line = text.slice(0, begin).split('\n').length;
  if (calls.length !== 1 || IS_GIVEN.test(text)) return { line };
  const [{ 0: call, 1: brace, 2: space }] = calls;
  const at = begin + call.length;
  if (brace === undefined) return { line, edit: insertion(at, '{ context: true }') };
  const isEmpty = text[at + brace.length] === '}';
  return { line, edit: insertion(at + 1, isEmpty ? ' context: true ' : `${space}context: true,`) };
}

/** `{ isMounted, off }` for a folder: whether any file mounts arenas, and `{ file, line, edit }` of each file with the option off. */
function mountsIn(root) {
  const texts = Array.from(codeIn(root), (file) => ({ file, text: textOf(file) })).filter(
    ({ text }) => text !== undefined,
  );
  const off = texts.filter(({ text }) => !IS_ON.test(text));
  return {
    isMounted: texts.length > 0,
    off: off.map(({ file, text }) => ({ file, ...mountIn(text) })),
  };
}

module.exports = { mountsIn };
