'use strict';

// A page of rows: lines of text as records: the number (4 bytes), the milliseconds (4), the level
// (1), the length of the message (2), and the message.

const { perRequest } = require('ralloc');

const HEAD = 11;
const ZERO = 48;
const NEWLINE = 10;

/** As many rows as `size` bytes hold, from the line at `start` on; the rest is zeros. */
exports.parseRows = function parseRows(text, start, size) {
  const page = perRequest.allocUnsafe(size);
  let at = start;
  /** The digits at `at`, and the tab behind them. */
  const integer = () => {
    let value = 0;
    for (; text[at] >= ZERO; at++) value = 10 * value + text[at] - ZERO;
    at++;
    return value;
  };
  let used = 0;
  for (;;) {
    const [number, level, ms] = [integer(), integer(), integer()];
    const end = text.indexOf(NEWLINE, at);
    const length = end - at;
    if (used + HEAD + length > size) break;
    page.writeUInt32LE(number, used);
    page.writeUInt32LE(ms, used + 4);
    page.writeUInt8(level, used + 8);
    page.writeUInt16LE(length, used + 9);
    text.copy(page, used + HEAD, at, end);
    used += HEAD + length;
    at = end + 1 === text.length ? 0 : end + 1;
  }
  return page.fill(0, used);
};
