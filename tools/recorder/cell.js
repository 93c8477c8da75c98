'use strict';

// A cell as bytes: its key, the lengths of three numbers, and the numbers. With the lengths in front a reader has a branch less for each
// byte: 14 to 21 ns a cell, where LEB128 took 34 to 40.
//
// Numbers are below 2^64. JavaScript adds them in two parts: the lower 48 bits, and the rest.

const { checkInteger } = require('./bytes-writer.js');

/** What the rest of a number counts in. */
const WIDE = 2 ** 48;
const LOW = 6; // bytes

/** Of a cell: two of the key, one of the lengths, and three numbers. */
const MOST_BYTES = 27;

/** sizeClass, event and bucket in 16 bits. */
function keyOf(sizeClass, event, bucket) {
  if ((sizeClass & 63) !== sizeClass || (event & 15) !== event || (bucket & 63) !== bucket) {
    throw new RangeError(`No cell has size class ${sizeClass}, event ${event}, bucket ${bucket}`);
  }
  return (sizeClass << 10) | (event << 6) | bucket;
}

const sizeClassOfKey = (key) => key >>> 10;
const eventOfKey = (key) => (key >>> 6) & 15;
const bucketOfKey = (key) => key & 63;

/** The lengths of the three numbers, from the byte that has them: 1, 2, 4 or 8 of the first, and 1 to 8 of the others. */
const firstLength = (lengths) => 1 << (lengths & 3);
const secondLength = (lengths) => ((lengths >>> 2) & 7) + 1;
const thirdLength = (lengths) => (lengths >>> 5) + 1;

function lengthOf([low, high]) {
  if (high > 0) return high < 256 ? LOW + 1 : LOW + 2;
  let length = 1;
  for (let rest = low; rest >= 256; rest = Math.floor(rest / 256)) length++;
  return length;
}

/** A number in its two parts. */
function parts(value) {
  checkInteger(value);
  return [value % WIDE, Math.floor(value / WIDE)];
}

function writeInteger(writer, [low, high], length) {
  writer.integer(low, Math.min(length, LOW));
  if (length > LOW) writer.integer(high, length - LOW);
}

function checkWide([, high]) {
  if (high >= 65536) throw new RangeError('A number of a profile is below 2^64');
}

/** Writes samples, count and bytes, each in two parts. */
function writeCell(writer, key, samples, count, bytes) {
  checkWide(samples);
  checkWide(count);
  checkWide(bytes);
  const power = Math.ceil(Math.log2(lengthOf(samples)));
  const [second, third] = [lengthOf(count), lengthOf(bytes)];
  writer.integer(key, 2);
  writer.integer(power | ((second - 1) << 2) | ((third - 1) << 5), 1);
  writeInteger(writer, samples, 1 << power);
  writeInteger(writer, count, second);
  writeInteger(writer, bytes, third);
}

function readInteger(reader, length) {
  const low = reader.integer(Math.min(length, LOW));
  return [low, length > LOW ? reader.integer(length - LOW) : 0];
}

/** `{ key, numbers }`. The hot path of merging has its own: cell-table.js. */
function readCell(reader) {
  const key = reader.integer(2);
  const lengths = reader.integer(1);
  const numbers = [firstLength, secondLength, thirdLength].map((length) =>
    readInteger(reader, length(lengths)),
  );
  return { key, numbers };
}

/** The same as numbers, into an object that is there: `{ sizeClass, event, bucket, samples, count, bytes }`. */
function readInto(cell, reader) {
  const key = reader.integer(2);
  const lengths = reader.integer(1);
  cell.sizeClass = sizeClassOfKey(key);
  cell.event = eventOfKey(key);
  cell.bucket = bucketOfKey(key);
  cell.samples = readNumber(reader, firstLength(lengths));
  cell.count = readNumber(reader, secondLength(lengths));
  cell.bytes = readNumber(reader, thirdLength(lengths));
}

function readNumber(reader, length) {
  if (length <= LOW) return reader.integer(length);
  return numberOf([reader.integer(LOW), reader.integer(length - LOW)]);
}

/** The nearest number. */
const numberOf = ([low, high]) => high * WIDE + low;
const exactOf = ([low, high]) => BigInt(high) * BigInt(WIDE) + BigInt(low);

module.exports = {
  MOST_BYTES,
  WIDE,
  bucketOfKey,
  eventOfKey,
  exactOf,
  firstLength,
  keyOf,
  numberOf,
  parts,
  readCell,
  readInto,
  secondLength,
  sizeClassOfKey,
  thirdLength,
  writeCell,
};
