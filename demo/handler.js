'use strict';

// The application that the demo measures. Its memory comes from the request's arena: ralloc's or, in the
// other servers, the same three functions over Node's own Buffers. The code here is one for all, whatever
// framework calls it: each handler is `(arena, { id, whole, body, each }) => answer`, a Buffer, a string, or the answer of another server,
// where `body()` gives what was posted, and `each(take)` gives its chunks.

const { createHash } = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const { promisify } = require('node:util');
const zlib = require('node:zlib');
const { cut, LARGEST } = require('./cut.js');

const read = promisify(fs.read);
const gzip = promisify(zlib.gzip);
const HEADER = 8;

/** `upstream`: the port of the server behind the mix `proxy` (upstream.js). */
module.exports = function handlers(files, manifest, upstream) {
  const agent = new http.Agent({ keepAlive: true });

  /** Pieces of the sources, each behind a header, framed into one batch. */
  async function frame(arena, id, count, sources) {
    const pieces = cut(id, count, sources).map(({ bytes, from, length }) => {
      const piece = newPiece(arena, id, length);
      bytes.copy(piece, HEADER, from, from + length);
      return piece;
    });
    if (id % 4 === 0) {
      const piece = newPiece(arena, id, LARGEST);
      await arena.hold(read(files[(id / 4) % files.length].fd, piece, HEADER, LARGEST, 0));
      pieces.push(piece);
    }
    return arena.concat(pieces);
  }

  function newPiece(arena, id, length) {
    const piece = arena.allocUnsafe(HEADER + length);
    piece.writeUInt32BE(length, 0);
    piece.writeUInt32BE(id, 4);
    return piece;
  }

  function summary(batch) {
    let sum = 0;
    for (let at = 0; at < batch.length; at += 1024) sum = (sum * 31 + batch[at]) | 0;
    return JSON.stringify({ length: batch.length, sum });
  }

  return {
    /** Of no mix: warms up what all have in common. */
    empty: async () => '',
    async frame(arena, { id, whole }) {
      const batch = await frame(arena, id, 16, files);
      return whole ? batch : summary(batch);
    },
    async ingest(arena, { id, whole, body }) {
      const batch = await frame(arena, id, 16, [{ bytes: await body() }]);
      return whole ? batch : summary(batch);
    },
    async digest(arena, { id, whole, body }) {
      const batch = await frame(arena, id, 16, [{ bytes: await body() }]);
      const sha256 = createHash('sha256').update(batch).digest('hex');
      const packed = id % 8 === 0 ? await arena.hold(gzip(batch, { level: 1 })) : null;
      return whole ? (packed ?? batch) : JSON.stringify({ sha256, packed: packed?.length });
    },
    async upload(_arena, { each }) {
      const hash = createHash('sha256');
      await each((chunk) => hash.update(chunk));
      return hash.digest('hex');
    },
    serve: (arena, { id }) => frame(arena, id, 24, files),
    proxy: (_arena, { id }) =>
      new Promise((resolve, reject) => {
        const to = { host: '127.0.0.1', port: upstream, path: `/${id}`, agent };
        http.get(to, resolve).on('error', reject); // which stays: errors may come after the answer
      }),
    async json(_arena, { id }) {
      const { name, version, scripts } = JSON.parse(manifest);
      const rows = Array.from({ length: 64 }, (_, n) => ({ id: id + n, name, version, scripts }));
      return JSON.stringify({ id, rows });
    },
  };
};
