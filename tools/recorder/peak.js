'use strict';

// Cuts a profile after its peak, the slot in which ArrayBuffers took the most.

const { readFile } = require('./file.js');
const { writeFile } = require('./write-file.js');

/** Removes all blocks after the peak from these files. Returns the bytes at the peak; undefined, and removes nothing, if no block has any. */
function keepPeak(files) {
  const slots = new Map();
  const add = ({ slot, process }) => {
    if (process !== undefined) slots.set(slot, (slots.get(slot) ?? 0) + process.arrayBuffers);
  };
  for (const file of files) readFile(file, add);
  if (slots.size === 0) return undefined;
  const [peak, bytes] = [...slots].reduce((a, b) => (b[1] > a[1] ? b : a));
  for (const file of files) {
    const kept = [];
    readFile(file, ({ slot = peak }, text) => {
      if (slot <= peak) kept.push('\n', Buffer.from(text));
    });
    writeFile(file, kept, 'profile', 'The profile');
  }
  return bytes;
}

module.exports = { keepPeak };
