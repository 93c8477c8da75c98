'use strict';

// A server of length-prefixed frames over TCP, whose memory is a slab:
//
//   node examples/framed-server.js [--port 7007] [--max-frame BYTES] [--max-memory BYTES]
//
// A frame lives from its first bytes until the last byte of its answer has gone out: across many reads, beside
// thousands of others of other clients, and each ends on its own. That is what a slab is for. One slot a frame:
// its bytes are gathered there, transformed in place, and written from there; it is freed in the callback of
// that write, which comes with an error too when the client has gone. Node reads what a server's sockets get
// into Buffers of its own (`onread` is for sockets that connect: framed/client.js), so the bytes move once.
//
// Where no slot is free a connection is not read until one is. A client that does not take its answers is not
// read either. The protocol is in framed/protocol.js.

const { createHash } = require('node:crypto');
const { once } = require('node:events');
const net = require('node:net');
const { parseArgs } = require('node:util');
const { Slab } = require('ralloc');
const { program } = require('./shared/program.js');
const {
  FrameReader,
  HEADER,
  LEAST_ROOM,
  ops,
  statuses,
  writeHeader,
} = require('./framed/protocol.js');

const MiB = 2 ** 20;
const LEAST_SLOT = 64;

/** A slab for frames of up to `maxFrame` bytes, which grows on demand. */
function makeSlab(maxFrame, maxBytes) {
  const sizes = [];
  for (let size = LEAST_SLOT; sizes.length === 0 || sizes.at(-1) < maxFrame; size *= 4) {
    sizes.push(size);
  }
  return new Slab({ name: 'frames', sizes, maxCount: 2 ** 20, maxBytes });
}

/** Buffers of the slab. Who finds none waits until one is free. */
class Frames {
  #slab;
  #waiting = [];

  constructor(slab) {
    this.#slab = slab;
  }

