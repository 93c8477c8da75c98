'use strict';

// Lines out of a stream of Buffers. Split by bytes, and decoded only as whole lines: so a character of
// several bytes that lies across two chunks is nothing special.

const NEWLINE = 0x0a;

const tooLong = (most) =>
  Object.assign(new Error(`longer than ${most} bytes`), { code: 'ERR_LINE_TOO_LONG' });

class Splitter {
  #decoder = new TextDecoder('utf-8', { fatal: true });
  #most;
  #parts = []; // the beginning of a line whose end has not come
  #bytes = 0;
  #line = 0;

  constructor(most) {
    this.#most = most;
  }

  /** The lines that end in `chunk`. The last one says so: there is nothing to do until the next chunk. */
  *lines(chunk) {
    let from = 0;
    let end = chunk.indexOf(NEWLINE);
    while (end !== -1) {
      const next = chunk.indexOf(NEWLINE, end + 1);
      this.#keep(chunk.subarray(from, end));
      yield this.#take(next === -1);
      from = end + 1;
      end = next;
    }
    this.#keep(chunk.subarray(from));
  }

  /** The line that no newline ends. */
  *rest() {
    if (this.#bytes > 0) yield this.#take(true);
  }

  /** A line that is too long is counted and not kept: no input can fill the memory. */
  #keep(part) {
    this.#bytes += part.length;
    if (this.#bytes > this.#most) this.#parts = [];
    else if (part.length > 0) this.#parts.push(part);
  }

  #take(last) {
    const [parts, bytes] = [this.#parts, this.#bytes];
    this.#parts = [];
    this.#bytes = 0;
    const line = ++this.#line;
    try {
      if (bytes > this.#most) throw tooLong(this.#most);
      const whole = parts.length === 1 ? parts[0] : Buffer.concat(parts);
      return { line, last, text: this.#decoder.decode(whole) };
    } catch (error) {
      return { line, last, error };
    }
  }
}

/**
 * Yields { line, text, last } for each line of `input`, or { line, error, last } for one that is not UTF-8
 * (ERR_ENCODING_INVALID_ENCODED_DATA) or longer than `most` bytes (ERR_LINE_TOO_LONG). `line` counts from 1.
 */
async function* splitLines(input, most) {
  const splitter = new Splitter(most);
  for await (const chunk of input) {
    yield* splitter.lines(typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
  }
  yield* splitter.rest();
}

module.exports = { splitLines };
