'use strict';

// Bodies whose chunks go back once a parser has copied them: functions that are known
// (known-parsers.js) are changed as Node compiles their files. No line moves. Responses of Node's
// fetch() are changed (responses.js) when it is first called, because it would be loaded for that.

const fs = require('node:fs');
const Module = require('node:module');
const path = require('node:path');
const { attempt } = require('../base/attempt.js');
const { formatBytes, whole } = require('../base/bytes.js');
const { kCompile, kModulePaths } = require('../base/internals.js');
const { lazy } = require('../base/lazy.js');
const { Patches } = require('../base/patches.js');
const { kBodies } = require('../base/protocol.js');
const { MARKS, PARSERS, PLAIN_BODY, hashOf } = require('./known-parsers.js');

const MODULES = /^(.*[\\/]node_modules[\\/])(.*)$/s;
const parsers = new Map(PARSERS.map((parser) => [parser.file, parser]));

let leave = () => {}; // with `report`: notes which parsers are left alone

/** The start and end of the part of a package's file whose hash is compared. */
function partOf({ from, to }, text) {
  if (from === undefined) return [0, text.length];
  const begin = text.indexOf(from);
  const end = text.indexOf(to, begin);
  return begin === -1 || end === -1 ? [0, 0] : [begin, end + to.length];
}

/** The text to compile instead of `text`; undefined if `text` is unknown. */
function changed(parser, text) {
  const [begin, end] = partOf(parser, text);
  const part = text.slice(begin, end);
  if (!parser.texts.includes(hashOf(part))) return undefined;
  if (parser.isLater) announce();
  else loadReaders();
  const edited = parser.edits.reduce((all, [from, to]) => all.split(from).join(to), part);
  return text.slice(0, begin) + edited + text.slice(end);
}

const bodyReaders = lazy(() => require('./body-readers.js'));

const UNREADABLE = { body: () => PLAIN_BODY, kindOf() {} };

let areAnnounced = false; // by this copy of ralloc

/** Puts what changed functions call where they find it, unless another copy has. */
function loadReaders() {
  if (kBodies in globalThis && !areAnnounced) return;
  const { readers: value } = bodyReaders();
  Object.defineProperty(globalThis, kBodies, { value, configurable: false });
  areAnnounced = false;
}

/**
 * Leaves that to the first body: it takes 0.2 MB of V8's heap, which most servers that have such a
 * function never need.
 */
function announce() {
  if (kBodies in globalThis) return;
  areAnnounced = true;
  const get = () => {
    attempt(loadReaders); // the files may be gone meanwhile
    return areAnnounced ? UNREADABLE : globalThis[kBodies];
  };
  Object.defineProperty(globalThis, kBodies, { configurable: true, get });
}

function packageOf(folder, name) {
  const [own] = name.split('/');
  const text = attempt(() => fs.readFileSync(path.join(folder, own, 'package.json'), 'utf8'), '{}');
  return `${own} ${attempt(() => JSON.parse(text).version, '')}`;
}

/** `{ folder, name }` of a path in a folder node_modules, otherwise undefined. */
function placeOf(file) {
  const [, folder, rest] = MODULES.exec(file) ?? [];
  return rest && { folder, name: rest.replaceAll('\\', '/') };
}

/** The text to compile; undefined if it stays unchanged. */
function compiled(text, file) {
  const { folder, name } = placeOf(file) ?? {};
  const parser = parsers.get(name);
  if (parser === undefined) return leave(text, file);
  return changed(parser, text) ?? leave(text, file, () => packageOf(folder, name));
}

const left = new Set();

function note(text, file, nameOf) {
  if (nameOf !== undefined) left.add(`${nameOf()} (not known)`);
  const why = placeOf(file) === undefined ? 'bundled' : 'a copy'; // as @fastify/busboy
  for (const [name, mark] of nameOf === undefined ? MARKS : []) {
    if (text.includes(mark)) left.add(`${name} in ${path.relative('', file)} (${why})`);
  }
}

/**
 * Changes what Module.prototype._compile() gets, until `compiles.restore()`. Returns false if it
 * cannot be replaced.
 */
function changeTexts(compiles, onText = () => {}) {
  return compiles.method(Module.prototype, kCompile, (original) => {
    return function _compile(content, file, ...rest) {
      onText();
      const text = attempt(() => compiled(content, file)) ?? content;
      return Reflect.apply(original, this, [text, file, ...rest]);
    };
  });
}

/**
 * Replaces _compile() only while Node loads a file of a folder with a parser: a function that stays
 * would be in the stack of all that fails while an application is loaded. Before Node reads the
 * text of a file it asks for the folders node_modules around it.
 */
function changeThere() {
  const folders = new Set(PARSERS.map(({ file }) => path.posix.dirname(file)));
  const compiles = new Patches();
  let isChanging = false;
  const end = () => {
    compiles.restore();
    isChanging = false;
  };
  const begin = (from) => {
    if (!isChanging && folders.has(placeOf(from)?.name)) isChanging = changeTexts(compiles, end);
  };
  return new Patches().method(Module, kModulePaths, (original) => {
    return function _nodeModulePaths(from) {
      attempt(() => begin(from));
      return Reflect.apply(original, this, [from]);
    };
  });
}

/** Until it is called, fetch() is one that changes its responses first. */
function beginFetch() {
  const patches = new Patches();
  patches.method(globalThis, 'fetch', (original) => {
    return function fetch(...args) {
      patches.restore();
      attempt(() => require('./responses.js').changeResponses(globalThis.Response));
      return Reflect.apply(original, this, args);
    };
  });
}

/** `parts`: the words of RALLOC_AUTO. */
function begin(parts) {
  beginFetch();
  if (!parts.includes('report')) return changeThere();
  leave = note;
  return changeTexts(new Patches()); // each file is looked at
}

/** The line of the report at the end. */
function tell() {
  const { counts: fetched } = require('./responses.js');
  const parsed = (areAnnounced ? undefined : globalThis[kBodies]?.counts) ?? {
    bodies: 0,
    bytes: 0,
  };
  const bodies = parsed.bodies + fetched.bodies;
  const bytes = parsed.bytes + fetched.bytes;
  const others = left.size === 0 ? '' : `; left alone: ${[...left].join(', ')}`;
  return `${formatBytes(bytes)} of ${whole(bodies)} ${bodies === 1 ? 'body' : 'bodies'} given back${others}`;
}

module.exports = { begin, tell };
