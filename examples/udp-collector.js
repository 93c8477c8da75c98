'use strict';

// A collector of metrics over UDP, as statsd has them, which keeps the lines in a file and counts what they say:
//
//   node examples/udp-collector.js FILE [--port 8125] [--flush MS] [--batch BYTES] [--memory MiB]
//   printf 'hits:1|c\nload:0.7|g\nquery:12|ms|@0.1' | nc -uw0 127.0.0.1 8125
//
// Node gives each message in a Buffer that owns its memory, for which V8 would look later: 100,000 messages a second are as many
// Buffers. Nobody else has them, so they are copied into a batch and released at once. release() is a free. It is right here since what
// was made of a message is a string and a copy, before the listener returns.
//
// A batch is a Buffer of an arena. It is written in one call when it is full, or after `--flush` ms. The arena is reset meanwhile,
// with a hold for the write: the next batch takes other memory. Where the disk is slower than the network, all of `--memory` is
// held at last. Then lines are dropped, and counted, until a write is over: the process never grows.

const dgram = require('node:dgram');
const { once } = require('node:events');
const fs = require('node:fs/promises');
const { parseArgs } = require('node:util');
const { Arena, release } = require('ralloc');
const { Metrics, describe } = require('./udp/metrics.js');
const { program } = require('./shared/program.js');

const KiB = 1024;
const MiB = 1024 * KiB;
const NEWLINE = 10;

/** Lines on their way to a file. */
class Batches {
  #arena;
  #write;
  #size;
  #bytes = null;
  #used = 0;
  #writes = new Set();
  counts = { written: 0, dropped: 0, lost: 0 }; // bytes

  /** `write(bytes)` → promise, which may reject. */
  constructor(write, size, memory) {
    this.#write = write;
    this.#size = size;
    this.#arena = new Arena({ name: 'batches', maxBytes: memory, chunkSize: size });
  }

  /** Copies a message, with a newline behind it; or counts it where there is no memory. */
  add(message) {
    const { length } = message;
    if (this.#used + length + 1 > this.#size) this.flush();
    if (!this.#open()) {
      this.counts.dropped += length;
      return;
    }
    this.#bytes.set(message, this.#used);
    this.#used += length;
    if (message[length - 1] !== NEWLINE) this.#bytes[this.#used++] = NEWLINE;
  }

  #open() {
    try {
      this.#bytes ??= this.#arena.allocUnsafe(this.#size);
      return true;
    } catch (error) {
      if (error.code !== 'ERR_RALLOC_LIMIT') throw error;
      return false;
    }
  }

  flush() {
    if (this.#used === 0) return;
    const length = this.#used;
    const bytes = this.#bytes.subarray(0, length);
    this.#bytes = null;
    this.#used = 0;
    const settle = (how) => () => {
      this.counts[how] += length; // `bytes` are dead then
    };
    const write = this.#arena.hold(this.#write(bytes)).then(settle('written'), settle('lost'));
    this.#writes.add(write);
    write.then(() => this.#writes.delete(write));
    this.#arena.reset(); // what is held stays as it is until its write is over
  }

  async close() {
    this.flush();
    await Promise.all(this.#writes);
    this.#arena.close();
  }

  get memory() {
    return this.#arena.stats().memory;
  }
}

class UdpCollector {
  #file;
  #options;
  #socket;
  #handle = null;
  #batches = null;
  #timer = null;
  #last = Promise.resolve(); // the write after which the next one begins
  #counts = { messages: 0, lines: 0, bad: 0, released: 0 };
  metrics = new Metrics();

  /** `batch`: bytes of one write; `memory`: of all that wait; `flushMs`: the longest that a line waits. `files`: for node:fs/promises. */
  constructor(file, { batch = 256 * KiB, memory = 16 * MiB, flushMs = 1000, files = fs } = {}) {
    this.#file = file;
    this.#options = { batch, memory, flushMs, files };
    this.#socket = dgram.createSocket({ type: 'udp4', recvBufferSize: 4 * MiB });
    this.#socket.on('message', (message) => this.#take(message));
  }

  /** Resolves to the address. */
  async listen(port = 0, host = '127.0.0.1') {
    const { batch, memory, flushMs, files } = this.#options;
    this.#handle = await files.open(this.#file, 'a');
    this.#batches = new Batches((bytes) => this.#append(bytes), batch, memory);
    try {
      this.#socket.bind(port, host);
      await once(this.#socket, 'listening');
    } catch (error) {
      await this.#handle.close();
      throw error;
    }
    this.#timer = setInterval(() => this.#batches.flush(), flushMs);
    return this.#socket.address();
  }

  /** Resolves when all that came is in the file. */
  async close() {
    clearInterval(this.#timer);
    this.#socket.close();
    await this.#batches.close();
    await this.#handle.close();
  }

  /** Messages, lines, those that are none, bytes given back; bytes written, dropped for want of memory, and lost by failed writes. */
  get stats() {
    return { ...this.#counts, ...this.#batches.counts, memory: this.#batches.memory };
  }

  #take(message) {
    this.#counts.messages++;
    if (this.#count(message.toString())) this.#batches.add(message);
    this.#counts.released += release(message); // 0 for the first ones on Node 20
  }

  /** Whether there is a line of a metric among them. */
  #count(text) {
    let good = 0;
    for (const line of text.split('\n')) {
      if (line === '') continue;
      if (this.metrics.add(line)) good++;
      else this.#counts.bad++;
    }
    this.#counts.lines += good;
    return good > 0;
  }

  /** One write after another, for a file has an order. */
  #append(bytes) {
    const written = this.#last.then(() => this.#handle.appendFile(bytes));
    this.#last = written.catch(() => {});
    return written;
  }
}

const USAGE =
  'usage: node udp-collector.js FILE [--port N] [--flush MS] [--batch BYTES] [--memory MiB]';

function parse(words) {
  const number = { type: 'string' };
  const { values, positionals } = parseArgs({
    args: words,
    options: { port: number, flush: number, batch: number, memory: number },
    allowPositionals: true,
  });
  if (positionals.length !== 1) throw new TypeError('name one file');
  const read = (name, fallback, least, most) => {
    const value = Number(values[name] ?? fallback);
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    throw new RangeError(`--${name} must be from ${least} to ${most}, not ${values[name]}`);
  };
  const batch = read('batch', 256 * KiB, 64 * KiB, 64 * MiB); // a message has up to 65,507 bytes
  return {
    file: positionals[0],
    port: read('port', 8125, 0, 65_535),
    flushMs: read('flush', 1000, 1, 3_600_000),
    batch,
    memory: read('memory', 16, Math.ceil((2 * batch) / MiB), 65_536) * MiB,
  };
}

/** The metrics and the counts; that something was lost is an exit code too. */
function tell({ stats, metrics }) {
  const { messages, lines, bad, written, dropped, lost } = stats;
  if (lost > 0) process.exitCode = 1;
  return [
    ...Array.from(
      metrics.list(),
      ([name, type, metric]) => `${name} (${type}): ${describe[type](metric)}`,
    ),
    `${messages} messages, ${lines} lines, ${bad} bad`,
    `${written} bytes written, ${dropped} dropped, ${lost} lost`,
  ];
}

module.exports = { UdpCollector };

program(module, {
  usage: USAGE,
  parse,
  create: (options) => new UdpCollector(options.file, options),
  tell,
});
