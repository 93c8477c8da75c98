'use strict';

// What only the start of a process can set for a memory limit: V8's heap, which cannot be resized
// once it runs.

const { heapFlags } = require('../base/bytes.js');
const { available } = require('../budget/auto.js');
const { NAME, bytesOf } = require('./setting.js');

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

module.exports = { limitVariables };
