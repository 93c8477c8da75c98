'use strict';

// Reads a heap snapshot of V8 piece by piece: a file of a gigabyte does not fit into a string of
// JavaScript.

const fs = require('node:fs');
const { RallocError } = require('../../lib/base/errors.js');
const { fileFault } = require('../../lib/base/file-names.js');

const PIECE = 1 << 20; // bytes
const BEGIN = '{"snapshot":';

const [QUOTE, COMMA, END, BACKSLASH, ZERO, SPACE] = Buffer.from('",]\\0 ');

class HeapFile {
  #descriptor;
  #bytes;
  #at = 0; // index in #bytes of the next byte to use
  #end = 0; // how many of #bytes were read
  #offset = 0; // where #bytes begins in the file

  /** Throws ERR_RALLOC_PROFILE_UNREADABLE, _FOREIGN or _DAMAGED, like all methods. */
  constructor(file, piece = PIECE) {
    this.file = file;
    this.#bytes = Buffer.allocUnsafeSlow(piece);
    this.#descriptor = this.#attempt(() => fs.openSync(file, 'r'));
    this.size = fs.fstatSync(this.#descriptor).size;
  }

  close() {
    fs.closeSync(this.#descriptor);
  }

  get damage() {
    const message = `The heap snapshot ${this.file} is cut off or damaged. Take another one`;
    return new RallocError('ERR_RALLOC_PROFILE_DAMAGED', message, { file: this.file });
  }

  #attempt(act) {
    try {
      return act();
    } catch (cause) {
      const { file } = this;
      const message = `The heap snapshot ${file} cannot be read: ${fileFault(cause)}`;
      throw new RallocError('ERR_RALLOC_PROFILE_UNREADABLE', message, { file, cause });
    }
  }

  /** Moves the unused bytes to the front, and reads more after them. */
  #more() {
    const rest = this.#end - this.#at;
    this.#offset += this.#at;
    this.#bytes.copyWithin(0, this.#at, this.#end);
    if (rest === this.#bytes.length) this.#bytes = Buffer.concat([this.#bytes], 2 * rest); // a long text
    const read = this.#read(this.#bytes, rest, null);
    if (read === 0) throw this.damage;
    [this.#at, this.#end] = [0, rest + read];
  }

  #read(bytes, from, position) {
    const length = bytes.length - from;
    return this.#attempt(() => fs.readSync(this.#descriptor, bytes, from, length, position));
  }

  /** V8's description of the lists, as an object. */
  head() {
    this.#more();
    if (!BEGIN.startsWith(this.#bytes.latin1Slice(0, Math.min(BEGIN.length, this.#end)))) {
      const message = `${this.file} is no heap snapshot of V8. Give a file that profiler.snapshot() or v8.writeHeapSnapshot() wrote`;
      throw new RallocError('ERR_RALLOC_PROFILE_FOREIGN', message, { file: this.file });
    }
    return this.#parse(`${this.until('"nodes":[').trim().replace(/,$/, '')}}`).snapshot;
  }

  #parse(text) {
    try {
      return JSON.parse(text);
    } catch {
      throw this.damage;
    }
  }

  /** Skips to the end of `mark`; returns the part of the last piece before it. */
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

  /**
   * Calls each(row) for each `width` numbers of a list, in one array. Throws unless there are
   * `count` rows, if given. The hot path.
   */
  rows(width, each, count = undefined) {
    const row = new Array(width).fill(0);
    let [value, digits, field, rows] = [0, 0, 0, 0];
    for (;;) {
      const [bytes, end] = [this.#bytes, this.#end];
      for (let i = this.#at; i < end; i++) {
        const byte = bytes[i];
        if (byte >= ZERO && byte < ZERO + 10) {
          value = value * 10 + byte - ZERO;
          digits++;
          continue;
        }
        if (digits > 0) row[field++] = value;
        value = digits = 0;
        if (field === width) {
          each(row, rows++);
          field = 0;
        }
        if (byte === END) {
          this.#at = i + 1;
          if (field > 0 || rows !== (count ?? rows)) throw this.damage;
          return;
        }
        if (byte !== COMMA && byte > SPACE) throw this.damage;
      }
      this.#at = end;
      this.#more();
    }
  }

  /**
   * Calls each(bytes, from, to, offset) for each text of a list: its undecoded bytes, and its
   * offset in the file. Returns the offset of the list's end.
   */
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

  /** The index of the closing quote of the text that begins here. */
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

  /** Decodes the text between these two offsets of the file. */
  textAt(from, to) {
    const bytes = Buffer.alloc(to - from);
    this.#read(bytes, 0, from);
    return this.#parse(bytes.utf8Slice(0, bytes.lastIndexOf(QUOTE) + 1));
  }
}

module.exports = { HeapFile };
