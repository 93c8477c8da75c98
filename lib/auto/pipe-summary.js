'use strict';

// Summarizes for ralloc/auto how many chunks of pipes were given back, and which pipes were left
// alone.

const { formatBytes } = require('../base/bytes.js');
const { left: bytesLeft } = require('../memory/foreign.js').counts;
const { counted } = require('./format.js');

const PIPES = {
  sink: 'to streams that may keep chunks, or are patched',
  readers: 'from streams that have other readers, or are patched',
};

/** Reasons why bytes were left to V8; includes those of pump() and of bodies. */
const BYTES = {
  seen: 'that others may have',
  foreign: 'that Node has not made',
  unwritten: 'whose write failed or never ended',
  shared: 'of memory that has others too',
};

const some = (words, of, say) =>
  Object.entries(words).flatMap(([why, what]) => (of[why] > 0 ? `${say(of[why])} ${what}` : []));

function tell({ watched, chunks, left }) {
  const all = [
    ...some(PIPES, left, (count) => counted(count, 'pipe')),
    ...some(BYTES, bytesLeft, formatBytes),
  ];
  const others = all.length === 0 ? '' : `; left alone: ${all.join(', ')}`;
  return `${counted(chunks, 'chunk')} of ${counted(watched, 'pipe')} given back${others}`;
}

module.exports = { tell };
