'use strict';

// Checks whether the methods through which a stream's chunks pass are Node's own, so that no patch
// has kept a chunk.

const { originalOf } = require('../base/wrap.js');

const verdicts = new WeakMap(); // of functions, whether they are Node's own

/** The modules of Node that have streams' methods, and what these call. */
const MODULES =
  /^(?:_http_|_tls_|_stream_|internal\/(?:streams|fs|crypto|webstreams|http2|tls)\/|internal\/(?:encoding|http|stream_base_commons|js_stream_socket)|(?:buffer|events|fs|net|stream|string_decoder|zlib)$)/;

/**
 * The source texts of those modules; undefined under Node's permission model, which denies them.
 */
function readTexts() {
  if (process.permission !== undefined) return undefined;
  const { noDeprecation } = process;
  try {
    process.noDeprecation = true; // for --pending-deprecation
    const natives = process.binding('natives');
    return Object.keys(natives).flatMap((name) => (MODULES.test(name) ? natives[name] : []));
  } catch {
    return undefined;
  } finally {
    Reflect.set(process, 'noDeprecation', noDeprecation);
  }
}

let texts = null; // the text in which the last function was found is the first

/**
 * Whether a function's text is in those of Node. That of a patch is not, so a patch is not called:
 * it may count its calls, or fail later, where nobody catches it.
 */
function isInTexts(method) {
  if (texts === null) texts = readTexts();
  if (texts === undefined) return true;
  const text = Function.prototype.toString.call(method);
  const found = texts.findIndex((source) => source.includes(text));
  if (found > 0) texts.unshift(...texts.splice(found, 1));
  return found !== -1;
}

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

/** Whether a function is Node's own, apart from the guard's wrapper. */
function isOfNode(method) {
  if (typeof method !== 'function') return false;
  let verdict = verdicts.get(method);
  if (verdict === undefined) {
    const original = originalOf(method);
    verdict = isInTexts(original) && provoke(original);
    verdicts.set(method, verdict);
  }
  return verdict;
}

const sources = new WeakMap(); // function -> its source text

/**
 * Whether a function is a native one of that name. Bound functions have no name in their source.
 */
function isCompiled(method, name) {
  if (typeof method !== 'function') return false;
  let source = sources.get(method);
  if (source === undefined) {
    source = Function.prototype.toString.call(method);
    sources.set(method, source);
  }
  return source === `function ${name}() { [native code] }`;
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

const allowed = new WeakSet(); // ralloc's functions that call those of the stream's class

/**
 * Makes `method` count as Node's own: as _read() of a Readable or write() of a Writable whose class
 * has Node's.
 */
function allow(method) {
  allowed.add(method);
  return method;
}

const passesOn = (object, name, own) =>
  allowed.has(object[name]) &&
  (!Object.hasOwn(object, name) || Object.getPrototypeOf(object)[name] === own);

// Hot: called for each chunk, 30 ns. Written out, because a loop over the names would take several
// times as long.
const readsAlike = (a, b) =>
  a.emit === b.emit &&
  a.on === b.on &&
  a.push === b.push &&
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
  '_writeGeneric',
  '_send',
  '_writeRaw',
  '_flushOutput',
  '_transform',
];

const writesAlike = (a, b) =>
  (a.write === b.write || passesOn(a, 'write', b.write)) &&
  a._write === b._write &&
  a._writev === b._writev &&
  a.cork === b.cork &&
  a.uncork === b.uncork &&
  a._writeGeneric === b._writeGeneric &&
  a._send === b._send &&
  a._writeRaw === b._writeRaw &&
  a._flushOutput === b._flushOutput &&
  a._transform === b._transform;

/**
 * Before Node 24 V8 gives each object whose prototype was replaced, as Express does, maps of its
 * own, of which no inline cache knows. There a method takes 0.3 µs to be found on its prototype's,
 * and 0.03 not to be found on itself.
 */
const HAS_OWN_MAPS = Number.parseInt(process.versions.v8, 10) < 13;

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
    const subject = HAS_OWN_MAPS ? this.#inherited(object) : object;
    if (this.#known !== undefined && this.#alike(subject, this.#known)) return true;
    return this.#learn() && this.#alike(subject, this.#known);
  }

  /**
   * What has the methods of `object`: its prototype, if that was replaced and it has none of its
   * own.
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

module.exports = { allow, functionsOf, isCompiled, isOfNode, ownMethod, readsOf, writesOf };
