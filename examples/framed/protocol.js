'use strict';

// The frames of the protocol, and how a stream's bytes become frames again.
//
//   4 bytes   length of what follows, big-endian, at least 1
//   1 byte    a request's op, or an answer's status
//   …         the body

const HEADER = 5;

/** What a client may ask for. The answer of DIGEST is the body's SHA-256. */
const ops = { ECHO: 0, UPPER: 1, DIGEST: 2 };

/** How it went. The body of any but OK is a text. */
const statuses = { OK: 0, UNKNOWN_OP: 1, EMPTY: 2, TOO_LARGE: 3 };

/** Room for every answer that is longer than its request: a digest, a text. */
const LEAST_ROOM = 64;

/** A frame that is not of the protocol: ERR_FRAME_EMPTY, ERR_FRAME_TOO_LARGE. */
class FrameError extends Error {
  constructor(code, status, message) {
    super(message);
    this.name = 'FrameError';
    this.code = code;
    this.status = status;
  }
}

/** Writes the header of a frame with a body of `length` bytes. Returns the frame's length. */
function writeHeader(frame, kind, length) {
  frame.writeUInt32BE(length + 1);
  frame[4] = kind;
  return HEADER + length;
}

/**
 * Puts the frames of a stream together, each in a Buffer that it asks for:
 *
 *   at = reader.read(chunk, at)                  takes bytes, as many as it can use
 *   if (reader.wants > 0) reader.give(buffer)    of so many bytes or more
 *   if (reader.isWhole) frame = reader.take()
 */
class FrameReader {
  #header;
  #most;
  #frame = null;
  #have = 0; // bytes of header or frame
  #size = HEADER; // bytes of what is being read

  /** `header` holds HEADER bytes; frames of more than `most` bytes, header and all, are refused. */
  constructor(header, most) {
    this.#header = header;
    this.#most = most;
  }

  /** Takes bytes of `chunk` from `at` on; returns where it stopped. Throws a FrameError. */
  read(chunk, at) {
    const target = this.#frame ?? this.#header;
    const taken = chunk.copy(target, this.#have, at, at + this.#size - this.#have);
    this.#have += taken;
    if (this.#frame === null && this.#have === HEADER) this.#begin();
    return at + taken;
  }

  #begin() {
    const length = this.#header.readUInt32BE();
    const size = length + 4;
    if (length === 0) {
      throw new FrameError('ERR_FRAME_EMPTY', statuses.EMPTY, 'a frame has at least 1 byte');
    }
    if (size > this.#most) {
      const message = `a frame of ${size} bytes, more than ${this.#most}`;
      throw new FrameError('ERR_FRAME_TOO_LARGE', statuses.TOO_LARGE, message);
    }
    this.#size = size;
  }

  /** Bytes of the frame whose header is there and whose Buffer is not; else 0. */
  get wants() {
    return this.#frame === null && this.#have === HEADER ? this.#size : 0;
  }

  give(buffer) {
    this.#header.copy(buffer, 0, 0, HEADER);
    this.#frame = buffer;
  }

  get isWhole() {
    return this.#frame !== null && this.#have === this.#size;
  }

  /** Bytes of the frame that is being read, its header with them. */
  get size() {
    return this.#size;
  }

  /** The Buffer of the frame, whole or not; null if there is none. */
  take() {
    const frame = this.#frame;
    this.#frame = null;
    this.#have = 0;
    this.#size = HEADER;
    return frame;
  }
}

module.exports = { HEADER, LEAST_ROOM, ops, statuses, FrameError, FrameReader, writeHeader };
