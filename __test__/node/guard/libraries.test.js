'use strict';
// tier: run-time

// Libraries whose work goes through Node's streams, files and sockets, with memory of a request's arena that nobody holds:
// what they document is so under the guard too.

require('../../../lib/node/guard/index.js');
const test = require('ava');
const { once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');
const zlib = require('node:zlib');
const compression = require('compression');
const express = require('express');
const multer = require('multer');
const send = require('send');
const { WebSocket, WebSocketServer } = require('ws');
const { Arena, requestArena } = require('../../../lib/index.js');
const { removeFolder } = require('../../helpers/folder.js');
const { assertSettled, serve } = require('../../helpers/server.js');
const { letGo, until } = require('../../helpers/until.js');

const SIZE = 300_000;
const LONG = 2 ** 31 - 1; // however long the machine takes
const bytes = (letter, size = SIZE) => Buffer.alloc(size, letter);

function folder(t) {
  const made = fs.mkdtempSync(path.join(os.tmpdir(), 'ralloc-'));
  t.teardown(() => removeFolder(made));
  return made;
}

/** An express application behind a middleware; what each answer leaves is filled by others. */
async function application(t, build) {
  const app = express();
  const arenas = requestArena();
  const server = { keepAliveTimeout: 0 }; // fetch() finds its connection open, however slow the machine is
  const { port } = await serve(t, 'node:http', (req, res) => app(req, res), { arenas, server });
  build(app);
  const other = new Arena();
  t.teardown(() => other.close());
  const settled = async () => {
    await until(() => arenas.stats().inFlight === 0);
    await letGo(arenas);
    assertSettled(t, arenas);
  };
  return { url: `http://127.0.0.1:${port}`, arenas, settled };
}

test('express: what a handler sends and what it goes on writing to a file', async (t) => {
  const file = path.join(folder(t), 'log');
  let logged;
  const { url, settled } = await application(t, (app) => {
    app.get('/', (req, res) => {
      const buffer = req.arena.allocUnsafe(SIZE).fill('a');
      logged = new Promise((resolve) => fs.writeFile(file, buffer, resolve));
      res.type('bin').send(buffer);
    });
    app.get('/other', (req, res) => res.end(req.arena.allocUnsafe(SIZE).fill('b')));
  });
  const first = await fetch(url);
  t.is(first.headers.get('content-type'), 'application/octet-stream');
  t.deepEqual(Buffer.from(await first.arrayBuffer()), bytes('a'));
  await (await fetch(`${url}/other`)).arrayBuffer();
  await logged;
  t.deepEqual(fs.readFileSync(file), bytes('a'));
  await settled();
});

test('express.static and send: whole files, ranges, and what has not changed', async (t) => {
  const root = folder(t);
  fs.writeFileSync(path.join(root, 'a.txt'), bytes('a'));
  const { url, settled } = await application(t, (app) => {
    app.use('/static', express.static(root));
    app.use('/send', (req, res) => send(req, req.path, { root }).pipe(res));
  });
  for (const door of ['static', 'send']) {
    const whole = await fetch(`${url}/${door}/a.txt`);
    t.is(whole.headers.get('content-length'), String(SIZE));
    t.deepEqual(Buffer.from(await whole.arrayBuffer()), bytes('a'));
    const part = await fetch(`${url}/${door}/a.txt`, { headers: { range: 'bytes=10-19' } });
    t.deepEqual([part.status, await part.text()], [206, 'a'.repeat(10)]);
    const headers = { 'if-none-match': whole.headers.get('etag') };
    const [same] = await once(http.get(`${url}/${door}/a.txt`, { headers }), 'response');
    t.is(same.resume().statusCode, 304); // fetch() asks for what is new
    t.is((await fetch(`${url}/${door}/b.txt`)).status, 404);
  }
  await settled();
});

for (const [title, encoding, decode] of [
  ['gzip', 'gzip', zlib.gunzipSync],
  ['brotli', 'br', zlib.brotliDecompressSync],
]) {
  test(`compression, ${title}: parts of an arena that is reset after each`, async (t) => {
    const { url, settled } = await application(t, (app) => {
      app.use(compression({ threshold: 0 }));
      app.get('/', (req, res) => {
        res.type('text');
        for (const letter of 'abc') {
          res.write(req.arena.allocUnsafe(SIZE).fill(letter));
          req.arena.reset();
          req.arena.allocUnsafe(SIZE).fill('!');
        }
        res.end();
      });
    });
    const { port } = new URL(url);
    const request = http.get({ port, headers: { 'accept-encoding': encoding } });
    const [response] = await once(request, 'response');
    t.is(response.headers['content-encoding'], encoding);
    const body = decode(Buffer.concat(await response.toArray()));
    t.deepEqual(body, Buffer.concat([...'abc'].map((letter) => bytes(letter))));
    await settled();
  });
}

test('multer: uploads to memory and to files, sent back out of the arena', async (t) => {
  const dest = folder(t);
  const { url, settled } = await application(t, (app) => {
    app.post('/memory', multer().single('file'), (req, res) => {
      res.end(req.arena.concat([req.arena.from(req.body.name), req.file.buffer]));
    });
    app.post('/disk', multer({ dest }).single('file'), (req, res) => {
      res.end(req.arena.from(fs.readFileSync(req.file.path)));
    });
    app.post('/small', multer({ limits: { fileSize: 10 } }).single('file'), () => {});
    app.use((error, _req, res, _next) => res.status(400).end(error.code));
  });
  const upload = (to) => {
    const form = new FormData();
    form.set('name', 'of it');
    form.set('file', new Blob([bytes('u')]), 'u.bin');
    return fetch(`${url}/${to}`, { method: 'POST', body: form });
  };
  const memory = Buffer.from(await (await upload('memory')).arrayBuffer());
  t.deepEqual(memory, Buffer.concat([Buffer.from('of it'), bytes('u')]));
  t.deepEqual(Buffer.from(await (await upload('disk')).arrayBuffer()), bytes('u'));
  t.is(await (await upload('small')).text(), 'LIMIT_FILE_SIZE');
  await settled();
});

for (const perMessageDeflate of [false, { threshold: 0 }]) {
  const how = perMessageDeflate ? 'deflated' : 'plain';
  test(`ws, ${how}: messages, fragments and pings out of an arena that is reset at once`, async (t) => {
    const arena = new Arena({ guard: true, holdMs: LONG });
    const take = (letter, size = SIZE) => arena.allocUnsafe(size).fill(letter);
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate });
    server.on('connection', (socket) => {
      socket.on('message', (data) => socket.send(data));
    });
    await once(server, 'listening');
    const socket = new WebSocket(`ws://127.0.0.1:${server.address().port}`, { perMessageDeflate });
    await once(socket, 'open');
    const seen = [];
    const all = new Promise((resolve) => {
      socket.on('message', (data) => seen.push(data) === 3 && resolve());
    });
    const pong = once(socket, 'pong');
    socket.send(take('a'));
    socket.send(take('b'), { fin: false });
    socket.send(take('c'), { fin: true });
    socket.ping(take('p', 20));
    socket.send(take('d', 10));
    arena.reset();
    for (let i = 0; i < 4; i++) take('!');
    await all;
    const right = [bytes('a'), Buffer.concat([bytes('b'), bytes('c')]), bytes('d', 10)];
    t.true(right.every((body, i) => body.equals(seen[i])));
    t.deepEqual((await pong)[0], bytes('p', 20));
    socket.close();
    await once(socket, 'close');
    server.close();
    await letGo(arena);
    arena.close();
  });
}

for (const how of ['under a hold', 'as a copyOut']) {
  test(`ws, behind a Blob, ${how}: a message out of an arena that is reset at once`, async (t) => {
    const arena = new Arena({ guard: true, holdMs: LONG });
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
    await once(server, 'listening');
    const socket = new WebSocket(`ws://127.0.0.1:${server.address().port}`);
    const [[peer]] = await Promise.all([once(server, 'connection'), once(socket, 'open')]);
    const seen = [];
    const all = new Promise((resolve) => {
      peer.on('message', (data) => seen.push(data) === 2 && resolve());
    });
    const message = arena.allocUnsafe(SIZE).fill('a');
    socket.send(new Blob([bytes('b')]));
    if (how === 'under a hold') {
      const hold = arena.hold();
      socket.send(message, () => hold.release());
    } else socket.send(arena.copyOut(message));
    arena.reset();
    arena.allocUnsafe(SIZE).fill('!');
    await all;
    t.true(bytes('b').equals(seen[0]) && bytes('a').equals(seen[1]));
    socket.close();
    await once(socket, 'close');
    server.close();
    await letGo(arena);
    arena.close();
  });
}
