'use strict';

// Frames that one process takes in and another one compresses, without a copy between them:
//
//   node examples/frame-compressor.js [--port 7008] [--slots 64]
//   curl --data-binary @frame http://127.0.0.1:7008/ | gunzip
//
//   POST ──▶ ingest: gathers the body ──tokens──▶ compressor ──token──▶ ingest: answers
//
// Both have the same slab, which has no name: the compressor inherits it by a descriptor, and it is gone with the last
// of them. A request takes two slots before its body is read, one for the body and one for the result, so that whatever
// is let in can be finished. Where there are none it is answered 503 with Retry-After: the slots are the limit of all
// that is under way.
//
// The compressor may be killed at any moment. What it had is free then, what it had not yet received is taken back, the
// requests that it had are answered 502, and another one is started.

const { fork } = require('node:child_process');
const { once } = require('node:events');
const http = require('node:http');
const { join } = require('node:path');
const { parseArgs } = require('node:util');
const { Slab } = require('ralloc');
const { answer, refuse } = require('./shared/answer.js');
const { program } = require('./shared/program.js');

const MiB = 2 ** 20;
const TIMEOUT_MS = 30_000; // for a client to send its body, and to take any of its answer
const TRANSIT_MS = 1000; // for an answer of a compressor that has died: it is on its way, or was never sent

/** gzip() may make bytes longer: by 5 in 16 KiB, and 18 for the whole. This is more. */
const packedBytes = (length) => length + (length >> 10) + 64;

/** A slab that one child inherits. */
function makeSlab(slots) {
  return Slab.create(null, { sizes: [MiB], count: slots, transitMs: TRANSIT_MS });
}

class FrameCompressor {
  /** Resolves with the reason if it cannot go on: the compressor does not start. */
  failed;
  #fail;
  #server = http.createServer({ requestTimeout: TIMEOUT_MS }, (req, res) => this.#serve(req, res));
  #slab;
  #ownsSlab;
  #maxBody;
  #child = null;
  #ended = null; // promise of the child's end
  #jobs = new Map(); // id → { input, output, resolve }, of what the child has or will have
  #ids = 0;
  #isOpen = true;
  #counts = { answered: 0, refused: 0, cut: 0, lost: 0, restarts: 0 };

  /** `slots`: of 1 MiB, two for each request. `slab`: one of your own, made by create(null), which stays open. */
  constructor({ slots = 64, slab } = {}) {
    this.failed = new Promise((resolve) => {
      this.#fail = resolve;
    });
    this.#slab = slab ?? makeSlab(slots);
    this.#ownsSlab = slab === undefined;
    const largest = this.#slab.sizes.at(-1);
    this.#maxBody = largest - (packedBytes(largest) - largest);
    this.#server.setTimeout(TIMEOUT_MS);
    this.#start();
  }

