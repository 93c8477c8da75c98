'use strict';

// A frame of a stack: made once for each place, and the same object from then on. To ask a call
// site for its line takes ten times as long as for its position.

const path = require('node:path');
const { attempt } = require('../../base/attempt.js');
const { itemOf } = require('../../base/item-of.js');
const { pathOf } = require('./sources.js');

/** The folder of this file; empty in a bundle that is an ES module. */
const FOLDER = typeof __dirname === 'string' ? __dirname : '';
const ROOT = path.join(FOLDER, '..', '..', '..');
/** The folders of this copy of ralloc. */
const RALLOC = ['lib', 'tools'].map((name) => path.join(ROOT, name) + path.sep);
/** The recorder's folder: its own frames belong to nobody. */
const OF_RECORDER = path.join(ROOT, 'tools', 'recorder') + path.sep;
const HERE = FOLDER + path.sep;

/** The guard's folder, where one function replaces many of Node's, under the name of each. */
const GUARD = path.join(ROOT, 'lib', 'node', 'guard') + path.sep;

/** The folders of wrappers of Node's functions. */
const PATCHES = path.join(OF_RECORDER, 'patches') + path.sep;
const BUFFERS = path.join(PATCHES, 'buffers.js');

const NODE = 0;
const RECORDER = 1;
const OWN = 2; // ralloc, which allocates for its caller
const LIBRARY = 3; // in node_modules
const APPLICATION = 4;

const DEPENDENCY = /[\\/]node_modules[\\/]/;

const isOurs = (file) => RALLOC.some((folder) => file.startsWith(folder));

const isOfNode = (file) => file.startsWith('node:') || file.startsWith(PATCHES);

function kindOf(file) {
  if (file === undefined || isOfNode(file)) return NODE;
  if (file.startsWith(OF_RECORDER) || file.startsWith(HERE)) return RECORDER;
  if (isOurs(file)) return OWN;
  return DEPENDENCY.test(file) ? LIBRARY : APPLICATION;
}

/** Whether a file belongs to this copy of ralloc. Unknown, and so false, in a bundle. */
const isOfRalloc = (file) => path.basename(FOLDER) === 'stack' && isOurs(file);

/** The path of a file, which modules give as a URL; undefined if there is none. */
const fileOf = (name) => (typeof name === 'string' && name !== '' ? pathOf(name) : undefined);

/**
 * Whether positions in a source of this name always mean the same place, which is not so in
 * evaluated code.
 */
const isPlace = (name) => typeof name === 'string' && (path.isAbsolute(name) || name.includes(':'));

class Frames {
  #places = new Map(); // file name, as V8 has it -> position -> frame
  #interned = new Map(); // by text
  #onFile;
  #keyOf;

  /** The number of frames. */
  get size() {
    return this.#interned.size;
  }

  /**
   * Calls `onFile(file, site)` at the first frame of a file of the application. `namesCalls`: the
   * guard's frames get the names of the functions that they replace.
   */
  constructor(onFile = () => {}, namesCalls = false) {
    this.#onFile = onFile;
    this.#keyOf = namesCalls ? keyOf : positionOf;
  }

  /** The frame of one of V8's call sites. */
  of(site) {
    const name = site.getFileName() ?? undefined;
    if (!isPlace(name) || site.getPosition === undefined) return this.#make(site, name); // Deno has no getPosition()
    const places = itemOf(this.#places, name, () => {
      const file = fileOf(name);
      if (kindOf(file) === APPLICATION) this.#onFile(file, site);
      return new Map();
    });
    return itemOf(places, this.#keyOf(site, name), () => this.#make(site, name));
  }

  #make(site, name) {
    const method = site.getFunctionName() ?? site.getMethodName() ?? undefined;
    const type = site.isToplevel() || method === undefined ? null : typeOf(site);
    const isNew = site.isConstructor();
    const qualified = type && !method.includes('.') ? `${type}.${method}` : method;
    const named = isNew ? `new ${method ?? 'anonymous'}` : qualified;
    return this.intern(named, fileOf(name), site.getLineNumber(), site.getColumnNumber());
  }

  intern(named, file, line, column) {
    const text = `${named}\n${file}\n${line}\n${column}`;
    return itemOf(this.#interned, text, () => ({
      function: named ?? '(anonymous)',
      file: file ?? '',
      line: line ?? 0,
      column: column ?? 0,
      kind: kindOf(file),
      isOfBuffers: file === BUFFERS,
      number: this.#interned.size,
    }));
  }

  /** The frame of a line of a stack in text form; undefined if it is not one. */
  parse(line) {
    const match = /^\s*at (?:async )?(?:(.*?) \()?(.*?)(?::(\d+):(\d+))?\)?$/.exec(line);
    if (match === null) return undefined;
    const [, named, name, row, column] = match;
    if (row === undefined) return this.intern(named, undefined, 0, 0);
    return this.intern(named, fileOf(name), Number(row), Number(column));
  }
}

const positionOf = (site) => site.getPosition();

function keyOf(site, name) {
  const position = site.getPosition();
  if (!name.startsWith(GUARD)) return position;
  return `${position} ${typeOf(site)} ${site.getFunctionName()}`;
}

/** Null for a revoked Proxy. */
const typeOf = (site) => attempt(() => site.getTypeName(), null);

module.exports = { Frames, DEPENDENCY, isOfRalloc, NODE, RECORDER, OWN, LIBRARY, APPLICATION };
