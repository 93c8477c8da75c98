'use strict';

// A frame of a stack: made once for each place, and the same object from then on. To ask a call site for its line takes ten times
// as long as for its position.

const path = require('node:path');
const { fileURLToPath } = require('node:url');

/** Where this file is; a bundle that is a module of its own has no name for it. */
const FOLDER = typeof __dirname === 'string' ? __dirname : '';
const ROOT = path.join(FOLDER, '..', '..', '..');
/** Of ralloc, of which an application may have its own copy. */
const RALLOC = ['lib', 'tools'].map((name) => path.join(ROOT, name) + path.sep);
/** What the recorder of profiles itself is in: its own frames are nobody's. */
const OF_RECORDER = path.join(ROOT, 'tools', 'recorder') + path.sep;
const HERE = FOLDER + path.sep;

/** One function stands here in the place of many of Node's, by the name of each. */
const GUARD = path.join(ROOT, 'lib', 'node', 'guard') + path.sep;

/** What stands in the place of Node's functions. */
const PATCHES = path.join(OF_RECORDER, 'patches') + path.sep;
const LAST_TURN = path.join(ROOT, 'lib', 'auto', 'last-turn.js');
const BUFFERS = path.join(PATCHES, 'buffers.js');

const NODE = 0;
const RECORDER = 1;
const OWN = 2; // ralloc's, which allocates for who called it
const LIBRARY = 3; // in node_modules
const APPLICATION = 4;

const DEPENDENCY = /[\\/]node_modules[\\/]/;

const isOurs = (file) => RALLOC.some((folder) => file.startsWith(folder));

function isOfNode(file) {
  return file.startsWith('node:') || file.startsWith(PATCHES) || file === LAST_TURN;
}

function kindOf(file) {
  if (file === undefined || isOfNode(file)) return NODE;
  if (file.startsWith(OF_RECORDER) || file.startsWith(HERE)) return RECORDER;
  if (isOurs(file)) return OWN;
  return DEPENDENCY.test(file) ? LIBRARY : APPLICATION;
}

/** Whether it is of this copy of ralloc. Of a bundle nobody can tell. */
const isOfRalloc = (file) => path.basename(FOLDER) === 'stack' && isOurs(file);

/** The path of a file, also where a module has its address; undefined for what has none. */
function fileOf(name) {
  if (typeof name !== 'string' || name === '') return undefined;
  if (!name.startsWith('file:')) return name;
  try {
    return fileURLToPath(name);
  } catch {
    return name;
  }
}

/** Whether a position in what is called so is always the same place: not in what is evaluated. */
const isPlace = (name) => typeof name === 'string' && (path.isAbsolute(name) || name.includes(':'));

class Frames {
  #places = new Map(); // file name, as V8 has it → position → frame
  #interned = new Map(); // by text
  #onFile;
  #keyOf;

  /** How many there are. */
  get size() {
    return this.#interned.size;
  }

  /** `onFile(file, site)` is called when a file of the application's is met first. `namesCalls`: the guard's frames have the names of what they stand for. */
  constructor(onFile = () => {}, namesCalls = false) {
    this.#onFile = onFile;
    this.#keyOf = namesCalls ? keyOf : positionOf;
  }

  /** Of V8's call site. */
  of(site) {
    const name = site.getFileName() ?? undefined;
    if (!isPlace(name) || site.getPosition === undefined) return this.#make(site, name); // Deno's have none
    const position = this.#keyOf(site, name);
    let places = this.#places.get(name);
    if (places === undefined) {
      places = new Map();
      this.#places.set(name, places);
      const file = fileOf(name);
      if (kindOf(file) === APPLICATION) this.#onFile(file, site);
    }
    let frame = places.get(position);
    if (frame === undefined) {
      frame = this.#make(site, name);
      places.set(position, frame);
    }
    return frame;
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
    let frame = this.#interned.get(text);
    if (frame === undefined) {
      frame = {
        function: named ?? '(anonymous)',
        file: file ?? '',
        line: line ?? 0,
        column: column ?? 0,
        kind: kindOf(file),
        isOfBuffers: file === BUFFERS,
      };
      this.#interned.set(text, frame);
    }
    return frame;
  }

  /** Of a line of a stack that is a text; undefined for one that is none. */
  parse(line) {
    const match = /^\s*at (?:async )?(?:(.*?) \()?(.*?)(?::(\d+):(\d+))?\)?$/.exec(line);
    if (match === null) return undefined;
    const [, named, name, row, column] = match;
    const isNamed = row !== undefined;
    return this.intern(
      named,
      isNamed ? fileOf(name) : undefined,
      Number(row ?? 0),
      Number(column ?? 0),
    );
  }
}

const positionOf = (site) => site.getPosition();

function keyOf(site, name) {
  const position = site.getPosition();
  if (!name.startsWith(GUARD)) return position;
  return `${position} ${typeOf(site)} ${site.getFunctionName()}`;
}

function typeOf(site) {
  try {
    return site.getTypeName();
  } catch {
    return null; // of a revoked Proxy
  }
}

module.exports = { Frames, DEPENDENCY, isOfRalloc, NODE, RECORDER, OWN, LIBRARY, APPLICATION };
