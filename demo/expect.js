'use strict';

// The client's own idea of the right answers: plainly computed, with none of the handler's code
// but the rule that says which pieces a request consists of.

const { createHash } = require('node:crypto');
const zlib = require('node:zlib');
const { cut, LARGEST } = require('./cut.js');

const BODIES = 64;
const BODY = 64 * 1024;
const UPLOADS = 8; // of 16 bodies each: 1 MiB, which is what `proxy` passes on too

module.exports = class Expected {
  #files;
  #manifest;
  #bodies;
  #uploads;

  constructor(files, manifest) {
    this.#files = files;
    this.#manifest = JSON.parse(manifest);
    this.#bodies = Array.from({ length: BODIES }, (_, n) => this.#cutBody(n));
    const turned = (n) => [...this.#bodies.slice(n), ...this.#bodies.slice(0, n)].slice(0, 16);
    this.#uploads = Array.from({ length: UPLOADS }, (_, n) => Buffer.concat(turned(n)));
  }

  #cutBody(n) {
    const body = Buffer.alloc(BODY);
    let length = 0;
    for (const { bytes, from } of cut(n, BODY / 512, this.#files)) {
      if (length < BODY) length += bytes.copy(body, length, from, from + LARGEST);
    }
    return body;
  }

  /** What is posted with request `id`, or null. */
  body(mix, id) {
    if (mix === 'upload') return this.#uploads[id % UPLOADS];
    return mix === 'ingest' || mix === 'digest' ? this.#bodies[id % BODIES] : null;
  }

  /** What the `whole` form of request `id` must answer, before any compression. */
  answer(mix, id) {
    if (mix === 'upload') return Buffer.from(sha256Of(this.body(mix, id)));
    if (mix === 'proxy') return this.#uploads[id % UPLOADS];
    if (mix === 'json') return Buffer.from(this.#json(id));
    if (mix === 'serve') return this.#batch(id, 24, this.#files);
    return this.#batch(id, 16, mix === 'frame' ? this.#files : [{ bytes: this.body(mix, id) }]);
  }

  #json(id) {
    const { name, version, scripts } = this.#manifest;
    const rows = [];
    for (let n = 0; n < 64; n++) rows.push({ id: id + n, name, version, scripts });
    return JSON.stringify({ id, rows });
  }

  #batch(id, count, sources) {
    const parts = [];
    for (const { bytes, from, length } of cut(id, count, sources)) {
      parts.push(header(length, id), bytes.subarray(from, from + length));
    }
    if (id % 4 === 0) {
      const { bytes } = this.#files[(id / 4) % this.#files.length];
      parts.push(header(LARGEST, id), bytes.subarray(0, LARGEST));
    }
    return Buffer.concat(parts);
  }

  /** What is wrong with the answer to the `whole` form of request `id`; null when nothing is. */
  mismatch(mix, id, chunks) {
    let got = Buffer.concat(chunks);
    const want = this.answer(mix, id);
    const what = `${mix} request ${id}`;
    if (mix === 'digest' && id % 8 === 0) {
      try {
        got = zlib.gunzipSync(got);
      } catch (err) {
        return `${what}: ${got.length} compressed bytes do not decompress: ${err.message}`;
      }
    }
    if (got.equals(want)) return null;
    if (got.length !== want.length) return `${what}: ${got.length} bytes instead of ${want.length}`;
    const at = want.findIndex((byte, n) => byte !== got[n]);
    return `${what}: byte ${at} of ${want.length} is ${got[at]} instead of ${want[at]}`;
  }
};

const sha256Of = (bytes) => createHash('sha256').update(bytes).digest('hex');

function header(length, id) {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32BE(length, 0);
  bytes.writeUInt32BE(id, 4);
  return bytes;
}
