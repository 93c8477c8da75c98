'use strict';

// The first lines of RALLOC_AUTO=report: which memory the process has, from its first second to its end.

const Module = require('node:module');
const path = require('node:path');
const { attempt } = require('../base/attempt.js');
const { formatBytes } = require('../base/bytes.js');
const time = require('../base/time.js');
const { collectNow } = require('../memory/gc.js');
const native = require('../memory/native.js');
const { splitNow } = require('../memory/split.js');
const { verdictOf } = require('../memory/verdict.js');

const LOOK_MS = 1000;
const MOST_HEAP = 256 * 1024 * 1024; // a collection over more takes longer than an end may
const MOST_TRIM_MS = 500;

let start;
let peak = 0;

function look() {
  const split = attempt(splitNow);
  if (split === undefined) return;
  start ??= split;
  peak = Math.max(peak, split.rss);
}

function begin() {
  time.outside(() => time.setInterval(look, LOOK_MS).unref?.());
}

/** Twice: the second waits until what the first has found is swept. */
const collects = () => collectNow(MOST_HEAP) && collectNow(MOST_HEAP);

/** Trims, on its other thread, and waits for it. Returns how much less RSS is; undefined if nothing can be told. */
function trims({ rss }) {
  const before = native.trimmedMs?.();
  if (before === undefined || native.trimMalloc() !== true) return undefined;
  const cell = new Int32Array(new SharedArrayBuffer(4));
  for (let ms = 0; ms < MOST_TRIM_MS && native.trimmedMs() === before; ms += 5)
    Atomics.wait(cell, 0, 0, 5);
  return rss - splitNow().rss;
}

const addons = () =>
  Object.keys(Module._cache ?? {})
    .filter((file) => file.endsWith('.node') && !/^ralloc\./.test(path.basename(file)))
    .map((file) => path.basename(file));

/** The lines; none of a process that ended in its first second. */
function tell() {
  if (start === undefined) return [];
  const end = splitNow();
  const swept = collects() ? splitNow() : undefined;
  const given = trims(swept ?? end);
  const { kind, bytes, what, now } = verdictOf({ start, end, swept, given }, addons());
  const sizes = `${formatBytes(start.rss)} at first, ${formatBytes(Math.max(peak, end.rss))} at most, ${formatBytes(end.rss)} in the end`;
  const verdict = kind === undefined ? what : `${formatBytes(bytes)} more are ${what}`;
  return [`memory: ${sizes}: ${verdict}`, ...(now === undefined ? [] : [`memory: ${now}`])];
}

module.exports = { begin, tell };
