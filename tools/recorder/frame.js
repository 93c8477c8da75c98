'use strict';

// A frame: magic, length, crc32, payload. A profile is a sequence of frames, in which a reader finds the next whole one by itself.

const { crc32 } = require('node:zlib');

const { allocUnsafe } = Buffer; // as bytes-writer.js takes them

/** No text begins so, and a transfer that changes line ends breaks it. */
const MAGIC = Buffer.from([0xf7, 0x72, 0x70, 0x0a]);
const HEAD = 12; // bytes

/** A longer payload is damage, which must not make a reader wait for gigabytes. */
const MOST_PAYLOAD = 1 << 28; // bytes

function frame(payload) {
  const framed = allocUnsafe(HEAD + payload.length);
  framed.set(MAGIC);
  framed.writeUInt32LE(payload.length, 4);
  framed.writeUInt32LE(crc32(payload), 8);
  framed.set(payload, HEAD);
  return framed;
}

/** Where the magic or, at the very end, a part of it is found; the end if it is not. */
function nextMagic(bytes, from) {
  const found = bytes.indexOf(MAGIC, from);
  if (found !== -1) return found;
  for (let length = MAGIC.length - 1; length > 0; length--) {
    const at = bytes.length - length;
    if (at >= from && MAGIC.compare(bytes, at, bytes.length, 0, length) === 0) return at;
  }
  return bytes.length;
}

/**
 * What is at the beginning of `bytes` from `at`: `{ skip }` bytes of no frame, `{ payload, end }` of a whole one, or `{ need }`,
 * the bytes that a decision needs and that are not there yet.
 */
function nextFrame(bytes, at) {
  const start = nextMagic(bytes, at);
  if (start > at) return { skip: start - at };
  if (at + HEAD > bytes.length) return { need: HEAD };
  const length = bytes.readUInt32LE(at + 4);
  if (length > MOST_PAYLOAD) return { skip: 1 };
  const end = at + HEAD + length;
  if (end > bytes.length) return { need: HEAD + length };
  const payload = bytes.subarray(at + HEAD, end);
  return crc32(payload) === bytes.readUInt32LE(at + 8) ? { payload, end } : { skip: 1 };
}

/** Calls `onPayload` for each whole frame of `bytes`; returns the number of bytes that are of none, or of one of which it says that it is none: false. */
function readFrames({ buffer, byteOffset, byteLength }, onPayload) {
  const bytes = Buffer.from(buffer, byteOffset, byteLength); // of a Uint8Array too, as another thread gives
  let skipped = 0;
  let at = 0;
  while (at < bytes.length) {
    const { skip, payload, end } = nextFrame(bytes, at);
    if (payload !== undefined) {
      if (onPayload(payload) === false) skipped += end - at;
      at = end;
    } else {
      // A frame that needs more than there is was cut off; whole ones may stand behind its beginning.
      skipped += skip ?? 1;
      at += skip ?? 1;
    }
  }
  return skipped;
}

module.exports = { HEAD, MAGIC, MOST_PAYLOAD, frame, nextFrame, readFrames };
