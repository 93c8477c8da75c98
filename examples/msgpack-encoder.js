'use strict';

// JSON lines in, MessagePack out:
//
//   node examples/msgpack-encoder.js [--skip-bad] [FILE] < lines.jsonl > values.msgpack
//
// Every line becomes one MessagePack value, one behind the other: a stream that any decoder can read. The
// values are encoded into an arena, batch by batch. A batch goes out as one write, and the arena is reset in
// the callback of that write and not before: until then the kernel, or a thread of the pool, may still read
// its bytes. To wait for the callback is at the same time what keeps a slow reader from filling the memory.

const fs = require('node:fs');
const { parseArgs } = require('node:util');
const { Arena } = require('ralloc');
const { Encoder } = require('./msgpack/encoder.js');
const { splitLines } = require('./msgpack/lines.js');

const KiB = 1024;
const MiB = 1024 * KiB;
const BLANK = /^[\t\r ]*$/;

/** A line that is not JSON, not UTF-8, too long, or too large once encoded. `line` counts from 1. */
class LineError extends Error {
  constructor(line, cause) {
    super(`line ${line}: ${cause.message}`, { cause });
    this.name = 'LineError';
    this.code = 'ERR_BAD_LINE';
    this.line = line;
  }
}

/** The values encoded and not yet written, all of them in one epoch of the arena. */
class Batch {
  #arena;
  #output;
  #most;
  #encoder = new Encoder();
  #frames = [];
  #bytes = 0;
  written = 0;

  constructor(arena, output, most) {
    this.#arena = arena;
    this.#output = output;
    this.#most = most;
  }

  /** Encodes one value. Throws ERR_RALLOC_LIMIT for one that the arena cannot hold, and has added nothing. */
  async add(value) {
    const size = this.#encoder.measure(value);
    if (this.#bytes + size > this.#most) await this.flush();
    const frame = this.#arena.allocUnsafe(size); // the encoder fills all of it
    this.#encoder.write(frame);
    this.#frames.push(frame);
    this.#bytes += size;
  }

  /** Resolves when the output has taken every byte; only then is the memory used again. */
  async flush() {
    const frames = this.#frames;
    if (frames.length === 0) return;
    this.#frames = [];
    this.#bytes = 0;
    const bytes = frames.length === 1 ? frames[0] : this.#arena.concat(frames);
    const { length } = bytes;
    await write(this.#output, bytes);
    this.written += length;
    this.#arena.reset();
  }
}

const write = (output, bytes) =>
  new Promise((resolve, reject) => {
    output.write(bytes, (error) => (error ? reject(error) : resolve()));
  });

/**
 * Encodes the JSON lines of `input`, a stream of Buffers, into `output`. Blank lines are skipped. A bad line
 * ends it with a LineError, after everything before that line was written; with `onBadLine(error)` it is told
 * there and left out instead.
 *
 * Resolves to { lines, bad, bytes, memory }: values written, lines left out, bytes written, and what the
 * arena's memory stats were at the end. Rejects with the error of a read or a write. `output` is not ended.
 */
async function encodeLines(input, output, options = {}) {
  const {
    onBadLine,
    batchBytes = 64 * KiB,
    maxLineBytes = 16 * MiB,
    maxBytes = 64 * MiB,
  } = options;
  // Without padding between them a batch's frames and their concatenation always fit into one chunk.
  const chunkSize = Math.max(2 * batchBytes, 4 * KiB);
  const arena = new Arena({ name: 'msgpack', align: 1, chunkSize, maxBytes });
  const batch = new Batch(arena, output, batchBytes);
  let [lines, bad] = [0, 0];
  for await (const { line, text, error, last } of splitLines(input, maxLineBytes)) {
    try {
      if (error) throw error;
      if (!BLANK.test(text)) {
        await batch.add(JSON.parse(text));
        lines++;
      }
    } catch (cause) {
      if (!isOfLine(cause)) throw cause;
      const problem = new LineError(line, cause);
      if (onBadLine === undefined) {
        await batch.flush();
        arena.close();
        throw problem;
      }
      bad++;
      onBadLine(problem);
    }
    if (last) await batch.flush(); // of what has arrived: who writes slowly does not wait for a batch
  }
  const { memory } = arena.stats();
  // Only here, where no write can be in flight: after a failed one the arena is left to the garbage
  // collector, which waits for whatever still reads it.
  arena.close();
  return { lines, bad, bytes: batch.written, memory };
}

const isOfLine = ({ name, code }) =>
  name === 'SyntaxError' ||
  ['ERR_ENCODING_INVALID_ENCODED_DATA', 'ERR_LINE_TOO_LONG', 'ERR_RALLOC_LIMIT'].includes(code);

const USAGE = 'usage: node msgpack-encoder.js [--skip-bad] [FILE] < lines.jsonl > values.msgpack';

function parse(words) {
  const options = { 'skip-bad': { type: 'boolean' } };
  try {
    const { values, positionals } = parseArgs({ args: words, options, allowPositionals: true });
    if (positionals.length > 1) throw new Error('one file at a time');
    return { skip: values['skip-bad'] === true, file: positionals[0] };
  } catch (error) {
    console.error(`${error.message}\n${USAGE}`);
    return null;
  }
}

/** 0: all is written; 1: a line was bad, or reading or writing failed; 2: wrong usage. */
async function main(words) {
  const command = parse(words);
  if (command === null) return 2;
  const input = command.file === undefined ? process.stdin : fs.createReadStream(command.file);
  process.stdout.on('error', () => {}); // the callback of the write tells
  let code = 0;
  const tell = (error) => {
    code = 1;
    console.error(error.message);
  };
  try {
    await encodeLines(input, process.stdout, command.skip ? { onBadLine: tell } : {});
  } catch (error) {
    if (error.code !== 'EPIPE') tell(error); // else the reader has had enough
  }
  return code;
}

module.exports = { encodeLines, LineError };

if (require.main === module) {
  main(process.argv.slice(2)).then((code) => {
    process.exitCode = code;
  });
}