  async take(size) {
    for (;;) {
      try {
        return this.#slab.allocUnsafe(size);
      } catch (error) {
        if (error.code !== 'ERR_RALLOC_EXHAUSTED') throw error;
      }
      await new Promise((resolve) => this.#waiting.push(resolve));
    }
  }

  free(frame) {
    this.#slab.free(frame);
    // All of them: the slot may be too small for the first, and right for another.
    for (const retry of this.#waiting.splice(0)) retry();
  }

  get waiting() {
    return this.#waiting.length;
  }
}

const upper = (byte) => (byte >= 0x61 && byte <= 0x7a ? byte - 0x20 : byte);

/** What each op makes of the body of `length` bytes in a frame, in place: the answer's body's length. */
const transforms = {
  [ops.ECHO]: (_frame, length) => length,
  [ops.UPPER](frame, length) {
    for (let i = HEADER; i < HEADER + length; i++) frame[i] = upper(frame[i]);
    return length;
  },
  [ops.DIGEST](frame, length) {
    const body = frame.subarray(HEADER, HEADER + length);
    return createHash('sha256').update(body).digest().copy(frame, HEADER);
  },
};

/** Makes a request's frame its answer, of so many bytes. */
function transform(frame, size) {
  const op = frame[4];
  if (!Object.hasOwn(transforms, op)) return fail(frame, statuses.UNKNOWN_OP, `unknown op ${op}`);
  return writeHeader(frame, statuses.OK, transforms[op](frame, size - HEADER));
}

const fail = (frame, status, text) =>
  writeHeader(frame, status, frame.write(text, HEADER, 'latin1'));

/** Resolves when the socket takes more, or is closed. */
function writable(socket) {
  return new Promise((resolve) => {
    const done = () => {
      socket.off('drain', done).off('close', done);
      resolve();
    };
    socket.on('drain', done).on('close', done);
  });
}

class FramedServer {
  #server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) =>
    this.#accept(socket),
  );
  #slab;
  #frames;
  #open = new Map(); // socket → promise of its end
  #options;
  #counts = { connections: 0, frames: 0, refused: 0, cut: 0 };

  /**
   * `maxFrame`: bytes of the largest frame; `maxMemory`: of all frames at once; `idleMs` without a byte in either
   * direction end a connection. `slab`: one of your own, which stays open.
   */
  constructor({ maxFrame = MiB, maxMemory = 128 * MiB, idleMs = 30_000, slab } = {}) {
    this.#options = { maxFrame, idleMs, ownsSlab: slab === undefined };
    this.#slab = slab ?? makeSlab(maxFrame, maxMemory);
    this.#frames = new Frames(this.#slab);
  }

  /** Resolves to the address. */
  async listen(port = 0, host = '127.0.0.1') {
    this.#server.listen(port, host);
    await once(this.#server, 'listening');
    return this.#server.address();
  }

  /** Ends every connection when what it has been answered is written; resolves when all are gone. */
  async close() {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#open.keys()) socket.destroySoon();
    await closed;
    await Promise.all(this.#open.values());
    if (this.#options.ownsSlab) this.#slab.close(); // throws if a frame were left
  }

  /** Connections, frames answered, connections refused for a bad frame, and cut off by either side. */
  get stats() {
    const { size: open } = this.#open;
    return { ...this.#counts, open, waiting: this.#frames.waiting, memory: this.#slab.stats() };
  }

  #accept(socket) {
    this.#counts.connections++;
    socket.setTimeout(this.#options.idleMs, () => socket.destroy());
    socket.on('error', () => {}); // the reading tells, and the callbacks of writes
    const closed = new Promise((resolve) => socket.on('close', resolve));
    const served = this.#serve(socket).catch((error) => socket.destroy(error));
    const end = Promise.all([closed, served]).then(() => {
      const { errored, readableEnded, writableFinished } = socket;
      if (errored !== null || !readableEnded || !writableFinished) this.#counts.cut++;
      this.#open.delete(socket);
    });
    this.#open.set(socket, end);
  }

  async #serve(socket) {
    const header = await this.#frames.take(HEADER);
    const reader = new FrameReader(header, this.#options.maxFrame);
    let refused = false;
    try {
      // Not destroyed at the end of what it reads: answers may be on their way.
      for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
        // The rest of what is refused is read as well: else the kernel would answer it with a reset, and the
        // client might never see why.
        if (!refused) refused = !(await this.#take(socket, reader, chunk));
      }
      socket.end();
    } catch (error) {
      if (error !== socket.errored && error.code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
    } finally {
      const rest = reader.take();
      if (rest !== null) this.#frames.free(rest);
      this.#frames.free(header);
    }
  }

  /** Answers the frames that end in `chunk`: false if there was one that is none. */
  async #take(socket, reader, chunk) {
    try {
      for (let at = 0; at < chunk.length && !socket.destroyed; ) {
        at = reader.read(chunk, at);
        const { wants } = reader;
        if (wants > 0) reader.give(await this.#frames.take(Math.max(wants, LEAST_ROOM)));
        if (!reader.isWhole) continue;
        const { size } = reader;
        const frame = reader.take();
        await this.#write(socket, frame, transform(frame, size));
        this.#counts.frames++;
      }
      return true;
    } catch (error) {
      if (error.name !== 'FrameError') throw error;
      this.#counts.refused++;
      const frame = await this.#frames.take(LEAST_ROOM);
      await this.#write(socket, frame, fail(frame, error.status, error.message));
      socket.end();
      return false;
    }
  }

  /** Writes a frame and frees it when that is over; resolves when the socket takes more. */
  async #write(socket, frame, size) {
    const takesMore = socket.write(frame.subarray(0, size), () => this.#frames.free(frame));
    if (!takesMore && !socket.destroyed) await writable(socket);
  }
}

const USAGE = 'usage: node framed-server.js [--port N] [--max-frame BYTES] [--max-memory BYTES]';

function parse(words) {
  const number = { type: 'string' };
  const options = { port: number, 'max-frame': number, 'max-memory': number };
  const { values } = parseArgs({ args: words, options });
  const read = (name, fallback, most) => {
    const value = Number(values[name] ?? fallback);
    if (Number.isInteger(value) && value >= 0 && value <= most) return value;
    throw new RangeError(`--${name} must be an integer from 0 to ${most}, not ${values[name]}`);
  };
  const maxFrame = read('max-frame', MiB, 2 ** 30);
  return {
    port: read('port', 7007, 65_535),
    maxFrame,
    maxMemory: read('max-memory', Math.max(128 * MiB, 4 * maxFrame), 2 ** 40),
  };
}

const tell = ({ stats: { connections, frames, refused, cut } }) => [
  `${connections} connections, ${frames} frames, ${refused} refused, ${cut} cut off`,
];

module.exports = { FramedServer };

program(module, { usage: USAGE, parse, create: (options) => new FramedServer(options), tell });
