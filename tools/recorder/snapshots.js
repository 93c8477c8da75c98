'use strict';

// Takes heap snapshots of V8 for `ralloc holders`: when called, at a signal, or when ArrayBuffers
// exceed a limit. V8 itself has a limit only for its heap.

// The originals: an application's tests may replace them later.
const { rmSync } = require('node:fs');
const path = require('node:path');
const process = require('node:process');
const { getHeapStatistics, writeHeapSnapshot } = require('node:v8');
const { attempt } = require('../../lib/base/attempt.js');
const { formatBytes } = require('../../lib/base/bytes.js');
const { isMainThread, threadId } = require('../../lib/base/runtime.js');
const { warnNow } = require('../../lib/base/warnings.js');
const { writing } = require('./errors.js');
const { checkOwn, statOf } = require('./write-file.js');

/**
 * Writes a snapshot, which blocks the thread for about 2 s with a heap of 100 MB. Throws
 * ERR_RALLOC_PROFILE_UNWRITABLE, or _FOREIGN if `file` is another file.
 */
function writeSnapshot(file) {
  const write = (act) => writing(file, act, 'The heap snapshot');
  write(() => checkOwn(file, 'heap snapshot'));
  try {
    return write(() => writeHeapSnapshot(file));
  } catch (error) {
    // An incomplete snapshot is useless.
    attempt(() => statOf(file)?.isFile() && rmSync(file));
    throw error;
  }
}

/** What V8 takes for a snapshot, as a multiple of the heap: 220 MB took RSS to 5 GB. */
const TAKES = 22;

/** What a snapshot costs, told before it is taken. */
function costText() {
  const heap = getHeapStatistics().used_heap_size;
  return `A heap snapshot is taken now, of ${formatBytes(heap)}: V8 may take ${formatBytes(heap * TAKES)} more until it is written, and the program waits`;
}

/**
 * The name of a new file beside the profile: `app.1234.1.heapsnapshot`; in a worker it includes the
 * worker's number.
 */
function newName(profile) {
  const { dir, name } = path.parse(profile ?? path.resolve('ralloc.jsonl'));
  const thread = isMainThread ? process.pid : `${process.pid}-${threadId}`;
  for (let number = 1; ; number++) {
    const file = path.join(dir, `${name}.${thread}.${number}.heapsnapshot`);
    if (statOf(file) === undefined) return file;
  }
}

class Snapshots {
  #profile;
  #signal;
  #above;
  #flush;
  #onSignal = () => this.#take();

  /** `flush()` writes the profile, so that it contains all sites that the snapshot names. */
  constructor({ profile, signal, above = Number.POSITIVE_INFINITY, flush }) {
    this.#profile = profile;
    this.#signal = isMainThread ? signal : undefined; // workers receive no signals
    this.#above = above;
    this.#flush = flush;
  }

  start() {
    if (this.#signal !== undefined) process.on(this.#signal, this.#onSignal);
  }

  stop() {
    if (this.#signal !== undefined) process.off(this.#signal, this.#onSignal);
  }

  /** Takes a snapshot if `bytes` exceed the limit, and then doubles that. */
  look(bytes) {
    if (bytes <= this.#above) return;
    this.#above = 2 * bytes;
    this.#take();
  }

  #take() {
    let message;
    attempt(() => warnNow('RALLOC_PROFILE_SNAPSHOT', costText()));
    try {
      this.#flush();
      const file = writeSnapshot(newName(this.#profile));
      message = `${file} is a heap snapshot. What holds its Buffers: npx ralloc holders ${file} ${this.#profile ?? ''}`;
    } catch (error) {
      message = attempt(() => error.message, 'A heap snapshot cannot be written');
    }
    attempt(() => warnNow('RALLOC_PROFILE_SNAPSHOT', message.trim()));
  }
}

module.exports = { Snapshots, newName, writeSnapshot };
