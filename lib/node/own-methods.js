'use strict';

// Of which of Node's classes a stream is, and whether the methods through which its chunks pass are
// Node's own, so that no patch has kept a chunk.

const { Readable, Writable } = require('node:stream');
const { isProxy } = require('node:util').types;
const internals = require('../base/internals.js');
const { kFlush, kSend, kWriteGeneric, kWriteRaw, textOf } = internals;
const { itemOf } = require('../base/item-of.js');
const { looksUpChangedMaps } = require('../base/runtime.js');
const { originalOf } = require('../base/wrap.js');

const verdicts = new WeakMap(); // of functions, whether they are Node's own

/** Undefined in a bundle that is an ES module. */
const HERE = typeof __filename === 'string' ? __filename : undefined;

/**
 * Calls a method without `this`, so that it throws at once. If it is Node's, the stack has only
 * functions of Node; a patch would be in it.
 */
function provoke(method) {
  const { prepareStackTrace, stackTraceLimit } = Error;
  const nameOf = (site) => [site.getFileName(), site.getFunctionName()];
  try {
    Error.prepareStackTrace = (_error, sites) => sites.map(nameOf);
    Error.stackTraceLimit = 20;
    try {
      method.call(undefined);
      return false;
    } catch (error) {
      const { stack } = error;
      const own = stack.findIndex(([file]) => !String(file).startsWith('node:'));
      const [file, name] = stack[own] ?? [];
      return own > 0 && (file === HERE || HERE === undefined) && name === provoke.name;
    }
  } catch {
    return false; // a frozen Error
  } finally {
    Reflect.set(Error, 'prepareStackTrace', prepareStackTrace); // returns false if Error is frozen
    Reflect.set(Error, 'stackTraceLimit', stackTraceLimit);
  }
}

/**
 * Whether a function is Node's own, apart from the guard's wrapper. A patch, whose text is not in
 * those of Node, is not called: it may count its calls, or fail later, where nobody catches it.
 */
const isOfNode = (method) => typeof method === 'function' && itemOf(verdicts, method, judge);

function judge(method) {
  const original = originalOf(method);
  return internals.isInTexts(textOf(original)) && provoke(original);
}

const sources = new WeakMap(); // function -> its source text

/**
 * Whether a function is a native one of that name. Bound functions have no name in their source.
 */
function isCompiled(method, name) {
  if (typeof method !== 'function') return false;
  return itemOf(sources, method, textOf) === `function ${name}() { [native code] }`;
}

/** The methods with which other code can get chunks from a Readable, or add some. */
const READS = [
  'on',
  'once',
  'addListener',
  'prependListener',
  'prependOnceListener',
  'emit',
  'push',
  'unshift',
  'read',
  '_read',
  'pipe',
];

const always = () => true;
/** ralloc's functions that call those of the stream's class -> whether a chunk may pass them by */
const allowed = new WeakMap();

/**
 * Makes `method` count as Node's own: as push() or _read() of a Readable or write() of a Writable
 * whose class has Node's. Of each chunk that would go to a reader without a push, mayPass(chunk) is
 * asked first; if it returns false, the chunk is pushed next.
 */
function allow(method, mayPass = always) {
  allowed.set(method, mayPass);
  return method;
}

/** Whether `chunk` may go to the reader of `stream` without a push. */
const mayPassBy = ({ push }, chunk) => allowed.get(push)?.(chunk) ?? true;

const passesOn = (object, name, own) =>
  allowed.has(object[name]) &&
  (!Object.hasOwn(object, name) || Object.getPrototypeOf(object)[name] === own);

// Hot: called for each chunk, 30 ns. Written out, because a loop over the names would take several
// times as long.
const readsAlike = (a, b) =>
  a.emit === b.emit &&
  a.on === b.on &&
  (a.push === b.push || passesOn(a, 'push', b.push)) &&
  a.unshift === b.unshift &&
  a.read === b.read &&
  (a._read === b._read || passesOn(a, '_read', b._read)) &&
  a.pipe === b.pipe &&
  a.once === b.once &&
  a.addListener === b.addListener &&
  a.prependListener === b.prependListener &&
  a.prependOnceListener === b.prependOnceListener;

/**
 * The methods through which a chunk passes a Writable: streams, sockets, HTTP messages, transforms
 * of zlib and crypto. Not end() and writeHead(), which never get one.
 */
