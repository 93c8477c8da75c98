'use strict';

// Major collections for who cannot go on without: a region at its limit, whose dropped Buffers V8 alone knows. Over a small heap
// gc() makes one at once. Over a large one that would stop the event loop for long (560–860 ms over 300 MB of small objects), so V8 is
// made to begin one in steps, beside the program (stops of 10–50 ms, 0.5–0.8 s in all). It has no function for that, but does it
// when 64 MiB outside of its heap were added since the last one: an ArrayBuffer counts there that nobody writes to, which takes no memory.

const time = require('../base/time.js');
const { isSmall, requestGc } = require('./gc.js');
const marking = require('./marking.js');

const BYTES = 72 * 1024 * 1024;
const SHARE = 4; // the pause after one that did not help, in its times
const MOST_MS = 10_000; // that one is waited for: V8 may not have taken the hint

let asked = Number.NEGATIVE_INFINITY;

/** When the next one may be asked for. */
function due(helped) {
  if (asked === Number.NEGATIVE_INFINITY) return asked;
  const ended = marking.endOfMajor();
  if (ended < asked) return asked + MOST_MS;
  return ended + (ended - asked) * (helped ? 1 : SHARE);
}

/** Asks for one in a later turn, unless one is under way, or it is too soon after the last. `helped`: that one did. */
function requestMajor(helped) {
  const now = time.now();
  const isMarking = marking.isMarking(); // learns of ends too
  if (now < due(helped)) return false;
  if (isSmall()) {
    if (!requestGc({ major: true, urgent: true })) return false;
  } else {
    if (isMarking === true) return false;
    time.setImmediate(hint);
  }
  asked = now;
  return true;
}

function hint() {
  try {
    void new ArrayBuffer(BYTES);
  } catch {
    // There is no room for it, even of addresses: V8 has just collected all it could.
  }
}

module.exports = { requestMajor };
