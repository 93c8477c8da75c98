'use strict';

// The guard: Node's functions that use a Buffer after they returned hold its memory until they are
// done. They are wrapped once in a thread, by the first copy of ralloc that is asked to, and stay
// so.
//
// A function that a module may take out of Node's is wrapped when the guard is asked for. Methods
// that nobody can call without an object of their class, of modules that most servers do not load,
// wait for such a module or for the first memory.

const stream = require('node:stream');
const { isDisabled, isOff } = require('../../base/environment.js');
const { loadList } = require('../../base/internals.js');
const { lazy } = require('../../base/lazy.js');
const { kDatagramGuard, kGuard, kWebGuard } = require('../../base/protocol.js');
const { mayHaveLoaded } = require('../../base/runtime.js');
const { warnOnce } = require('../../base/warnings.js');
const { takeRefused } = require('../../base/wrap.js');

/** Loaded only when needed, because that takes as long as loading the rest of ralloc. */
const guards = lazy(() => ({
  ...require('./stream.js'),
  ...require('./readable.js'),
  ...require('./list.js'),
  ...require('./fs.js'),
  ...require('./http.js'),
  ...require('./https.js'),
  ...require('./crypto.js'),
}));

/** Node's modules, and the functions that wrap them. */
const parts = [
  ['stream', () => guards().guardStreams],
  ['stream', () => guards().guardReadables],
  ['stream', () => guards().guardLists],
  ['stream', () => guards().guardCollectors],
  ['net', () => guards().guardSockets],
  ['fs', () => guards().guardFiles],
  ['fs', () => guards().guardFileStreams],
  ['fs.promises', () => guards().guardPromises],
  ['FileHandle', () => guards().guardFileHandles],
  ['http', () => guards().guardMessages],
  ['https', () => guards().guardAgents],
  ['http2', () => guards().guardHttp2],
  ['crypto', () => guards().guardCrypto],
  ['named imports', () => syncImports],
];

const webStreams = lazy(() => require('./web.js'));
const datagrams = lazy(() => require('./dgram.js'));

/**
 * Parts of Node that take several milliseconds and up to 2 MB to load: wrapped at once if Node has
 * loaded one of `modules`, otherwise before the first memory.
 */
const later = [
  {
    modules: ['readable', 'writable', 'transform'].map(
      (kind) => `internal/webstreams/${kind}stream`,
    ),
    key: kWebGuard,
    parts: [['stream/web', () => webStreams().guardWebStreams]],
  },
  {
    modules: ['dgram'],
    key: kDatagramGuard,
    parts: [['dgram', () => datagrams().guardDatagrams]],
  },
];

const installed = new Set(); // in case `stream` is frozen and cannot have the property
const isInstalled = (key) => installed.has(key) || stream[key] === true;

const isLoaded = ({ modules }) => modules.some(mayHaveLoaded);

/**
 * Whether the guard would be there without debug mode: the program, or another copy of ralloc, has
 * asked for it.
 */
const guarding = { isAsked: false };
let late = 0; // number of `later` parts that were already loaded when they were wrapped, or were wrapped by another copy
let modules = 0; // number of Node's loaded modules when installLoaded() looked

/**
 * Makes named imports of Node's functions see the wrapped ones. In jest's own node:module the
 * function does nothing.
 */
const syncImports = () => process.getBuiltinModule('node:module').syncBuiltinESMExports();

/**
 * Wraps the functions of a part, and returns the names of those that cannot be wrapped. Throws at a
 * stack overflow.
 */
function wrapPart(part, guard, isLate) {
  try {
    guard(isLate);
  } catch (error) {
    if (error instanceof RangeError) throw error;
    return [part, ...takeRefused(part)];
  }
  return takeRefused(part);
}

/**
 * `key`: the property of `stream` that says that a copy of ralloc has done this. Throws if a file
 * cannot be loaded or the stack overflows; the next call does the rest.
 */
function wrapAll(group, key, isLate = false) {
  if (isInstalled(key)) return;
  const loaded = group.map(([part, load]) => [part, load()]);
  const missing = loaded.flatMap(([part, guard]) => wrapPart(part, guard, isLate));
  Reflect.defineProperty(stream, key, { value: true });
  installed.add(key);
  if (missing.length > 0)
    warnOnce('RALLOC_GUARD_PARTIAL', { names: missing, fate: 'not held' }, group);
}

/**
 * If `wanted`, wraps Node's functions, except for those of installRest(). `isDebug`: for debug mode
 * alone, which only looks. Returns whether they are wrapped.
 */
function installFirst(wanted = true, isDebug = false) {
  if (!wanted || isDisabled() || isOff('RALLOC_GUARD')) return false;
  const isLate = isInstalled(kGuard); // requests may be in flight
  guarding.isAsked ||= isLate || !isDebug;
  wrapAll(parts, kGuard);
  for (const one of later) if (isLoaded(one)) wrapLater(one, true, isLate);
  return true;
}

/**
 * Wraps one of `later`. `wasLoaded`: Node has already loaded it, so running code may have taken an
 * unwrapped method. The same is assumed if another copy of ralloc has wrapped it, whenever that
 * was. `isLate`: whether other code can have run since the mount.
 */
function wrapLater({ key, parts }, wasLoaded, isLate = wasLoaded) {
  if (installed.has(key)) return;
  const isForeign = isInstalled(key);
  wrapAll(parts, key, isLate);
  installed.add(key);
  if (wasLoaded || isForeign) late++;
}

/**
 * Wraps the rest before the first memory that operations must hold. Returns how many parts came
 * late.
 */
function installRest() {
  for (const one of later) wrapLater(one, isLoaded(one));
  return late;
}

/**
 * Wraps the parts that Node has loaded by now. Returns how many came late so far; NaN if a file of
 * ralloc cannot be read. Hot: called by each request until the first memory.
 */
function installLoaded() {
  const count = loadList.length;
  if (count === modules && count > 0) return late;
  try {
    for (const one of later) if (isLoaded(one)) wrapLater(one, true);
  } catch (error) {
    if (error instanceof RangeError) throw error; // the stack ends here
    return Number.NaN;
  }
  modules = count;
  return late;
}

function install(wanted, isDebug) {
  const isWrapped = installFirst(wanted, isDebug);
  if (isWrapped) installRest();
  return isWrapped;
}

module.exports = { guarding, install, installFirst, installLoaded, installRest };
