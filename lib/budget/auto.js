'use strict';

// `maxBytes: 'auto'`: the memory that the process may use, less V8's heap limit and what Node
// itself takes.

const fs = require('node:fs');
const os = require('node:os');
const v8 = require('node:v8');
const { attempt } = require('../base/attempt.js');
const { RallocError } = require('../base/errors.js');
const { warnOnce } = require('../base/warnings.js');

// Node's code, stacks and the C library. Measured: 56 to 92 MiB for an Express server and its
// client in one process after 2,000 requests, on Node 20 to 26.
const KEPT = 96 * 2 ** 20;
const LEAST = 8; // the budget gets at least an eighth, whatever V8 may take

/** The number after `name` in a file of lines, or NaN. */
const numberIn = (text, name) => Number(new RegExp(`^${name}\\s+(\\d+)`, 'm').exec(text)?.[1]);

/** RLIMIT_DATA, which `ulimit -d` sets. */
const dataLimit = () =>
  numberIn(fs.readFileSync('/proc/self/limits', 'utf8'), 'Max data size') || Infinity;

/**
 * Bytes that count toward RLIMIT_DATA although nothing was written to them. Node 24 and 26 start
 * with 512 MiB of them.
 */
function reservedData() {
  const text = fs.readFileSync('/proc/self/status', 'utf8');
  const bytes = 1024 * (numberIn(text, 'VmData:') - numberIn(text, 'RssAnon:'));
  return bytes > 0 ? bytes : 0; // a sandbox may tell neither
}

/** How many bytes each limit allows the process. A limit that cannot be read is Infinity. */
const read = () => ({
  rlimit: attempt(dataLimit, Infinity), // first: constrainedMemory() of Node 24 includes it
  cgroup: attempt(() => process.constrainedMemory() || Infinity, Infinity),
  machine: attempt(os.totalmem, Infinity),
});

/** `[name, bytes]` of the smallest of `limits`. */
const leastOf = (limits) => Object.entries(limits).reduce((a, b) => (b[1] < a[1] ? b : a));

/**
 * The limit of a budget, from the smallest of `limits`. `heap`: V8's limit. `reserved`: from
 * reservedData(). `isLeast` in the result: it is the least, an eighth.
 */
function limitOf(limits, heap, reserved, share) {
  const [from, memory] = leastOf(limits);
  const kept = from === 'rlimit' ? KEPT + reserved : KEPT;
  const part = memory / share; // first: each process has a heap and a Node of its own
  const [rest, least] = [part - heap - kept, part / LEAST];
  const maxBytes = Math.floor(Math.max(rest, least));
  return { maxBytes, isLeast: rest < least, auto: { from, memory, heap, kept, share } };
}

/** The limit of a budget and how it was computed: `{ maxBytes, auto }`. */
function automatic(
  share,
  limits = read(),
  heap = v8.getHeapStatistics().heap_size_limit,
  reserved = attempt(reservedData, 0),
) {
  const found = limitOf(limits, heap, reserved, share);
  if (found.auto.memory === Infinity) {
    const why = 'how much memory the process may use is not known here. Give maxBytes in bytes';
    throw new RallocError('ERR_RALLOC_UNSUPPORTED', `maxBytes: "auto" cannot be granted: ${why}`);
  }
  if (found.isLeast) warnOnce('RALLOC_BUDGET_SMALL', found);
  return found;
}

/**
 * Bytes that this process may use: the smallest of all limits, without what Node has reserved of
 * RLIMIT_DATA and does not use. Infinity if none is known.
 */
function available() {
  const { rlimit, ...others } = read();
  return leastOf({ rlimit: rlimit - attempt(reservedData, 0), ...others })[1];
}

module.exports = { automatic, available, leastOf, numberIn, read };
