'use strict';

// Uploads in chunks, and what was released of them.

const { Client } = require('./client.js');
const { releases } = require('./given-back.js');
const { serve } = require('./server.js');
const { until } = require('./until.js');
const { stats } = require('../..');

const CHUNKED = { method: 'POST', headers: { 'Transfer-Encoding': 'chunked' } };
const SIZE = 200_000;
const PARTS = 5;

function writeChunk(client, part) {
  client.write(`${part.length.toString(16)}\r\n`);
  client.write(part);
  client.write('\r\n');
}

/** Sends `parts` in chunks of HTTP. */
function sendChunked(client, path, parts, trailers = '') {
  client.send(path, CHUNKED);
  for (const part of parts) writeChunk(client, part);
  client.write(`0\r\n${trailers}\r\n`);
}

const bytesOf = (id) => Buffer.alloc(SIZE, id);

/**
 * Sends an upload of bytes that are all `id` to handle(req), which gives its body. Resolves to `LENGTH true`, if these bytes came after
 * the first `extra` ones, or to the code of the error.
 */
async function ask(t, id, handle, extra = 0) {
  let heard = 0; // parts that the server has
  const { port, arenas } = await serve(t, 'node:http', async (req, res) => {
    const length = () => {
      const { allocated, adopted } = req.arena.stats();
      return allocated + adopted + req.readableLength;
    };
    until(() => {
      heard = Math.floor(length() / (SIZE / PARTS));
      return res.writableEnded;
    }).catch(() => {});
    try {
      const body = await handle(req);
      res.end(`${body.length} ${body.subarray(extra).every((byte) => byte === id)}`);
    } catch (error) {
      res.end(error.code);
    }
  });
  const client = await Client.connect(port);
  client.send('/', CHUNKED);
  for (let i = 0; i < PARTS; i++) {
    writeChunk(client, bytesOf(id).subarray(0, SIZE / PARTS));
    const came = i;
    await until(() => heard > came);
  }
  client.write('0\r\n\r\n');
  const { body } = await client.response();
  await until(() => arenas.stats().inFlight === 0); // what was adopted is released then
  return body.toString();
}

/** What was released, or adopted, while `work` ran. */
async function releasedBy(work) {
  await releases();
  const { released, adopted } = stats().bodies;
  await work();
  const after = stats().bodies;
  return Math.max(after.released - released, after.adopted - adopted);
}

/** The body of a request by each method that reads it, in one Buffer. */
const readers = {
  'body()': (req) => req.arena.body(),
  'chunks()': async (req) => Buffer.concat(await req.arena.chunks()),
};

module.exports = { SIZE, ask, bytesOf, readers, releasedBy, sendChunked, writeChunk };
