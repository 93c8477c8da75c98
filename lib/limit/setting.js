'use strict';

// Reads RALLOC_MEMORY_LIMIT. A value that it does not take is told, and no server fails to start by
// it.

const os = require('node:os');
const { attempt } = require('../base/attempt.js');
const { formatBytes, heapFlags } = require('../base/bytes.js');
const { variable, warnOfValue } = require('../base/environment.js');
const { mayHaveLoaded } = require('../base/runtime.js');
const { available } = require('../budget/auto.js');

const NAME = 'RALLOC_MEMORY_LIMIT';
const WORKERS = 'RALLOC_MEMORY_WORKERS';
const LEAST = 96 * 2 ** 20; // Node itself, with a small server
const TAKES = "it takes 'container', a size such as 512Mi, 512m or 2g, or a share such as 75%";

/** Bytes of a unit: as docker has them, and as Kubernetes has them. */
const UNITS = {
  ...{ '': 1, b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 },
  ...{ Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, K: 1e3, M: 1e6, G: 1e9, T: 1e12 },
};
const SIZE = /^(\d+(?:\.\d+)?)\s*(b|[kmgt]|[KMGT]i?|%)?$/;

/** Bytes for a value of the variable, or what is wrong with it. */
function bytesOf(text, most) {
  if (text === 'container')
    return most === Number.POSITIVE_INFINITY
      ? 'how much memory there is, is not known here: give a size'
      : most;
  const [, digits, unit = ''] = SIZE.exec(text) ?? [];
  if (digits === undefined) return TAKES;
  const bytes = Math.floor(
    unit === '%' ? (Number(digits) / 100) * most : Number(digits) * UNITS[unit],
  );
  if (bytes === 0) return 'a server needs memory';
  return Number.isSafeInteger(bytes) ? bytes : TAKES;
}

/** How many processes share the memory: the workers of node:cluster take a part each. */
function workers(isWorker) {
  if (!isWorker) return 1;
  const text = variable(WORKERS) ?? '';
  if (text === '') return os.availableParallelism();
  const count = Number(text);
  if (Number.isSafeInteger(count) && count > 0) return count;
  warnOfValue(WORKERS, text, 'it takes a number of processes');
  return os.availableParallelism();
}

/** Whether this process is a worker of node:cluster. In others that module is not loaded. */
const isClusterWorker = () => mayHaveLoaded('cluster') && require('node:cluster').isWorker;

/**
 * The limit of this process in bytes; undefined without one, or for a wrong value, which is told.
 */
function limitHere(text = variable(NAME)) {
  const value = (text ?? '').trim();
  if (value === '') return undefined;
  const most = attempt(available, Number.POSITIVE_INFINITY);
  let bytes = bytesOf(value, most);
  if (typeof bytes === 'string') return void warnOfValue(NAME, text, bytes);
  if (bytes > most) {
    warnOfValue(NAME, text, `there are ${formatBytes(most)}, which is the limit now`);
    bytes = most;
  }
  const count = workers(isClusterWorker());
  bytes = Math.floor(bytes / count);
  if (bytes >= LEAST) return bytes;
  const shared = count === 1 ? '' : `, and ${count} share it (${WORKERS})`;
  return void warnOfValue(NAME, text, `Node needs ${formatBytes(LEAST)} for each process${shared}`);
}

// What only the start of a process can set for a memory limit: V8's heap, which cannot be resized
// once it runs.

const HEAP = /^--(max[-_]old[-_]space[-_]size|max[-_]semi[-_]space[-_]size|max[-_]heap[-_]size)/;
const HEAP_SHARE = 0.5; // of the limit; Buffers and Node have the rest

/**
 * Variables of the environment for a process with the limit `text`; throws a RangeError for a wrong
 * one. `words`: of its command line. A flag that the user has set stays.
 */
function limitVariables(text, env, words) {
  const most = available();
  const bytes = bytesOf(text, most);
  if (typeof bytes === 'string') throw new RangeError(bytes);
  const options = env.NODE_OPTIONS ?? '';
  const isSet = [...options.split(/\s+/), ...words].some((word) => HEAP.test(word));
  const share = Math.max(1, Math.floor(Number(env.RALLOC_MEMORY_WORKERS)) || 1);
  const flags = heapFlags((HEAP_SHARE * Math.min(bytes, most)) / share);
  const all = isSet ? options : `${flags} ${options}`.trim();
  return { [NAME]: text, ...(all === '' ? {} : { NODE_OPTIONS: all }) };
}

module.exports = { bytesOf, isClusterWorker, limitHere, limitVariables };
