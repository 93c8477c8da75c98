'use strict';

/** A number for people: `1,234`. */
const whole = (number) => number.toLocaleString('en-US');

/** `1 file` or `2000 files`. */
const many = (count, noun, told = count) => `${told} ${noun}${count === 1 ? '' : 's'}`;

/** The same for people: `2,000 files`. */
const counted = (number, noun) => many(number, noun, whole(number));

/** A number of bytes for people: `1.5 KiB`. */
function formatBytes(count) {
  if (count < 1024) return `${count} B`;
  const power = Math.min(Math.floor(Math.log2(count) / 10), 4);
  return `${Number((count / 1024 ** power).toFixed(1))} ${['B', 'KiB', 'MiB', 'GiB', 'TiB'][power]}`;
}

const SEMI_MB = 8;

/**
 * Node's flags for a V8 heap of `bytes`: beside the old space there are three semi-spaces, by
 * default of 16 MiB on Node 20 and 22 and of up to 64 MiB on 24.
 */
const heapFlags = (bytes) =>
  `--max-old-space-size=${Math.floor(bytes / 2 ** 20) - 3 * SEMI_MB} --max-semi-space-size=${SEMI_MB}`;

module.exports = { formatBytes, heapFlags, counted, many, whole };
