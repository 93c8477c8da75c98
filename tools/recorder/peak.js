'use strict';

// Keeps the profile up to its peak, when ArrayBuffers took the most: without the blocks after that one.

const { readFile } = require('./file.js');
const { writeFile } = require('./write-file.js');

/** Leaves out of these files what came after the slot with the most bytes; returns them, or undefined where no block tells any. */
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
