'use strict';

// The answers of HTTP/1.1 in what a connection brings, whole and one after another, for clients that have no time: with a length, in
// chunks, or without a body.

class AnswerReader {
  #rest = Buffer.alloc(0);
  #onAnswer;

  /** Calls onAnswer(status, body) for each. */
  constructor(onAnswer) {
    this.#onAnswer = onAnswer;
  }

  read(data) {
    this.#rest = this.#rest.length === 0 ? data : Buffer.concat([this.#rest, data]);
    while (this.#next());
  }

  /** Takes the next answer, where all of it has come. */
  #next() {
    const rest = this.#rest;
    const end = rest.indexOf('\r\n\r\n');
    if (end < 0) return false;
    const head = rest.latin1Slice(0, end);
    const status = Number(head.slice(9, 12));
    const found = bodyAt(rest, end + 4, status, head);
    if (found === undefined) return false;
    this.#rest = rest.subarray(found.next);
    this.#onAnswer(status, found.body);
    return true;
  }
}

/** { body, next } of the answer whose body begins at `start`; undefined where it is not all there. */
function bodyAt(bytes, start, status, head) {
  if (status === 204 || status === 304) return { body: Buffer.alloc(0), next: start };
  const length = /\r\ncontent-length: (\d+)/i.exec(head);
  if (length === null) return chunksAt(bytes, start);
  const next = start + Number(length[1]);
  return bytes.length < next ? undefined : { body: bytes.subarray(start, next), next };
}

function chunksAt(bytes, start) {
  const parts = [];
  for (let at = start; ; ) {
    const line = bytes.indexOf('\r\n', at);
    if (line < 0) return undefined;
    const size = Number.parseInt(bytes.latin1Slice(at, line), 16);
    const end = line + 2 + size;
    if (bytes.length < end + 2) return undefined;
    if (size === 0) return { body: Buffer.concat(parts), next: end + 2 };
    parts.push(bytes.subarray(line + 2, end));
    at = end + 2;
  }
}

module.exports = { AnswerReader };
