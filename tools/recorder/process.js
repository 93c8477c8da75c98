'use strict';

// Describes where a recorder runs: the process, its thread, its memory.

const process = require('node:process');
const { isMainThread, threadId } = require('node:worker_threads');
const time = require('../../lib/base/time.js');

/** The original: an application's tests may replace it later. */
const { memoryUsage } = process;

/** Describes this thread, as blocks do. */
const recorderOf = (id, budget) => ({
  id,
  pid: process.pid,
  thread: threadId,
  node: process.version,
  platform: `${process.platform}-${process.arch}`,
  title: process.argv[1] ?? process.title,
  start: time.wall(),
  budget,
  pool: Buffer.poolSize,
});

/** Memory in bytes. Only the main thread has an RSS, because that is of the whole process. `live`: the recorder's estimate. */
function memoryOf(live) {
  const { rss, arrayBuffers, external, heapUsed } = memoryUsage();
  return { rss: isMainThread ? rss : 0, arrayBuffers, external, heapUsed, live };
}

module.exports = { memoryOf, recorderOf };
