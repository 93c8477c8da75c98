'use strict';

// PPM images of the binary kind (P6), as netpbm writes them: "P6", width, height, maxval, with white space and
// `#` comments between, one white space, then three samples a pixel, of one byte or, with a maxval above 255,
// two, the higher one first.

const HASH = 0x23;
const NEWLINE = 0x0a;
const RETURN = 0x0d;

/** Not a P6 image, or not all of one. */
class PpmError extends Error {
  name = 'PpmError';
  code = 'ERR_BAD_IMAGE';
}

const isSpace = (byte) => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
const isDigit = (byte) => byte >= 0x30 && byte <= 0x39;

/** The first byte from `at` on that is neither white space nor in a comment. */
function skipSpace(bytes, at) {
  let next = at;
  for (;;) {
    while (isSpace(bytes[next])) next++;
    if (bytes[next] !== HASH) return next;
    while (next < bytes.length && bytes[next] !== NEWLINE && bytes[next] !== RETURN) next++;
  }
}

/** A number of the head: { value, end }. */
function readNumber(bytes, at, what, most) {
  const start = skipSpace(bytes, at);
  let end = start;
  let value = 0;
  while (isDigit(bytes[end]) && value <= most) value = value * 10 + bytes[end++] - 0x30;
  if (end === start || value < 1 || value > most) {
    throw new PpmError(`the ${what} is not an integer from 1 to ${most}`);
  }
  return { value, end };
}

/** { width, height, maxval, samples }; `samples` is a part of `bytes`, nothing is copied. */
function parsePpm(bytes) {
  if (bytes.length < 3 || bytes.toString('latin1', 0, 2) !== 'P6' || !isSpace(bytes[2])) {
    throw new PpmError('not a P6 image');
  }
  const width = readNumber(bytes, 2, 'width', 65_535);
  const height = readNumber(bytes, width.end, 'height', 65_535);
  const maxval = readNumber(bytes, height.end, 'maxval', 65_535);
  if (!isSpace(bytes[maxval.end])) throw new PpmError('the head does not end in white space');
  const start = maxval.end + 1;
  const size = width.value * height.value * 3 * (maxval.value > 255 ? 2 : 1);
  if (bytes.length - start < size) {
    throw new PpmError(`cut off: ${bytes.length - start} of ${size} bytes of samples`);
  }
  const samples = bytes.subarray(start, start + size);
  return { width: width.value, height: height.value, maxval: maxval.value, samples };
}

module.exports = { parsePpm, PpmError };
