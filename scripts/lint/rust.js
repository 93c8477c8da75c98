'use strict';

// Who may use whom in src/: a room uses the floors below it, and no other room of its own. Three doors. clippy bans single types and
// functions (.clippy.toml); this bans paths.

const { listFiles, readFile } = require('../lib/files.js');

/** From the top down. src/lib.rs is the table of contents: it names everything. */
const FLOORS = [
  ['node'],
  ['arena', 'lease', 'region', 'slab'],
  ['memory'],
  ['lifetime', 'object_pool', 'os'],
  ['debug', 'limit', 'stats'],
  ['error'],
  ['layout', 'sync', 'random_tests', 'setters'],
];

/** Crates and modules that one place alone names; the models are tests, and start loom's own threads. */
const DOORS = [
  [/^napi(?:_derive|_sys)?(?:::|$)/, /^src\/node\//, 'Node-API only in src/node'],
  [/^(?:libc|windows|windows_sys|winapi)(?:::|$)/, /^src\/os\//, 'system calls only in src/os'],
  [/^(?:std|core)::sync::(?:atomic|Condvar)\b/, /^src\/sync\.rs$/, 'atomics only in src/sync.rs'],
  [/^loom(?:::|$)/, /^src\/(?:sync|.*\/models)\.rs$/, 'loom only in src/sync.rs and models.rs'],
];

const PATH = /\buse\s+([^;]+);|#!?\[(?:cfg_attr\(.*,\s*)?(napi)\b|(?:\b\w+::)+\w+/g;

/** `a::{b, c::{d}}` → `a::b`, `a::c::d` */
function unfold(tree) {
  const inner = /^([^{]*)\{(.*)\}$/.exec(tree.replace(/\s/g, ''));
  if (inner === null) return [tree.trim()];
  const [, prefix, list] = inner;
  return list
    .match(/(?:[^,{]|\{(?:[^{}]|\{[^{}]*\})*\})+/g)
    .flatMap((part) => unfold(prefix + part));
}

/** A path from the crate's root, where it begins with `super`: `super::super::os` in src/slab/pool.rs is `crate::os`. */
function fromRoot(path, file) {
  const [ups] = /^(?:super::)*/.exec(path);
  const parts = file.replace(/^src\/|(?:\/mod)?\.rs$/g, '').split('/');
  const up = ups.length / 'super::'.length;
  return up === 0 ? path : ['crate', ...parts.slice(0, -up), path.slice(ups.length)].join('::');
}

/** What is wrong with a path that a file names. */
function fault(file, path) {
  for (const [names, inside, what] of DOORS)
    if (names.test(path) && !inside.test(file)) return `${path}: ${what}`;
  const [root, to] = path.split('::');
  const [, from] = /^src\/(\w+)/.exec(file);
  if (from === 'lib' || root !== 'crate' || from === to) return undefined;
  const [above, below] = [from, to].map((room) =>
    FLOORS.findIndex((rooms) => rooms.includes(room)),
  );
  if (above < 0) return `src/${from} is on no floor of scripts/lint/rust.js`;
  return below >= 0 && below <= above ? `${from} must not use ${to}` : undefined;
}

function* faultsIn(file, source) {
  const code = source.replace(/\/\/.*|\/\*[\s\S]*?\*\//g, (text) => text.replace(/[^\n]/g, ''));
  for (const { 0: text, 1: use, 2: attribute, index } of code.matchAll(PATH))
    for (const path of use === undefined ? [attribute ?? text] : unfold(use)) {
      const what = fault(file, fromRoot(path, file));
      if (what !== undefined) yield { file, line: code.slice(0, index).split('\n').length, what };
    }
}

module.exports = (root) =>
  listFiles(root)
    .filter((file) => /^src\/.*\.rs$/.test(file))
    .flatMap((file) => [...faultsIn(file, readFile(root, file))]);
