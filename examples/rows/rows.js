'use strict';

// A page of rows: lines of text, as records of a length that the client knows: the number (4 bytes), the milliseconds (4), the level (1), the
// length of the message (2), and the message.

const { LEVELS } = require('./lines.js');
const { current } = require('ralloc');

const HEAD = 11;
const TAB = 9;
const NEWLINE = 10;

/** As many rows as `size` bytes hold, from the line at `start` on; the rest is zeros. */
exports.parseRows = function parseRows(text, start, size) {
  const page = (current() ?? Buffer).allocUnsafe(size);
  let used = 0;
  for (let at = start; ; ) {
    const number = text.indexOf(TAB, at);
    const level = text.indexOf(TAB, number + 1);
    const ms = text.indexOf(TAB, level + 1);
    const end = text.indexOf(NEWLINE, ms + 1);
    const length = end - ms - 1;
    if (used + HEAD + length > size) break;
    page.writeUInt32LE(Number(text.latin1Slice(at, number)), used);
    page.writeUInt32LE(Number(text.latin1Slice(level + 1, ms)), used + 4);
    page.writeUInt8(LEVELS.indexOf(text.latin1Slice(number + 1, level)), used + 8);
    page.writeUInt16LE(length, used + 9);
    text.copy(page, used + HEAD, ms + 1, end);
    used += HEAD + length;
    at = end + 1 === text.length ? 0 : end + 1;
  }
  return page.fill(0, used);
};