  /** Resolves to the address. */
  async listen(port = 0, host = '127.0.0.1') {
    this.#server.listen(port, host);
    await once(this.#server, 'listening');
    return this.#server.address();
  }

  /** Answers what was let in, ends the compressor, and closes the slab. */
  async close() {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    if (this.#server.listening) {
      const closed = once(this.#server, 'close');
      this.#server.close();
      await closed;
    }
    if (this.#child?.connected) this.#child.disconnect();
    await this.#ended;
    if (this.#ownsSlab) this.#slab.close(); // throws if a Buffer were left
  }

  /** Requests answered, refused, cut off by the client, and lost with a compressor; and those that wait for it. */
  get stats() {
    return { ...this.#counts, waiting: this.#jobs.size, memory: this.#slab.stats() };
  }

  /** The process id of the compressor. */
  get pid() {
    return this.#child?.pid;
  }

  async #serve(req, res) {
    const length = Number(req.headers['content-length']);
    if (req.method !== 'POST') return this.#refuse(res, 405, 'POST a frame', { allow: 'POST' });
    if (!(length > 0)) return this.#refuse(res, 411, 'its length must be known, and not 0');
    if (length > this.#maxBody) return this.#refuse(res, 413, `at most ${this.#maxBody} bytes`);
    const input = this.#slab.tryAllocUnsafe(length);
    const output = input === null ? null : this.#slab.tryAllocUnsafe(packedBytes(length));
    if (output === null) {
      this.#slab.free(input);
      return this.#refuse(res, 503, 'all slots are taken', { 'retry-after': 1 });
    }
    if (!(await gather(req, input))) {
      this.#slab.free(input);
      this.#slab.free(output);
      this.#counts.cut++;
      return;
    }
    const packed = await this.#compress(input, output);
    if (packed === null) return refuse(res, 502, 'the compressor has died');
    const body = packed.buffer.subarray(0, packed.length);
    answer(res, 200, { 'content-type': 'application/gzip' }, body, () => {
      this.#slab.free(packed.buffer);
      this.#counts.answered++;
    });
  }

  #refuse(res, status, text, headers) {
    this.#counts.refused++;
    refuse(res, status, text, headers);
  }

  /** Resolves to { buffer, length }, null if the compressor died. Both Buffers are the compressor's from here on. */
  #compress(input, output) {
    return new Promise((resolve) => {
      const id = ++this.#ids;
      const tokens = { input: this.#slab.send(input), output: this.#slab.send(output) };
      this.#jobs.set(id, { ...tokens, resolve });
      if (this.#child === null) this.#lose();
      // An error means that it has died: its end tells.
      else this.#child.send({ id, ...tokens }, () => {});
    });
  }

  #start() {
    const stdio = ['ignore', 'inherit', 'inherit', 'ipc', this.#slab.fd];
    const child = fork(join(__dirname, 'compressor', 'child.js'), { stdio });
    let isReady = false;
    let reason = null;
    child.on('message', (message) => {
      if (message.ready) isReady = true;
      else this.#take(message);
    });
    child.on('error', (error) => {
      reason = error;
    });
    this.#child = child;
    // After the exit, and after the last message.
    const events = ['exit', 'disconnect'].map(
      (name) => new Promise((end) => child.once(name, end)),
    );
    this.#ended = Promise.all(events).then(() => {
      this.#child = null;
      this.#lose();
      if (!this.#isOpen) return;
      if (isReady) {
        this.#counts.restarts++;
        this.#start();
      } else this.#fail(reason ?? new Error('the compressor does not start'));
    });
  }

  #take({ id, token, length }) {
    const job = this.#jobs.get(id);
    this.#jobs.delete(id);
    job.resolve({ buffer: this.#slab.receive(token), length });
  }

  /** What the compressor had when it died. */
  #lose() {
    this.#slab.recover();
    for (const { input, output, resolve } of this.#jobs.values()) {
      this.#takeBack(input);
      this.#takeBack(output);
      this.#counts.lost++;
      resolve(null);
    }
    this.#jobs.clear();
  }

  #takeBack(token) {
    try {
      this.#slab.free(this.#slab.revoke(token));
    } catch (error) {
      if (error.code !== 'ERR_RALLOC_STALE_TOKEN') throw error; // it had received it
    }
  }
}

/** Reads a body into `buffer`, which is as long: false if it does not come to its end. */
async function gather(req, buffer) {
  try {
    let at = 0;
    for await (const chunk of req) at += chunk.copy(buffer, at);
    return at === buffer.length;
  } catch {
    return false;
  }
}

const USAGE = 'usage: node frame-compressor.js [--port N] [--slots N]';

function parse(words) {
  const number = { type: 'string' };
  const { values } = parseArgs({ args: words, options: { port: number, slots: number } });
  const read = (name, fallback, least, most) => {
    const value = Number(values[name] ?? fallback);
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    throw new RangeError(`--${name} must be from ${least} to ${most}, not ${values[name]}`);
  };
  return { port: read('port', 7008, 0, 65_535), slots: read('slots', 64, 2, 65_536) };
}

const tell = ({ stats: { answered, refused, cut, lost, restarts } }) => [
  `${answered} answered, ${refused} refused, ${cut} cut off, ${lost} lost`,
  `${restarts} compressors started again`,
];

module.exports = { FrameCompressor };

program(module, { usage: USAGE, parse, create: (options) => new FrameCompressor(options), tell });
