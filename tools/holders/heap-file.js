'use strict';

// A file of V8's heap snapshot, read piece by piece: one of a gigabyte is larger than a text of JavaScript may be.

const fs = require('node:fs');
const { RallocError } = require('../../lib/base/errors.js');

const PIECE = 1 << 20; // bytes
const BEGIN = '{"snapshot":';

const [QUOTE, COMMA, END, BACKSLASH, ZERO, SPACE] = Buffer.from('",]\\0 ');

/** `cause`: of the system. */
const errorOf = (code, file, message, cause) =>
  Object.assign(new RallocError(code, message, { file }), cause && { cause });

class HeapFile {
  #descriptor;
  #bytes;
  #at = 0; // what is read next
  #end = 0; // of what is there
  #offset = 0; // in the file, of the first byte that is there

  /** Throws ERR_RALLOC_PROFILE_UNREADABLE, _FOREIGN, _DAMAGED, as all methods do. */
  constructor(file, piece = PIECE) {
    this.file = file;
    this.#bytes = Buffer.allocUnsafeSlow(piece);
    this.#descriptor = this.#attempt(() => fs.openSync(file, 'r'));
    const stats = fs.fstatSync(this.#descriptor);
    if (!stats.isFile()) {
      this.close();
      throw this.#foreign;
    }
    this.size = stats.size;
  }

  close() {
    fs.closeSync(this.#descriptor);
  }

  get damage() {
    const message = `The heap snapshot ${this.file} is cut off or damaged. Take another one`;
    return errorOf('ERR_RALLOC_PROFILE_DAMAGED', this.file, message);
  }

  get #foreign() {
    const message = `${this.file} is no heap snapshot of V8. Give a file that profiler.snapshot() or v8.writeHeapSnapshot() wrote`;
    return errorOf('ERR_RALLOC_PROFILE_FOREIGN', this.file, message);
  }

  #attempt(act) {
    try {
      return act();
    } catch (error) {
      const message = `The heap snapshot ${this.file} cannot be read: ${error.message}`;
      throw errorOf('ERR_RALLOC_PROFILE_UNREADABLE', this.file, message, error);
    }
  }

  /** Reads on behind what has not been used, which moves to the front. */
  #more() {
    const rest = this.#end - this.#at;
    this.#offset += this.#at;
    this.#bytes.copyWithin(0, this.#at, this.#end);
    if (rest === this.#bytes.length) {
      this.#bytes = Buffer.concat([this.#bytes], 2 * rest); // a long text
    }
    const read = this.#read(this.#bytes, rest, null);
    if (read === 0) throw this.damage;
    [this.#at, this.#end] = [0, rest + read];
  }

  #read(bytes, from, position) {
    return this.#attempt(() =>
      fs.readSync(this.#descriptor, bytes, from, bytes.length - from, position),
    );
  }

  /** What V8 tells of the lists, as an object. */
  head() {
    if (this.size > 0) this.#more();
    if (!BEGIN.startsWith(this.#bytes.latin1Slice(0, Math.min(BEGIN.length, this.#end)))) {
      throw this.#foreign;
    }
    const text = this.until('"nodes":[').trim();
    try {
      return JSON.parse(`${text.replace(/,$/, '')}}`).snapshot;
    } catch {
      throw this.damage;
    }
  }

  /** Goes on behind `mark`; returns what of the last piece is before it. */
  until(mark) {
    for (;;) {
      const piece = this.#bytes.subarray(this.#at, this.#end);
      const found = piece.indexOf(mark);
      if (found !== -1) {
        this.#at += found + mark.length;
        return piece.latin1Slice(0, found);
      }
      this.#at = Math.max(this.#at, this.#end - mark.length);
      this.#more();
    }
  }

  /** Calls each(number) to the end of a list. The hot path. */
  numbers(each) {
    let [value, digits] = [0, 0];
    for (;;) {
      const [bytes, end] = [this.#bytes, this.#end];
      for (let i = this.#at; i < end; i++) {
        const byte = bytes[i];
        if (byte >= ZERO && byte < ZERO + 10) {
          value = value * 10 + byte - ZERO;
          digits++;
          continue;
        }
        if (digits > 0) each(value);
        value = digits = 0;
        if (byte === END) {
          this.#at = i + 1;
          return;
        }
        if (byte !== COMMA && byte > SPACE) throw this.damage;
      }
      this.#at = end;
      this.#more();
    }
  }

  /** Calls each(bytes, from, to, offset) with each text of a list, as it is between its quotes, and where in the file it begins; returns where the last one ends. */
  texts(each) {
    for (;;) {
      if (this.#at === this.#end) this.#more();
      const byte = this.#bytes[this.#at];
      if (byte === END) return this.#offset + this.#at;
      if (byte === QUOTE) {
        const close = this.#closing();
        each(this.#bytes, this.#at + 1, close, this.#offset + this.#at);
        this.#at = close + 1;
      } else if (byte === COMMA || byte <= SPACE) this.#at++;
      else throw this.damage;
    }
  }

  /** Where the text ends that begins here. */
  #closing() {
    for (let from = this.#at + 1; ; ) {
      const found = this.#bytes.indexOf(QUOTE, from);
      if (found === -1 || found >= this.#end) {
        this.#more();
        from = 1;
        continue;
      }
      let before = found;
      while (this.#bytes[before - 1] === BACKSLASH) before--;
      if ((found - before) % 2 === 0) return found;
      from = found + 1;
    }
  }

  /** The text that is between these two places of the file. */
  textAt(from, to) {
    const bytes = Buffer.alloc(to - from);
    this.#read(bytes, 0, from);
    const text = bytes.utf8Slice(0, bytes.lastIndexOf(QUOTE) + 1);
    try {
      return JSON.parse(text);
    } catch {
      throw this.damage;
    }
  }
}

module.exports = { HeapFile };
