'use strict';
// tier: run-time, differs

// Buffers that are dead already when Node is given them: an error that reaches somebody, and never one that nobody can
// catch.

require('../../lib/guard/index.js');
const test = require('ava');
const { once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { PassThrough, Readable } = require('node:stream');
const { pipeline } = require('node:stream/promises');
const { Arena } = require('../../lib/index.js');
const { removeFolder } = require('../helpers/folder.js');
const { listen } = require('../helpers/server.js');

const DEAD = { code: 'ERR_RALLOC_DEAD_BUFFER' };

function deadBuffer() {
  const arena = new Arena({ guard: true });
  const buffer = arena.from('gone');
  arena.reset();
  return buffer;
}

for (const name of ['write', 'end']) {
  for (const [how, encoding] of [
    ['a callback', []],
    ['an encoding and a callback', ['utf8']],
  ]) {
    test(`${name}() of a stream, with ${how}, destroys it`, async (t) => {
      const through = new PassThrough();
      const failed = once(through, 'error');
      const called = new Promise((resolve) => {
        const result = through[name](deadBuffer(), ...encoding, resolve);
        t.is(result, name === 'write' ? false : through);
      });
      t.like(await called, DEAD);
      t.like((await failed)[0], DEAD);
      t.true(through.destroyed);
    });
  }
}

test("a stream whose 'error' nobody hears throws, and is as it was", (t) => {
  const through = new PassThrough();
  for (const act of ['write', 'end']) t.throws(() => through[act](deadBuffer()), DEAD);
  const readable = new Readable({ read() {} });
  for (const act of ['push', 'unshift']) t.throws(() => readable[act](deadBuffer()), DEAD);
  t.false(through.destroyed || readable.destroyed);
});

test("a readable stream whose 'error' somebody hears is destroyed", async (t) => {
  const readable = new Readable({ read() {} });
  const failed = once(readable, 'error');
  t.false(readable.push(deadBuffer()));
  t.like((await failed)[0], DEAD);
});

test('a stream without destroy() throws', (t) => {
  const { write } = PassThrough.prototype;
  t.throws(() => write.call({ writable: true }, deadBuffer()), DEAD);
});

test('a pipeline rejects', async (t) => {
  const source = Readable.from([1]).map(() => deadBuffer());
  await t.throwsAsync(pipeline(source, new PassThrough()), DEAD);
});

test('a file that is written by a function that somebody took before the guard gives it to the callback', async (t) => {
  const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'ralloc-')), 'file');
  t.teardown(() => removeFolder(path.dirname(file)));
  const error = await new Promise((resolve) => fs.writeFile(file, deadBuffer(), resolve));
  t.like(error, DEAD);
});

test('a server whose socket is given one closes that connection, and goes on', async (t) => {
  const server = http.createServer((req, res) => {
    if (req.url === '/dead') req.socket.write(deadBuffer());
    else res.end('alive');
  });
  const port = await listen(server);
  t.teardown(() => server.close());
  const get = (url) =>
    new Promise((resolve, reject) => {
      http.get({ port, path: url, agent: false }, resolve).once('error', reject);
    });
  await t.throwsAsync(get('/dead'), { code: 'ECONNRESET' });
  const response = await get('/');
  t.is((await response.setEncoding('utf8').toArray()).join(''), 'alive');
});

for (const name of ['write', 'end']) {
  test(`${name}() of a response behind its headers throws, and ends the connection, so that nothing else is read as an answer`, async (t) => {
    const errors = [];
    const server = http.createServer((req, res) => {
      if (req.url !== '/dead') return res.end('alive');
      res.writeHead(200, { 'content-length': 0 });
      try {
        res[name](deadBuffer());
      } catch (error) {
        errors.push(error.code);
        res.end(`Error: ${error.message}`); // as frameworks do
      }
    });
    const port = await listen(server);
    t.teardown(() => server.close());
    const socket = net.connect(port, '127.0.0.1');
    socket.write('GET /dead HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n');
    socket.on('error', () => {});
    let received = '';
    socket.setEncoding('latin1').on('data', (text) => {
      received += text;
    });
    await once(socket, 'close');
    t.deepEqual(errors, [DEAD.code]);
    t.notRegex(received, /Error/);
  });

  test(`${name}() of a response before its headers throws, and the handler can answer with an error`, async (t) => {
    const server = http.createServer((_req, res) => {
      try {
        res[name](deadBuffer());
      } catch (error) {
        res.writeHead(500).end(error.code);
      }
    });
    const port = await listen(server);
    t.teardown(() => server.close());
    const response = await fetch(`http://127.0.0.1:${port}`, { headers: { connection: 'close' } });
    t.deepEqual([response.status, await response.text()], [500, DEAD.code]);
  });
}

test('a socket tells its user', async (t) => {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = net.connect(server.address().port, '127.0.0.1');
  const [[peer]] = await Promise.all([once(server, 'connection'), once(socket, 'connect')]);
  const failed = once(socket, 'error');
  socket.write(deadBuffer());
  t.like((await failed)[0], DEAD);
  peer.destroy();
  server.close();
});
