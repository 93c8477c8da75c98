'use strict';

// A source as it is on the disk: its text, and all that is not to change with it.

const fs = require('node:fs');
const { sourceText } = require('./source-text.js');

/** The text of a file: offsets count from behind a byte order mark, as V8's columns do. */
class Text {
  constructor(file, bytes) {
    this.file = file;
    this.bytes = bytes;
    Object.assign(this, sourceText(bytes, { isExact: true })); // sha256, bom, text
    this.eol = /\r?\n/.exec(this.text)?.[0] ?? '\n';
  }

  /**
   * Throws the system's errors, and a TypeError (ERR_ENCODING_INVALID_ENCODED_DATA) if the file is
   * not UTF-8.
   */
  static read(file) {
    const real = fs.realpathSync(file);
    return new Text(real, fs.readFileSync(real));
  }

  lineOf(offset) {
    let line = 1;
    for (let at = this.text.indexOf('\n'); at !== -1 && at < offset; ) {
      line++;
      at = this.text.indexOf('\n', at + 1);
    }
    return line;
  }

  /** The start of the line at `offset`, and the end of its text. */
  lineAt(offset) {
    const { text } = this;
    const start = text.lastIndexOf('\n', offset - 1) + 1;
    const next = text.indexOf('\n', offset);
    const end = next === -1 ? text.length : next;
    return { start, end: text[end - 1] === '\r' && end > offset ? end - 1 : end };
  }
}

/** `edits`, `{ start, end, text }` that do not overlap, in order. */
const sorted = (edits) => [...edits].sort((a, b) => a.start - b.start || a.end - b.end);

/** The text with `edits` applied. */
function edited(text, edits) {
  let result = '';
  let at = 0;
  for (const edit of sorted(edits)) {
    result += text.slice(at, edit.start) + edit.text;
    at = edit.end;
  }
  return result + text.slice(at);
}

module.exports = { Text, edited, sorted };
