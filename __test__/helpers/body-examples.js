'use strict';

// What the examples of docs/guide/bodies.md do.

const { createHash } = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const { sameBytes } = require('./bytes.js');
const { post, serve, settled } = require('./ask.js');

const bodies = {
  'The body of a request': {
    names: ['server', 'arenas'],
    async check(t, { server, arenas }) {
      const url = await serve(t, server);
      const sum = createHash('sha256').update('some bytes').digest('hex');
      t.is((await post(url, 'some bytes')).bytes.toString(), sum);
      t.is((await post(url, Buffer.alloc(5 << 20))).status, 413);
      await settled(t, arenas);
    },
  },
  'In chunks': {
    names: ['digest', 'uploads'],
    async check(t, { digest, uploads }) {
      const body = Buffer.alloc(300_000, 7);
      const sum = createHash('sha256').update(body).digest('hex');
      const url = await serve(t, http.createServer(digest));
      t.is((await post(url, body)).bytes.toString(), sum);
      await settled(t, uploads);
    },
  },
  'Adopting a Buffer': {
    names: ['serveFile', 'files'],
    async check(t, { serveFile, files }) {
      const url = await serve(t, http.createServer(serveFile(__filename)));
      sameBytes(t, (await post(url, '')).bytes, fs.readFileSync(__filename));
      await settled(t, files);
    },
  },
  'Any stream': {
    names: ['checksum', 'arena'],
    async check(t, { checksum, arena }) {
      const own = fs.readFileSync(__filename).reduce((sum, byte) => (sum + byte) % 65536, 0);
      t.is(await checksum(__filename), own);
      t.is(arena.stats().allocated, 0);
    },
  },
  'Releasing a Buffer': {
    names: ['digest'],
    async check(t, { digest }) {
      const own = createHash('sha256').update(fs.readFileSync(__filename)).digest('hex');
      t.is(await digest(__filename), own);
    },
  },
};

module.exports = { bodies };
