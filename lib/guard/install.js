'use strict';

// The guard: Node's functions that use a Buffer after they returned hold its memory until they are done. They are
// wrapped once in a thread, by the first copy of ralloc that is asked to, and stay so.

const stream = require('node:stream');
const { variable } = require('../base/environment.js');
const { rangeError } = require('../base/errors.js');
const { kGuard } = require('../base/protocol.js');
const { warnOnce } = require('../base/warnings.js');
const { takeRefused } = require('./wrap.js');

/** Of which modules of Node, and how. What nobody asks for is not loaded: it takes as long as all the rest of ralloc. */
const parts = [
  ['stream', () => require('./stream.js').guardStreams()],
  ['stream', () => require('./readable.js').guardReadables()],
  ['stream', () => require('./list.js').guardLists()],
  ['stream', () => require('./collect.js').guardCollectors()],
  ['stream/web', () => require('./web.js').guardWebStreams()],
  ['net', () => require('./socket.js').guardSockets()],
  ['fs', () => require('./fs.js').guardFiles()],
  ['fs', () => require('./file-streams.js').guardFileStreams()],
  ['fs.promises', () => require('./promises.js').guardPromises()],
  ['FileHandle', () => require('./file-handle.js').guardFileHandles()],
  ['http', () => require('./http.js').guardMessages()],
  ['https', () => require('./https.js').guardAgents()],
  ['http2', () => require('./http2.js').guardHttp2()],
  ['dgram', () => require('./dgram.js').guardDatagrams()],
  ['crypto', () => require('./crypto.js').guardCrypto()],
];

let isInstalled = false;

/** Whether RALLOC_GUARD=off leaves Node as it is. Throws ERR_RALLOC_INVALID_ARGUMENT for what it cannot be. */
function isOff() {
  const value = variable('RALLOC_GUARD') ?? '';
  if (!['', 'on', 'off'].includes(value)) throw rangeError('RALLOC_GUARD', "'on' or 'off'", value);
  return value === 'off';
}

/** Wraps what a part can, and gives the names of the rest. */
function installPart(part, guard) {
  try {
    guard();
  } catch {
    return [part, ...takeRefused().map((name) => `${part}.${name}`)];
  }
  return takeRefused().map((name) => `${part}.${name}`);
}

/** Those who import functions of Node by name see the wrapped ones. jest's node:module does nothing there. */
function syncImports() {
  try {
    const { syncBuiltinESMExports } =
      process.getBuiltinModule?.('node:module') ?? require('node:module');
    syncBuiltinESMExports();
    return [];
  } catch {
    return ['named imports'];
  }
}

/** Wraps Node's functions, where that is wanted and was not done before. Returns whether they are wrapped. */
function install(wanted = true) {
  if (!wanted || isOff()) return false;
  if (isInstalled || stream[kGuard] === true) return true;
  const missing = parts.flatMap(([part, guard]) => installPart(part, guard));
  missing.push(...syncImports());
  Reflect.defineProperty(stream, kGuard, { value: true });
  isInstalled = true;
  if (missing.length > 0) warnOnce('RALLOC_GUARD_PARTIAL', missing);
  return true;
}

module.exports = { install };
