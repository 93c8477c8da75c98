'use strict';

// The application that the demo measures. Its memory comes from `req.arena`: ralloc's or, in the
// other servers, the same three functions over Node's own Buffers. The code here is one for all.

const { createHash } = require('node:crypto');
const { once } = require('node:events');
const fs = require('node:fs');
const { promisify } = require('node:util');
const zlib = require('node:zlib');
const { cut, LARGEST } = require('./cut.js');

const read = promisify(fs.read);
const gzip = promisify(zlib.gzip);
const HEADER = 8;

module.exports = function handlers(files, manifest) {
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

  /** The body of a request, gathered into one Buffer and framed. */
  async function frameBody(req, id) {
    const body = req.arena.allocUnsafe(Number(req.headers['content-length']));
    let length = 0;
    req.on('data', (chunk) => (length += chunk.copy(body, length)));
    await once(req, 'end');
    return frame(req.arena, id, 16, [{ bytes: body }]);
  }

  function summary(batch) {
    let sum = 0;
    for (let at = 0; at < batch.length; at += 1024) sum = (sum * 31 + batch[at]) | 0;
    return JSON.stringify({ length: batch.length, sum });
  }

  return {
    /** Of no mix: warms up what all have in common. */
    async empty(_req, res) {
      res.end();
    },
    async frame(req, res, id, whole) {
      const batch = await frame(req.arena, id, 16, files);
      res.end(whole ? batch : summary(batch));
    },
    async ingest(req, res, id, whole) {
      const batch = await frameBody(req, id);
      res.end(whole ? batch : summary(batch));
    },
    async digest(req, res, id, whole) {
      const batch = await frameBody(req, id);
      const sha256 = createHash('sha256').update(batch).digest('hex');
      const packed = id % 8 === 0 ? await req.arena.hold(gzip(batch, { level: 1 })) : null;
      res.end(whole ? (packed ?? batch) : JSON.stringify({ sha256, packed: packed?.length }));
    },
    async serve(req, res, id) {
      res.end(await frame(req.arena, id, 24, files));
    },
    async json(_req, res, id) {
      const { name, version, scripts } = JSON.parse(manifest);
      const rows = Array.from({ length: 64 }, (_, n) => ({ id: id + n, name, version, scripts }));
      res.end(JSON.stringify({ id, rows }));
    },
  };
};
