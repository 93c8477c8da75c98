'use strict';

// 64 bits of a text, the same in each process and on each machine.

/** Both halves of cyrb53 (by bryc, public domain), uncut. */
function fingerprint(text) {
  let high = 0xdeadbeef;
  let low = 0x41c6ce57;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    high = Math.imul(high ^ unit, 2654435761);
    low = Math.imul(low ^ unit, 1597334677);
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
  return hex(high >>> 0) + hex(low >>> 0);
}

const hex = (number) => number.toString(16).padStart(8, '0');

module.exports = { fingerprint };
