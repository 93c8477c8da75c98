'use strict';

// The option `tune`. V8 has a limit of its own for the memory of Buffers: each byte since its last
// major collection counts toward the next one, dead or alive. A flag of V8 13.6 to 14.7 counts it
// toward the limit of the whole heap instead, as later versions do without one. It is of the whole
// process, so it is set once, by its main thread, when a server listens: V8 takes cached code only
// under the flags that it was made with, and by then Node's modules and the application's are
// loaded.

const channels = require('node:diagnostics_channel');
const fs = require('node:fs');
const process = require('node:process');
const v8 = require('node:v8');
const { isMainThread, mayHaveLoaded } = require('../base/runtime.js');

const FLAG = 'external-memory-accounted-in-global-limit';
const FREEZE = 'freeze-flags-after-init'; // not allowed in NODE_OPTIONS
const LISTENING = 'tracing:net.server.listen:asyncEnd';

/** The names of Node's own threads on Linux, which cuts names off after 15 characters. */
const OF_NODE = /^(?:node-)?(?:V8Worker|DelayedTaskSche|SignalInspector|libuv-worker)$/;

let state = null; // the process's state; null before the first mount

/**
 * Returns 1306 for V8 13.6, and 0 for other runtimes: Electron and Deno freeze V8's flags, and
 * setting one would then crash.
 */
function version() {
  const { bun, v8: text } = process.versions;
  const [, major, minor] = /^(\d+)\.(\d+)\..*-node\./.exec(text) ?? [0, 0, 0];
  return bun === undefined ? 100 * major + Number(minor) : 0;
}

/**
 * The value of a flag on the command line: true, false or undefined. The last one counts; V8 reads
 * `_` as `-`.
 */
function given(flag) {
  const words = process.execArgv.map((word) => word.replaceAll('_', '-'));
  const isOf = (word) => word.endsWith(flag) && /^--?(?:no-?)?$/.test(word.slice(0, -flag.length));
  const last = words.findLast(isOf);
  return last === undefined ? undefined : !/^--?no/.test(last);
}

/**
 * Returns false only if it is certain that no Worker runs. Node loads the module of workers for web
 * streams too.
 */
function mayHaveWorkers() {
  if (!mayHaveLoaded('internal/worker')) return false;
  try {
    const threads = fs.readdirSync('/proc/self/task').filter((id) => id !== `${process.pid}`);
    const nameOf = (id) => fs.readFileSync(`/proc/self/task/${id}/comm`, 'utf8').trim();
    return !threads.every((id) => OF_NODE.test(nameOf(id)));
  } catch {
    return true;
  }
}

/** Why the flag must not be set, as far as it is known before a server listens. */
function objection() {
  const number = version();
  if (number >= 1408) return 'default';
  if (number < 1306) return 'unsupported';
  if (given(FLAG) !== undefined) return 'command-line';
  if (given(FREEZE)) return 'frozen';
  return isMainThread ? undefined : 'worker-thread';
}

function attempt() {
  if (mayHaveWorkers()) return 'workers';
  const before = v8.cachedDataVersionTag(); // depends on the flags
  v8.setFlagsFromString(`--${FLAG}`);
  return v8.cachedDataVersionTag() === before ? 'unchanged' : 'set';
}

/** Called when a server listens. */
function set() {
  if (state !== 'waiting') return;
  state = attempt();
  channels.unsubscribe(LISTENING, set);
}

/** Sets the flag once a server listens. If one listens already, the first request calls set(). */
function watch() {
  if (state !== null) return;
  state = objection() ?? 'waiting';
  if (state === 'waiting') channels.subscribe(LISTENING, set);
}

module.exports = { objection, set, watch, tuned: () => state };
