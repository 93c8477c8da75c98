'use strict';

// Every path of a Rust file, in full: `use` trees unfolded, `crate`, `self` and `super` resolved
// against the file's own module and the modules written inside it.

const { RUST, maskSource, lineOf } = require('./source.js');

/** `src/arena/chunk.rs` → ['arena', 'chunk'] */
function moduleOf(file) {
  const parts = file
    .replace(/^src\//, '')
    .replace(/\.rs$/, '')
    .split('/');
  const last = parts[parts.length - 1];
  if (last === 'mod' || (parts.length === 1 && (last === 'lib' || last === 'main'))) parts.pop();
  return parts;
}

/** 'a::{b, c::{d}}' → ['a::b', 'a::c::d'] */
function unfold(tree) {
  const open = tree.indexOf('{');
  if (open < 0) return [tree.split(/\bas\b/)[0].replace(/\s/g, '')];
  const prefix = tree.slice(0, open).replace(/\s/g, '');
  const inner = tree.slice(open + 1, tree.lastIndexOf('}'));
  return splitTop(inner).flatMap((part) => unfold(part).map((rest) => prefix + rest));
}

/** Splits at the commas that are inside no braces. */
function splitTop(text) {
  const parts = [''];
  let depth = 0;
  for (const letter of text) {
    if (letter === '{') depth += 1;
    if (letter === '}') depth -= 1;
    if (letter === ',' && depth === 0) parts.push('');
    else parts[parts.length - 1] += letter;
  }
  return parts.filter((part) => part.trim());
}

/** Turns `crate::`, `self::` and `super::` into a path from the crate's root, else leaves it. */
function resolve(path, module) {
  const parts = path.split('::');
  if (parts[0] === '') parts.shift(); // `::std::…`
  if (parts[0] === 'crate') return parts.join('::');
  if (parts[0] !== 'self' && parts[0] !== 'super') return parts.join('::');
  const here = [...module];
  while (parts[0] === 'self' || parts[0] === 'super') {
    if (parts.shift() === 'super') here.pop();
  }
  return ['crate', ...here, ...parts].join('::');
}

const TOKEN =
  /\bmod\s+(\w+)\s*\{|\buse\s+([^;]+);|[{}]|#!?\[\s*(\w+)|(?:::)?\b\w+(?:::\w+)+|\b(?:napi|libc)\b/g;

/** @returns {{ path: string, line: number }[]} `#[name …]` gives `name` as a path of one part */
function rustPaths(file, source) {
  const code = maskSource(source, RUST);
  const found = [];
  const blocks = []; // the name of each open `mod name {`, null for other braces
  for (const match of code.matchAll(TOKEN)) {
    const [text, mod, use, attribute] = match;
    const line = lineOf(code, match.index);
    const module = [...moduleOf(file), ...blocks.filter(Boolean)];
    if (mod) blocks.push(mod);
    else if (text === '{') blocks.push(null);
    else if (text === '}') blocks.pop();
    else if (use) for (const path of unfold(use)) found.push({ path: resolve(path, module), line });
    else found.push({ path: attribute || resolve(text, module), line });
  }
  return found;
}

module.exports = { rustPaths, moduleOf };