const WRITES = [
  'write',
  '_write',
  '_writev',
  'cork',
  'uncork',
  kWriteGeneric,
  kSend,
  kWriteRaw,
  kFlush,
  '_transform',
];

const writesAlike = (a, b) =>
  (a.write === b.write || passesOn(a, 'write', b.write)) &&
  a._write === b._write &&
  a._writev === b._writev &&
  a.cork === b.cork &&
  a.uncork === b.uncork &&
  a[kWriteGeneric] === b[kWriteGeneric] &&
  a[kSend] === b[kSend] &&
  a[kWriteRaw] === b[kWriteRaw] &&
  a[kFlush] === b[kFlush] &&
  a._transform === b._transform;

/** The methods of one of Node's classes, or the functions of a module. */
class OwnMethods {
  #home;
  #names;
  #alike;
  #known = undefined; // the methods as Node or the guard made them

  constructor(home, names, alike) {
    this.#home = home;
    this.#names = names;
    this.#alike = alike;
  }

  /**
   * Whether the methods of `object` are Node's. Does not call the methods of a patched object to
   * find out.
   */
  areOn(object) {
    const subject = looksUpChangedMaps ? object : this.#inherited(object);
    if (this.#known !== undefined && this.#alike(subject, this.#known)) return true;
    return this.#learn() && this.#alike(subject, this.#known);
  }

  /**
   * What has the methods of `object`: its prototype, if that was replaced and it has none of its
   * own. A method takes 0.3 µs to be found on its prototype's, and 0.03 not to be found on itself.
   */
  #inherited(object) {
    const prototype = Object.getPrototypeOf(object);
    if (prototype === this.#home) return object;
    for (const name of this.#names) if (Object.hasOwn(object, name)) return object;
    return prototype ?? object;
  }

  #learn() {
    const known = {};
    for (const name of this.#names) {
      const method = this.#home[name];
      if (method !== undefined && method !== null && !isOfNode(method)) return false;
      known[name] = method;
    }
    this.#known = known;
    return true;
  }
}

/**
 * The descriptor of an own method that is not seen by loops. Without a prototype, because an
 * application may have given Object.prototype a `get`.
 */
const ownMethod = (value) => ({ __proto__: null, value, writable: true, configurable: true });

const readsOf = ({ prototype }) => new OwnMethods(prototype, READS, readsAlike);
const writesOf = ({ prototype }) => new OwnMethods(prototype, WRITES, writesAlike);
const functionsOf = (home, names) =>
  new OwnMethods(home, names, (a, b) => names.every((name) => a[name] === b[name]));

let nodesText; // of the listener that Node's pipe() adds: each pipe has its own

function textOfNodes() {
  if (!isOfNode(Readable.prototype.pipe)) return '';
  const source = new Readable({ read() {} });
  source.pipe(new Writable());
  return textOf(source[internals.kEvents].data);
}

/** Whether a listener of 'data' is that of Node's pipe(). */
function isOfPipe(listener) {
  if (typeof listener !== 'function') return false;
  nodesText ??= textOfNodes();
  return textOf(listener) === nodesText;
}

/**
 * Returns a function that finds the kind of a stream: that of the nearest class in its prototype
 * chain that is in the table. `kinds[name]()` returns `{ of: Class, ... }`, and is called for the
 * first stream of a class of that name, so that modules are loaded only when needed.
 */
function classTable(kinds) {
  const found = new Map();
  const kindNamed = (name) => {
    if (!Object.hasOwn(kinds, name)) return undefined;
    return itemOf(found, name, () => kinds[name]());
  };
  return (stream) => {
    if (isProxy(stream)) return undefined;
    let prototype = Object.getPrototypeOf(stream);
    for (; prototype !== null; prototype = Object.getPrototypeOf(prototype)) {
      const name = prototype.constructor?.name;
      const kind = typeof name === 'string' ? kindNamed(name) : undefined;
      if (kind?.of.prototype === prototype) return kind;
    }
    return undefined;
  };
}

module.exports = {
  allow,
  functionsOf,
  isCompiled,
  isOfNode,
  mayPassBy,
  ownMethod,
  readsOf,
  writesOf,
  isOfPipe,
  classTable,
};
