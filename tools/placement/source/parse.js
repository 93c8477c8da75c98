'use strict';

// The syntax of a source, by acorn, which the build bundles (tools/placement/dist/) and the caller
// gives.

const fs = require('node:fs');
const module_ = require('node:module');
const path = require('node:path');
const { fileFault } = require('../../../lib/base/file-names.js');

const TYPESCRIPT = /\.[cm]?ts$/i;
const JSX = /\.[jt]sx$/i;

/** How Node loads a file of this name: 'module', 'commonjs', or undefined if its syntax decides. */
function kindOf(file) {
  const [, letter] = /\.([cm]?)[jt]s$/i.exec(file) ?? [];
  if (letter === 'm') return 'module';
  if (letter === 'c') return 'commonjs';
  for (let dir = path.dirname(file); ; dir = path.dirname(dir)) {
    const type = typeIn(dir);
    if (type !== null) return type;
    if (dir === path.dirname(dir)) return undefined;
  }
}

/** The `type` in a folder's package.json; null if there is no package.json. */
function typeIn(dir) {
  let json;
  try {
    json = fs.readFileSync(path.join(dir, 'package.json'), 'utf8');
  } catch {
    return null;
  }
  try {
    const { type } = JSON.parse(json);
    return type === 'module' || type === 'commonjs' ? type : undefined;
  } catch {
    return undefined;
  }
}

/** Why a source is not parsed. `isFault`: it cannot be the text that ran. */
class Unread extends Error {
  constructor(message, isFault) {
    super(message);
    this.isFault = isFault;
  }
}

/** Why a file cannot be parsed, and whether that is an error if a call in it should be changed. */
function reasonOf(error) {
  if (error instanceof Unread) return { why: error.message, isFault: error.isFault };
  if (error.code === 'ENOENT')
    return { why: 'there is no such file any more. Bake again', isFault: true };
  if (error.code === 'ERR_ENCODING_INVALID_ENCODED_DATA') {
    return { why: 'it is no text of UTF-8. Change it by hand', isFault: true };
  }
  if (error.code === undefined) throw error;
  return { why: `it cannot be read: ${fileFault(error)}`, isFault: true };
}

/** Removes the types; all other characters keep their places. */
function strip(text) {
  const { stripTypeScriptTypes } = module_;
  if (stripTypeScriptTypes === undefined) {
    throw new Unread(
      `its types are stripped by Node 22.13 and later alone, and this is ${process.version}`,
      false,
    );
  }
  const { emitWarning } = process;
  process.emitWarning = () => {}; // Node warns that stripping types is experimental
  let stripped;
  try {
    stripped = stripTypeScriptTypes(text);
  } catch (error) {
    const isSyntax = error.code === 'ERR_INVALID_TYPESCRIPT_SYNTAX';
    throw new Unread(`its types cannot be stripped: ${error.message.split('\n')[0]}`, isSyntax);
  } finally {
    process.emitWarning = emitWarning;
  }
  if (stripped.length === text.length) return stripped;
  throw new Unread('its types cannot be stripped in place', false);
}

function parseAs(acorn, code, sourceType) {
  const options = { ecmaVersion: 'latest', sourceType, allowHashBang: true };
  return { ast: acorn.parse(code, options), sourceType };
}

function parseCode(acorn, code, file) {
  const kind = kindOf(file);
  if (kind !== undefined) return parseAs(acorn, code, kind);
  try {
    return parseAs(acorn, code, 'commonjs');
  } catch (error) {
    try {
      return parseAs(acorn, code, 'module');
    } catch {
      throw error;
    }
  }
}

/**
 * Parses a Text: `{ ast, sourceType, code, nodes, parents }`. `code`: the text without types, all
 * other characters in their places; `nodes`: in the order of the source. Throws Unread, with a
 * remedy.
 */
function parse(acorn, { file, text }) {
  if (JSX.test(file)) {
    throw new Unread('JSX is not parsed. Change it by hand', true);
  }
  const code = TYPESCRIPT.test(file) ? strip(text) : text;
  try {
    const parsed = parseCode(acorn, code, file);
    return { ...parsed, code, ...walk(parsed.ast) };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new Unread(`it does not parse: ${error.message}. Mend it, or change it by hand`, true);
  }
}

const isNode = (value) => typeof value?.type === 'string' && typeof value.start === 'number';

/**
 * Collects all nodes, and the parent of each. Not recursive, because generated code may be nested
 * deeply.
 */
function walk(ast) {
  const nodes = [];
  const parents = new Map();
  const open = [ast];
  while (open.length > 0) {
    const node = open.pop();
    nodes.push(node);
    for (const value of Object.values(node)) {
      for (const child of Array.isArray(value) ? value : [value]) {
        if (!isNode(child)) continue;
        parents.set(child, node);
        open.push(child);
      }
    }
  }
  nodes.sort((a, b) => a.start - b.start || b.end - a.end);
  return { nodes, parents };
}

module.exports = { parse, reasonOf };
